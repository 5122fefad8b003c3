// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"sync"

	"github.com/accelio/accelio-go/xio"
)

// Clients prints who comes and goes at a server, and knows when a finite run is
// over: when the last client has left.
type Clients struct {
	finite bool
	left   chan struct{}

	mu      sync.Mutex
	present int
	gone    bool // left is closed
}

// NewClients is told of the clients of a server with these options, besides
// what is in OnConnect and OnDisconnect already.
func NewClients(l *xio.ListenConfig, finite bool) *Clients {
	c := &Clients{finite: finite, left: make(chan struct{})}
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
	case <-c.left:
	}
}

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
	if c.finite && c.present == 0 && !c.gone {
		c.gone = true
		close(c.left)
	}
}
