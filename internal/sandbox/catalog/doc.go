// Package catalog holds what the sandbox's cloud has to offer and no account can change: instance types and images.
//
// Everything in it is constant. It must not import any other package of the sandbox.
package catalog
