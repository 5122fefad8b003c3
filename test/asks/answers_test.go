// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// The user's response found no buffer at the requester ("missing, response buffer"),
// which was told nothing: https://github.com/accelio/accelio/issues/56
func TestAccelio56_ResponseWithoutRoomIsAnswered(t *testing.T) {
	leakCheck(t)
	refused := make(chan error, 1)
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		err := r.Reply(&xio.Message{Data: pattern(100_001, 1)})
		refused <- err
		if err != nil {
			_ = r.ReplyError(xio.ErrMsgSize, "the answer has 100001 bytes")
		}
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	for range 3 {
		_, _, err := call(c, &xio.Message{MaxResponse: 100_000})
		require.ErrorIs(t, err, xio.ErrMsgSize)
		var e *xio.Error
		require.ErrorAs(t, err, &e)
		require.True(t, e.Remote)
		require.Contains(t, err.Error(), "100001 bytes")
		require.ErrorIs(t, <-refused, xio.ErrMsgSize, "the server knows it too")
	}
	_, data, err := call(c, &xio.Message{MaxResponse: 100_001})
	require.NoError(t, err)
	require.Len(t, data, 100_001)
	require.NoError(t, <-refused)
}

// The user's server failed, and the client waited for an answer that never came:
// https://github.com/accelio/accelio/issues/136
func TestAccelio136_ServerFailureIsAnswered(t *testing.T) {
	leakCheck(t)
	s := listen(t, xio.ListenConfig{Logger: discardLog}, xio.HandlerFunc(func(r *xio.Request) {
		switch string(r.Header()) {
		case "panic":
			panic("on purpose")
		case "error":
			_ = r.ReplyError(xio.ErrNoUserMR, "no memory to receive into")
		case "nothing":
		default:
			echo(r)
		}
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	for _, n := range []int{0, 100_000} {
		for _, how := range []string{"panic", "error", "nothing"} {
			_, _, err := call(c, &xio.Message{Header: []byte(how), Data: pattern(n, 1)})
			var e *xio.Error
			require.ErrorAs(t, err, &e, how)
			require.True(t, e.Remote, "%s: %v", how, err)
			if how == "error" {
				require.ErrorIs(t, err, xio.ErrNoUserMR)
			}
			require.NoError(t, askEcho(c, pattern(n, 2)), "the connection after %s", how)
		}
	}
}

// The same with a server that is killed while it has the request.
func TestAccelio136_ServerThatDiesIsAnswered(t *testing.T) {
	t.Parallel()
	server := start(t, "serve", "")
	c := dial(t, xio.Dialer{}, server.expect("uri"))
	ended := make(chan error, 1)
	go func() {
		_, _, err := call(c, &xio.Message{Header: []byte("hold")})
		ended <- err
	}()
	server.expect("held")
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGKILL))
	err := await(t, "the end of the call", ended)
	require.ErrorIs(t, err, xio.ErrMsgFlushed)
	await(t, "the end of the connection", c.Done())
	require.ErrorIs(t, c.Err(), xio.ErrSessionDisconnected)
}

// The user sends an impossible message and wants the error to say what is wrong with
// it, not "invalid in message": https://github.com/accelio/accelio/pull/57
func TestAccelio57_ErrorSaysWhatIsInvalid(t *testing.T) {
	leakCheck(t)
	s := listen(t, xio.ListenConfig{}, echo)
	c := dial(t, xio.Dialer{}, s.URI())
	ctx := testContext(t)
	small, err := pool.Default().Get(ctx, 8)
	require.NoError(t, err)
	defer small.Release()
	list := make(pool.List, xio.MaxSegments+1)
	for i := range list {
		list[i] = small
	}
	send := func(m xio.Message) func() error {
		return func() error { return c.Send(ctx, &m, func(*xio.Response, error) { t.Error("was sent") }) }
	}
	connect := func(d xio.Dialer, uri string) func() error {
		return func() error {
			c, err := d.Dial(ctx, uri)
			if err == nil {
				c.Close()
			}
			return err
		}
	}
	for _, tc := range []struct {
		says string
		do   func() error
	}{
		{"header above MaxHeader", send(xio.Message{Header: make([]byte, xio.MaxHeader+1)})},
		{"data above MaxMessage", send(xio.Message{Data: make([]byte, xio.MaxMessage+1)})},
		{"more segments than MaxSegments", send(xio.Message{Buffers: list})},
		{"MaxResponse out of range", send(xio.Message{MaxResponse: -1})},
		{"no completion function", func() error { return c.Send(ctx, &xio.Message{}, nil) }},
		{"QueueDepth out of range", connect(xio.Dialer{QueueDepth: -1}, s.URI())},
		{"CloseTimeout out of range", connect(xio.Dialer{CloseTimeout: -1}, s.URI())},
		{"LocalAddr is not an address", connect(xio.Dialer{LocalAddr: "here"}, s.URI())},
		{"port 0", connect(xio.Dialer{}, "tcp://127.0.0.1:0")},
		{"Prealloc", func() error {
			_, err := pool.New(pool.Config{Classes: []pool.Class{{Size: 4096, Prealloc: -1}}})
			return err
		}},
	} {
		err := tc.do()
		if assert.Error(t, err, tc.says) {
			assert.Contains(t, err.Error(), tc.says)
		}
	}
	require.NoError(t, askEcho(c, []byte("unharmed")))
}

// The user got an error with the number 1247689302 and wants to know what it is:
// https://github.com/accelio/JXIO/issues/4
func TestJXIO4_ErrorsAreNotNumbers(t *testing.T) {
	digits := regexp.MustCompile(`[0-9]{5,}`)
	for code := xio.ErrNotSupported; code <= xio.ErrRspBufSizeMismatch; code++ {
		err := error(&xio.Error{Op: "call", URI: "tcp://host:1", Code: code})
		assert.NotRegexp(t, digits, err.Error())
		assert.NotContains(t, err.Error(), "unknown error")
		assert.ErrorIs(t, err, code)
	}
	assert.Contains(t, xio.ErrNoBufs.Error(), "no buffer space available (XIO_E_NO_BUFS)")

	// What failures make, on both sides and from the peer.
	s := listen(t, xio.ListenConfig{MaxPending: 1}, xio.HandlerFunc(func(r *xio.Request) {
		_ = r.ReplyError(xio.ErrNoBufs, "no room")
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	_, _, remote := call(c, &xio.Message{})
	require.ErrorIs(t, remote, xio.ErrNoBufs)
	require.NoError(t, c.Close())
	_, _, closed := call(c, &xio.Message{})
	require.ErrorIs(t, closed, xio.ErrClosed)
	// A port that was given back would soon be somebody else's.
	const nobody = "tcp://127.0.0.1:1"
	require.NoError(t, s.Close())
	_, refused := xio.Dial(testContext(t), nobody)
	require.ErrorIs(t, refused, xio.ErrConnect)
	for _, err := range []error{remote, closed, refused} {
		assert.NotRegexp(t, digits, strings.NewReplacer(s.URI(), "URI", nobody, "URI").Replace(err.Error()))
		var e *xio.Error
		assert.ErrorAs(t, err, &e)
	}
}

// The same user asks what causes XIO_E_NO_BUFS: large plain data is copied into buffers
// of the default pool, and none is free. Small messages go on.
func TestJXIO4_WhatCausesNoBufs(t *testing.T) {
	leakCheck(t)
	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, echo).URI())
	var all pool.List
	for size := pool.MaxBuffer; size >= pool.MinBlock; {
		b, err := pool.Default().TryGet(size)
		if err == nil {
			all = append(all, b)
			continue
		}
		require.ErrorIs(t, err, pool.ErrExhausted)
		size /= 2
	}
	large := &xio.Message{Data: pattern(100_000, 1)}
	err := c.TrySend(large, func(*xio.Response, error) { t.Error("was sent") })
	require.ErrorIs(t, err, xio.ErrNoBufs)
	require.ErrorIs(t, err, pool.ErrExhausted, "and it says where")
	require.NoError(t, askEcho(c, pattern(8000, 2)))

	ended := make(chan error, 1)
	go func() { ended <- askEcho(c, large.Data) }() // waits instead of failing
	eventually(t, "the wait for a buffer", func() bool { return pool.Default().Stats().Waiting == 1 })
	all.Release()
	require.NoError(t, await(t, "the end of the call", ended))
	pool.Default().Trim(0)
}
