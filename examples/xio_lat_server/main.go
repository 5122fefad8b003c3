// SPDX-License-Identifier: Apache-2.0

// Xio_lat_server answers requests as soon as it can, for a client that measures
// latency.
//
// It is a port of Accelio's C xio_lat_server (hello_test_lat) and takes its
// arguments; clients may be xio_lat_client, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, and it
// serves any number of clients. What to wait for when there is nothing to do is
// chosen by -drive.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_lat_server answers requests as soon as it can. Ctrl-C ends it cleanly, a
second one at once.

It prints "listen to URI" when clients can come; with -p 0 the URI has the port
that was picked.`
	sample = "xio_lat_server -p 2061 -r tcp -n 32 -w 32 127.0.0.1"
)

func main() { app.Main("xio_lat_server", run) }

func run(ctx context.Context, args []string) error {
	o := app.NewOptions("xio_lat_server", true, 0, 0)
	o.DriveFlag()
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
	l := xio.ListenConfig{Context: loop, Inline: true}
	clients := app.NewClients(&l, o.Finite, o.Count)
	e.Served = clients.Count
	srv, err := l.Listen(o.URI, e)
	if err != nil {
		return err
	}
	fmt.Printf("listen to %s\n", srv.URI())
	clients.Wait(ctx)
	err = srv.Close()
	e.Report()
	return err
}
