// Package image makes the root file systems that the sandbox's hosts boot from, by mmdebstrap, and keeps them in a cache
// keyed by their recipe.
//
// It runs outside the cage, needs root and the network once per recipe, and knows nothing of AWS. Ensure may be called
// by several processes at once: a lock file lets one work and the others wait.
package image
