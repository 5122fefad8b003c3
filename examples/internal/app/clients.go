// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/accelio/accelio-go/xio"
)

// Clients prints who comes and goes at a server, and knows when its run is over:
// a finite one when the last client has left, any when there have been enough
// messages.
type Clients struct {
	finite bool
	enough uint64
	count  atomic.Uint64
	over   chan struct{}
	once   sync.Once // closes over

	mu      sync.Mutex
	present int
}

// NewClients is told of the clients of a server with these options, besides
// what is in OnConnect and OnDisconnect already. The run ends after enough calls
// of Count, 0 for never.
func NewClients(l *xio.ListenConfig, finite bool, enough uint64) *Clients {
	c := &Clients{finite: finite, enough: enough, over: make(chan struct{})}
	connect, disconnect := l.OnConnect, l.OnDisconnect
	l.OnConnect = func(conn *xio.Connection) {
		c.connected(conn)
		if connect != nil {
			connect(conn)
		}
	}
	l.OnDisconnect = func(conn *xio.Connection, why error) {
		if disconnect != nil {
			disconnect(conn, why)
		}
		c.disconnected(conn, why)
	}
	return c
}

// Wait returns when the run is over or ctx ends.
func (c *Clients) Wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-c.over:
	}
}

// Count counts a message and returns how many there have been.
func (c *Clients) Count() uint64 {
	n := c.count.Add(1)
	if n == c.enough {
		c.once.Do(func() { close(c.over) })
	}
	return n
}

// Total is how many messages there have been.
func (c *Clients) Total() uint64 { return c.count.Load() }

func (c *Clients) connected(conn *xio.Connection) {
	c.mu.Lock()
	c.present++
	c.mu.Unlock()
	fmt.Printf("session event: new connection. peer: %s, uri: %s\n", conn.RemoteAddr(), conn.URI())
}

func (c *Clients) disconnected(conn *xio.Connection, why error) {
	fmt.Printf("session event: connection teardown. peer: %s, reason: %s\n", conn.RemoteAddr(), xio.CodeOf(why))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present--
	if c.finite && c.present == 0 {
		c.once.Do(func() { close(c.over) })
	}
}
