// SPDX-License-Identifier: Apache-2.0

// Simple_server is a messenger over TCP that sends every message back to where it came
// from, and counts. Clients are simple_client, and whoever else speaks the first
// version of Ceph's protocol.
//
// It is after Ceph's program of that name, and takes the options of
// xio_messenger_server, which does the same over Accelio.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func main() {
	app.Main("simple_server", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout, nil) })
}

// run is the program; ready, if not nil, is told when clients can come.
func run(ctx context.Context, args []string, w io.Writer, ready func(messenger.AddrVec)) error {
	var o pingpong.Options
	fs := flag.NewFlagSet("simple_server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {
		fs.SetOutput(w)
		fmt.Fprintln(w, "simple_server sends every message back to its sender. Ctrl-C ends it.\n\n"+
			"  simple_server -addr 127.0.0.1 -port 1234")
		fs.PrintDefaults()
	}
	o.Flags(fs, false)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return app.Usagef("%v", err)
	case fs.NArg() > 0:
		return app.Usagef("%q is one argument too many", fs.Arg(0))
	}
	return pingpong.Serve(ctx, simplemessenger.New(pingpong.Config(true)), o, w, ready)
}
