// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"

	"github.com/accelio/accelio-go/xio"
)

// call sends one message and returns when it has ended, with the data of its
// answer in bytes.
type call func(ctx context.Context, conn *xio.Connection, msg *xio.Message) (bytesIn int, err error)

func callRequest(ctx context.Context, conn *xio.Connection, msg *xio.Message) (int, error) {
	rsp, err := conn.Call(ctx, msg)
	if err != nil {
		return 0, err
	}
	n := rsp.Len()
	rsp.Release()
	return n, nil
}

func callOneWay(ctx context.Context, conn *xio.Connection, msg *xio.Message) (int, error) {
	return 0, conn.Deliver(ctx, msg)
}

// callLoad sends with a blocking call, from a number of goroutines on each
// connection.
func callLoad(goroutines []int, do call) load {
	return func(p *phase, c *client) {
		var wg sync.WaitGroup
		for i := range c.conns {
			for range goroutines[i] {
				wg.Go(func() { callUntilEnd(p, c, i, do) })
			}
		}
		wg.Wait()
	}
}

func callUntilEnd(p *phase, c *client, i int, do call) {
	conn, msg, rec := c.conns[i], c.messages[i], p.recs[i]
	for {
		from, ok := p.plan.next()
		if !ok {
			return
		}
		n, err := do(p.ctx, conn, msg)
		if err != nil {
			p.fail(why(conn, err))
			return
		}
		rec.record(p.now()-from, n)
	}
}

// spread divides n over parts, as evenly as it goes.
func spread(n, parts int) []int {
	s := make([]int, parts)
	for i := range s {
		s[i] = n / parts
		if i < n%parts {
			s[i]++
		}
	}
	return s
}
