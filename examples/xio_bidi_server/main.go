// SPDX-License-Identifier: Apache-2.0

// Xio_bidi_server answers requests and sends requests of its own to each client,
// on the same connection. It shows ListenConfig.OnConnect and that a Connection
// is the same thing on both sides.
//
// It is a port of Accelio's C xio_bidi_server (hello_test_bidi) and takes its
// arguments; clients may be xio_bidi_client, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, and a
// finite run ends; two C programs wait for each other for ever at that point.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_bidi_server answers requests, and sends some to each client. Ctrl-C ends it
cleanly, a second one at once.

It prints "listen to URI" when clients can come; with -p 0 the URI has the port
that was picked.`
	sample = "xio_bidi_server -p 2061 -r tcp -n 32 -w 1024 -f 1 127.0.0.1"
)

func main() { app.Main("xio_bidi_server", run) }

func run(ctx context.Context, args []string) error {
	o := app.NewOptions("xio_bidi_server", true, 0, 50)
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
	e := app.NewEnd(o, "response")
	var sending sync.WaitGroup
	l := xio.ListenConfig{Context: loop, Inline: true, QueueDepth: o.Depth, OnConnect: func(c *xio.Connection) {
		fmt.Println("**** starting ...")
		// A client that leaves ends our requests too; that is no failure here.
		sending.Go(func() { _ = e.Send(ctx, c, 0) })
	}}
	clients := app.NewClients(&l, o.Finite, o.Count)
	e.Served = clients.Count
	srv, err := l.Listen(o.URI, e)
	if err != nil {
		return err
	}
	fmt.Printf("listen to %s\n", srv.URI())
	stop := e.StartMeter()
	clients.Wait(ctx)
	err = srv.Close()
	sending.Wait()
	stop()
	e.Report()
	return err
}
