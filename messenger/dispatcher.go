// SPDX-License-Identifier: Apache-2.0

package messenger

// Dispatcher is the upper edge of a messenger: the application. Embed
// [BaseDispatcher] and write what is needed.
//
// A fault of a lossless connection calls nothing, as the messenger repairs it. A
// fault of a lossy one is a reset, and a peer that has forgotten a lossless session
// is a remote reset.
//
// Fast methods run on the goroutine that receives: they must not block. All others
// run on the messenger's one dispatch goroutine. No method is called with a lock
// held, so each may use the messenger and its connections, but not wait for them.
//
// Implements: Dispatcher
type Dispatcher interface {
	// CanFastDispatchAny is asked once, when the dispatcher is added.
	CanFastDispatchAny() bool
	// CanFastDispatch must depend on the message alone. It may be asked more
	// than once.
	CanFastDispatch(m Message) bool
	// FastPreprocess sees every message before it is dispatched either way, in
	// the order of arrival on its connection.
	FastPreprocess(m Message)
	// FastDispatch takes a message over at once. It may come before
	// HandleAccept, and once after a MarkDown.
	FastDispatch(m Message)
	// Dispatch is offered a message, and takes it over by returning true.
	Dispatch(m Message) bool

	// HandleConnect: a connection that this side made has opened, or again.
	HandleConnect(c Connection)
	// HandleFastConnect comes before any message of that connection, to
	// dispatchers that fast dispatch.
	HandleFastConnect(c Connection)
	// HandleAccept: a connection of a peer has been accepted, or again.
	HandleAccept(c Connection)
	// HandleFastAccept is to it what HandleFastConnect is.
	HandleFastAccept(c Connection)

	// HandleReset: a lossy connection has ended by a fault, or any by the
	// messenger's MarkDown. The first dispatcher that returns true ends it.
	HandleReset(c Connection) bool
	// HandleRemoteReset: the peer has forgotten a lossless session, and messages
	// of both directions may be lost. The connection goes on with a new one.
	HandleRemoteReset(c Connection)
	// HandleRefused: the connection is broken, and attempts to open it again are
	// refused. The first dispatcher that returns true ends it.
	HandleRefused(c Connection) bool

	// GetAuthorizer makes what this side shows to a peer of that type. It runs
	// on a goroutine of its own and may wait. forceNew says that the last one
	// was refused. Nil leaves it to the next dispatcher.
	GetAuthorizer(peer EntityType, forceNew bool) Authorizer
	// VerifyAuthorizer makes what checks the authorizer of a connecting peer.
	// Nil leaves it to the next dispatcher. If nobody is left, the peer is
	// refused. c has no session yet; only its peer may be looked at.
	VerifyAuthorizer(c Connection, peer EntityType, protocol uint32) AuthVerifier
	// HandleAuthentication has the last word on a peer that has been
	// authenticated, before its connection opens. An error refuses it.
	HandleAuthentication(c Connection) error
}

// BaseDispatcher is a Dispatcher that takes nothing and leaves everything to the
// next one.
type BaseDispatcher struct{}

// CanFastDispatchAny returns false.
func (BaseDispatcher) CanFastDispatchAny() bool { return false }

// CanFastDispatch returns false.
func (BaseDispatcher) CanFastDispatch(Message) bool { return false }

// FastPreprocess does nothing.
func (BaseDispatcher) FastPreprocess(Message) {}

// FastDispatch releases the message.
func (BaseDispatcher) FastDispatch(m Message) { m.Base().Release() }

// Dispatch returns false.
func (BaseDispatcher) Dispatch(Message) bool { return false }

// HandleConnect does nothing.
func (BaseDispatcher) HandleConnect(Connection) {}

// HandleFastConnect does nothing.
func (BaseDispatcher) HandleFastConnect(Connection) {}

// HandleAccept does nothing.
func (BaseDispatcher) HandleAccept(Connection) {}

// HandleFastAccept does nothing.
func (BaseDispatcher) HandleFastAccept(Connection) {}

// HandleReset returns false.
func (BaseDispatcher) HandleReset(Connection) bool { return false }

// HandleRemoteReset does nothing.
func (BaseDispatcher) HandleRemoteReset(Connection) {}

// HandleRefused returns false.
func (BaseDispatcher) HandleRefused(Connection) bool { return false }

// GetAuthorizer returns nil.
func (BaseDispatcher) GetAuthorizer(EntityType, bool) Authorizer { return nil }

// VerifyAuthorizer returns nil.
func (BaseDispatcher) VerifyAuthorizer(Connection, EntityType, uint32) AuthVerifier { return nil }

// HandleAuthentication returns nil.
func (BaseDispatcher) HandleAuthentication(Connection) error { return nil }
