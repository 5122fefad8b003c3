// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// mode is what the program does.
type mode int

const (
	modeBench mode = 1 << iota
	modeServer
	modeSoak
	modePlot
)

func (m mode) String() string {
	switch m {
	case modeServer:
		return "-server"
	case modeSoak:
		return "-soak"
	case modePlot:
		return "-plot"
	}
	return "a benchmark"
}

// APIs to measure.
const (
	apiCall = "call"
	apiSend = "send"
)

type options struct {
	mode mode
	set  map[string]bool // flags on the command line

	server, local, spawn       bool
	uri, addr, port, transport string

	sizes, depths                     intList
	connections, contexts, goroutines int
	header                            int
	api                               string
	oneWay, receipt                   bool
	buffers                           bool
	oneSession                        bool
	single, noKeepalive               bool
	workers, portals                  int
	untilEOF                          bool

	warmup, duration, timeout time.Duration
	n                         uint64
	rate                      float64

	json bool
	csv  string

	plot, out string

	soak time.Duration
	seed uint64
}

const (
	intro = `xioperf measures Accelio connections. It is the client of a server at -uri, or
the server with -server; -local is both in one process and -spawn both in two.
Every size is measured at every depth. Ctrl-C ends it with the results so far, a
second one at once.

With -soak it sends random traffic both ways over connections that come and go,
checks all of it, and fails if a message is lost, duplicated, damaged or out of
order, or if memory, descriptors or goroutines grow. With -plot it draws what
-csv has gathered.`
	sampleLine = "xioperf -local -size 64,4k,64k -depth 1,16 -csv results.csv && xioperf -plot results.csv -o results.svg"
)

// anyRun are the modes that use the network.
const anyRun = modeBench | modeServer | modeSoak

