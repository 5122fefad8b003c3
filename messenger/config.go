// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"log/slog"
	"time"
)

// Config is what all messengers are made with. Only Name must be set; Auth should
// be, as without it only dispatchers let peers in.
type Config struct {
	// Name is the entity's name.
	Name EntityName
	// Nonce tells this incarnation of the entity from others at the same place.
	// Zero means a random one, unless FixedNonce is set, as monitors do.
	Nonce      uint32
	FixedNonce bool

	// Registry knows the message types. Nil means an empty one.
	Registry *Registry
	// Auth makes authorizers where no dispatcher does. Nil makes none: no
	// authorizer is shown, and peers that no dispatcher lets in are refused.
	Auth Auth

	// DisableHeaderCRC leaves header, front and middle without a CRC, in both
	// directions, DisableDataCRC the data.
	DisableHeaderCRC bool
	DisableDataCRC   bool

	// MaxMessage bounds the three sections of a message together, in bytes, both
	// ways. A peer that sends more loses its connection. Zero means 128 MiB.
	MaxMessage int64
	// DispatchThrottleBytes bounds what has been received and waits for dispatch.
	// Zero means 100 MiB, negative no bound.
	DispatchThrottleBytes int64
	// QueueMessages and QueueBytes bound what one connection keeps of messages
	// that were sent and not yet delivered. Send fails with ErrQueueFull above.
	// Zero means 65536 and 1 GiB, negative no bound.
	QueueMessages int
	QueueBytes    int64
	// MaxHalfOpen bounds the peers that are being accepted at a time; the oldest
	// is closed in favour of the next. Zero means 1024.
	MaxHalfOpen int

	// HandshakeTimeout bounds the opening of a link. Zero means 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout ends a link on which nothing has arrived for so long. Zero
	// means 15 minutes, negative never.
	IdleTimeout time.Duration
	// KeepaliveInterval sends a keepalive on every open connection that often.
	// Zero means never.
	KeepaliveInterval time.Duration
	// InitialBackoff is the pause after the first failed attempt to connect; it
	// doubles up to MaxBackoff. Zero means 200 ms and 15 s.
	InitialBackoff time.Duration
	MaxBackoff     time.Duration

	// BindPortMin and BindPortMax are the range that a port is taken from when
	// Bind gets port 0. Zero leaves it to the system.
	BindPortMin uint16
	BindPortMax uint16

	// ProtocolVersion is the version of the protocol between entities of two
	// types, as seen by who connects (self) to peer. Nil means Ceph's numbers.
	ProtocolVersion func(self, peer EntityType) uint32

	// Interceptor and Injector are for tests; see package messengertest.
	Interceptor Interceptor
	Injector    Injector

	// Logger gets faults and what no caller can be told. Nil discards it.
	Logger *slog.Logger
}
