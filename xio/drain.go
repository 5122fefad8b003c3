package xio

import (
	"context"
	"sync"
)

// Drain refuses further messages of this side with ErrClosed and further requests
// of the peer, waits until everything that was accepted before has ended, in both
// directions, and closes the connection. When ctx ends first, Drain returns an
// error that matches ctx's, and the connection keeps draining: Close it, or Drain
// again.
//
// It may be called from any goroutine but the driver. A handler that drains the
// connection of its own request must answer that before.
func (c *Connection) Drain(ctx context.Context) error {
	c.draining.Store(true)
	if err := c.drain(ctx); err != nil {
		return contextError("drain", c.uri, err)
	}
	return c.Close()
}

// drain waits until nothing is in flight. It takes every place in the queue: so
// those who were waiting for one before are served first.
func (c *Connection) drain(ctx context.Context) error {
	// One at a time: two that each had some of the places would wait for ever.
	select {
	case c.drains <- struct{}{}:
		defer func() { <-c.drains }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var calls []*call
	defer func() {
		for _, cl := range calls {
			cl.release()
		}
	}()
	for range c.endSlots() {
		cl, err := c.slot(ctx, true)
		if err != nil {
			return err
		}
		if cl == nil { // it is over
			return nil
		}
		calls = append(calls, cl)
	}
	idle := make(chan struct{})
	if !c.ctx.do(func() {
		if c.idle == nil {
			c.idle = idle
		}
		idle = c.idle
		c.checkIdle()
	}) {
		return nil
	}
	if !await(ctx, c.ctx, idle, true) {
		return ctx.Err() // or it is gone
	}
	return nil
}

// checkIdle tells those who drain that the peer is owed nothing. Driver only.
func (c *Connection) checkIdle() {
	if c.idle != nil && (c.held == 0 || c.isDown) {
		close(c.idle)
		c.idle = nil
	}
}

// Drain stops listening, drains all connections at once, see
// [Connection.Drain], and closes the server. When ctx ends first, Drain returns
// an error that matches ctx's and the server keeps draining: Close it, or Drain
// again.
func (s *Server) Drain(ctx context.Context) error {
	s.stopListening()
	var wg sync.WaitGroup
	conns := s.Connections()
	errs := make([]error, len(conns))
	for i, c := range conns {
		wg.Go(func() { errs[i] = c.Drain(ctx) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return s.Close()
}
