// SPDX-License-Identifier: Apache-2.0

// Simple_client is the client of the pair that tests SimpleMessenger: it sends some
// messages to simple_server, which sends them back, and sends them again, so that they
// go round until it is stopped or a number of round trips is reached.
//
// With -compare it does without a server: the same load goes over SimpleMessenger and
// over XioMessenger in turns, each with a server of its own in this process, and the
// rates stand side by side.
//
// It is a program of Ceph's, with its flags and -n, -compare and -json beside them.
package main

import (
	"context"
	"encoding/json"
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

const usage = `simple_client sends messages that simple_server sends back, over SimpleMessenger.
Ctrl-C ends it.

Usage: simple_client [flags]

Flags:
`

const sample = `
Examples:
  simple_client -addr 127.0.0.1 -port 1234 -msgs 50 -dsize 4096 -n 100000
  simple_client -compare -msgs 64 -dsize 4096
`

type options struct {
	host    string
	port    int
	load    circulate.Load
	compare bool
	rounds  int
	json    bool
}

func main() {
	app.Main("simple_client", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}

func run(ctx context.Context, args []string, w io.Writer) error {
	o, help, err := parse(args, w)
	if err != nil || help {
		return err
	}
	if o.compare {
		return compare(ctx, o, w)
	}
	tcp, err := net.ResolveTCPAddr("tcp4", net.JoinHostPort(o.host, strconv.Itoa(o.port)))
	if err != nil {
		return app.Usagef("-addr %v", err)
	}
	ap := tcp.AddrPort()
	server := messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())}
	r, err := o.load.Run(ctx, simplemessenger.New(circulate.Config(uint32(os.Getpid()))), server)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(w).Encode(r)
	}
	_, err = fmt.Fprintf(w, "%d round trips in %.3f s: %.0f/s\n", r.RoundTrips, r.Seconds, r.Rate())
	return err
}

// Bounds of the flags.
const (
	maxMessages = 4096
	maxSize     = 64 << 20
	maxInFlight = 1 << 30
)

func parse(args []string, w io.Writer) (*options, bool, error) {
	o := &options{}
	fs := flag.NewFlagSet("simple_client", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.host, "addr", "localhost", "`host` name or address of the server")
	fs.IntVar(&o.port, "port", 1234, "port `number`")
	fs.IntVar(&o.load.Messages, "msgs", 50, "messages that go round at a `time`")
	fs.IntVar(&o.load.Size, "dsize", 0, "`bytes` of data in each; 0: pings without data")
	fs.Uint64Var(&o.load.RoundTrips, "n", 0, "end after so many round `trips`; 0: when stopped, with -compare 20000")
	fs.BoolVar(&o.compare, "compare", false, "compare SimpleMessenger and XioMessenger in this process")
	fs.IntVar(&o.rounds, "rounds", 3, "`number` of turns that each messenger has with -compare")
	fs.BoolVar(&o.json, "json", false, "print the results as JSON")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(w)
		fmt.Fprint(w, usage)
		fs.PrintDefaults()
		fmt.Fprint(w, sample)
		return o, true, nil
	}
	if o.compare && o.load.RoundTrips == 0 {
		o.load.RoundTrips = 20000
	}
	switch l := o.load; {
	case err != nil:
		err = app.Usagef("%v", err)
	case fs.NArg() > 0:
		err = app.Usagef("%q is one argument too many", fs.Arg(0))
	case o.port < 1 || o.port > 65535:
		err = app.Usagef("port %d is not within 1 to 65535", o.port)
	case l.Messages < 1 || l.Messages > maxMessages:
		err = app.Usagef("-msgs %d is not within 1 to %d", l.Messages, maxMessages)
	case l.Size < 0 || l.Size > maxSize:
		err = app.Usagef("-dsize %d is not within 0 to %d", l.Size, maxSize)
	case l.Size*l.Messages > maxInFlight:
		err = app.Usagef("%d messages of %d bytes are more than 1 GiB", l.Messages, l.Size)
	case l.RoundTrips > 0 && l.RoundTrips < uint64(l.Messages):
		err = app.Usagef("-n %d is less than one round of %d messages", l.RoundTrips, l.Messages)
	case o.rounds < 1:
		err = app.Usagef("-rounds %d is not positive", o.rounds)
	}
	return o, false, err
}
