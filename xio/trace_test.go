// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hooks is a Tracer and Observer of functions, any of which may be nil.
type hooks struct {
	send   func(context.Context, Sending) ([]byte, func(error))
	serve  func(context.Context, Served) (context.Context, func(error))
	sent   func(MessageInfo)
	served func(MessageInfo)
}

func (h *hooks) StartSend(ctx context.Context, s Sending) ([]byte, func(error)) {
	if h.send == nil {
		return s.Message.Header, nil
	}
	return h.send(ctx, s)
}

func (h *hooks) StartServe(ctx context.Context, in Served) (context.Context, func(error)) {
	if h.serve == nil {
		return nil, nil
	}
	return h.serve(ctx, in)
}

func (h *hooks) MessageSent(i MessageInfo) {
	if h.sent != nil {
		h.sent(i)
	}
}

func (h *hooks) MessageServed(i MessageInfo) {
	if h.served != nil {
		h.served(i)
	}
}

// What a Tracer puts into the header arrives, and the Message stays as it was.
func TestTracerFillsTheHeader(t *testing.T) {
	leakCheck(t)
	headers := make(chan string, 1)
	s := listen(t, ListenConfig{OnMsg: func(m *OneWay) { headers <- string(m.Header()) }}, echo)
	c := dial(t, Dialer{Tracer: &hooks{send: func(_ context.Context, s Sending) ([]byte, func(error)) {
		return append([]byte("trace "), s.Message.Header...), nil
	}}}, s)
	m := &Message{Header: []byte("mine"), Data: []byte("data")}
	rsp, err := c.Call(testContext(t), m)
	require.NoError(t, err)
	assert.Equal(t, "trace mine", string(rsp.Header()))
	assert.Equal(t, "data", string(rsp.Data()))
	rsp.Release()
	require.NoError(t, c.Deliver(testContext(t), m))
	assert.Equal(t, "trace mine", <-headers)
	assert.Equal(t, "mine", string(m.Header))
	assert.EqualValues(t, 2*len("trace mine"+"data"), c.Stats().BytesOut)
}

// A message that fails before the library has it is observed and ends its trace
// like others, once.
func TestFailuresBeforeTheLibrary(t *testing.T) {
	leakCheck(t)
	var mu sync.Mutex
	var observed []MessageInfo
	var ended []error
	note := &hooks{
		send: func(_ context.Context, s Sending) ([]byte, func(error)) {
			return bytes.Repeat(s.Message.Header, 2), func(err error) {
				mu.Lock()
				ended = append(ended, err)
				mu.Unlock()
			}
		},
		sent: func(i MessageInfo) {
			mu.Lock()
			observed = append(observed, i)
			mu.Unlock()
		},
	}
	held := make(chan *Request, 1)
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) { r.Detach(); held <- r }))
	c := dial(t, Dialer{QueueDepth: 1, Tracer: note, Observer: note}, s)
	over, cancel := context.WithCancel(testContext(t))
	cancel()
	call := func(ctx context.Context, m *Message) func() error {
		return func() error { _, err := c.Call(ctx, m); return err }
	}
	check := func(name string, oneWay bool, want error, send func() error) {
		t.Run(name, func(t *testing.T) {
			failed := c.Stats().Failed
			require.ErrorIs(t, send(), want)
			mu.Lock()
			defer mu.Unlock()
			require.Len(t, observed, 1)
			i := observed[0]
			require.ErrorIs(t, i.Err, want)
			assert.Equal(t, oneWay, i.OneWay)
			assert.Same(t, c, i.Conn)
			assert.True(t, i.Unsent)
			assert.Zero(t, i.BytesOut)
			assert.GreaterOrEqual(t, int64(i.Latency), int64(0))
			require.Len(t, ended, 1)
			assert.ErrorIs(t, ended[0], want)
			assert.Equal(t, failed+1, c.Stats().Failed)
			observed, ended = nil, nil
		})
	}
	check("too large", false, ErrMsgSize, call(testContext(t), &Message{Data: make([]byte, MaxMessage+1)}))
	check("header of the Tracer too large", false, ErrMsgSize, call(testContext(t), &Message{Header: make([]byte, MaxHeader/2+1)}))
	check("bad option", false, ErrMsgInvalid, call(testContext(t), &Message{MaxResponse: -1}))
	check("context over", false, context.Canceled, call(over, &Message{}))
	check("one-way", true, context.Canceled, func() error { return c.SendMsg(over, &Message{}, nil) })
	check("receipt", true, context.Canceled, func() error { return c.Deliver(over, &Message{}) })

	done := make(chan error, 1)
	require.NoError(t, c.TrySend(&Message{}, func(r *Response, err error) { r.Release(); done <- err }))
	r := <-held
	full := func(*Response, error) { t.Error("a completion for what was refused") }
	check("full queue", false, ErrTxQueueOverflow, func() error { return c.TrySend(&Message{}, full) })
	check("full queue, one-way", true, ErrTxQueueOverflow, func() error { return c.TrySendMsg(&Message{}, nil) })
	require.NoError(t, r.Reply(&Message{}))
	require.NoError(t, <-done)
	mu.Lock()
	require.Len(t, observed, 1)
	require.NoError(t, observed[0].Err)
	require.Equal(t, []error{nil}, ended)
	observed, ended = nil, nil
	mu.Unlock()

	require.NoError(t, c.Close())
	check("closed", false, ErrClosed, call(testContext(t), &Message{}))
}

