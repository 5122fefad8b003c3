// SPDX-License-Identifier: Apache-2.0

// Command bench compares package xio with the same work in C on the same
// library, and with other ways to send requests from Go: gRPC, net/rpc, mangos,
// ZeroMQ and plain TCP.
//
//	cd bench && go run .                      # all cases, 7 rounds, into results/
//	go run . -rounds 3 -case 'depth 64' -out /tmp/results
//	go run . -list
//
// In each round every case runs once with each of those that are compared, in
// turns, and neither always comes first; the tables show medians over the
// rounds. A run is two processes on loopback TCP: a server that echoes, and a
// client that keeps a number of requests in flight, stamps both ends of each
// and verifies both ends of each answer, as the server does.
//
// Against C both clients talk to the same server in C, on the same library and
// with the same options: the embedded engine, and the libxio that -libxio or
// ACCELIO_PREFIX names, or that pkg-config knows. The C program is in csrc;
// ./engine runs it on the two libraries against each other. Against the others,
// server and client are in Go.
//
// It is a module of its own, so that nobody who uses package xio needs what it
// is compared with. ZeroMQ needs libzmq's headers (Debian: libzmq3-dev); without
// them that comparison is left out. The machine should have nothing else to do.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"
)

// config is what the command line says.
type config struct {
	rounds  int
	seconds time.Duration
	warm    time.Duration
	only    *regexp.Regexp
	libxio  string // prefix; empty: pkg-config, or none
	single  bool
	bound   bool
	out     string // folder
	log     io.Writer
}

func main() {
	c := config{log: os.Stderr}
	flag.IntVar(&c.rounds, "rounds", 7, "rounds; the tables show medians")
	flag.DurationVar(&c.seconds, "seconds", 600*time.Millisecond, "time measured in each run")
	flag.DurationVar(&c.warm, "warm", 200*time.Millisecond, "time before that in each run")
	flag.StringVar(&c.libxio, "libxio", os.Getenv("ACCELIO_PREFIX"), "where a real libxio is installed (default $ACCELIO_PREFIX, then pkg-config)")
	flag.BoolVar(&c.single, "single", false, "Accelio: one socket for a connection instead of two, in C and in Go")
	flag.BoolVar(&c.bound, "bind", canBind(), "give server and client a half of the processors each, with taskset")
	flag.StringVar(&c.out, "out", "results", "folder for tables, values and plots")
	only := flag.String("case", "", "regular expression: only rows with such a name")
	list := flag.Bool("list", false, "print the names of the rows and end")
	flag.Parse()
	var err error
	if c.only, err = regexp.Compile(*only); err != nil || flag.NArg() > 0 || c.rounds < 1 || c.seconds <= 0 || c.warm < 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *list {
		for _, t := range c.tables() {
			for _, r := range t.rows {
				fmt.Printf("%s: %s\n", t.name, r.name)
			}
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}
