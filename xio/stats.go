package xio

import "sync/atomic"

// turnCounters are what ContextStats is read from.
type turnCounters struct {
	turns, submissions, events, parks atomic.Uint64
}

func (t *turnCounters) add(nops, events int) {
	t.turns.Add(1)
	if nops > 0 {
		t.submissions.Add(uint64(nops))
	}
	if events > 0 {
		t.events.Add(uint64(events))
	}
}

// ContextStats counts what a Context's driver did.
type ContextStats struct {
	Turns        uint64 // calls into the library
	Submissions  uint64 // messages, replies and releases handed to it
	Events       uint64 // what came of them: arrivals and ends
	Parks        uint64 // waits in Go's netpoller
	Connections  int    // at present
	ReceiveBytes uint64 // receive memory in use for large messages
	Copies       uint64 // copies of payload, see ConnectionStats, ended connections included
	BytesCopied  uint64 // and their bytes
}

// Stats returns a snapshot. Its fields from Connections on need the driver: while
// it is in a handler Stats waits for it.
func (c *Context) Stats() ContextStats {
	t := &c.counts
	s := ContextStats{
		Turns:       t.turns.Load(),
		Submissions: t.submissions.Load(),
		Events:      t.events.Load(),
		Parks:       t.parks.Load(),
	}
	c.do(func() {
		s.Connections = c.nconns
		s.ReceiveBytes = c.cg.ReceiveBytes()
		s.Copies, s.BytesCopied = c.copies, c.bytesCopied
		for _, conn := range c.conns {
			if conn != nil {
				s.Copies += conn.stats.copies.Load()
				s.BytesCopied += conn.stats.bytesCopied.Load()
			}
		}
	})
	return s
}
