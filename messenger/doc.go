// SPDX-License-Identifier: Apache-2.0

// Package messenger is Ceph's messaging model in Go: entities with names and
// addresses that send each other typed messages, over connections that keep the
// promises of a policy.
//
// The package holds what every messenger shares: the interfaces [Messenger],
// [Connection] and [Dispatcher], the message model with its encodings, policies,
// throttles and authorizers. It knows no transport, and needs no C. Messengers
// live in packages of their own.
package messenger
