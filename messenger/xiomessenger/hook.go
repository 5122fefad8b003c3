// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"sync/atomic"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/xio"
)

// XioReplyHook is the hook of a received message whose data lies in xio messages. It
// keeps them until the message and every buffer of it have been released, and gives them
// back then, to the portal that they came by; replies have nothing to do with that, and may
// come before or after. What holds no xio messages, since it has no data, has a
// [messenger.ReplyTo] for its hook.
//
// Implements: XioReplyHook, XioDispatchHook
type XioReplyHook struct {
	messenger.ReplyTo
	refs atomic.Int32 // the message's, and one for each buffer
	msgs []*xio.OneWay
	bufs []receivedBuffer

	// A message of one datagram needs no more.
	one     [1]*xio.OneWay
	oneBuf  [1]receivedBuffer
	oneList [1]messenger.Buffer
}

// liveHooks counts the hooks that have not been released, for tests that look for
// leaks.
var liveHooks atomic.Int64

// LiveHooks is how many received messages of the process hold memory of the
// transport.
func LiveHooks() int64 { return liveHooks.Load() }

func newReplyHook() *XioReplyHook {
	liveHooks.Add(1)
	h := new(XioReplyHook)
	h.msgs = h.one[:0]
	h.refs.Store(1)
	return h
}

// Held implements messenger.ReplyHook.
func (h *XioReplyHook) Held() bool { return h.refs.Load() > 0 }

// release drops a reference; the last one gives the memory back.
func (h *XioReplyHook) release() {
	switch n := h.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("xiomessenger: received memory released more often than retained")
	}
	for _, m := range h.msgs {
		m.Release()
	}
	h.msgs, h.bufs, h.one[0] = nil, nil, nil // the hook itself may be kept
	liveHooks.Add(-1)
}

// memory is the hook as a message holds it.
type memory XioReplyHook

// Release drops the message's reference.
func (m *memory) Release() { (*XioReplyHook)(m).release() }

// receivedBuffer is a piece of a received message's data.
type receivedBuffer struct {
	hook *XioReplyHook
	b    []byte
}

// Bytes implements messenger.Buffer.
func (b *receivedBuffer) Bytes() []byte { return b.b }

// Retain implements messenger.Buffer.
func (b *receivedBuffer) Retain() {
	if b.hook.refs.Add(1) <= 1 {
		panic("xiomessenger: retain of released memory")
	}
}

// Release implements messenger.Buffer.
func (b *receivedBuffer) Release() { b.hook.release() }

// buffers makes buffers of the next n bytes, with a reference each.
func (h *XioReplyHook) buffers(c *cursor, n int) []messenger.Buffer {
	if p, ok := c.piece(n); ok {
		h.oneBuf[0] = receivedBuffer{h, p}
		h.oneList[0] = &h.oneBuf[0]
		h.refs.Add(1)
		return h.oneList[:]
	}
	pieces := c.pieces(n)
	h.bufs = make([]receivedBuffer, len(pieces))
	list := make([]messenger.Buffer, len(pieces))
	for i, p := range pieces {
		h.bufs[i] = receivedBuffer{h, p}
		list[i] = &h.bufs[i]
	}
	h.refs.Add(int32(len(pieces)))
	return list
}

// cursor walks through memory in pieces.
type cursor struct {
	segs [][]byte
	off  int // in the first of them
}

// view is the next n bytes: where they lie if that is one piece, else a copy.
func (c *cursor) view(n int) []byte {
	if p, ok := c.piece(n); ok {
		return p
	}
	b := make([]byte, 0, n)
	for _, s := range c.pieces(n) {
		b = append(b, s...)
	}
	return b
}

// piece is the next n bytes if they lie together.
func (c *cursor) piece(n int) ([]byte, bool) {
	for n > 0 && c.off == len(c.segs[0]) {
		c.segs, c.off = c.segs[1:], 0
	}
	if n == 0 || len(c.segs[0])-c.off < n {
		return nil, n == 0
	}
	p := c.segs[0][c.off : c.off+n : c.off+n]
	c.off += n
	return p, true
}

// pieces is the next n bytes as they lie. They must be there.
func (c *cursor) pieces(n int) [][]byte {
	var list [][]byte
	for n > 0 {
		s := c.segs[0][c.off:]
		if len(s) == 0 {
			c.segs, c.off = c.segs[1:], 0
			continue
		}
		k := min(n, len(s))
		list = append(list, s[:k:k])
		c.off += k
		n -= k
	}
	return list
}
