// SPDX-License-Identifier: Apache-2.0

package messenger

// ReplyHook answers a received message. A request may get no reply, one, two, or an
// indirect one from elsewhere: the hook knows where the request came from and which
// transaction it was, and the messenger counts no replies.
//
// It is none of the message's references. It may be kept and used after the message's
// Release, and neither a reply nor the lack of one gives memory of the request back, or
// keeps it. A message gives its hook by [MsgBase.ReplyHook]. Methods may be called from any
// goroutine.
//
// Implements: Message::ReplyHook
type ReplyHook interface {
	// Connection is where the request came from. It may have ended since.
	Connection() Connection
	// Tid is the request's transaction number.
	Tid() uint64
	// Reply sends m to where the request came from, with the request's tid. It is
	// [Connection.Send] otherwise: a reply to a connection that has ended is dropped.
	Reply(m Message) error
	// ReplyIndirect sends m there as it is, with a tid of its own: what the peer is to
	// get in place of an answer, such as a newer map.
	ReplyIndirect(m Message) error
	// Held says that the request, or a buffer of it that was retained, still holds
	// memory of the transport.
	Held() bool
}

// ReplyTo is the ReplyHook of a message that holds no memory of a transport. Hooks of
// those that do embed it. The zero ReplyTo drops what it is given.
type ReplyTo struct {
	conn Connection
	tid  uint64
}

// NewReplyTo makes the hook of a request by its connection, which may be nil, and its
// transaction number.
func NewReplyTo(c Connection, tid uint64) ReplyTo { return ReplyTo{c, tid} }

// Connection implements ReplyHook.
func (r ReplyTo) Connection() Connection { return r.conn }

// Tid implements ReplyHook.
func (r ReplyTo) Tid() uint64 { return r.tid }

// Reply implements ReplyHook.
func (r ReplyTo) Reply(m Message) error {
	m.Base().SetTid(r.tid)
	return r.ReplyIndirect(m)
}

// ReplyIndirect implements ReplyHook.
func (r ReplyTo) ReplyIndirect(m Message) error {
	if r.conn == nil {
		b := m.Base()
		b.Settle(ErrDropped)
		b.Release()
		return ErrDropped
	}
	return r.conn.Send(m)
}

// Held implements ReplyHook.
func (r ReplyTo) Held() bool { return false }

// ReplyHook is what answers a received message, nil for one that was not received. It
// is to be asked for before the message is sent on: then the message is the sender's.
func (b *MsgBase) ReplyHook() ReplyHook {
	if b.reply == nil && b.received {
		b.reply = NewReplyTo(b.Connection(), b.header.Tid)
	}
	return b.reply
}
