// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/accelio/accelio-go/xio"
)

// Bounds of what may be asked for.
const (
	// maxDepth leaves half of a connection's slots for answers that were
	// received and not yet given back.
	maxDepth       = 2048
	maxConnections = 4096
	// maxInFlight bounds the data of all messages in flight, in bytes, below
	// what a context takes by default.
	maxInFlight = 512 << 20
	// maxCopied bounds that part of it that the library copies, in bytes: the
	// size of its pool.
	maxCopied = 64 << 20
)

// check says what is wrong with the options together.
func (o *options) check() error {
	switch o.mode {
	case modePlot:
		return o.checkPlot()
	case modeServer:
		return o.checkServer()
	case modeSoak:
		return o.checkSoak()
	}
	return o.checkBench()
}

func (o *options) checkPlot() error {
	switch {
	case o.plot == "":
		return usagef("-o needs -plot and the CSV file to draw")
	case o.out == "":
		return usagef("-plot needs -o and the file to draw to")
	case plotFormat(o.out) != "svg" && plotFormat(o.out) != "png":
		return usagef("-o %q ends neither in .svg nor in .png", o.out)
	}
	return nil
}

func (o *options) checkServer() error {
	if err := o.checkAddress(0); err != nil {
		return err
	}
	return o.checkServing()
}

func (o *options) checkAddress(minPort int) error {
	for _, name := range []string{"addr", "port", "transport"} {
		if o.set["uri"] && o.set[name] {
			return usagef("-uri and -%s both say where to go", name)
		}
	}
	if o.set["uri"] || o.local || o.spawn {
		return nil // Dial and Listen check it
	}
	if n, err := strconv.Atoi(o.port); err != nil || n < minPort || n > 65535 {
		return usagef("-port %q is not a number from %d to 65535", o.port, minPort)
	}
	if o.addr == "" {
		return usagef("-addr is empty")
	}
	return nil
}

// checkServing checks what the server's side has options for.
func (o *options) checkServing() error {
	switch {
	case o.workers < 0 || o.workers > 4096:
		return usagef("-workers %d is not within 0 to 4096", o.workers)
	case o.portals < 0 || o.portals > 64:
		return usagef("-portals %d is not within 0 to 64", o.portals)
	}
	return nil
}

// checkClient checks what benchmark and soak have in common.
func (o *options) checkClient() error {
	if o.local && o.spawn {
		return usagef("-local and -spawn exclude each other")
	}
	if o.local || o.spawn {
		for _, name := range []string{"uri", "addr", "port"} {
			if o.set[name] {
				return usagef("-%s is not for -local and -spawn, which pick an address", name)
			}
		}
	} else {
		for _, name := range []string{"workers", "portals"} {
			if o.set[name] {
				return usagef("-%s is the server's: give it to -server, -local or -spawn", name)
			}
		}
	}
	if err := o.checkAddress(1); err != nil {
		return err
	}
	switch {
	case o.connections < 1 || o.connections > maxConnections:
		return usagef("-connections %d is not within 1 to %d", o.connections, maxConnections)
	case o.contexts < 1 || o.contexts > o.connections:
		return usagef("-contexts %d is not within 1 to the number of connections", o.contexts)
	case o.timeout <= 0:
		return usagef("-timeout %v is not positive", o.timeout)
	}
	for _, depth := range o.depths.list {
		if depth < 1 || depth > maxDepth {
			return usagef("-depth %d is not within 1 to %d", depth, maxDepth)
		}
	}
	return o.checkServing()
}

func (o *options) checkSoak() error {
	if err := o.checkClient(); err != nil {
		return err
	}
	switch {
	case o.soak <= 0:
		return usagef("-soak %v is not positive", o.soak)
	case len(o.depths.list) != 1:
		return usagef("-soak takes one -depth")
	case inFlight(soakMax, o.depths.list[0], o.connections) > maxInFlight:
		return usagef("-depth %d on %d connections may be more than %d MiB in flight",
			o.depths.list[0], o.connections, maxInFlight>>20)
	}
	return nil
}

func (o *options) checkBench() error {
	if err := o.checkClient(); err != nil {
		return err
	}
	for _, size := range o.sizes.list {
		if size < 0 || size+o.header > xio.MaxMessage {
			return usagef("-size %d (and header) is not within 0 to %d", size, xio.MaxMessage)
		}
		if size == 0 && o.buffers {
			return usagef("-size 0 has no use for -buffers")
		}
	}
	switch {
	case o.header < 0 || o.header > xio.MaxHeader:
		return usagef("-header %d is not within 0 to %d", o.header, xio.MaxHeader)
	case o.goroutines < 0 || o.goroutines > 1<<16:
		return usagef("-goroutines %d is not within 0 to %d", o.goroutines, 1<<16)
	case o.goroutines > 0 && o.goroutines < o.connections:
		return usagef("-goroutines %d leaves connections without a sender", o.goroutines)
	case o.api != apiCall && o.api != apiSend:
		return usagef("-api is call or send, not %q", o.api)
	case o.receipt && !o.oneWay:
		return usagef("-receipt is for -oneway")
	case o.oneSession && o.contexts != o.connections:
		return usagef("-one-session needs a context for each connection")
	case o.warmup < 0:
		return usagef("-warmup %v is negative", o.warmup)
	case o.duration < 0:
		return usagef("-duration %v is negative", o.duration)
	case math.IsNaN(o.rate) || o.rate < 0 || o.rate > 1e9:
		return usagef("-rate %v is not within 0 to 1e9", o.rate)
	case o.duration == 0 && o.n == 0 && len(o.sizes.list)*len(o.depths.list) > 1:
		return usagef("without -duration and -n there is no second measurement: give one -size and one -depth")
	}
	size, depth := o.sizes.max(), o.depths.max()
	switch n := inFlight(size, depth, o.connections); {
	case n > maxInFlight:
		return usagef("%d bytes at depth %d on %d connections are more than %d MiB in flight",
			size, depth, o.connections, maxInFlight>>20)
	case n > maxCopied && !o.buffers && size > xio.MaxInlineData:
		return usagef("%d bytes at depth %d on %d connections are more than %d MiB to copy: use -buffers",
			size, depth, o.connections, maxCopied>>20)
	}
	return nil
}

// inFlight is the memory of all messages in flight; it comes in powers of two.
func inFlight(size, depth, connections int) int {
	return 1 << bits.Len(uint(max(size, 1)-1)) * depth * connections
}
