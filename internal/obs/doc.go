// Package obs is what Slipway shows of itself while it works: the set-up of logs, and the events of long work that
// the live tree, the plain lines and the JSON log are made of.
//
// It imports the standard library and errs only. It holds no state; loggers are injected, never global.
package obs
