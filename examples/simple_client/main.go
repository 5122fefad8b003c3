// SPDX-License-Identifier: Apache-2.0

// Simple_client is a messenger over TCP that lets messages circulate between itself and
// simple_server, and measures how many do.
//
// With -compare it needs no server: the same load goes over SimpleMessenger and over
// XioMessenger in turns, each with a server of its own in this process, and the rates
// stand side by side.
//
// It is after Ceph's program of that name, and takes the options of
// xio_messenger_client, which does the same over Accelio.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

// compareDuration is how long a turn takes if nothing is said.
const compareDuration = 2 * time.Second

type options struct {
	pingpong.Options
	compare bool
	rounds  int
	json    bool
}

func main() {
	app.Main("simple_client", func(ctx context.Context, args []string) error { return run(ctx, args, os.Stdout) })
}

func run(ctx context.Context, args []string, w io.Writer) error {
	var o options
	fs := flag.NewFlagSet("simple_client", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {
		fs.SetOutput(w)
		fmt.Fprintln(w, "simple_client lets messages circulate between itself and simple_server. Ctrl-C ends it.\n\n"+
			"  simple_client -msgs 64 -dsize 4096 -duration 10s\n"+
			"  simple_client -compare -msgs 64 -dsize 4096")
		fs.PrintDefaults()
	}
	o.Flags(fs, true)
	fs.BoolVar(&o.compare, "compare", false, "compare SimpleMessenger and XioMessenger in this process; -duration is that of a turn")
	fs.IntVar(&o.rounds, "rounds", 3, "`number` of turns that each messenger has with -compare")
	fs.BoolVar(&o.json, "json", false, "with -compare, print the results as JSON")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return app.Usagef("%v", err)
	case fs.NArg() > 0:
		return app.Usagef("%q is one argument too many", fs.Arg(0))
	case o.rounds < 1:
		return app.Usagef("-rounds %d is not positive", o.rounds)
	case o.compare:
		if o.Duration == 0 {
			o.Duration = compareDuration
		}
		return compare(ctx, &o, w)
	}
	_, err = pingpong.Circulate(ctx, simplemessenger.New(pingpong.Config(false)), o.Options, nil, w)
	return err
}
