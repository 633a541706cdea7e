// Package lease keeps two operators from changing one cluster at once. A lease is a numbered record that is written
// without overwriting, so that of two writers one wins; its holder renews it, and a holder that stopped renewing is
// overtaken by writing the next number. The holder's Check is the fence that all its changes pass.
//
// It imports the base layer only; the records are behind Store. A Lease is safe for concurrent use and runs one
// goroutine, from Acquire to Release.
package lease
