// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
)

// What the type system cannot stop, as tests named after it: each gives an error at
// the call, and harms nothing.

// bufferOf is a buffer of the default pool with b in it.
func bufferOf(t testing.TB, b []byte) *pool.Buffer {
	t.Helper()
	buf, err := pool.Default().Get(testContext(t), len(b))
	require.NoError(t, err)
	copy(buf.Bytes(), b)
	return buf
}

// A Message is plain memory, so a second sending is a second message: both arrive
// whole and end once, and the buffers are held for each of them.
func TestMessageSentTwice(t *testing.T) {
	leakCheck(t)
	g := newGate()
	c := dial(t, Dialer{}, listen(t, ListenConfig{}, g))
	data, rest := pattern(100, 1), pattern(50000, 2)
	buf := bufferOf(t, rest)
	m := &Message{Header: []byte("h"), Data: data, Buffers: []*pool.Buffer{buf}}
	var ended sync.WaitGroup
	for range 2 {
		ended.Add(1)
		require.NoError(t, c.Send(testContext(t), m, func(r *Response, err error) {
			defer ended.Done()
			if assert.NoError(t, err) {
				assert.Equal(t, "h", string(r.Header()))
				assert.True(t, bytes.Equal(append(bytes.Clone(data), rest...), r.Data()))
				r.Release()
			}
		}))
	}
	buf.Release()
	eventually(t, "both arrived", func() bool { return g.arrived.Load() == 2 })
	held := 1
	if overRDMA() {
		held += 2 // with the copies of data
	}
	assert.EqualValues(t, held, pool.Default().Stats().Buffers, "still held")
	close(g.open)
	ended.Wait()
	assert.EqualValues(t, 2, c.Stats().Sent)
}

// A buffer that was released for good cannot be sent; what went along is let go.
func TestBufferUsedAfterRelease(t *testing.T) {
	leakCheck(t)
	replied := make(chan error, 1)
	gone, good := bufferOf(t, []byte("gone")), bufferOf(t, []byte("good"))
	m := &Message{Buffers: []*pool.Buffer{good, gone}}
	_, c := pair(t, HandlerFunc(func(r *Request) {
		if string(r.Data()) == "use it" {
			replied <- used(t, func() error { return r.Reply(m) })
		}
		echo(r) // the request is still open
	}))
	gone.Release()
	ask(t, c, "use it")
	require.NoError(t, <-replied)
	for _, send := range []func() error{
		func() error { _, err := c.Call(testContext(t), m); return err },
		func() error {
			return c.TrySend(m, func(*Response, error) { t.Error("completed") })
		},
		func() error {
			return c.SendMsg(testContext(t), m, func(error) { t.Error("completed") })
		},
		func() error { return c.Deliver(testContext(t), m) },
	} {
		require.NoError(t, used(t, send))
	}
	assert.Zero(t, c.Stats().InFlight)
	good.Bytes()[0] = 'G'
	good.Release()
	assert.Zero(t, pool.Default().Stats().Buffers)
	ask(t, c, "still here")
}

// used says what is wrong with the end of a call that was given a released buffer:
// an error, and in debug builds, where any use is a bug to be found, a panic.
func used(t testing.TB, call func() error) error {
	if !debugBuild {
		err := call()
		if CodeOf(err) == ErrMsgInvalid {
			return nil
		}
		return &Error{Op: "the call", Code: ErrState, Text: "ended otherwise", Err: err}
	}
	assert.Panics(t, func() { _ = call() })
	return nil
}

// The second answer to a request is refused, and the first one arrives.
func TestReplySentTwice(t *testing.T) {
	leakCheck(t)
	errs := make(chan error, 2)
	_, c := pair(t, HandlerFunc(func(r *Request) {
		r.Reply(&Message{Data: []byte("first")})
		errs <- r.Reply(&Message{Data: []byte("second")})
		errs <- r.ReplyError(ErrState, "third")
	}))
	for range 5 {
		rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
		require.NoError(t, err)
		assert.Equal(t, "first", string(rsp.Data()))
		rsp.Release()
		require.ErrorIs(t, <-errs, ErrState)
		require.ErrorIs(t, <-errs, ErrState)
	}
}

