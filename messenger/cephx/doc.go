// SPDX-License-Identifier: Apache-2.0

// Package cephx is Ceph's authentication by shared secrets: keyring files, the
// login of a client to a monitor, tickets, the authorizers with which an entity
// shows a ticket to another and both prove that they know the session key, and
// the signatures of messages.
//
// Everything here is bytes in and bytes out: the package opens no connection and
// knows no message. A [Login] makes and reads the payloads of the MAuth exchange, an
// [Authorizer] and an [Acceptor] those of the connect exchange, a [Signer] the number
// in a message's footer. What a peer sent is checked before it is used, and an error
// says which rule it broke; after one the exchange is over and the connection should
// be closed.
//
// The cipher is AES-128 in CBC mode with a constant start value, as Ceph has it: the
// same plaintext under one key gives the same bytes.
package cephx
