package xio

import (
	"sync/atomic"
	"time"
)

// counters are what ConnectionStats is read from.
type counters struct {
	sent, failed, abandoned, received, oneWays, dropped atomic.Uint64
	bytesOut, bytesIn                                   atomic.Uint64
	done                                                atomic.Uint64 // messages of the peer answered or released
	copies, bytesCopied                                 atomic.Uint64

	answered, latencySum, latencyMax atomic.Int64 // written by the driver

	all *turnCounters // of the Context, which counts copies too
}

// addCopies counts n copies of so many bytes of payload.
func (s *counters) addCopies(n, bytes uint64) {
	s.copies.Add(n)
	s.bytesCopied.Add(bytes)
	s.all.copies.Add(n)
	s.all.bytesCopied.Add(bytes)
}

// ConnectionStats counts what a connection did. Counters begin with the
// connection and never go down.
type ConnectionStats struct {
	Sent      uint64 // requests and one-way messages handed to the library
	Failed    uint64 // calls and sends that ended with an error
	Abandoned uint64 // calls left by their context before the end
	Received  uint64 // requests that arrived
	OneWays   uint64 // one-way messages that arrived
	Dropped   uint64 // of these, those that nobody was there to get
	BytesOut  uint64 // headers and data sent, in requests, replies and one-ways
	BytesIn   uint64 // headers and data received
	// Copies is how often the data of a message was copied between Go and the
	// library, and BytesCopied how many bytes of it: Message.Data on its way
	// out, a response that Dialer.CopyResponse lets be copied, and data in
	// pieces that Data put together. Headers, and what CopyData was asked to
	// copy, do not count. Data in Message.Buffers is never copied out.
	Copies, BytesCopied uint64
	Pending             int     // messages of the peer not yet answered or released, at present
	InFlight            int     // slots of the queue in use, at present
	Waiting             int     // goroutines that wait for one, at present
	Depth               int     // slots of the queue: QueueDepth
	Latency             Latency // of requests sent
}

// Latency sums up the times from the submission of requests to their answers, as
// the driver sees them: those that it handles together count alike.
type Latency struct {
	Count uint64        // requests answered
	Sum   time.Duration // of all their times
	Max   time.Duration // the longest
}

// Mean is the average, 0 before the first answer.
func (l Latency) Mean() time.Duration {
	if l.Count == 0 {
		return 0
	}
	return l.Sum / time.Duration(l.Count)
}

// Stats returns a snapshot. It never waits: it may be called from any goroutine
// at any time, after Close as well. Depth less InFlight is the room in the queue.
//
// Implements:
//
//	int xio_connection_ioctl(struct xio_connection *, int con_optname, void *, int *)
func (c *Connection) Stats() ConnectionStats {
	s := &c.stats
	done := s.done.Load() // first: what is done has arrived
	return ConnectionStats{
		Pending:     int(s.received.Load() + s.oneWays.Load() - done),
		Sent:        s.sent.Load(),
		Failed:      s.failed.Load(),
		Abandoned:   s.abandoned.Load(),
		Received:    s.received.Load(),
		OneWays:     s.oneWays.Load(),
		Dropped:     s.dropped.Load(),
		BytesOut:    s.bytesOut.Load(),
		BytesIn:     s.bytesIn.Load(),
		Copies:      s.copies.Load(),
		BytesCopied: s.bytesCopied.Load(),
		InFlight:    c.win.inUse(),
		Waiting:     int(c.win.waiting.Load()),
		Depth:       c.depth,
		Latency: Latency{
			Count: uint64(s.answered.Load()),
			Sum:   time.Duration(s.latencySum.Load()),
			Max:   time.Duration(s.latencyMax.Load()),
		},
	}
}