// Every way to send says that the connection is closed, by whom, and takes nothing.
func TestCallOnAClosedConnection(t *testing.T) {
	leakCheck(t)
	buf := bufferOf(t, pattern(20000, 1))
	m := &Message{Data: pattern(10000, 2), Buffers: []*pool.Buffer{buf}}
	s, closed := pair(t, nil)
	left := dial(t, Dialer{}, s)
	require.NoError(t, closed.Close())
	require.NoError(t, s.Close())
	<-left.Done()
	for _, tc := range []struct {
		c    *Connection
		want []Code
	}{
		{closed, []Code{ErrClosed}},
		{left, []Code{ErrSessionClosed, ErrSessionDisconnected}},
	} {
		_, err := tc.c.Call(testContext(t), m)
		requireAny(t, err, tc.want...)
		requireAny(t, tc.c.Send(testContext(t), m, func(*Response, error) { t.Error("completed") }), tc.want...)
		requireAny(t, tc.c.TrySend(m, func(*Response, error) { t.Error("completed") }), tc.want...)
		requireAny(t, tc.c.SendMsg(testContext(t), m, func(error) { t.Error("completed") }), tc.want...)
		requireAny(t, tc.c.TrySendMsg(m, func(error) { t.Error("completed") }), tc.want...)
		requireAny(t, tc.c.Deliver(testContext(t), m), tc.want...)
		assert.Zero(t, tc.c.Stats().Sent)
		assert.Zero(t, tc.c.Stats().Copies)
	}
	buf.Release()
	assert.Zero(t, pool.Default().Stats().Buffers)
}

// A message above a limit is refused where it is sent, by requester and responder.
func TestMessageAboveTheLimit(t *testing.T) {
	leakCheck(t)
	buf := bufferOf(t, make([]byte, 1<<20))
	defer buf.Release()
	over := []struct {
		name string
		m    Message
		code Code
	}{
		{"header", Message{Header: make([]byte, MaxHeader+1)}, ErrMsgSize},
		{"data", Message{Data: make([]byte, MaxMessage+1)}, ErrMsgSize},
		{"header and data", Message{Header: []byte("h"), Data: make([]byte, MaxMessage)}, ErrMsgSize},
		{"data and buffers", Message{Data: make([]byte, MaxMessage), Buffers: []*pool.Buffer{buf}}, ErrMsgSize},
		{"segments", Message{Data: []byte("x"), Buffers: []*pool.Buffer{buf, buf, buf, buf}}, ErrMsgInvalid},
	}
	replies := make(chan error, len(over))
	_, c := pair(t, HandlerFunc(func(r *Request) {
		for i := range over {
			replies <- r.Reply(&over[i].m)
		}
		echo(r)
	}))
	rsp, err := c.Call(testContext(t), &Message{MaxResponse: MaxMessage, Data: []byte("reply")})
	require.NoError(t, err)
	assert.Equal(t, "reply", string(rsp.Data()))
	rsp.Release()
	for i := range over {
		tc := &over[i]
		require.ErrorIs(t, <-replies, tc.code, tc.name)
		_, err := c.Call(testContext(t), &tc.m)
		require.ErrorIs(t, err, tc.code, tc.name)
		require.ErrorIs(t, c.TrySend(&tc.m, func(*Response, error) { t.Error("completed") }), tc.code, tc.name)
		require.ErrorIs(t, c.Deliver(testContext(t), &tc.m), tc.code, tc.name)
	}
	assert.EqualValues(t, 1, c.Stats().Sent)
	assert.Zero(t, c.Stats().InFlight)
}

