// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// client is the connections of a measurement, spread over their contexts.
type client struct {
	timeout  time.Duration
	uri      string
	contexts []*xio.Context
	conns    []*xio.Connection
	messages []*xio.Message // what each connection sends
	pool     *pool.Pool     // nil: data is copied
	bufs     []*pool.Buffer
}

// newContexts makes n event loops.
func newContexts(n int) ([]*xio.Context, error) {
	var list []*xio.Context
	for range n {
		c, err := xio.NewContext(xio.ContextOptions{})
		if err != nil {
			closeContexts(list)
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func closeContexts(list []*xio.Context) {
	for _, c := range list {
		c.Close()
	}
}

// connect opens the connections for messages of size at depth.
func (o *options) connect(ctx context.Context, uri string, size, depth int) (*client, error) {
	c := &client{timeout: o.timeout, uri: uri}
	var err error
	if c.contexts, err = newContexts(o.contexts); err != nil {
		return nil, err
	}
	if err := c.makeMessages(o, size); err != nil {
		return nil, errors.Join(err, c.close())
	}
	d := xio.Dialer{Timeout: o.timeout, QueueDepth: depth}
	if o.api == apiSend {
		// An answer keeps its slot for a moment after its release, when the
		// next message is on its way already.
		d.QueueDepth = 2 * depth
	}
	for i := range o.connections {
		d.Context = c.contexts[i%len(c.contexts)]
		conn, err := c.dial(ctx, &d, o.oneSession)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// dial makes the next connection, in a session of its own or with the others.
func (c *client) dial(ctx context.Context, d *xio.Dialer, oneSession bool) (*xio.Connection, error) {
	if oneSession && len(c.conns) > 0 {
		return c.conns[0].Session().Connect(ctx, d)
	}
	return d.Dial(ctx, c.uri)
}

func (c *client) makeMessages(o *options, size int) error {
	header := make([]byte, o.header)
	if o.buffers {
		p, err := pool.New(pool.Config{Limit: int64(inFlight(size, 1, o.connections) + pool.MaxBuffer)})
		if err != nil {
			return err
		}
		c.pool = p
	}
	for range o.connections {
		m := &xio.Message{Header: header, Receipt: o.receipt}
		if c.pool == nil {
			m.Data = make([]byte, size)
		} else {
			b, err := c.pool.TryGet(size)
			if err != nil {
				return err
			}
			c.bufs = append(c.bufs, b)
			m.Buffers = []*pool.Buffer{b}
		}
		c.messages = append(c.messages, m)
	}
	return nil
}

// close closes everything. It waits no longer than the user wants to.
func (c *client) close() error {
	return within(c.timeout, c.uri+" did not close", func() error {
		var errs []error
		for _, conn := range c.conns {
			errs = append(errs, conn.Close())
		}
		closeContexts(c.contexts)
		for _, b := range c.bufs {
			b.Release()
		}
		if c.pool != nil {
			errs = append(errs, c.pool.Close())
		}
		return errors.Join(errs...)
	})
}

// within runs f and waits for it for a time.
func within(limit time.Duration, failure string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case err := <-done:
		return err
	case <-patience.C:
		return fmt.Errorf("%s within %v", failure, limit)
	}
}

// why puts the reason of a connection's end in place of the symptom: messages
// that were in flight only say that they were flushed.
func why(conn *xio.Connection, err error) error {
	select {
	case <-conn.Done():
		if reason := conn.Err(); reason != nil {
			return reason
		}
	default:
	}
	return err
}
