// SPDX-License-Identifier: Apache-2.0

// Xio_messenger_server is a messenger over Accelio that sends every message back to
// where it came from, and counts. It shows how a messenger is made, bound and ended.
//
// It is after Ceph's xio_server; the client is xio_messenger_client. It differs on
// purpose: messages circulate because they are sent back, not because a debug flag
// makes the sender send again, and there is a handshake, without which -ceph does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
)

func main() { app.Main("xio_messenger_server", run) }

func run(ctx context.Context, args []string) error {
	var o pingpong.Options
	var x xiomessenger.Options
	fs := flag.NewFlagSet("xio_messenger_server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {
		fs.SetOutput(os.Stdout)
		fmt.Fprintln(fs.Output(), "xio_messenger_server sends every message back to its sender. Ctrl-C ends it.\n\n"+
			"  xio_messenger_server -addr 127.0.0.1 -port 1234")
		fs.PrintDefaults()
	}
	o.Flags(fs, false)
	fs.IntVar(&x.PortalThreads, "portals", 2, "`number` of portals")
	fs.BoolVar(&x.CephCompat, "ceph", false, "no handshake, as Ceph's xio messenger")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return app.Usagef("%v", err)
	}
	m, err := xiomessenger.New(pingpong.Config(true), x)
	if err != nil {
		return err
	}
	return pingpong.Serve(ctx, m, o, os.Stdout, nil)
}
