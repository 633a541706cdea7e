// Package ssm is the sandbox's Systems Manager, as far as its parameter store goes: parameters of the account with
// versions and tags, and the public ones that name the newest machine images.
//
// Only the latest version of a parameter is kept. It keeps its data in the store. Safe for concurrent use.
package ssm
