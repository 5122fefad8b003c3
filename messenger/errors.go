// SPDX-License-Identifier: Apache-2.0

package messenger

import "errors"

// Errors of use.
var (
	// ErrShutdown: the messenger is shutting down, or has.
	ErrShutdown = errors.New("messenger: shut down")
	// ErrStarted: what must be said before the start was said after it.
	ErrStarted = errors.New("messenger: started already")
	// ErrNotStarted: the messenger has not been started.
	ErrNotStarted = errors.New("messenger: not started")
	// ErrNotBound: the messenger has no address that peers could reach.
	ErrNotBound = errors.New("messenger: not bound")
	// ErrAddr: none of the addresses is one that the messenger can use.
	ErrAddr = errors.New("messenger: unusable address")
	// ErrReused: the message is still under way, or has been released.
	ErrReused = errors.New("messenger: message is not the caller's")
	// ErrQueueFull: the connection keeps as much as it may already.
	ErrQueueFull = errors.New("messenger: queue full")
	// ErrMsgSize: the message is larger than the messenger takes.
	ErrMsgSize = errors.New("messenger: message too large")
)

// Reasons why a message was not delivered, as its completion gets them.
var (
	// ErrDropped: the connection was marked down, reset, or lost under a lossy
	// policy. The peer may have got the message.
	ErrDropped = errors.New("messenger: message dropped")
)

// Reasons of faults: why a connection lost its link. A [Fault] has them.
var (
	// ErrBadMessage: a header, a section or a footer is not what it should be.
	ErrBadMessage = errors.New("bad message")
	// ErrBadCRC: the bytes differ from their sum.
	ErrBadCRC = errors.New("bad CRC")
	// ErrBadSignature: the signature is missing, or not the peer's.
	ErrBadSignature = errors.New("bad signature")
	// ErrUnknownType: no message of that type, or none that old or new, is known.
	ErrUnknownType = errors.New("unknown message type")
	// ErrBadSeq: a sequence number that cannot be.
	ErrBadSeq = errors.New("bad sequence number")
	// ErrBadHandshake: the peer does not keep to the opening exchange.
	ErrBadHandshake = errors.New("bad handshake")
	// ErrFeatures: the peers have not got the features that one of them requires.
	ErrFeatures = errors.New("required features are missing")
	// ErrProtocol: the peers speak different versions of the protocol.
	ErrProtocol = errors.New("protocol versions differ")
	// ErrAuthorizer: the peer has not shown who it is, or it is not let in.
	ErrAuthorizer = errors.New("bad authorizer")
	// ErrWrongPeer: somebody else answers at the address.
	ErrWrongPeer = errors.New("wrong peer at the address")
	// ErrRefused: nobody listens at the address.
	ErrRefused = errors.New("connection refused")
	// ErrClosed: the peer has closed the link.
	ErrClosed = errors.New("closed by the peer")
	// ErrTimeout: the peer has not answered in time, or was silent for too long.
	ErrTimeout = errors.New("timed out")
	// ErrLost: messages were lost behind their acknowledgement, so that the session
	// cannot go on.
	ErrLost = errors.New("acknowledged messages were lost")
	// ErrReplaced: a newer link of the same peer has taken the place of this one.
	ErrReplaced = errors.New("replaced by a newer link")
	// ErrMarkedDown: this side has marked the connection down.
	ErrMarkedDown = errors.New("marked down")
	// ErrInjected: a test made it fail.
	ErrInjected = errors.New("injected failure")
)

// Fault says why a link broke. It unwraps to one of the reasons above, and to the
// system's error where there is one.
type Fault struct {
	Reason error  // one of those above
	Cause  error  // may be nil
	Text   string // detail, may be empty
}

// NewFault makes a Fault.
func NewFault(reason, cause error, text string) *Fault {
	return &Fault{Reason: reason, Cause: cause, Text: text}
}

// Error implements error.
func (f *Fault) Error() string {
	s := "messenger: " + f.Reason.Error()
	if f.Text != "" {
		s += ": " + f.Text
	}
	if f.Cause != nil {
		s += ": " + f.Cause.Error()
	}
	return s
}

// Unwrap returns the reason and the cause.
func (f *Fault) Unwrap() []error {
	if f.Cause == nil {
		return []error{f.Reason}
	}
	return []error{f.Reason, f.Cause}
}
