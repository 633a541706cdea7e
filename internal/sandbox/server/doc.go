// Package server is the sandbox's front: it takes requests in AWS's protocols, finds out who signed them, routes them to
// the service and action that they name, and answers in the service's own words. It also serves the instance metadata
// service, and counts every call.
//
// It knows no service but IAM, which says who may do what; the others are given to it. It holds no account state. All of
// it is safe for concurrent use.
package server
