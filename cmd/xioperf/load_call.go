// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// callLoad sends with the blocking Call, from a number of goroutines on each
// connection.
func callLoad(goroutines []int) load {
	return func(p *phase, c *client) {
		var wg sync.WaitGroup
		for i := range c.conns {
			for range goroutines[i] {
				wg.Go(func() { callUntilEnd(p, c, i) })
			}
		}
		wg.Wait()
	}
}

func callUntilEnd(p *phase, c *client, i int) {
	conn, msg, rec := c.conns[i], c.messages[i], p.recs[i]
	for {
		from, ok := p.plan.next()
		if !ok {
			return
		}
		rsp, err := conn.Call(p.ctx, msg)
		if err != nil {
			p.fail(why(conn, err))
			return
		}
		n := rsp.Len()
		rsp.Release()
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
