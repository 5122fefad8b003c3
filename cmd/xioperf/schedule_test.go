// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeClock goes on only when somebody waits for it or a test sets it.
type fakeClock struct {
	at      time.Duration
	waits   []time.Duration
	stopped bool
	during  func() // runs in a wait
}

func (c *fakeClock) now() time.Duration { return c.at }

func (c *fakeClock) wait(at time.Duration) {
	c.waits = append(c.waits, at)
	if c.during != nil {
		c.during()
	}
	if !c.stopped {
		c.at = max(c.at, at)
	}
}

func (c *fakeClock) stop() { c.stopped = true }

const ms = time.Millisecond

func TestOpenLoopKeepsTheRate(t *testing.T) {
	c := &fakeClock{}
	l := newOpenLoop(c, 1000, 5, 0)
	for i := range 5 {
		from, ok := l.next()
		require.True(t, ok)
		require.Equal(t, time.Duration(i)*ms, from)
		require.Equal(t, from, c.at, "sent when due")
	}
	_, ok := l.next()
	require.False(t, ok, "the limit")
	require.Equal(t, []time.Duration{1 * ms, 2 * ms, 3 * ms, 4 * ms}, c.waits)
	require.EqualValues(t, 5, l.lag.TotalCount())
	require.EqualValues(t, 1, l.lag.Max(), "never late")
}

// One message takes 100 ms. All that were due meanwhile are sent at once after
// it, and their latencies count from when they were due: a tool that measures
// from the sending would see one slow message in a hundred.
func TestOpenLoopCountsFromWhenDue(t *testing.T) {
	c := &fakeClock{}
	l := newOpenLoop(c, 1000, 100, 0)
	r := newRecorders(1)[0]
	for i := 0; ; i++ {
		from, ok := l.next()
		if !ok {
			break
		}
		require.Equal(t, time.Duration(i)*ms, from)
		if i == 0 {
			c.at += 100 * ms // the slow one
		}
		r.record(c.now()-from, 0)
	}
	require.EqualValues(t, 100, r.messages)
	require.Len(t, c.waits, 0, "late from the first on, so nothing to wait for")
	require.InEpsilon(t, 50*ms.Nanoseconds(), r.latency.ValueAtPercentile(50), 0.03)
	require.InEpsilon(t, 99*ms.Nanoseconds(), r.latency.ValueAtPercentile(99), 0.03)
	require.InEpsilon(t, 100*ms.Nanoseconds(), r.latency.Max(), 0.01)
	require.InEpsilon(t, 99*ms.Nanoseconds(), l.lag.Max(), 0.01)
}

func TestOpenLoopDuration(t *testing.T) {
	for _, c := range []struct {
		rate     float64
		limit    uint64
		duration time.Duration
		sends    int
	}{
		{1000, 0, 10 * ms, 10},
		{1000, 4, 10 * ms, 4},
		{1000, 40, 10 * ms, 10},
		{300, 0, 10 * ms, 3},
		{350, 0, 10 * ms, 4},
		{0.5, 0, 10 * ms, 1},
	} {
		l := newOpenLoop(&fakeClock{}, c.rate, c.limit, c.duration)
		n := 0
		for _, ok := l.next(); ok; _, ok = l.next() {
			n++
		}
		require.Equal(t, c.sends, n, "%+v", c)
	}
}

// What was due and not sent is not forgotten: it has waited already.
func TestOpenLoopUnsent(t *testing.T) {
	c := &fakeClock{}
	l := newOpenLoop(c, 1000, 0, 10*ms)
	for range 3 {
		_, ok := l.next()
		require.True(t, ok)
	}
	h := newHistogram()
	require.EqualValues(t, 7, l.unsent(h, 10*ms))
	require.EqualValues(t, 7, h.TotalCount())
	require.InEpsilon(t, 7*ms.Nanoseconds(), h.Max(), 0.01, "due at 3 ms, unsent at 10")
	require.InEpsilon(t, 1*ms.Nanoseconds(), h.Min(), 0.01)

	h = newHistogram()
	require.EqualValues(t, 2, l.unsent(h, 5*ms), "interrupted: only what was due by then")
	require.EqualValues(t, 0, l.unsent(h, 1*ms))
}

func TestOpenLoopStops(t *testing.T) {
	c := &fakeClock{}
	l := newOpenLoop(c, 1, 0, 0)
	_, ok := l.next()
	require.True(t, ok)
	require.False(t, l.idle(0), "one is in flight")
	require.True(t, l.idle(1))
	c.during = func() {
		require.True(t, l.idle(0), "somebody waits for the next one")
		l.stop()
	}
	_, ok = l.next()
	require.False(t, ok)
	require.EqualValues(t, 1, l.sent, "the one that was waited for is not sent")
	_, ok = l.next()
	require.False(t, ok)
}

func TestClosedLoopLimit(t *testing.T) {
	l := newClosedLoop(&fakeClock{at: 7 * ms}, 1000)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for at, ok := l.next(); ok; at, ok = l.next() {
				if at == 7*ms {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1000, n.Load())
}

func TestClosedLoopStops(t *testing.T) {
	l := newClosedLoop(&fakeClock{}, 0)
	_, ok := l.next()
	require.True(t, ok)
	l.stop()
	_, ok = l.next()
	require.False(t, ok)
}

// The real clock waits until a time, and no longer than until it is stopped.
func TestTimer(t *testing.T) {
	c, err := newTimer()
	require.NoError(t, err)
	defer c.close()
	at := c.now() + 3*ms
	c.wait(at)
	require.GreaterOrEqual(t, c.now(), at)
	c.wait(at) // past: does not wait

	done := make(chan struct{})
	go func() {
		defer close(done)
		c.wait(c.now() + time.Hour)
	}()
	c.stop()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("stop does not end the wait")
	}
	c.wait(c.now() + time.Hour) // stopped: does not wait
}
