// SPDX-License-Identifier: Apache-2.0

// Xio_mt_client sends requests on several threads: one session with a
// connection for each of them. It shows Session.Connect, Dialer.Index, which
// says what portal of the server a connection goes to, and Connection.Call.
//
// It is a port of Accelio's C xio_mt_client (hello_world_mt) and takes its
// arguments; the server may be xio_mt_server, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, each
// thread sends exactly its number of requests and gets all its answers, what
// comes back is checked, and failures show in the exit code.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_mt_client sends requests to an Accelio server on several threads, each with
its own connection of one session. Ctrl-C ends it cleanly, a second one at once.

A finite run is 3000000 requests of each thread.`
	sample = "xio_mt_client 127.0.0.1 1234 tcp 1"

	printEvery  = 400_000   // as the C program
	finiteCount = 3_000_000 // as the C program
)

func main() { app.Main("xio_mt_client", run) }

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("xio_mt_client", flag.ContinueOnError)
	target := app.NewTarget(fs, false, "data of a request in `bytes`", 0)
	threads := fs.Int("threads", 4, "how many `connections`, 1 to 64")
	n := fs.Uint64("n", 0, "end after this `count` of requests of each thread")
	if help, err := app.ParseFlags(fs, target, args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	if *threads < 1 || *threads > 64 {
		return app.Usagef("%d threads are not within 1 to 64", *threads)
	}
	if target.Size < 0 || target.Size > xio.MaxMessage-xio.MaxHeader {
		return app.Usagef("message size %d is not within 0 to %d", target.Size, xio.MaxMessage-xio.MaxHeader)
	}
	if target.Finite && *n == 0 {
		*n = finiteCount
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	conns, err := connect(ctx, target.URI, *threads)
	if err != nil {
		return err
	}
	began := time.Now()
	total, err := work(ctx, conns, *n, target.Size)
	closeErr := conns[0].Session().Close() // and with it all connections
	fmt.Printf("exit signaled\nrequests: %d in %.2f s, %d verified\n", total, time.Since(began).Seconds(), total)
	if err != nil {
		return err
	}
	return closeErr
}

// connect begins a session and gives it a connection for every thread. Each is
// on a Context of its own, so they run in parallel.
func connect(ctx context.Context, uri string, threads int) ([]*xio.Connection, error) {
	var conns []*xio.Connection
	for i := range threads {
		d := &xio.Dialer{Index: i + 1}
		var c *xio.Connection
		var err error
		if i == 0 {
			c, err = d.Dial(ctx, uri)
		} else {
			c, err = conns[0].Session().Connect(ctx, d)
		}
		if err != nil {
			if i > 0 {
				err = errors.Join(err, conns[0].Session().Close())
			}
			return nil, err
		}
		conns = append(conns, c)
		fmt.Printf("connection established. thread: %d, peer: %s\n", i+1, c.RemoteAddr())
	}
	return conns, nil
}

// work lets every thread send its requests and says how many were answered. The
// first failure ends all of them.
func work(ctx context.Context, conns []*xio.Connection, n uint64, size int) (total uint64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, c := range conns {
		wg.Go(func() {
			t := thread{number: i + 1, conn: c, n: n}
			e := t.run(ctx, size)
			fmt.Println("thread exit")
			mu.Lock()
			defer mu.Unlock()
			total += t.answered
			if e != nil && err == nil {
				err = fmt.Errorf("thread %d, after %d answers: %w", t.number, t.answered, e)
				cancel()
			}
		})
	}
	wg.Wait()
	return total, err
}

type thread struct {
	number   int
	conn     *xio.Connection
	n        uint64
	answered uint64
}

// run has one request in flight, as a thread of the C program.
func (t *thread) run(ctx context.Context, size int) error {
	req := xio.Message{
		Header: fmt.Appendf(nil, "hello world header request from thread %d\x00", t.number),
		Data:   make([]byte, size),
	}
	var first []byte
	for ctx.Err() == nil && (t.n == 0 || t.answered < t.n) {
		rsp, err := t.conn.Call(context.Background(), &req)
		if err != nil {
			return err
		}
		t.answered++
		header := rsp.Header()
		if t.answered%printEvery == 0 {
			fmt.Printf("thread [%d] - message: [%d] - %s\n", t.number, t.answered, app.Text(header))
		}
		// A connection belongs to one portal, so all answers are alike.
		if first == nil {
			first = bytes.Clone(header)
		}
		same := bytes.Equal(header, first) && bytes.HasPrefix(header, []byte("hello world header response"))
		text := app.Text(header)
		rsp.Release()
		if !same {
			return fmt.Errorf("unexpected answer %q, the first was %q", text, app.Text(first))
		}
	}
	return nil
}
