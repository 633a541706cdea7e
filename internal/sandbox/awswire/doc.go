// Package awswire speaks AWS's wire protocols for the sandbox: it reads requests of the EC2 query, AWS query and
// JSON 1.1 flavours into one tree of parameters, describes actions and services, and renders results and errors as each
// flavour writes them.
//
// What a caller sends and no action reads is refused by name: an emulator that ignores what it does not know hides bugs.
// It knows no AWS service and holds no state; it must not import the services or the store. A Params and a Request
// belong to one goroutine; everything else is immutable.
package awswire
