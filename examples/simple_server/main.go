// SPDX-License-Identifier: Apache-2.0

// Simple_server is the server of the pair that tests SimpleMessenger: it sends each
// ping, with or without data, back where it came from, until it is stopped. Clients are
// simple_client, and whoever else speaks the first version of Ceph's protocol.
//
// It is a program of Ceph's, with its flags; it differs in that a message of another
// type ends the connection and not the program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/internal/circulate"
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

const usage = `simple_server sends pings back where they came from, over SimpleMessenger. Ctrl-C
ends it.

Usage: simple_server [flags]

Flags:
`

func main() {
	app.Main("simple_server", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}

func run(ctx context.Context, args []string, w io.Writer) error {
	fs := flag.NewFlagSet("simple_server", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	host := fs.String("addr", "localhost", "`host` name or address to listen at")
	port := fs.Int("port", 1234, "port `number`; 0 takes a free one")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(w)
		fmt.Fprint(w, usage)
		fs.PrintDefaults()
		return nil
	case err != nil:
		return app.Usagef("%v", err)
	case fs.NArg() > 0:
		return app.Usagef("%q is one argument too many", fs.Arg(0))
	case *port < 0 || *port > 65535:
		return app.Usagef("port %d is not within 0 to 65535", *port)
	}
	tcp, err := net.ResolveTCPAddr("tcp4", net.JoinHostPort(*host, strconv.Itoa(*port)))
	if err != nil {
		return app.Usagef("-addr %v", err)
	}
	ap := tcp.AddrPort()
	at := messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())}
	d := circulate.NewDispatcher(w)
	err = circulate.Serve(ctx, simplemessenger.New(circulate.Config(0)), d, at, func(a messenger.EntityAddr) {
		fmt.Fprintf(w, "listen to %v\n", a.Addr)
	})
	fmt.Fprintf(w, "%d messages\n", d.Count())
	return err
}
