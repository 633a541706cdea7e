// Package network works with the addresses and interfaces of the account's VPCs: it gives out addresses, makes and
// removes network interfaces, and says how the machine must be connected for what the account has.
//
// It holds functions over state.Data, to be called within a View or an Update of the store; it keeps nothing itself. It
// must not import the services.
package network
