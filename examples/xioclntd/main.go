// SPDX-License-Identifier: Apache-2.0

// Xioclntd is an Accelio client that runs as a daemon and keeps a connection to
// its server: when that is lost, or the server is not there yet, it tries again,
// at growing intervals, until a signal ends it. SIGHUP makes it connect anew.
//
// It is a port of Accelio's C xioclntd (hello_world_daemon) and takes its
// arguments; the server may be xiosrvd, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, it
// reconnects where the C program ends, it has a pause between requests (-i 0
// for none, as the C program), and the pid file is locked.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/internal/daemon"
	"github.com/accelio/accelio-go/xio"
)

const (
	printEvery = 400_000 // as the C program

	// A server that is gone is looked for after the first pause, then after
	// twice that, and so on up to the longest.
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

func main() { daemon.Main("xioclntd", "keeps sending requests to an Accelio server", false, keepUp) }

// keepUp connects, and connects again, until ctx ends.
func keepUp(ctx context.Context, d *daemon.Daemon) error {
	c := &client{d: d}
	pause := firstPause
	for ctx.Err() == nil {
		err := c.once(ctx)
		if ctx.Err() != nil {
			break
		}
		if c.up {
			pause = firstPause
		}
		// Many clients that have lost one server do not come back together.
		wait := pause/2 + rand.N(pause/2)
		d.Infof("session event: %v; trying again in %v", err, wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		pause = min(2*pause, longestPause)
	}
	d.Infof("requests: %d answered, connections: %d", c.answered, c.connections)
	return nil
}

type client struct {
	d           *daemon.Daemon
	up          bool // the last attempt reached a server
	answered    uint64
	connections uint64
}

// once connects and sends requests until the connection is lost or ctx ends.
func (c *client) once(ctx context.Context) error {
	c.up = false
	conn, err := xio.Dial(ctx, c.d.URI)
	if err != nil {
		return err
	}
	c.up = true
	c.connections++
	c.d.Infof("session event: connection established. reason: Success")
	err = c.send(ctx, conn)
	if e := conn.Close(); err == nil {
		err = e
	}
	return err
}

func (c *client) send(ctx context.Context, conn *xio.Connection) error {
	req := xio.Message{Header: []byte(app.RequestHeader), Data: []byte(app.RequestData)}
	for ctx.Err() == nil {
		rsp, err := conn.Call(ctx, &req)
		if err != nil {
			if why := conn.Err(); why != nil { // rather the reason than its effect
				err = why
			}
			return fmt.Errorf("connection lost after %d answers: %w", c.answered, err)
		}
		c.answered++
		if c.answered%printEvery == 0 {
			c.d.Infof("message: [%d] - %s", c.answered, app.Text(rsp.Header()))
		}
		rsp.Release()
		if c.d.Interval > 0 {
			select {
			case <-time.After(c.d.Interval):
			case <-conn.Done():
			case <-ctx.Done():
			}
		}
	}
	return nil
}
