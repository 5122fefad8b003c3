// SPDX-License-Identifier: Apache-2.0

// Command peer is one process of one run of the benchmark: an echo server, or a
// client that measures, of one of the libraries that are compared. The program
// in the folder above starts it; by hand:
//
//	peer serve -peer xio -size 32 -depth 64        # prints port=… pid=…
//	peer client -peer xio -size 32 -depth 64 -server 41234:5678
//
// A server ends with its standard input. Both take -cpuprofile.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// options say what a process does. Server and client get the same size, depth
// and options of the library.
type options struct {
	peer    string
	size    int
	depth   int // requests in flight
	single  bool
	call    bool // xio: blocking calls, one goroutine for each request in flight
	port    int
	pid     int // of the server, for its CPU time
	warm    time.Duration
	seconds time.Duration
	profile string
}

// peer is a library under test.
type peer struct {
	// serve starts to answer requests with their own data, at a free port of
	// 127.0.0.1 that it returns.
	serve func(m *serverMeter) (port int, err error)
	// client keeps o.depth requests in flight until the meter has enough.
	client func(o *options, m *meter) error
	// version is of what is not a Go module; nil: there is nothing.
	version func() string
}

// peers by name. Files of peers that are not always built add theirs.
var peers = map[string]peer{
	"xio":         {serve: xioServe, client: xioClient, version: xioVersion},
	"grpc-unary":  {serve: grpcServe, client: grpcUnary},
	"grpc-stream": {serve: grpcServe, client: grpcStream},
	"netrpc":      {serve: netrpcServe, client: netrpcClient},
	"tcp":         {serve: tcpServe, client: tcpClient},
	"mangos":      {serve: mangosServe, client: mangosClient},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		exit(err)
	}
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, "peer:", err)
	os.Exit(1)
}

func run(args []string) error {
	usage := fmt.Errorf("usage: peer serve|client|versions [flags]; peers: %s",
		strings.Join(slices.Sorted(maps.Keys(peers)), " "))
	if len(args) == 0 {
		return usage
	}
	if args[0] == "versions" {
		for _, name := range slices.Sorted(maps.Keys(peers)) {
			if v := peers[name].version; v != nil {
				fmt.Printf("%s: %s\n", name, v())
			}
		}
		return nil
	}
	var o options
	var server string
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&o.peer, "peer", "xio", "library")
	flags.IntVar(&o.size, "size", 32, "data of a message in bytes, at least 16")
	flags.IntVar(&o.depth, "depth", 1, "requests in flight")
	flags.BoolVar(&o.single, "single", false, "xio: one socket for a connection instead of two")
	flags.BoolVar(&o.call, "call", false, "xio: blocking calls by as many goroutines as there are requests in flight")
	flags.StringVar(&server, "server", "", "client: port:pid of the server")
	flags.DurationVar(&o.warm, "warm", 250*time.Millisecond, "time before the measurement")
	flags.DurationVar(&o.seconds, "seconds", time.Second, "time measured")
	flags.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	p, ok := peers[o.peer]
	if !ok || flags.NArg() > 0 || o.size < minSize || o.depth < 1 || o.seconds <= 0 || o.warm < 0 {
		return usage
	}
	stop, err := o.startProfile()
	if err != nil {
		return err
	}
	defer stop()
	switch args[0] {
	case "serve":
		return serve(p, &o)
	case "client":
		if _, err := fmt.Sscanf(server, "%d:%d", &o.port, &o.pid); err != nil {
			return fmt.Errorf("-server %q is not port:pid", server)
		}
		return measure(p, &o)
	}
	return usage
}

func (o *options) addr() string { return fmt.Sprintf("127.0.0.1:%d", o.port) }

func (o *options) startProfile() (stop func(), err error) {
	if o.profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(o.profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

// serve answers until standard input ends. Nothing is closed then: clients have
// left, and the process goes.
func serve(p peer, o *options) error {
	m := &serverMeter{size: o.size}
	port, err := p.serve(m)
	if err != nil {
		return err
	}
	fmt.Printf("port=%d pid=%d\n", port, os.Getpid())
	if _, err := io.Copy(io.Discard, bufio.NewReader(os.Stdin)); err != nil {
		return err
	}
	m.report(os.Stdout)
	return nil
}

func measure(p peer, o *options) error {
	m, err := newMeter(o)
	if err != nil {
		return err
	}
	if err := p.client(o, m); err != nil {
		return fmt.Errorf("%s: %w", o.peer, err)
	}
	return m.report(os.Stdout)
}
