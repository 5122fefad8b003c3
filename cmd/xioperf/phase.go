// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// phase is a warm-up or a measurement: one schedule, carried out over all
// connections of a client.
type phase struct {
	ctx  context.Context // ends only when all is lost
	plan schedule
	recs []*recorder // by connection
	now  func() time.Duration

	mu  sync.Mutex
	err error // the first
}

// fail ends the phase with an error.
func (p *phase) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.plan.stop()
}

func (p *phase) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// ended is how many messages have ended well.
func (p *phase) ended() (n uint64) {
	for _, r := range p.recs {
		n += r.count()
	}
	return n
}

// load sends messages as its phase's schedule says, and returns when all that
// were sent have ended.
type load func(p *phase, c *client)

// supervise runs a load until its schedule ends, the duration is over (0: no
// bound) or ctx ends, and fails it when nothing comes back for too long. tick
// is called now and then. It returns when sending was told to end.
func (p *phase) supervise(ctx context.Context, c *client, l load, duration time.Duration, tick func(*phase)) (stopped time.Duration, err error) {
	var cancel context.CancelFunc
	p.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l(p, c)
	}()

	var over <-chan time.Time
	if duration > 0 {
		t := time.NewTimer(duration - p.now())
		defer t.Stop()
		over = t.C
	}
	quit := ctx.Done()
	beat := time.NewTicker(min(200*time.Millisecond, c.timeout/4+1))
	defer beat.Stop()
	last, since := uint64(0), p.now()
	for {
		select {
		case <-done:
			if stopped == 0 {
				stopped = p.now()
			}
			return stopped, p.failure()
		case <-over:
		case <-quit:
			quit = nil
		case <-beat.C:
			tick(p)
			switch n := p.ended(); {
			case n != last || p.plan.idle(n):
				last, since = n, p.now()
			case p.now()-since >= c.timeout:
				p.fail(fmt.Errorf("no answer from %s within %v", c.uri, c.timeout))
				cancel() // the calls; sends end when their connection is closed
				return stopped, p.failure()
			}
			continue
		}
		if stopped == 0 {
			stopped = p.now()
		}
		p.plan.stop()
	}
}