// fullQueue is a connection all of whose places are taken, until open is called.
func fullQueue(t testing.TB) (c *Connection, open func()) {
	t.Helper()
	g := newGate()
	c = dial(t, Dialer{QueueDepth: 2}, listen(t, ListenConfig{}, g))
	var ended sync.WaitGroup
	for range 2 {
		ended.Add(1)
		require.NoError(t, c.TrySend(&Message{Data: []byte("x")}, func(r *Response, err error) {
			if assert.NoError(t, err) {
				r.Release()
			}
			ended.Done()
		}))
	}
	eventually(t, "the queue is full", func() bool { return g.arrived.Load() == 2 })
	return c, func() { close(g.open); ended.Wait() }
}

// Who calls on a full queue waits, until there is room or his context ends.
func TestFullQueueCallWaitsWithinItsContext(t *testing.T) {
	leakCheck(t)
	c, open := fullQueue(t)
	for _, send := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := c.Call(ctx, &Message{}); return err },
		func(ctx context.Context) error {
			return c.Send(ctx, &Message{}, func(*Response, error) { t.Error("completed") })
		},
		func(ctx context.Context) error {
			return c.SendMsg(ctx, &Message{}, func(error) { t.Error("completed") })
		},
		func(ctx context.Context) error { return c.Deliver(ctx, &Message{}) },
	} {
		ctx, leave := context.WithCancel(testContext(t))
		left := make(chan error, 1)
		go func() { left <- send(ctx) }()
		eventually(t, "it waits", func() bool { return c.Stats().Waiting == 1 })
		assert.Empty(t, left)
		leave()
		err := <-left
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, ErrMsgCanceled)
		assert.Zero(t, c.Stats().Waiting)
	}
	waited := make(chan error, 1)
	go func() {
		rsp, err := c.Call(testContext(t), &Message{})
		if err == nil {
			rsp.Release()
		}
		waited <- err
	}()
	eventually(t, "it waits", func() bool { return c.Stats().Waiting == 1 })
	assert.EqualValues(t, 2, c.Stats().Sent, "nothing went past the queue")
	open()
	require.NoError(t, <-waited)
}

// Who tries on a full queue is told so at once, and that trying again may help.
func TestFullQueueTrySendReports(t *testing.T) {
	leakCheck(t)
	c, open := fullQueue(t)
	for _, err := range []error{
		c.TrySend(&Message{}, func(*Response, error) { t.Error("completed") }),
		c.TrySendMsg(&Message{}, func(error) { t.Error("completed") }),
	} {
		require.ErrorIs(t, err, ErrTxQueueOverflow)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.Temporary())
		assert.False(t, e.Remote)
	}
	open()
	eventually(t, "room", func() bool { return c.Stats().InFlight == 0 })
	done := make(chan error, 1)
	require.NoError(t, c.TrySend(&Message{}, func(r *Response, err error) { r.Release(); done <- err }))
	require.NoError(t, <-done)
}

// In debug builds what was given back is overwritten, and its use panics.
func TestGivenBackMemoryIsPoisoned(t *testing.T) {
	if !debugBuild {
		t.Skip("needs -race or -tags xiodebug: other builds use the memory again")
	}
	leakCheck(t)
	later := make(chan *Request, 1)
	_, c := pair(t, HandlerFunc(func(r *Request) {
		echo(r)
		later <- r
	}))
	rsp, err := c.Call(testContext(t), &Message{Data: []byte("response")})
	require.NoError(t, err)
	data := rsp.Data()
	rsp.Release()
	assert.Equal(t, bytes.Repeat([]byte{0xDB}, len(data)), data)
	assert.Panics(t, rsp.Release)
	assert.Panics(t, func() { rsp.Header() })
	r := <-later
	assert.Panics(t, func() { r.Data() })
	assert.Panics(t, func() { r.Header() })

	buf := bufferOf(t, []byte("buffer"))
	data = buf.Bytes()
	buf.Release()
	assert.Equal(t, bytes.Repeat([]byte{0xDB}, len(data)), data)
	assert.Panics(t, func() { buf.Bytes() })
	assert.Panics(t, buf.Release)
}
