// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Stats of a Context come while its driver is in a handler, and do not wake one
// that waits.
func TestContextStatsDoNotWait(t *testing.T) {
	leakCheck(t)
	home := newContext(t, ContextOptions{Drive: DrivePark})
	entered, release := make(chan struct{}), make(chan struct{})
	s := listen(t, ListenConfig{Context: home, Inline: true}, HandlerFunc(func(r *Request) {
		close(entered)
		<-release
		echo(r)
	}))
	c := dial(t, Dialer{}, s)
	var before ContextStats
	eventually(t, "a driver that goes on waiting", func() bool {
		before = home.Stats()
		for range 1000 {
			if home.Stats() != before {
				return false
			}
		}
		return before.Parked
	})

	answered := make(chan error, 1)
	require.NoError(t, c.Send(testContext(t), &Message{Data: []byte("x")}, func(r *Response, err error) { r.Release(); answered <- err }))
	<-entered
	st := home.Stats()
	assert.Equal(t, 1, st.Connections)
	assert.False(t, st.Parked)
	close(release)
	require.NoError(t, <-answered)

	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	require.NoError(t, home.Close())
	st = home.Stats()
	assert.Zero(t, st.Connections)
	assert.Greater(t, st.Events, before.Events)
}

// Receive memory shows while a large request or one-way is held.
func TestReceiveBytes(t *testing.T) {
	leakCheck(t)
	home := newContext(t, ContextOptions{})
	const size = 1 << 20
	requests, oneWays := make(chan *Request, 1), make(chan *OneWay, 1)
	s := listen(t, ListenConfig{Context: home, OnMsg: func(m *OneWay) { m.Detach(); oneWays <- m }},
		HandlerFunc(func(r *Request) { r.Detach(); requests <- r }))
	c := dial(t, Dialer{}, s)
	answered := make(chan error, 1)
	require.NoError(t, c.Send(testContext(t), &Message{Data: pattern(size, 1)}, func(r *Response, err error) { r.Release(); answered <- err }))
	r := <-requests
	eventually(t, "the request's memory", func() bool { return home.Stats().ReceiveBytes >= size })
	require.NoError(t, c.SendMsg(testContext(t), &Message{Data: pattern(size, 1)}, nil))
	m := <-oneWays
	eventually(t, "the one-way's", func() bool { return home.Stats().ReceiveBytes >= 2*size })
	require.NoError(t, r.Reply(&Message{}))
	require.NoError(t, <-answered)
	require.NoError(t, m.Release())
	eventually(t, "all given back", func() bool { return home.Stats().ReceiveBytes == 0 })
}

// Requests show where they are: with a handler, waiting for one, or kept.
func TestStatsOfServing(t *testing.T) {
	leakCheck(t)
	g := newGate()
	kept := make(chan *OneWay, 1)
	s := listen(t, ListenConfig{Workers: 2, OnMsg: func(m *OneWay) { m.Detach(); kept <- m }}, g)
	c := dial(t, Dialer{}, s)
	require.NoError(t, c.Deliver(testContext(t), &Message{}))
	m := <-kept
	load := func(pending, serving, queued int) {
		t.Helper()
		eventually(t, "the numbers", func() bool {
			st := s.Stats()
			return st.Pending == pending && st.Serving == serving && st.Queued == queued
		})
		assert.Equal(t, pending, s.Connections()[0].Stats().Pending)
	}
	load(1, 0, 0)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	const calls = 5
	answered := make(chan error, calls)
	for range calls {
		require.NoError(t, c.Send(ctx, &Message{Data: []byte("x")}, func(r *Response, err error) {
			if err == nil {
				r.Release()
			}
			answered <- err
		}))
	}
	load(1+calls, 2, calls-2)
	close(g.open)
	for range calls {
		require.NoError(t, <-answered)
	}
	load(1, 0, 0)
	require.NoError(t, m.Release())
	load(0, 0, 0)
	assert.Zero(t, c.Stats().Pending)
}

// A lost connection stays listed for as long as a handler has its request.
func TestConnectionsThatHandlersHold(t *testing.T) {
	leakCheck(t)
	held := make(chan *Request, 1)
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) { r.Detach(); held <- r }))
	c := dial(t, Dialer{}, s)
	require.NoError(t, c.Send(testContext(t), &Message{}, func(*Response, error) {}))
	r := <-held
	require.NoError(t, c.Close())
	<-r.Conn().Done()
	require.Equal(t, []*Connection{r.Conn()}, s.Connections())
	assert.Equal(t, 1, s.Stats().Connections)
	require.ErrorIs(t, r.Reply(&Message{}), ErrMsgDiscarded)
	eventually(t, "gone", func() bool { return len(s.Connections()) == 0 })
}
