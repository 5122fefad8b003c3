// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"math"
	"time"
)

// counts is what a pool counts since New. The pool's lock covers it.
type counts struct {
	hits      uint64 // of closed caches
	waits     uint64
	waited    time.Duration
	exhausted uint64
	gaveUp    uint64
	noMemory  uint64
}

// classCounts is what a class counts since New.
type classCounts struct {
	gets    uint64
	peak    int
	grows   uint64
	shrinks uint64
}

// Stats is a snapshot of a pool. Sizes are in bytes. Held is InUse, Cached, Idle
// and the free blocks beside used ones in the same region, together with what
// is lost to rounding.
type Stats struct {
	Buffers int64 // buffers not yet released
	InUse   int64 // blocks behind them
	Cached  int64 // blocks that caches keep
	Idle    int64 // regions no block of which is in use or in a cache
	Held    int64 // all registered memory
	Limit   int64 // what Held never exceeds

	PeakHeld  int64 // most that Held has been
	PeakInUse int64 // most that InUse and Cached have been together

	Waiting   int           // Gets that wait for room
	Gets      uint64        // buffers handed out since New
	Hits      uint64        // those of Gets that a cache served
	Waits     uint64        // Gets that had to wait
	WaitTime  time.Duration // how long, all of them together, those that still wait excepted
	GaveUp    uint64        // Gets that ended with their context
	Exhausted uint64        // TryGets that failed with ErrExhausted
	NoMemory  uint64        // Gets and TryGets that failed with ErrNoMemory
	Grows     uint64        // regions got from the system
	Shrinks   uint64        // regions given back to it

	Classes []ClassStats // smallest first
}

// ClassStats is a snapshot of one size class, in blocks.
type ClassStats struct {
	Size    int    // of a block, bytes
	Max     int    // most blocks, 0 for no bound
	Blocks  int    // all there are
	InUse   int    // behind buffers
	Cached  int    // in caches
	Free    int    // ready for the next Get
	Peak    int    // most that InUse and Cached have been together
	Waiting int    // Gets that wait
	Gets    uint64 // buffers handed out since New
	Grows   uint64 // regions got from the system
	Shrinks uint64 // regions given back to it
}

// Stats returns a snapshot of one moment.
func (p *Pool) Stats() Stats {
	var s Stats
	p.ReadStats(&s)
	return s
}

// ReadStats is Stats into s, whose Classes it uses again: no allocation from
// the second call on. It takes the pool's lock, and that of each cache, for
// a microsecond or two.
func (p *Pool) ReadStats(s *Stats) {
	classes := s.Classes[:0]
	p.mu.Lock()
	defer p.mu.Unlock()
	*s = Stats{
		Buffers: p.nout, InUse: p.out, Idle: p.idle, Held: p.held, Limit: p.limit,
		PeakHeld: p.peakHeld, PeakInUse: p.peakOut, Waiting: p.waiters.n,
		Hits: p.counts.hits, Waits: p.counts.waits, WaitTime: p.counts.waited, GaveUp: p.counts.gaveUp,
		Exhausted: p.counts.exhausted, NoMemory: p.counts.noMemory,
	}
	for k := range p.class {
		c := &p.class[k]
		cs := ClassStats{
			Size: int(c.size), Max: c.max, Blocks: c.blocks, InUse: c.out, Free: c.blocks - c.out,
			Peak: c.counts.peak, Waiting: p.waiters.of[k],
			Gets: c.counts.gets, Grows: c.counts.grows, Shrinks: c.counts.shrinks,
		}
		if c.max == math.MaxInt {
			cs.Max = 0
		}
		classes = append(classes, cs)
	}
	for c := range p.caches {
		c.addTo(s, classes)
	}
	for i := range classes {
		s.Gets += classes[i].Gets
		s.Grows += classes[i].Grows
		s.Shrinks += classes[i].Shrinks
	}
	s.Classes = classes
}

// addTo moves what the cache keeps from in use to cached.
func (c *Cache) addTo(s *Stats, classes []ClassStats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.class {
		n, hits := len(c.class[k].kept), c.class[k].hits
		classes[k].InUse -= n
		classes[k].Cached += n
		classes[k].Gets += hits
		s.Buffers -= int64(n)
		s.Hits += hits
	}
	s.InUse -= c.bytes
	s.Cached += c.bytes
}
