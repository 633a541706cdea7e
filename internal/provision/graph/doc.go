// Package graph runs work that depends on other work: a ready-queue with bounded parallelism that starts every node the
// moment all it needs is done, the longest remaining path first.
//
// It imports the base layer only and knows neither clouds nor resources. Run may be called concurrently; one call runs
// its nodes on goroutines of its own and returns when all have ended.
package graph
