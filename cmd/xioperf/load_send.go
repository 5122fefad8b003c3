// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"time"

	"github.com/accelio/accelio-go/xio"
)

// slot is the place of one message in flight. Its completion function is made
// once and used for one message after another.
type slot struct {
	from  time.Duration // what the latency counts from
	ended func(bytesIn int, err error)
	sent  sender
}

// sender is how one slot's messages are sent with a completion.
type sender interface {
	// send waits for room; try does not. Either may fail, and then slot.ended
	// is not called.
	send(ctx context.Context) error
	try() error
}

// senderFor makes the sender of a slot.
type senderFor func(conn *xio.Connection, msg *xio.Message, s *slot) sender

// requestSender sends requests.
type requestSender struct {
	conn *xio.Connection
	msg  *xio.Message
	done func(*xio.Response, error)
}

func newRequestSender(conn *xio.Connection, msg *xio.Message, s *slot) sender {
	return &requestSender{conn, msg, func(rsp *xio.Response, err error) {
		n := 0
		if err == nil {
			n = rsp.Len()
			rsp.Release()
		}
		s.ended(n, err)
	}}
}

func (r *requestSender) send(ctx context.Context) error { return r.conn.Send(ctx, r.msg, r.done) }
func (r *requestSender) try() error                     { return r.conn.TrySend(r.msg, r.done) }

// completionLoad keeps depth messages in flight on each connection: the
// completion of one sends the next. Nothing is faster. For closed loops only,
// because a completion must not wait.
func completionLoad(depth int, newSender senderFor) load {
	return func(p *phase, c *client) {
		var wg sync.WaitGroup
		for i, conn := range c.conns {
			rec := p.recs[i]
			for range depth {
				s := new(slot)
				s.sent = newSender(conn, c.messages[i], s)
				next := func() {
					var ok bool
					if s.from, ok = p.plan.next(); !ok {
						wg.Done()
						return
					}
					if err := s.sent.try(); err != nil {
						p.fail(why(conn, err))
						wg.Done()
					}
				}
				s.ended = func(n int, err error) {
					if err != nil {
						p.fail(why(conn, err))
						wg.Done()
						return
					}
					rec.record(p.now()-s.from, n)
					next()
				}
				wg.Add(1)
				next()
			}
		}
		wg.Wait()
	}
}

// sendLoad sends from a number of goroutines on each connection, with up to
// depth messages in flight there.
func sendLoad(depth int, goroutines []int, newSender senderFor) load {
	return func(p *phase, c *client) {
		var wg sync.WaitGroup
		for i, conn := range c.conns {
			free := make(chan *slot, depth)
			for range depth {
				s := new(slot)
				s.sent = newSender(conn, c.messages[i], s)
				s.ended = func(n int, err error) {
					if err != nil {
						p.fail(why(conn, err))
					} else {
						p.recs[i].record(p.now()-s.from, n)
					}
					free <- s
				}
				free <- s
			}
			wg.Go(func() {
				var senders sync.WaitGroup
				for range goroutines[i] {
					senders.Go(func() { sendUntilEnd(p, conn, free) })
				}
				senders.Wait()
				for range depth { // all that are in flight come back
					<-free
				}
			})
		}
		wg.Wait()
	}
}

func sendUntilEnd(p *phase, conn *xio.Connection, free chan *slot) {
	for s := range free {
		var ok bool
		if s.from, ok = p.plan.next(); ok {
			err := s.sent.send(p.ctx)
			if err == nil {
				continue
			}
			p.fail(why(conn, err))
		}
		free <- s
		return
	}
}
