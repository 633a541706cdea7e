// Package awstask knows the kinds of AWS resources that a cluster is made of, one file a kind: how what exists is found by
// identity, how it is made, changed, waited for and removed, and in which order kinds go.
//
// It builds values of the package resource and leaves deciding and ordering to provision. A Cloud is safe for concurrent use.
package awstask
