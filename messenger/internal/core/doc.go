// SPDX-License-Identifier: Apache-2.0

// Package core is what all messengers have in common: sessions with their policies,
// races and repairs, dispatch, throttles and queues. A messenger is a [Messenger] of
// this package on a [Transport] of its own.
//
// # Locks
//
// A Conn has two: rx is held while a message that arrived is looked at and fast
// dispatched, mu guards the session's state and is held for moments. rx comes before
// mu, and mu before the messenger's. No callback of an application runs under mu,
// and a link must not call its Handler from within a call of the core's.
package core
