// Package cloud runs the sandbox's whole AWS API in one process, over the in-memory machine, for tests: real SDK clients
// talk to it through a transport that calls the server directly, so that it also works, and is fast, inside a
// testing/synctest bubble, where transitions of minutes take no time.
//
// Tests may interfere with calls (refuse, throttle, lose the reply), list them, and compare what the account holds before
// and after. It is linked into tests only. A Cloud is safe for concurrent use.
package cloud