// A call that is given up while the driver is busy never reaches the library, and
// the Observer learns of that.
func TestObserverOfACallGivenUpEarly(t *testing.T) {
	leakCheck(t)
	home, err := NewContext(ContextOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, home.Close()) })
	observed := make(chan MessageInfo, 1)
	s := listen(t, ListenConfig{}, echo)
	c := dial(t, Dialer{Context: home, Observer: &hooks{sent: func(i MessageInfo) { observed <- i }}}, s)
	entered, release := make(chan struct{}), make(chan struct{})
	home.post(func() { close(entered); <-release })
	<-entered
	ctx, cancel := context.WithCancel(testContext(t))
	called := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, &Message{Data: []byte("x")})
		called <- err
	}()
	eventually(t, "the call waits", func() bool { return c.Stats().InFlight == 1 })
	cancel()
	require.ErrorIs(t, <-called, context.Canceled)
	assert.Empty(t, observed)
	close(release)
	i := <-observed
	require.ErrorIs(t, i.Err, ErrMsgCanceled)
	assert.True(t, i.Unsent)
	assert.Zero(t, i.BytesOut)
	assert.Zero(t, c.Stats().Sent)
}

// A handler of one-ways has the Tracer's values, and sees when it is of no use.
func TestContextOfAOneWay(t *testing.T) {
	leakCheck(t)
	type key struct{}
	kept := make(chan *OneWay, 1)
	s := listen(t, ListenConfig{
		Tracer: &hooks{serve: func(ctx context.Context, in Served) (context.Context, func(error)) {
			assert.IsType(t, (*OneWay)(nil), in)
			return context.WithValue(ctx, key{}, string(in.Header())), nil
		}},
		OnMsg: func(m *OneWay) { m.Detach(); kept <- m },
	}, nil)
	c := dial(t, Dialer{}, s)
	for _, name := range []string{"released", "lost"} {
		require.NoError(t, c.SendMsg(testContext(t), &Message{Header: []byte(name)}, nil))
		m := <-kept
		ctx := m.Context()
		assert.Equal(t, name, ctx.Value(key{}))
		require.NoError(t, ctx.Err())
		if name == "lost" {
			require.NoError(t, c.Close())
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), ErrSessionClosed)
		}
		require.NoError(t, m.Release())
		<-ctx.Done()
		if name == "released" {
			assert.Equal(t, context.Canceled, context.Cause(ctx))
		}
	}
}

// safeBuffer is where a log of several goroutines goes.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.b.String()
	s.b.Reset()
	return text
}

// A hook that panics is logged under its name, and the message ends as it would.
func TestHooksThatPanic(t *testing.T) {
	bad := func(error) { panic("on purpose") }
	for _, tc := range []struct {
		name           string
		client, server hooks
		where          string
	}{
		{"StartSend", hooks{send: func(context.Context, Sending) ([]byte, func(error)) { panic("on purpose") }}, hooks{}, "a Tracer"},
		{"end of StartSend", hooks{send: func(_ context.Context, s Sending) ([]byte, func(error)) { return s.Message.Header, bad }}, hooks{}, "a Tracer"},
		{"StartServe", hooks{}, hooks{serve: func(context.Context, Served) (context.Context, func(error)) { panic("on purpose") }}, "a Tracer"},
		{"end of StartServe", hooks{}, hooks{serve: func(ctx context.Context, _ Served) (context.Context, func(error)) { return ctx, bad }}, "a Tracer"},
		{"MessageSent", hooks{sent: func(MessageInfo) { panic("on purpose") }}, hooks{}, "an Observer"},
		{"MessageServed", hooks{}, hooks{served: func(MessageInfo) { panic("on purpose") }}, "an Observer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			leakCheck(t)
			var lines safeBuffer
			log := slog.New(slog.NewTextHandler(&lines, nil))
			arrived := make(chan string, 1)
			s := listen(t, ListenConfig{Tracer: &tc.server, Observer: &tc.server, Logger: log,
				OnMsg: func(m *OneWay) { arrived <- string(m.Header()) }}, echo)
			c := dial(t, Dialer{Tracer: &tc.client, Observer: &tc.client, Logger: log}, s)
			logged := func() string {
				var text string
				eventually(t, "a line in the log", func() bool { text += lines.take(); return len(text) > 0 })
				return text
			}
			rsp, err := c.Call(testContext(t), &Message{Header: []byte("h"), Data: []byte("x")})
			require.NoError(t, err)
			assert.Equal(t, "h", string(rsp.Header()))
			rsp.Release()
			assert.Contains(t, logged(), "panic in "+tc.where+`"`)

			require.NoError(t, c.Deliver(testContext(t), &Message{Header: []byte("h")}))
			assert.Equal(t, "h", <-arrived)
			assert.Contains(t, logged(), "panic in "+tc.where+`"`)

			done := make(chan error, 1)
			require.NoError(t, c.Send(testContext(t), &Message{}, func(r *Response, err error) { r.Release(); done <- err }))
			require.NoError(t, <-done)
			assert.NotContains(t, logged(), "handler")
		})
	}
}
