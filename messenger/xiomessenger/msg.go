// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// XioMsg is a message on its way out: one or several xio messages, its datagrams. It
// ends when the last of them has.
//
// Implements: XioMsg
type XioMsg struct {
	x     *XioConnection
	frame *core.Frame
	bytes int64
	left  atomic.Int32
	lost  atomic.Bool
	end   func(error) // ended, as xio wants it; driver
	next  *XioMsg     // of those that are free
}

// ended is the completion of one datagram.
func (m *XioMsg) ended(err error) {
	if err != nil {
		m.lost.Store(true)
	}
	x := m.x
	resume := x.tx.returned(1, 0)
	if m.left.Add(-1) == 0 {
		resume = x.tx.returned(0, m.bytes) || resume
		if !m.lost.Load() && x.tx.receipts {
			x.handler.Delivered(m.frame.Seq())
		}
		x.handler.Sent(m.frame)
		x.tx.recycle(m)
	}
	if resume {
		x.handler.Writable()
	}
}

// sendState is a link's flow control: what is in flight, and the marks.
type sendState struct {
	self     core.Identity // what headers say
	receipts bool
	highMsgs int
	lowMsgs  int
	highSize int64

	mu      sync.Mutex
	msgs    int   // datagrams in flight
	bytes   int64 // data in flight
	stopped bool  // above the high mark, until below the low one

	free *XioMsg

	// What Send works with.
	header [headerLen]byte
	parts  []part
	front  []byte
	out    xio.Message
}

// init sets the marks: four fifths of the depth, as the rest is for control
// messages, and half of that.
func (s *sendState) init(o *Options) {
	s.highMsgs = o.QueueDepth * 4 / 5
	s.lowMsgs = s.highMsgs / 2
	s.highSize = o.QueueBytes
}

// take counts a message in, if there is room. What is larger than the marks goes out
// alone.
func (s *sendState) take(msgs int, bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	if s.msgs > 0 && (s.msgs+msgs > s.highMsgs || s.bytes+bytes > s.highSize) {
		s.stopped = true
		return false
	}
	s.msgs += msgs
	s.bytes += bytes
	return true
}

// message is the object for the next message.
func (s *sendState) message(x *XioConnection) *XioMsg {
	s.mu.Lock()
	m := s.free
	if m != nil {
		s.free, m.next = m.next, nil
	}
	s.mu.Unlock()
	if m == nil {
		m = &XioMsg{x: x}
		m.end = func(err error) {
			m.ended(err)
			x.conn.Yield()
		}
	}
	return m
}

// recycle keeps the object of a message that has ended. There are no more of them than
// were in flight at a time.
func (s *sendState) recycle(m *XioMsg) {
	m.frame = nil
	m.lost.Store(false)
	s.mu.Lock()
	m.next, s.free = s.free, m
	s.mu.Unlock()
}

// returned counts what is no longer in flight, and says whether sending may go on.
func (s *sendState) returned(msgs int, bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.msgs -= msgs
	s.bytes -= bytes
	if s.stopped && s.msgs <= s.lowMsgs && s.bytes <= s.highSize/2 {
		s.stopped = false
		return true
	}
	return false
}

// InFlight is how many xio messages have been sent and not ended, and their data.
func (x *XioConnection) InFlight() (messages int, bytes int64) {
	x.tx.mu.Lock()
	defer x.tx.mu.Unlock()
	return x.tx.msgs, x.tx.bytes
}

// Send implements core.Link. The session calls it under its lock, so one at a time.
func (x *XioConnection) Send(f *core.Frame) bool {
	if x.broken() != nil {
		return false
	}
	if err := x.inject(context.Background()); err != nil {
		x.Close(err)
		return false
	}
	s := &x.tx
	if err := s.divide(f, x.t.o.Pool, x.t.o.SegmentSize, s.highMsgs); err != nil {
		if errors.Is(err, pool.ErrExhausted) {
			x.waitForMemory()
			return false
		}
		x.Close(messenger.NewFault(messenger.ErrBadMessage, err, "cannot be sent"))
		return false
	}
	defer s.done()
	size := f.Header.Size()
	if !s.take(len(s.parts), size) {
		return false
	}
	m := s.message(x)
	m.frame, m.bytes = f, size
	m.left.Store(int32(len(s.parts)))
	h := msgHeader{count: uint32(len(s.parts)), peerType: s.self.Name.Type, addr: s.self.Addr, hdr: f.Header, footer: f.Footer}
	header := h.append(s.header[:0])
	for i := range s.parts {
		p := &s.parts[i]
		last := i == len(s.parts)-1
		s.out = xio.Message{Header: header, Data: p.data, Buffers: p.bufs[:p.n], Receipt: last && s.receipts}
		if err := x.conn.TrySendMsg(&s.out, m.end); err != nil {
			// Neither this datagram nor those behind it will end by themselves.
			x.Close(fault(err))
			left := len(s.parts) - i
			go func() { // not under the session's lock
				for range left {
					m.ended(err)
				}
			}()
			return true
		}
		header = nil
	}
	return true
}

// memoryPause is how long to wait for memory that others of the pool hold.
const memoryPause = 10 * time.Millisecond

// waitForMemory lets the session try again when there may be memory.
func (x *XioConnection) waitForMemory() {
	time.AfterFunc(memoryPause, x.handler.Writable)
}
