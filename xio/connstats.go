package xio

import (
	"sync/atomic"
	"time"
)

// counters are what ConnectionStats is read from.
type counters struct {
	sent, failed, abandoned, received, oneWays, dropped atomic.Uint64
	bytesOut, bytesIn                                   atomic.Uint64
	copies, bytesCopied                                 atomic.Uint64

	answered, latencySum, latencyMax atomic.Int64 // written by the driver
}

// answer counts a request that was answered after d.
func (s *counters) answer(d time.Duration) {
	s.answered.Add(1)
	s.latencySum.Add(int64(d))
	if int64(d) > s.latencyMax.Load() {
		s.latencyMax.Store(int64(d))
	}
}

// copied counts a copy of n bytes of payload.
func (s *counters) copied(n int) {
	if n > 0 {
		s.copies.Add(1)
		s.bytesCopied.Add(uint64(n))
	}
}

// ConnectionStats counts what a connection did.
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
	InFlight            int // slots of the queue in use
	Waiting             int // goroutines that wait for one
	Depth               int // slots of the queue
	Latency             Latency
}

// Latency sums up the times from the submission of requests to their answers, as
// the driver sees them: those that it handles together count alike.
type Latency struct {
	Count    uint64 // requests answered
	Sum, Max time.Duration
}

// Mean is the average, 0 before the first answer.
func (l Latency) Mean() time.Duration {
	if l.Count == 0 {
		return 0
	}
	return l.Sum / time.Duration(l.Count)
}

// Stats returns a snapshot.
func (c *Connection) Stats() ConnectionStats {
	s := &c.stats
	return ConnectionStats{
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
		InFlight:    int(c.win.inUse.Load()),
		Waiting:     int(c.win.waiting.Load()),
		Depth:       c.depth,
		Latency: Latency{
			Count: uint64(s.answered.Load()),
			Sum:   time.Duration(s.latencySum.Load()),
			Max:   time.Duration(s.latencyMax.Load()),
		},
	}
}