// flagSet defines the flags. usedIn says in which modes each means something.
func (o *options) flagSet() (fs *flag.FlagSet, usedIn map[string]mode) {
	fs = flag.NewFlagSet(program, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	usedIn = map[string]mode{}
	in := func(m mode, name string) string {
		usedIn[name] = m
		return name
	}
	client := modeBench | modeSoak

	fs.BoolVar(&o.server, in(modeServer, "server"), false, "be the server, until Ctrl-C")
	fs.BoolVar(&o.local, in(client, "local"), false, "be server and client in one process")
	fs.BoolVar(&o.spawn, in(client, "spawn"), false, "start another process of this program as the server")
	fs.StringVar(&o.uri, in(anyRun, "uri"), "", "whole address as `URI`, in place of -addr, -port and -transport")
	fs.StringVar(&o.addr, in(anyRun, "addr"), "127.0.0.1", "`host` name or address")
	fs.StringVar(&o.port, in(anyRun, "port"), "1234", "port `number`; a server may use 0 and prints the one it got")
	fs.StringVar(&o.transport, in(anyRun, "transport"), "tcp", "`name`: tcp or rdma; the embedded engine has tcp")
	fs.BoolVar(&o.single, in(anyRun, "single"), false, "one TCP socket per connection in place of two")
	fs.BoolVar(&o.noKeepalive, in(anyRun, "no-keepalive"), false, "do not probe idle connections")
	fs.IntVar(&o.workers, in(anyRun, "workers"), 0, "`number` of goroutines that answer in the server, up to 4096; 0: answer on the driver")
	fs.IntVar(&o.portals, in(anyRun, "portals"), 0, "`number` of event loops that serve the server's connections, up to 64; 0: the one that listens")
	fs.BoolVar(&o.untilEOF, in(modeServer, "until-eof"), false, "end when standard input ends: for programs that start a server")

	o.sizes = intList{list: []int{32, 4 << 10, 64 << 10, 1 << 20}, parse: parseSize, text: sizeText}
	o.depths = intList{list: []int{16}, parse: strconv.Atoi, text: strconv.Itoa}
	fs.Var(&o.sizes, in(modeBench, "size"), "`bytes` of data in a message, a list like 64,4k,1m")
	fs.Var(&o.depths, in(client, "depth"), "messages in flight per connection, a list like 1,16,64; one `number` with -soak")
	fs.IntVar(&o.connections, in(client, "connections"), 1, "`number` of connections at a time")
	fs.IntVar(&o.contexts, in(client, "contexts"), 0, "`number` of event loops the connections share; 0: one each")
	fs.BoolVar(&o.oneSession, in(modeBench, "one-session"), false, "all connections in one session, in place of one each; they need a context each")
	fs.IntVar(&o.goroutines, in(modeBench, "goroutines"), 0,
		"`number` of goroutines that send, over all connections; 0: with -api call one per message in flight, "+
			"with -api send none (a completion sends the next), or one per connection with -rate")
	fs.IntVar(&o.header, in(modeBench, "header"), 0, "`bytes` of application header in a message")
	fs.StringVar(&o.api, in(modeBench, "api"), apiSend, "what to send with, as `name`: call (blocks) or send (with completion)")
	fs.BoolVar(&o.oneWay, in(modeBench, "oneway"), false,
		"one-way messages in place of requests; latency is until a message is handed to the network, the rate that of delivery")
	fs.BoolVar(&o.receipt, in(modeBench, "receipt"), false, "-oneway with delivery receipts, which latency is until; always so with -api call")
	fs.BoolVar(&o.buffers, in(modeBench, "buffers"), false, "send from pool buffers in place; otherwise data is copied")

	fs.DurationVar(&o.warmup, in(modeBench, "warmup"), time.Second, "`time` before each measurement")
	fs.DurationVar(&o.duration, in(modeBench, "duration"), 5*time.Second, "`time` of each measurement; 0: no bound (with -n: 0)")
	fs.Uint64Var(&o.n, in(modeBench, "n"), 0, "end each measurement after `count` messages; 0: no bound")
	fs.Float64Var(&o.rate, in(modeBench, "rate"), 0,
		"`messages` per second over all connections; latency then counts from when a message was due. 0: as many as go")
	fs.DurationVar(&o.timeout, in(client, "timeout"), 10*time.Second, "longest `wait` for a connection, and for an answer")

	fs.BoolVar(&o.json, in(anyRun, "json"), false, "print the results as JSON, and nothing else")
	fs.StringVar(&o.csv, in(client, "csv"), "", "add the results to this `file`; with -soak: a row for each sample")
	fs.StringVar(&o.plot, in(modePlot, "plot"), "", "draw the results in this CSV `file`, and nothing else")
	fs.StringVar(&o.out, in(modePlot, "o"), "", "`file` to draw to, .svg or .png")
	fs.DurationVar(&o.soak, in(modeSoak, "soak"), 0,
		fmt.Sprintf("check random traffic for this `time`, over %d connections with %d messages in flight each unless said otherwise; growth is judged from %v on",
			soakConnections, soakDepth, minJudged))
	fs.Uint64Var(&o.seed, in(modeSoak, "seed"), 0, "`number` that the random traffic follows from; 0: another each time")
	return fs, usedIn
}

func help() string {
	var b strings.Builder
	fs, _ := new(options).flagSet()
	fmt.Fprintf(&b, "%s\n\nUsage: %s [flags]\n\nFlags:\n", intro, program)
	fs.SetOutput(&b)
	fs.PrintDefaults()
	fmt.Fprintf(&b, "\nExample:\n  %s\n", sampleLine)
	return b.String()
}

// parse reads the command line. It returns flag.ErrHelp for -h.
func parse(args []string) (*options, error) {
	o := &options{set: map[string]bool{}}
	fs, usedIn := o.flagSet()
	switch err := fs.Parse(args); {
	case err == flag.ErrHelp:
		return nil, err
	case err != nil:
		return nil, usagef("%v", err)
	case fs.NArg() > 0:
		return nil, usagef("%q is an argument too many: there are flags only", fs.Arg(0))
	}
	fs.Visit(func(f *flag.Flag) { o.set[f.Name] = true })
	switch {
	case o.set["plot"] || o.set["o"]:
		o.mode = modePlot
	case o.server:
		o.mode = modeServer
	case o.set["soak"]:
		o.mode = modeSoak
	default:
		o.mode = modeBench
	}
	var wrong error
	fs.Visit(func(f *flag.Flag) { // in order of names
		if wrong == nil && usedIn[f.Name]&o.mode == 0 {
			wrong = usagef("-%s is not for %v", f.Name, o.mode)
		}
	})
	if wrong != nil {
		return nil, wrong
	}
	o.defaults()
	return o, o.check()
}

// defaults are those that follow from other flags.
func (o *options) defaults() {
	if o.mode == modeSoak {
		if !o.set["connections"] {
			o.connections = soakConnections
		}
		if !o.set["depth"] {
			o.depths.list = []int{soakDepth}
		}
	}
	if o.n > 0 && !o.set["duration"] {
		o.duration = 0
	}
	if o.contexts == 0 {
		o.contexts = o.connections
	}
	if o.uri == "" {
		host := strings.TrimSuffix(strings.TrimPrefix(o.addr, "["), "]")
		o.uri = o.transport + "://" + net.JoinHostPort(host, o.port)
	}
	if scheme, _, ok := strings.Cut(o.uri, "://"); ok {
		o.transport = scheme
	}
	if o.local || o.spawn {
		o.uri = o.transport + "://127.0.0.1:0"
	}
}

// role is which sides of the connections this program is, for the results.
func (o *options) role() string {
	switch {
	case o.local:
		return "local"
	case o.spawn:
		return "spawn"
	}
	return "client"
}

// plotFormat is the kind of file -o asks for.
func plotFormat(name string) string {
	return strings.ToLower(strings.TrimPrefix(filepath.Ext(name), "."))
}
