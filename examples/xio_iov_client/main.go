// SPDX-License-Identifier: Apache-2.0

// Xio_iov_client sends data from many pieces of memory and takes large answers.
// It shows pool.List, Message.Buffers, Message.MaxResponse, and
// Connection.TrySend from a completion, which keeps the queue full without any
// goroutine of the program's own.
//
// It is a port of Accelio's C hello_world_iov client and takes its arguments; the
// server may be xio_iov_server, its C counterpart, or any other. It differs from
// the C program on purpose: the default transport is tcp, the 261120 bytes lie in 4
// pieces and not in 255 (a message of package xio has up to four), every answer is
// checked, and failures show in the exit code. The C program lays out the memory
// for an answer in pieces; here the library does, and Response.Segments tells
// how.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_iov_client sends requests with data from a scatter list. Ctrl-C ends it
cleanly, a second one at once.

A finite run is 16000 requests.`
	sample = "xio_iov_client 127.0.0.1 1234 tcp 1"

	printEvery     = 1000 // as the C program
	finiteCount    = 16_000
	requestHeader  = "hello world request header\x00"
	requestData    = "hello world request data\x00"
	responseHeader = "hello world response header"
	responseData   = "hello world response data"
)

func main() { app.Main("xio_iov_client", run) }

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("xio_iov_client", flag.ContinueOnError)
	target := app.NewTarget(fs, false, "`bytes` of each piece", 65280)
	pieces := fs.Int("pieces", 4, fmt.Sprintf("`pieces` of a request, 1 to %d", xio.MaxSegments))
	depth := fs.Int("depth", 30, "requests in flight, 1 to 512")
	n := fs.Uint64("n", 0, "end after this `count` of requests")
	if help, err := app.ParseFlags(fs, target, args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	if *pieces < 1 || *pieces > xio.MaxSegments || target.Size < len(requestData) || target.Size**pieces > xio.MaxMessage-xio.MaxHeader {
		return app.Usagef("%d pieces of %d bytes are not a message", *pieces, target.Size)
	}
	if *depth < 1 || *depth > 512 {
		return app.Usagef("depth %d is not within 1 to 512", *depth)
	}
	if target.Finite && *n == 0 {
		*n = finiteCount
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	list, err := app.Pieces(ctx, *pieces, target.Size, requestData)
	if err != nil {
		return err
	}
	defer list.Release()
	conn, err := xio.Dial(ctx, target.URI)
	if err != nil {
		return err
	}
	fmt.Println("session event: connection established. reason: Success")
	c := &client{
		conn: conn,
		n:    *n,
		req:  xio.Message{Header: []byte(requestHeader), Buffers: list, MaxResponse: list.Len()},
		done: make(chan error, *depth),
	}
	began := time.Now()
	err = c.run(ctx, *depth)
	closeErr := conn.Close()
	fmt.Printf("exit signaled\nrequests: %d in %.2f s, %d bytes in %d segments of answers, all as expected\n",
		c.answered, time.Since(began).Seconds(), c.bytes, c.segments)
	if err != nil {
		return fmt.Errorf("after %d answers: %w", c.answered, err)
	}
	if closeErr == nil {
		fmt.Println("good bye")
	}
	return closeErr
}

// client sends a request for each answer. After run has sent the first ones all
// of it belongs to the connection's driver, on which completions run.
type client struct {
	conn *xio.Connection
	n    uint64
	req  xio.Message
	done chan error // one for each place in the queue, when it falls empty

	sent, answered  uint64
	bytes, segments uint64
}

func (c *client) run(ctx context.Context, depth int) error {
	// The first requests are sent by the first completion, so that only the
	// driver touches the counters.
	start := make(chan struct{})
	c.sent = 1
	err := c.conn.TrySend(&c.req, func(rsp *xio.Response, err error) {
		for range depth - 1 {
			c.next(ctx)
		}
		close(start)
		c.answer(ctx, rsp, err)
	})
	if err != nil {
		return err
	}
	<-start
	var first error
	for range depth {
		if err := <-c.done; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// next sends a request, or says that a place in the queue has fallen empty.
func (c *client) next(ctx context.Context) {
	if ctx.Err() != nil || (c.n > 0 && c.sent >= c.n) {
		c.done <- nil
		return
	}
	err := c.conn.TrySend(&c.req, func(rsp *xio.Response, err error) { c.answer(ctx, rsp, err) })
	if err != nil {
		c.done <- err
		return
	}
	c.sent++
}

func (c *client) answer(ctx context.Context, rsp *xio.Response, err error) {
	if err == nil {
		err = c.check(rsp)
		rsp.Release()
	}
	if err != nil {
		c.done <- err
		return
	}
	c.next(ctx)
}

func (c *client) check(rsp *xio.Response) error {
	segments := rsp.Segments()
	if !bytes.HasPrefix(rsp.Header(), []byte(responseHeader)) {
		return fmt.Errorf("unexpected header %q", app.Text(rsp.Header()))
	}
	if len(segments) == 0 || !bytes.HasPrefix(segments[0], []byte(responseData)) {
		return errors.New("unexpected data")
	}
	c.answered++
	c.bytes += uint64(rsp.Len())
	c.segments += uint64(len(segments))
	if c.answered%printEvery == 0 {
		fmt.Printf("message header : [%d] - %s\n", c.answered, app.Text(rsp.Header()))
		for i, seg := range segments {
			fmt.Printf("message data: [%d][%d][%d] - %s\n", c.answered, i, len(seg), app.Text(seg))
		}
	}
	return nil
}
