package xio

import (
	"sync/atomic"

	"github.com/accelio/accelio-go/xio/cgo"
)

// subKind is what a submission asks of the driver.
type subKind uint8

const (
	subSend       subKind = iota + 1 // call
	subDirect                        // call: one that reads or writes the peer's memory
	subRelease                       // call
	subCancel                        // call: its cancellation
	subReply                         // req
	subCanceled                      // req
	subReleaseMsg                    // req
	subCheck                         // conn: look whether it can be freed
	subFunc                          // fn
)

// submission is a piece of work for a context's driver. It is part of the
// object it is about, so submitting allocates nothing.
type submission struct {
	next *submission
	kind subKind
	call *call
	req  *Request
	conn *Connection
	fn   func()
}

// submissions is a queue with many producers and one consumer: producers push
// onto a stack, the consumer takes all of it and turns it round. Pushing in
// order by one goroutine is seen in that order.
type submissions struct{ head atomic.Pointer[submission] }

func (q *submissions) push(s *submission) {
	for {
		old := q.head.Load()
		s.next = old
		if q.head.CompareAndSwap(old, s) {
			return
		}
	}
}

func (q *submissions) empty() bool { return q.head.Load() == nil }

// take returns everything pushed so far, oldest first, linked by next.
func (q *submissions) take() *submission {
	s := q.head.Swap(nil)
	var first *submission
	for s != nil {
		next := s.next
		s.next = first
		first, s = s, next
	}
	return first
}

// Driver states.
const (
	running uint32 = iota // will look at the submissions before it waits
	looking               // the same, and may be in the library for some microseconds
	parked                // waits, or is about to, without looking again
	waking                // somebody is waking it
)

// push hands s to the driver and wakes it if it waits.
func (c *Context) push(s *submission, kind subKind) {
	s.kind = kind
	c.subs.push(s)
	c.wake()
}

// wake ends the driver's wait by making the poll descriptor readable; see
// [Context.driveGate] for why no wake-up can be lost. Of all who submit while the
// driver waits, one pays for the system call. The driver counts on wakers
// before it lets go of the descriptor.
func (c *Context) wake() {
	switch c.state.Load() {
	case looking:
		if atomic.LoadUint32(&c.more) == 0 {
			atomic.StoreUint32(&c.more, 1)
		}
		return
	case parked:
	default:
		return
	}
	c.wakers.Add(1)
	if c.state.CompareAndSwap(parked, waking) {
		c.cg.Wake()
	}
	c.wakers.Add(-1)
}

// replyOps are the ways to be done with a message of the peer.
var replyOps = [...]uint32{
	subReply:      cgo.OpReply,
	subCanceled:   cgo.OpCanceled,
	subReleaseMsg: cgo.OpReleaseMsg,
}

// fill moves submissions into the next turn's batch, as far as they go, and
// runs those that need no turn.
func (c *Context) fill() int {
	ops := c.cg.Ops()
	n := 0
	now := false
	for n < len(ops) {
		if c.backlog == nil {
			if c.backlog = c.subs.take(); c.backlog == nil {
				break
			}
		}
		s := c.backlog
		c.backlog, s.next = s.next, nil
		switch s.kind {
		case subSend, subDirect:
			if !now {
				c.now, now = clock(), true
			}
			if s.call.begin() {
				t := c.tally.of(s.call.conn)
				t.send(s.call.size)
				t.copied(s.call.copied)
				op := uint32(cgo.OpSend)
				if s.kind == subDirect {
					op = cgo.OpRDMA
				}
				ops[n] = cgo.Op{Kind: op, P: s.call.tx.Submission()}
				n++
			}
		case subRelease:
			ops[n] = cgo.Op{Kind: cgo.OpRelease, P: s.call.tx.Submission()}
			n++
			c.released = append(c.released, s.call)
		case subCancel:
			// The call may have ended meanwhile, and the connection with it.
			gen := s.call.cancel.gen
			s.call.cancel.queued.Store(false)
			if s.call.conn.freed {
				break
			}
			ops[n] = cgo.Op{Kind: cgo.OpCancel, Gen: gen, P: s.call.tx.Submission()}
			n++
			s.call.conn.cancels++
			c.canceled = append(c.canceled, s.call.conn)
		case subReply, subCanceled, subReleaseMsg:
			c.tally.of(s.req.conn).copied(s.req.copied)
			s.req.copied = 0
			ops[n] = cgo.Op{Kind: replyOps[s.kind], P: s.req.rx.Submission()}
			n++
			c.replied = append(c.replied, s.req)
		case subCheck:
			s.conn.maybeFree()
		case subFunc:
			s.fn()
		}
	}
	c.tally.flush()
	return n
}

// settle does what waits for the batch to have been submitted.
func (c *Context) settle() {
	for i, call := range c.released {
		c.released[i] = nil
		call.free()
		call.conn.maybeFree()
	}
	c.released = c.released[:0]
	for i, conn := range c.canceled {
		c.canceled[i] = nil
		conn.cancels--
		conn.maybeFree()
	}
	c.canceled = c.canceled[:0]
	for i, r := range c.replied {
		c.replied[i] = nil
		conn := r.conn
		conn.held--
		if !r.oneWay {
			conn.asked--
		}
		conn.checkIdle()
		conn.maybeFree()
	}
	c.replied = c.replied[:0]
}
