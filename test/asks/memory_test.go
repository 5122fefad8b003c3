// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// The user sends 12,587,576 bytes, for which the library's pool had no block:
// https://github.com/accelio/accelio/issues/199
func TestAccelio199_MessagesOf12MB(t *testing.T) {
	leakCheck(t)
	const size = 12_587_576
	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, mirror).URI())
	data := pattern(size, 1)
	_, got, err := call(c, &xio.Message{Header: strconv.AppendInt(nil, size, 10), Data: data})
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	askMirror(t, c, size)
	askMirror(t, c, pool.Even(size, xio.MaxSegments)...)
}

// The user wants to send over TCP from memory that nobody registered:
// https://github.com/accelio/accelio/pull/159
func TestAccelio159_PlainMemoryIsEnough(t *testing.T) {
	leakCheck(t)
	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, echo).URI())
	for _, n := range []int{100, 9120, 3 << 20} {
		data := pattern(n, n)
		ended := make(chan []byte, 1)
		m := &xio.Message{Data: data, MaxResponse: n}
		require.NoError(t, c.Send(testContext(t), m, func(r *xio.Response, err error) {
			defer close(ended)
			if assert.NoError(t, err) {
				ended <- bytes.Clone(r.Data())
				r.Release()
			}
		}))
		clear(data) // it is the caller's again, at once
		require.True(t, bytes.Equal(pattern(n, n), await(t, "the answer", ended)), n)
	}
}

