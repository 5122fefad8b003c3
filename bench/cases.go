// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
)

// process is a program with its arguments.
type process struct {
	inC  bool
	args []string
}

// contender is one way to do the work of a case.
type contender struct {
	name           string
	server, client process
}

// benchCase is done by its contenders in turns.
type benchCase struct {
	name       string
	contenders []contender
}

// Names of contenders.
const (
	inC       = "C"
	inGo      = "Go"
	inGoCalls = "Go Call"
	ours      = "xio"
)

// rivals are the other libraries by their names in the program peer.
var rivals = []struct{ name, title string }{
	{"grpc-unary", "gRPC unary"},
	{"grpc-stream", "gRPC stream"},
	{"netrpc", "net/rpc"},
	{"mangos", "mangos REQ/REP"},
	{"zmq", "ZeroMQ DEALER/ROUTER"},
	{"tcp", "plain TCP"},
}

// load is a size and a number of requests in flight.
type load struct{ size, depth int }

func (l load) String() string { return fmt.Sprintf("%s, depth %d", sizeText(l.size), l.depth) }

func sizeText(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// rivalLoads are what package xio and its rivals are compared by.
var rivalLoads = []load{{32, 1}, {32, 64}, {4 << 10, 64}, {64 << 10, 64}}

// cLoads are what clients in Go and C are compared by.
var cLoads = []load{
	{32, 1}, {32, 16}, {32, 64}, {32, 256},
	{4 << 10, 1}, {4 << 10, 16}, {4 << 10, 64}, {4 << 10, 256},
	{64 << 10, 1}, {64 << 10, 16}, {1 << 20, 1}, {1 << 20, 16},
}

// serverLoads are what servers in Go and C are compared by.
var serverLoads = []load{{32, 64}, {4 << 10, 64}}

// callDepths are how many goroutines call at a time, with 32 B.
var callDepths = []int{1, 16, 256}

func (c *config) cProcess(mode string, l load) process {
	// Package xio always switches Nagle's algorithm off.
	args := []string{mode, "-s", strconv.Itoa(l.size), "-d", strconv.Itoa(l.depth), "-N"}
	if c.single {
		args = append(args, "-S")
	}
	if mode == "request" {
		args = append(args, "-t", seconds(c.seconds), "-w", seconds(c.warm))
	}
	return process{true, args}
}

func (c *config) goProcess(role, peer string, l load, more ...string) process {
	args := []string{role, "-peer", peer, "-size", strconv.Itoa(l.size), "-depth", strconv.Itoa(l.depth)}
	if c.single {
		args = append(args, "-single")
	}
	if role == "client" {
		args = append(args, "-seconds", c.seconds.String(), "-warm", c.warm.String())
	}
	return process{false, append(args, more...)}
}

// clientCase compares clients, on a server in C.
func (c *config) clientCase(l load) benchCase {
	server := c.cProcess("serve", l)
	k := benchCase{name: clientName(l), contenders: []contender{
		{inC, server, c.cProcess("request", l)},
		{inGo, server, c.goProcess("client", "xio", l)},
	}}
	for _, n := range callDepths {
		if l == (load{32, n}) {
			k.contenders = append(k.contenders, contender{inGoCalls, server, c.goProcess("client", "xio", l, "-call")})
		}
	}
	return k
}

// serverCase compares servers, with a client in C.
func (c *config) serverCase(l load) benchCase {
	client := c.cProcess("request", l)
	return benchCase{name: serverName(l), contenders: []contender{
		{inC, c.cProcess("serve", l), client},
		{inGo, c.goProcess("serve", "xio", l), client},
	}}
}

// rivalCase compares package xio with its rivals. Without anything else in
// flight a blocking call is its best way, otherwise completion functions are.
func (c *config) rivalCase(l load) benchCase {
	var more []string
	if l.depth == 1 {
		more = append(more, "-call")
	}
	k := benchCase{name: rivalName(l), contenders: []contender{
		{ours, c.goProcess("serve", "xio", l), c.goProcess("client", "xio", l, more...)},
	}}
	for _, r := range rivals {
		k.contenders = append(k.contenders, contender{r.name, c.goProcess("serve", r.name, l), c.goProcess("client", r.name, l)})
	}
	return k
}

func clientName(l load) string { return "client, " + l.String() }
func serverName(l load) string { return "server, " + l.String() }
func rivalName(l load) string  { return "pair, " + l.String() }

// casesInC are those that run on each library, cases those with the rivals.
func (c *config) casesInC() []benchCase {
	var list []benchCase
	for _, l := range cLoads {
		list = append(list, c.clientCase(l))
	}
	for _, l := range serverLoads {
		list = append(list, c.serverCase(l))
	}
	return list
}

func (c *config) rivalCases() []benchCase {
	var list []benchCase
	for _, l := range rivalLoads {
		list = append(list, c.rivalCase(l))
	}
	return list
}
