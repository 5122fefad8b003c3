// SPDX-License-Identifier: Apache-2.0

package messenger

import "time"

// Messenger is an entity's end of all its connections. What it promises does not
// depend on the transport. It is safe for concurrent use.
//
// A messenger is made, told its policies and dispatchers, bound if peers shall reach
// it, and started. Shutdown and Wait end it.
//
// Implements: Messenger
type Messenger interface {
	// Name is the entity's name.
	Name() EntityName
	// Addrs are the entity's addresses, as far as they are known: that of this
	// messenger first, then those of others. An unbound messenger learns its IP from
	// the first peer.
	Addrs() AddrVec
	// SetOtherAddrs says which further addresses the entity has, by other messengers
	// of the process; peers that can be told are. See [Messengers].
	SetOtherAddrs(v AddrVec)
	// AddrType is the type of the addresses that the messenger connects to.
	AddrType() AddrType

	// SetDefaultPolicy sets the policy for peers of types that have none of
	// their own. ErrStarted after the start.
	SetDefaultPolicy(p Policy) error
	// SetPolicy sets the policy for peers of a type. ErrStarted after the start.
	SetPolicy(peer EntityType, p Policy) error
	// SetPolicyThrottlers sets the throttles in the policy for peers of a type;
	// they belong to the caller. ErrStarted after the start.
	SetPolicyThrottlers(peer EntityType, bytes, messages *Throttle) error
	// PolicyOf is the policy for peers of a type.
	PolicyOf(peer EntityType) Policy
	// SetDefaultSendPriority sets the priority of messages that have none.
	// ErrStarted after the start.
	SetDefaultSendPriority(p int) error

	// AddDispatcherHead and AddDispatcherTail add a dispatcher before or behind
	// those there are. Add them before the start: what comes earlier is lost.
	AddDispatcherHead(d Dispatcher)
	AddDispatcherTail(d Dispatcher)

	// Bind makes the messenger reachable at an address of its type. Port 0
	// takes a free one of the configured range. ErrStarted after the start.
	Bind(addr EntityAddr) error
	// Start begins to accept and to connect.
	Start() error
	// Rebind gives a bound messenger a new incarnation: all connections are
	// marked down, the port becomes another one that is none of avoid, and the
	// nonce grows by 1,000,000, so that peers see a stranger.
	Rebind(avoid []uint16) error

	// ConnectTo returns the connection to an entity: the one there is, or a new
	// one, which begins to connect unless its policy is to be connected to.
	// Addresses of the messenger's own type are the paths to it: attempts go by the
	// first, which the connection is known by, and by the next when one fails.
	// Addresses of this messenger give the loopback connection.
	ConnectTo(peer EntityType, addrs AddrVec) (Connection, error)
	// ConnectAnonymous makes a connection that nobody else gets by ConnectTo.
	ConnectAnonymous(peer EntityType, addrs AddrVec) (Connection, error)
	// GetConnection is ConnectTo for those who keep names and addresses together.
	GetConnection(to EntityInst) (Connection, error)
	// Find is the connection to the entity at an address, nil if there is none.
	Find(addr EntityAddr) Connection
	// Connections are all connections that have not ended, in no order.
	Connections() []Connection
	// Loopback is the connection to the entity itself, always the same one.
	Loopback() Connection
	// SendMessage sends to an entity by its address; see [Connection.Send].
	SendMessage(m Message, to EntityInst) error
	// SendReply sends a message to where a received one came from, with its tid.
	// There may be none, one or any number of replies to a request, at any time,
	// before and after its Release.
	SendReply(request, reply Message) error

	// MarkDown ends the connection to the entity at an address, as
	// [Connection.MarkDown] does, but with a reset for the dispatchers.
	MarkDown(addr EntityAddr)
	// MarkDownAll does so to every connection, those that are still being
	// accepted included.
	MarkDownAll()

	// DispatchQueueLen is how many messages have been received and not yet been
	// dispatched, DispatchQueueMaxAge how long the oldest has waited.
	DispatchQueueLen() int
	DispatchQueueMaxAge() time.Duration

	// Shutdown begins to end the messenger. It does not wait, and may be called
	// from a dispatcher.
	Shutdown()
	// Wait returns when everything has ended after Shutdown. Never call it from
	// a dispatcher.
	Wait()
}

// ConnState is where a connection is in its life.
type ConnState int32

// States of a connection.
const (
	ConnConnecting ConnState = iota // this side tries to open it
	ConnOpen                        // messages flow
	ConnStandby                     // without a link, which nobody needs at present
	ConnWait                        // the peer's attempt won a race and is awaited
	ConnClosed                      // ended
)

// String names the state.
func (s ConnState) String() string {
	switch s {
	case ConnConnecting:
		return "connecting"
	case ConnOpen:
		return "open"
	case ConnStandby:
		return "standby"
	case ConnWait:
		return "wait"
	case ConnClosed:
		return "closed"
	}
	return "unknown"
}

// Connection is one end of what connects two entities. It outlives the links that
// the transport makes and loses, as its policy says. It is safe for concurrent use.
//
// Implements: Connection
type Connection interface {
	// Messenger is the messenger it belongs to.
	Messenger() Messenger

	// Send takes a message over; nil says that it is queued, and not that it
	// will arrive. In any case the messenger has taken the caller's reference,
	// and the message's completions run exactly once. Messages of one priority
	// arrive in the order they were sent in.
	//
	// A message for a connection that has ended is dropped silently: its
	// completions get ErrDropped. A lossless connection without a link connects
	// again, unless it is the server's part to wait, or the peer has no address
	// to connect to: then the message waits for the peer to come.
	Send(m Message) error
	// SendKeepalive asks the peer for a sign of life, and makes a connection in
	// standby open again. Without a link it does nothing else.
	SendKeepalive()
	// MarkDown ends the connection at once, without a callback: what is queued
	// or not acknowledged is dropped, and the session is forgotten.
	MarkDown()
	// MarkDisposable makes this end lossy: the next fault ends it.
	MarkDisposable()

	// IsConnected says that messages flow.
	IsConnected() bool
	// State is the present state.
	State() ConnState
	// Err is the last fault, nil if there was none.
	Err() error

	// Priv is the application's object on the connection, nil if there is none.
	Priv() any
	// SetPriv sets it.
	SetPriv(v any)

	// PeerType is the kind of entity at the other end, PeerName its name, whose
	// number may be unknown, and PeerAddrs its addresses.
	PeerType() EntityType
	PeerName() EntityName
	PeerAddrs() AddrVec
	// PeerAddr is the address that the connection is known by.
	PeerAddr() EntityAddr
	// Features are those agreed upon, none before the first link.
	Features() Features
	// Policy is the connection's copy of its policy.
	Policy() Policy
	// LastKeepaliveAck is when the keepalive was sent that the peer answered last.
	LastKeepaliveAck() time.Time
}
