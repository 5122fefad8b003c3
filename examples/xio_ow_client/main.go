// SPDX-License-Identifier: Apache-2.0

// Xio_ow_client sends one-way messages: nobody answers them. It shows
// Connection.TrySendMsg, and read receipts, with which the completion of a
// message says that the peer's library has handed it to its application.
//
// It is a port of Accelio's C xio_ow_client (hello_test_ow) and of
// xio_oneway_client (hello_test_oneway, which always asks for receipts) and takes
// their arguments; the server may be xio_ow_server, its C counterparts, or any
// other. It differs from the C programs on purpose: the default transport is tcp,
// a finite run sends exactly its number of messages, and the connection is
// drained before it is closed.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_ow_client sends one-way messages. Ctrl-C ends it cleanly, a second one at
once.`
	sample = "xio_ow_client -p 2061 -r tcp -n 32 -w 1024 -f 1 -receipt 127.0.0.1"

	finiteCount = 12_000_000 // as the C program
)

func main() { app.Main("xio_ow_client", run) }

func run(ctx context.Context, args []string) error {
	o := app.NewOptions("xio_ow_client", false, finiteCount, 50)
	receipt := o.Flags().Bool("receipt", false, "ask for a read receipt of each message")
	if help, err := o.Parse(args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	o.Print(os.Stdout)
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	loop, err := o.Context()
	if err != nil {
		return err
	}
	defer loop.Close()
	c := &client{o: o, done: make(chan error, o.Depth)}
	c.msg = xio.Message{
		Header:  app.Filled("hello world request header", o.Header),
		Data:    app.Filled("hello world request data", o.Data),
		Receipt: *receipt,
	}
	d := xio.Dialer{Context: loop, QueueDepth: o.Depth, Inline: true, OnMsg: c.onMsg}
	if c.conn, err = d.Dial(ctx, o.URI); err != nil {
		return err
	}
	fmt.Println("session event: connection established. reason: Success")
	fmt.Println("**** starting ...")
	stop := app.StartMeter(c.completed.Load, func(rate float64) {
		fmt.Printf("transactions per second: %.0f, bandwidth: TX %s, length: TX: %d B\n",
			rate, app.Bandwidth(rate, o.Header+o.Data), o.Header+o.Data)
	})
	err = c.run(ctx)
	stop()
	// What was sent before is also delivered before the connection ends.
	if e := c.conn.Drain(context.Background()); err == nil {
		err = e
	}
	fmt.Printf("nsent:%d, ncomp:%d, delta:%d\n", c.sent.Load(), c.completed.Load(), c.sent.Load()-c.completed.Load())
	if n := c.received.Load(); n > 0 {
		fmt.Printf("last recv:%d\n", n)
	}
	fmt.Printf("exit signaled\nexit complete\n")
	return err
}

// client sends a message for each that has gone; the completions run on the
// connection's driver.
type client struct {
	o    *app.Options
	conn *xio.Connection
	msg  xio.Message
	done chan error // one for each place in the queue, when it falls empty

	begun, sent, completed, received atomic.Uint64
}

func (c *client) run(ctx context.Context) error {
	for range c.o.Depth {
		c.next(ctx)
	}
	var first error
	for range c.o.Depth {
		if err := <-c.done; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (c *client) next(ctx context.Context) {
	if n := c.begun.Add(1); ctx.Err() != nil || (c.o.Count > 0 && n > c.o.Count) {
		c.done <- nil
		return
	}
	err := c.conn.TrySendMsg(&c.msg, func(err error) {
		if err != nil {
			c.done <- err
			return
		}
		c.completed.Add(1)
		c.next(ctx)
	})
	if err != nil {
		c.done <- err
		return
	}
	c.sent.Add(1)
}

func (c *client) onMsg(*xio.OneWay) { c.received.Add(1) }