// The user learns that a message is sent, and its buffers free, with every eighth
// message only, unless a flag is set: https://github.com/accelio/accelio/issues/17
func TestAccelio17_BuffersAreFreeAsSoonAsSent(t *testing.T) {
	leakCheck(t)
	p, err := pool.New(pool.Config{})
	require.NoError(t, err)
	ctx := testContext(t)
	s := listen(t, xio.ListenConfig{OnMsg: func(*xio.OneWay) {}}, xio.HandlerFunc(func(r *xio.Request) {
		b, err := p.Get(ctx, 100_000)
		if err != nil {
			_ = r.ReplyError(xio.ErrNoBufs, err.Error())
			return
		}
		defer b.Release()
		answer(r, &xio.Message{Buffers: []*pool.Buffer{b}})
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	for i := range 3 { // one alone, and never as many as eight
		b, err := p.Get(ctx, 100_000)
		require.NoError(t, err)
		done := make(chan error, 1)
		require.NoError(t, c.SendMsg(ctx, &xio.Message{Buffers: []*pool.Buffer{b}}, func(err error) { done <- err }))
		b.Release()
		require.NoError(t, await(t, "the end of a one-way message", done), i)
		eventually(t, "its buffer back", func() bool { return p.Stats().Buffers == 0 })

		b, err = p.Get(ctx, 50_000)
		require.NoError(t, err)
		_, _, err = call(c, &xio.Message{Buffers: []*pool.Buffer{b}, MaxResponse: 100_000})
		b.Release()
		require.NoError(t, err, i)
		eventually(t, "the response's buffer back", func() bool { return p.Stats().Buffers == 0 })
	}
	require.NoError(t, p.CloseContext(ctx))
}

// The user sends one element more than the limit, gets "invalid out message", and finds
// that the limit is an option of the process: here it is a constant that both sides
// have, and the error names it. https://github.com/accelio/accelio/issues/16
func TestAccelio16_LimitOfElementsIsKnownAndNamed(t *testing.T) {
	leakCheck(t)
	refused := make(chan error, 1)
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		b, err := pool.Default().Get(r.Context(), 10)
		if err != nil {
			_ = r.ReplyError(xio.ErrNoBufs, err.Error())
			return
		}
		defer b.Release()
		copy(b.Bytes(), "0123456789")
		var list pool.List
		for range xio.MaxSegments + 1 {
			list = append(list, b)
		}
		refused <- r.Reply(&xio.Message{Buffers: list})
		answer(r, &xio.Message{Buffers: list[:xio.MaxSegments]})
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	_, data, err := call(c, &xio.Message{})
	require.NoError(t, err)
	require.Len(t, data, 10*xio.MaxSegments)
	err = <-refused
	require.ErrorIs(t, err, xio.ErrMsgInvalid)
	require.Contains(t, err.Error(), "MaxSegments")
}

// The user asks whether a server may keep something of its own with a request: it may,
// a Request is the server's alone. https://github.com/accelio/accelio/issues/129
func TestAccelio129_ServerKeepsItsOwnWithARequest(t *testing.T) {
	leakCheck(t)
	const count = 20
	var mu sync.Mutex
	kept := map[*xio.Request]*pool.Buffer{}
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		b, err := pool.Default().Get(r.Context(), r.Len())
		if err != nil {
			_ = r.ReplyError(xio.ErrNoBufs, err.Error())
			return
		}
		r.CopyData(b.Bytes())
		r.Detach()
		mu.Lock()
		kept[r] = b
		all := len(kept) == count
		mu.Unlock()
		if !all {
			return
		}
		for r, b := range kept { // each with its own, in any order
			answer(r, &xio.Message{Buffers: []*pool.Buffer{b}})
			b.Release()
		}
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() { assert.NoError(t, askEcho(c, pattern(500+i, i))) })
	}
	wg.Wait()
}

// There was no flow control on callers, and a send that failed might be queued all the
// same: a full queue makes callers wait or refuses, and what is refused never goes.
// https://github.com/ceph/ceph/pull/4099
func TestCeph4099_FullQueueIsBackPressure(t *testing.T) {
	leakCheck(t)
	const depth = 8
	g := newGate()
	var seen sync.Map
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		_, twice := seen.LoadOrStore(binary.BigEndian.Uint32(r.Data()), true)
		assert.False(t, twice, "nothing comes twice")
		g.ServeXIO(r)
	}))
	c := dial(t, xio.Dialer{QueueDepth: depth}, s.URI())
	message := func(i uint32) *xio.Message { return &xio.Message{Data: binary.BigEndian.AppendUint32(nil, i)} }

	ended := make(chan error, depth)
	accepted := map[uint32]bool{}
	for i := range uint32(5 * depth) {
		err := c.TrySend(message(i), func(r *xio.Response, err error) {
			if err == nil {
				r.Release()
			}
			ended <- err
		})
		if err == nil {
			accepted[i] = true
			continue
		}
		require.ErrorIs(t, err, xio.ErrTxQueueOverflow)
	}
	require.Len(t, accepted, depth)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := c.Call(gone, message(1000))
	require.ErrorIs(t, err, context.Canceled, "a caller waits no longer than it wants")

	var wg sync.WaitGroup
	for i := range uint32(3 * depth) { // those who wait get their turn
		wg.Go(func() {
			_, _, err := call(c, message(2000+i))
			assert.NoError(t, err)
		})
	}
	close(g.open)
	for range depth {
		require.NoError(t, await(t, "an answer", ended))
	}
	wg.Wait()
	var arrived atomic.Int64
	seen.Range(func(key, _ any) bool {
		i := key.(uint32)
		assert.True(t, accepted[i] || i >= 2000, fmt.Sprint(i, " was refused and came all the same"))
		arrived.Add(1)
		return true
	})
	require.EqualValues(t, 4*depth, arrived.Load())
}

// The pool of the library was empty, and the user fell back to other memory: here who
// asks waits or is told, and messages from plain memory go on.
// https://github.com/ceph/ceph/pull/4750
func TestCeph4750_EmptyPoolStopsNothing(t *testing.T) {
	leakCheck(t)
	p, err := pool.New(pool.Config{Limit: 1 << 20})
	require.NoError(t, err)
	ctx := testContext(t)
	all, err := p.Get(ctx, 1<<20)
	require.NoError(t, err)
	_, err = p.TryGet(1)
	require.ErrorIs(t, err, pool.ErrExhausted)
	got := make(chan *pool.Buffer, 1)
	go func() {
		b, err := p.Get(ctx, 1000)
		assert.NoError(t, err)
		got <- b
	}()
	eventually(t, "the wait for a buffer", func() bool { return p.Stats().Waiting == 1 })

	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, echo).URI())
	require.NoError(t, askEcho(c, pattern(2<<20, 1)), "others go on")

	all.Release()
	b := await(t, "the buffer", got)
	require.NotNil(t, b)
	b.Release()
	require.NoError(t, p.CloseContext(ctx))
}
