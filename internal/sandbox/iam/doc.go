// Package iam is the sandbox's IAM: users with access keys, roles with trust policies, instance profiles, inline policies,
// and the decision who may do what. Managed policies do not exist in the sandbox, and their actions are unknown.
//
// It keeps its data in the store and must not import another service. Safe for concurrent use.
package iam
