// SPDX-License-Identifier: Apache-2.0

// Xio_messenger_client is a messenger over Accelio that lets messages circulate between
// itself and a server, and measures how many do. It shows how a messenger connects, and
// how data in buffers of package pool becomes a message's.
//
// It is after Ceph's xio_client; the server is xio_messenger_server.
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
	"github.com/accelio/accelio-go/messenger/xiomessenger"
	"github.com/accelio/accelio-go/pool"
)

func main() { app.Main("xio_messenger_client", run) }

func run(ctx context.Context, args []string) error {
	var o pingpong.Options
	var x xiomessenger.Options
	fs := flag.NewFlagSet("xio_messenger_client", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {
		fs.SetOutput(os.Stdout)
		fmt.Fprintln(fs.Output(), "xio_messenger_client lets messages circulate between itself and xio_messenger_server.\nCtrl-C ends it.\n\n"+
			"  xio_messenger_client -msgs 64 -dsize 4096 -duration 10s")
		fs.PrintDefaults()
	}
	o.Flags(fs, true)
	fs.IntVar(&x.PortalThreads, "portals", 1, "`number` of portals")
	fs.BoolVar(&x.CephCompat, "ceph", false, "no handshake, as Ceph's xio messenger")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return app.Usagef("%v", err)
	}
	m, err := xiomessenger.New(pingpong.Config(false), x)
	if err != nil {
		return err
	}
	_, err = pingpong.Circulate(ctx, m, o, pooled, os.Stdout)
	return err
}

// pooled is memory that xio sends from without a copy.
func pooled(ctx context.Context, size int) (messenger.Buffer, error) {
	return pool.Default().Get(ctx, size)
}
