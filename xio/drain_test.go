package xio

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slow answers when it is told.
func slow(release <-chan struct{}, seen *atomic.Int32) Handler {
	return HandlerFunc(func(r *Request) {
		seen.Add(1)
		<-release
		echo(r)
	})
}

func TestDrainFinishesWhatWasAccepted(t *testing.T) {
	leakCheck(t)
	release := make(chan struct{})
	var seen atomic.Int32
	s := listen(t, ListenConfig{}, slow(release, &seen))
	c := dial(t, Dialer{QueueDepth: 4}, s)
	var wg sync.WaitGroup
	for range 8 { // half of them wait for a place
		wg.Go(func() { ask(t, c, "x") })
	}
	eventually(t, "the queue is full", func() bool { return seen.Load() == 4 && c.win.waiting.Load() == 4 })
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(testContext(t)) }()
	eventually(t, "it drains", func() bool { return c.draining.Load() })
	_, err := c.Call(testContext(t), &Message{})
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, c.TrySendMsg(&Message{}, nil), ErrClosed)
	require.Empty(t, drained)
	close(release)
	require.NoError(t, <-drained)
	wg.Wait()
	assert.EqualValues(t, 8, seen.Load())
	assert.Equal(t, StateClosed, c.State())
}

// A server answers what it has, and turns away what comes meanwhile.
func TestServerDrains(t *testing.T) {
	leakCheckFailedConnect(t) // its refused Dial
	release := make(chan struct{})
	var seen atomic.Int32
	s := listen(t, ListenConfig{}, slow(release, &seen))
	c := dial(t, Dialer{}, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { ask(t, c, "x") })
	}
	eventually(t, "served", func() bool { return seen.Load() == 4 })
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(testContext(t)) }()
	eventually(t, "it drains", func() bool { return s.Connections()[0].draining.Load() })
	_, err := c.Call(testContext(t), &Message{})
	require.ErrorIs(t, err, ErrSessionClosed)
	_, err = Dial(testContext(t), s.URI())
	require.Error(t, err)
	require.Empty(t, drained)
	close(release)
	wg.Wait()
	require.NoError(t, <-drained)
	assert.EqualValues(t, 4, seen.Load())
	<-c.Done()
}

func TestDrainGivesUp(t *testing.T) {
	leakCheck(t)
	release := make(chan struct{})
	var seen atomic.Int32
	s := listen(t, ListenConfig{}, slow(release, &seen))
	c := dial(t, Dialer{}, s)
	var wg sync.WaitGroup
	wg.Go(func() { ask(t, c, "x") })
	eventually(t, "served", func() bool { return seen.Load() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := c.Drain(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, ErrTimeout)
	err = s.Drain(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, StateUp, c.State())
	close(release)
	wg.Wait()
	require.NoError(t, c.Drain(testContext(t)))
	require.NoError(t, c.Drain(testContext(t)), "again")
	require.NoError(t, s.Drain(testContext(t)))
}

// Two that drain at once do not take each other's places.
func TestDrainsTogether(t *testing.T) {
	leakCheck(t)
	release := make(chan struct{})
	var seen atomic.Int32
	s := listen(t, ListenConfig{}, slow(release, &seen))
	c := dial(t, Dialer{QueueDepth: 4}, s)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { ask(t, c, "x") })
	}
	eventually(t, "served", func() bool { return seen.Load() == 2 })
	ctx, cancel := context.WithTimeout(context.Background(), patience/3)
	defer cancel()
	for range 2 {
		wg.Go(func() { assert.NoError(t, c.Drain(ctx)) })
	}
	eventually(t, "one waits for places", func() bool { return c.win.waiting.Load() > 0 })
	time.Sleep(20 * time.Millisecond) // and so would the other
	close(release)
	wg.Wait()
	require.NoError(t, s.Drain(testContext(t)))
}

func TestDrainOfWhatIsIdleOrGone(t *testing.T) {
	leakCheck(t)
	s, c := pair(t, nil)
	ask(t, c, "x")
	require.NoError(t, c.Drain(testContext(t)))
	c = dial(t, Dialer{}, s)
	require.NoError(t, s.Close())
	<-c.Done()
	require.NoError(t, c.Drain(testContext(t)))
}

func TestWatch(t *testing.T) {
	leakCheck(t)
	s, c := pair(t, nil)
	states := c.Watch()
	require.Equal(t, StateUp, <-states)
	require.NoError(t, s.Close())
	require.Equal(t, StateClosing, <-states)
	require.Equal(t, StateClosed, <-states)
	_, open := <-states
	require.False(t, open)
	// When it is over.
	states = c.Watch()
	require.Equal(t, StateClosed, <-states)
	_, open = <-states
	require.False(t, open)
}

// A watcher that does not read misses old states only.
func TestWatchSlowly(t *testing.T) {
	var c Connection
	states := c.Watch()
	for range 3 * watchDepth {
		c.watchers.tell(StateReconnecting)
		c.watchers.tell(StateUp)
	}
	c.watchers.tell(StateClosing)
	c.watchers.tell(StateClosed)
	var last []State
	for s := range states {
		last = append(last, s)
	}
	require.Len(t, last, watchDepth)
	require.Equal(t, []State{StateUp, StateClosing, StateClosed}, last[watchDepth-3:])
}
