// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"

	"github.com/accelio/accelio-go/xio"
)

// oneWaySender sends one-way messages.
type oneWaySender struct {
	conn *xio.Connection
	msg  *xio.Message
	done func(error)
}

func newOneWaySender(conn *xio.Connection, msg *xio.Message, s *slot) sender {
	return &oneWaySender{conn, msg, func(err error) { s.ended(0, err) }}
}

func (o *oneWaySender) send(ctx context.Context) error { return o.conn.SendMsg(ctx, o.msg, o.done) }
func (o *oneWaySender) try() error                     { return o.conn.TrySendMsg(o.msg, o.done) }

// flushed is a load of one-way messages that ends when they have arrived: it
// asks something on each connection and waits for the answer, before which all
// that was sent earlier has come to the server. Otherwise the rate would count
// what still lies in queues.
func flushed(l load) load {
	return func(p *phase, c *client) {
		l(p, c)
		if p.failure() != nil {
			return
		}
		var wg sync.WaitGroup
		for _, conn := range c.conns {
			wg.Go(func() {
				if _, err := callRequest(p.ctx, conn, &xio.Message{}); err != nil {
					p.fail(why(conn, err))
				}
			})
		}
		wg.Wait()
	}
}
