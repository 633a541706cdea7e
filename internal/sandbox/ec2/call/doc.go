// Package call is the frame in which each of EC2's actions works: the scope of one call, the shape of an action, the
// generic describe action with its filters and pages, kinds of objects with their refusals, and tags.
//
// It knows no action. A Scope belongs to one call; everything else is immutable.
package call
