// SPDX-License-Identifier: Apache-2.0

package messenger

import "time"

// The methods of this file are for messengers; applications have no use for them.

// ConnRef is a connection as its messages refer to it. A connection makes one, for
// all of them.
type ConnRef struct{ c Connection }

// NewConnRef makes the reference of a connection.
func NewConnRef(c Connection) *ConnRef { return &ConnRef{c} }

// SetConnection sets where the message came from or goes to.
func (b *MsgBase) SetConnection(r *ConnRef) { b.conn.Store(r) }

// SetHeader replaces the header.
func (b *MsgBase) SetHeader(h MsgHeader) { b.header = h }

// StampReceived sets the times up to the last byte.
func (b *MsgBase) StampReceived(recv, throttle, complete time.Time) {
	b.stamps = stamps{recv: recv, throttle: throttle.Sub(recv), recvComplete: complete.Sub(recv)}
}

// StampDispatch sets the time of dispatch.
func (b *MsgBase) StampDispatch(t time.Time) { b.stamps.dispatch = max(t.Sub(b.stamps.recv), 1) }

// SetReceived fills in what arrived: the message owns the middle and one reference
// of every buffer.
func (b *MsgBase) SetReceived(h MsgHeader, f MsgFooter, middle []byte, data []Buffer) {
	b.header, b.footer, b.middle, b.data = h, f, middle, data
	b.received = true
}

// SetReplyHook sets what answers a received message, where that is more than a [ReplyTo].
func (b *MsgBase) SetReplyHook(h ReplyHook) { b.reply = h }

// SetLooped says that a message which was sent has been received by the very same object.
func (b *MsgBase) SetLooped() { b.received = true }

// OnRelease adds a function that the last Release calls: it returns throttles and
// receive memory.
func (b *MsgBase) OnRelease(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if first := b.release; first != nil {
		b.release = func() {
			first()
			f()
		}
		return
	}
	b.release = f
}

// Settle ends the message's journey to a peer: it runs the completions.
func (b *MsgBase) Settle(err error) {
	b.mu.Lock()
	complete := b.complete
	b.complete = nil
	b.mu.Unlock()
	if complete != nil {
		complete(err)
	}
}

// Forward turns a message that was received into one that is sent: what it held of
// throttles goes back at once, and its data is copied out of memory that the
// transport wants back.
func (b *MsgBase) Forward() {
	b.received, b.reply = false, nil
	b.mu.Lock()
	release := b.release
	b.release = nil
	b.mu.Unlock()
	if release == nil {
		return
	}
	data := b.DetachData()
	b.SetData(data)
	release()
}
