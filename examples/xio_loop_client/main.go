// SPDX-License-Identifier: Apache-2.0

// Xio_loop_client shows an Accelio Context inside a program whose main loop is
// somebody else's: one goroutine selects on everything the program waits for, and
// turns the Context when its descriptor has become readable. Everything of the
// Context, completions too, then runs on that goroutine, so the program needs no
// lock.
//
// It is a port of Accelio's C hello_world_libevent client, with Go's netpoller in
// place of libevent, and takes its arguments; the server may be xio_server, its C
// counterpart, or any other. It differs from the C program on purpose: the
// default transport is tcp, the loop goes on until nothing is left to do, where
// the C program looks once each time it is woken, and failures show in the exit
// code.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_loop_client sends requests to an Accelio server from a loop of its own, in
which an unrelated timer runs too. Ctrl-C ends it cleanly, a second one at once.

A finite run is 2000000 requests.`
	sample = "xio_loop_client 127.0.0.1 1234 tcp 1"

	printEvery  = 1_000_000 // as the C program
	finiteCount = 2_000_000 // as the C program
)

func main() { app.Main("xio_loop_client", run) }

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("xio_loop_client", flag.ContinueOnError)
	target := app.NewTarget(fs, false, "data of a request in `bytes`", len(app.RequestData))
	n := fs.Uint64("n", 0, "end after this `count` of requests")
	depth := fs.Int("depth", 64, "requests in flight, 1 to 512")
	tick := fs.Duration("tick", time.Second, "`interval` of the unrelated timer")
	if help, err := app.ParseFlags(fs, target, args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	switch {
	case *depth < 1 || *depth > 512:
		return app.Usagef("depth %d is not within 1 to 512", *depth)
	case *tick <= 0:
		return app.Usagef("-tick %v is not positive", *tick)
	case target.Size < 0 || target.Size > xio.MaxMessage-xio.MaxHeader:
		return app.Usagef("message size %d is not within 0 to %d", target.Size, xio.MaxMessage-xio.MaxHeader)
	}
	if target.Finite && *n == 0 {
		*n = finiteCount
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	loop, err := xio.NewContext(xio.ContextOptions{Drive: xio.DriveManual})
	if err != nil {
		return err
	}
	defer loop.Close()
	ready, err := watch(loop.PollFD())
	if err != nil {
		return err
	}
	defer ready.stop()
	// Dial turns the Context until the connection stands.
	d := xio.Dialer{Context: loop}
	conn, err := d.Dial(ctx, target.URI)
	if err != nil {
		return err
	}
	fmt.Println("session event: connection established. reason: Success")
	c := &client{conn: conn, n: *n, req: xio.Message{Header: []byte(app.RequestHeader), Data: app.Filled(app.RequestData, target.Size)}}
	err = c.mainLoop(ctx, loop, ready, *depth, *tick)
	closeErr := conn.Close()
	fmt.Printf("exit signaled\nrequests: %d, timer: %d\n", c.answered, c.ticks)
	if err != nil {
		return fmt.Errorf("after %d answers: %w", c.answered, err)
	}
	if closeErr == nil {
		fmt.Println("good bye")
	}
	return closeErr
}

// client has no lock: it is used by the main loop alone.
type client struct {
	conn *xio.Connection
	req  xio.Message
	n    uint64

	sent, answered, ticks uint64
	inFlight              int
	err                   error
}

// mainLoop is the program's loop. It stands for whatever loop a program has.
func (c *client) mainLoop(ctx context.Context, loop *xio.Context, ready *readiness, depth int, tick time.Duration) error {
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for range depth {
		c.next(ctx)
	}
	for c.inFlight > 0 {
		// Turn until there is nothing to do: the descriptor tells only of what
		// comes after that.
		did, err := loop.Turn()
		if err != nil {
			return err
		}
		if did {
			select { // the others get their turn all the same
			case <-timer.C:
				c.tick()
			default:
			}
			continue
		}
		ready.arm()
		select {
		case <-ready.C:
			if ready.err != nil {
				return ready.err
			}
		case <-timer.C:
			c.tick()
		}
	}
	return c.err
}

func (c *client) tick() {
	c.ticks++
	fmt.Printf("[%s] - timeout_cb called\n", time.Now().Format("15:04:05.000000"))
}

// next sends a request unless there have been enough.
func (c *client) next(ctx context.Context) {
	if ctx.Err() != nil || c.err != nil || (c.n > 0 && c.sent >= c.n) {
		return
	}
	err := c.conn.TrySend(&c.req, func(rsp *xio.Response, err error) {
		c.inFlight--
		if err != nil {
			c.fail(err)
			return
		}
		c.answered++
		if c.answered%printEvery == 0 {
			fmt.Printf("message: [%d] - %s\n", c.answered, app.Text(rsp.Header()))
		}
		rsp.Release()
		c.next(ctx)
	})
	if err != nil {
		c.fail(err)
		return
	}
	c.sent++
	c.inFlight++
}

func (c *client) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
