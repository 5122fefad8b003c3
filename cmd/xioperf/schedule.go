// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// clock is the time since a measurement began, and a wait that stop ends.
type clock interface {
	now() time.Duration
	// wait returns when now is at or later, or after stop.
	wait(at time.Duration)
	// stop ends the present wait and all later ones. Any goroutine.
	stop()
}

// schedule says when messages are sent. Any goroutine.
type schedule interface {
	// next waits until a message is due and returns the time that its latency
	// counts from. It returns false when no more are to be sent.
	next() (from time.Duration, ok bool)
	// stop ends the schedule.
	stop()
	// idle says that nothing is in flight, given how many messages have
	// ended, because none was due.
	idle(ended uint64) bool
}

// closedLoop sends the next message as soon as there is room: the rate is what
// the connection gives.
type closedLoop struct {
	clock   clock
	limited bool
	left    atomic.Int64
	stopped atomic.Bool
}

// newClosedLoop ends after limit messages; 0 is no limit.
func newClosedLoop(c clock, limit uint64) *closedLoop {
	l := &closedLoop{clock: c, limited: limit > 0}
	l.left.Store(int64(min(limit, math.MaxInt64)))
	return l
}

func (l *closedLoop) next() (time.Duration, bool) {
	if l.stopped.Load() || l.limited && l.left.Add(-1) < 0 {
		return 0, false
	}
	return l.clock.now(), true
}

func (l *closedLoop) stop() { l.stopped.Store(true) }

func (l *closedLoop) idle(uint64) bool { return false }

// openLoop sends messages at a fixed rate, whether earlier ones have ended or
// not. A message that could not be sent in time is sent late, and its latency
// counts from when it was due: otherwise the slowest moments would be those
// with the fewest measurements (coordinated omission).
type openLoop struct {
	clock    clock
	interval float64 // between messages, ns
	limit    uint64  // messages in all

	mu      sync.Mutex // held while waiting: who comes next has to wait for it anyway
	sent    uint64
	lag     *hdrhistogram.Histogram // how late messages were sent
	stopped atomic.Bool
}

// newOpenLoop sends rate messages a second, until limit of them, or those due
// within duration, have been sent; 0 is no bound for either.
func newOpenLoop(c clock, rate float64, limit uint64, duration time.Duration) *openLoop {
	l := &openLoop{clock: c, interval: 1e9 / rate, limit: math.MaxUint64, lag: newHistogram()}
	if limit > 0 {
		l.limit = limit
	}
	if duration > 0 {
		l.limit = min(l.limit, l.dueBy(duration))
	}
	return l
}

// due is when message n is to be sent.
func (l *openLoop) due(n uint64) time.Duration {
	return time.Duration(float64(n) * l.interval)
}

// dueBy is how many messages are due before t.
func (l *openLoop) dueBy(t time.Duration) uint64 {
	return uint64(math.Ceil(float64(t) / l.interval))
}

func (l *openLoop) next() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped.Load() || l.sent >= l.limit {
		return 0, false
	}
	at := l.due(l.sent)
	now := l.clock.now()
	if now < at {
		l.clock.wait(at)
		if l.stopped.Load() {
			return 0, false
		}
		now = l.clock.now()
	}
	recordTimes(l.lag, now-at, 1)
	l.sent++
	return at, true
}

func (l *openLoop) stop() {
	l.stopped.Store(true)
	l.clock.stop()
}

func (l *openLoop) idle(ended uint64) bool {
	// Locked: somebody waits for the next one to be due.
	if !l.mu.TryLock() {
		return true
	}
	defer l.mu.Unlock()
	return ended >= l.sent
}

// unsent adds to h the messages that were due at time end and had not been sent
// then, with the time they had waited: what it would have been at least. It
// returns how many they are.
func (l *openLoop) unsent(h *hdrhistogram.Histogram, end time.Duration) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := min(l.limit, l.dueBy(end))
	for n := l.sent; n < until; n++ {
		recordTimes(h, end-l.due(n), 1)
	}
	return until - min(l.sent, until)
}
