package xio

import (
	"sync/atomic"

	"github.com/accelio/accelio-go/xio/cgo"
)

// turnCounters are what ContextStats is read from. The driver alone writes them, but
// for the copies.
type turnCounters struct {
	turns, submissions, events, parks atomic.Uint64
	copies, bytesCopied               atomic.Uint64 // by others too

	conns   atomic.Int32
	cg      *cgo.Context
	large   bool // receive memory may be in use
	receive atomic.Uint64
}

// add takes note of a turn. The library is asked for its receive memory only
// while there is some.
func (t *turnCounters) add(nops, events int) {
	t.turns.Add(1)
	if nops > 0 {
		t.submissions.Add(uint64(nops))
	}
	if events > 0 {
		t.events.Add(uint64(events))
	}
	if t.large {
		n := t.cg.ReceiveBytes()
		t.receive.Store(n)
		t.large = n > 0
	}
}

// arrived takes note of a request or one-way with so much data.
func (t *turnCounters) arrived(data int) {
	if data > MaxInlineData {
		t.large = true
	}
}

// ContextStats counts what a Context's driver did. Counters begin with the Context
// and never go down.
type ContextStats struct {
	Turns        uint64 // calls into the library
	Submissions  uint64 // messages, replies and releases handed to it
	Events       uint64 // what came of them: arrivals and ends
	Parks        uint64 // waits in Go's netpoller
	Parked       bool   // the driver waits at present, or nobody calls Turn; one that neither waits nor turns is in a handler or completion
	Connections  int    // at present, those that only wait for handlers or Responses included
	Copies       uint64 // copies of payload, see ConnectionStats, ended connections included
	BytesCopied  uint64 // and their bytes
	ReceiveBytes uint64 // memory of large requests and one-ways (see ContextOptions.MaxReceive) that have arrived and are not yet released, as of the last turn
}

// Stats returns a snapshot. It never waits, nor wakes the driver: it may be called
// from any goroutine at any time, after Close as well.
func (c *Context) Stats() ContextStats {
	t := &c.counts
	return ContextStats{
		Turns:        t.turns.Load(),
		Submissions:  t.submissions.Load(),
		Events:       t.events.Load(),
		Parks:        t.parks.Load(),
		Parked:       c.state.Load() == parked,
		Connections:  int(t.conns.Load()),
		ReceiveBytes: t.receive.Load(),
		Copies:       t.copies.Load(),
		BytesCopied:  t.bytesCopied.Load(),
	}
}
