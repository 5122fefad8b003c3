// SPDX-License-Identifier: Apache-2.0

// Xio_bidi_client sends requests and answers those that the server sends, on the
// same connection. It shows Dialer.Handler.
//
// It is a port of Accelio's C xio_bidi_client (hello_test_bidi) and takes its
// arguments; the server may be xio_bidi_server, its C counterpart, or any other.
// It differs from the C program on purpose: the default transport is tcp, and a
// finite run ends with the answers to all its requests, and the connection with
// what is under way from the server.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_bidi_client sends requests, and answers those of the server. Ctrl-C ends it
cleanly, a second one at once.`
	sample = "xio_bidi_client -p 2061 -r tcp -n 32 -w 1024 -f 1 127.0.0.1"

	finiteCount = 4_000_000
)

func main() { app.Main("xio_bidi_client", run) }

func run(ctx context.Context, args []string) error {
	o := app.NewOptions("xio_bidi_client", false, finiteCount, 50)
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
	e := app.NewEnd(o, "request")
	d := xio.Dialer{Context: loop, QueueDepth: o.Depth, Inline: true, Handler: e}
	conn, err := d.Dial(ctx, o.URI)
	if err != nil {
		return err
	}
	fmt.Println("session event: connection established. reason: Success")
	fmt.Println("**** starting ...")
	stop := e.StartMeter()
	err = e.Send(ctx, conn, o.Count)
	// Requests that the server has sent before it learns of the end are
	// answered, later ones are not.
	err = errors.Join(err, conn.Drain(context.Background()))
	stop()
	e.Report()
	fmt.Println("exit complete")
	return err
}
