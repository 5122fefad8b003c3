package xio

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
)

func TestCallSizes(t *testing.T) {
	leakCheck(t)
	_, c := pair(t, nil)
	ctx := testContext(t)
	for _, n := range []int{0, 1, 100, 4096, 8191, 8192, 8193, 9119, 9120, 9216, 16384, 16385, 65536, 100000, 1 << 20, 1<<20 + 1, 16 << 20, 64 << 20} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			hdr := pattern(n%MaxHeader, 3)
			data := pattern(n, 7)
			rsp, err := c.Call(ctx, &Message{Header: hdr, Data: data})
			require.NoError(t, err)
			assert.True(t, bytes.Equal(hdr, rsp.Header()))
			assert.Equal(t, n, rsp.Len())
			assert.True(t, bytes.Equal(data, rsp.Data()))
			dst := make([]byte, n+1)
			assert.Equal(t, n, rsp.CopyData(dst))
			assert.True(t, bytes.Equal(data, dst[:n]))
			rsp.Release()
		})
	}
}

func TestCallHeaderAtTheLimit(t *testing.T) {
	_, c := pair(t, nil)
	hdr := pattern(MaxHeader, 1)
	rsp, err := c.Call(testContext(t), &Message{Header: hdr, Data: pattern(MaxInlineData, 2)})
	require.NoError(t, err)
	assert.Equal(t, hdr, rsp.Header())
	rsp.Release()
}

func TestCallRefusesWhatCannotBeSent(t *testing.T) {
	_, c := pair(t, nil)
	small, err := pool.Default().Get(testContext(t), 8)
	require.NoError(t, err)
	defer small.Release()
	many := []*pool.Buffer{small, small, small, small, small}
	for _, tc := range []struct {
		name string
		m    Message
		code Code
	}{
		{"header", Message{Header: make([]byte, MaxHeader+1)}, ErrMsgSize},
		{"data", Message{Data: make([]byte, MaxMessage+1)}, ErrMsgSize},
		{"segments", Message{Buffers: many}, ErrMsgInvalid},
		{"segments with data", Message{Data: []byte("x"), Buffers: many[:MaxSegments]}, ErrMsgInvalid},
		{"negative MaxResponse", Message{MaxResponse: -1}, ErrMsgInvalid},
		{"MaxResponse", Message{MaxResponse: MaxMessage + 1}, ErrMsgInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.Call(testContext(t), &tc.m)
			require.ErrorIs(t, err, tc.code)
			err = c.Send(testContext(t), &tc.m, func(*Response, error) { t.Error("completed") })
			require.ErrorIs(t, err, tc.code)
		})
	}
	// None of it did any harm.
	rsp, err := c.Call(testContext(t), &Message{Data: []byte("still here")})
	require.NoError(t, err)
	assert.Equal(t, "still here", string(rsp.Data()))
	rsp.Release()
	assert.Zero(t, c.Stats().InFlight)
}

func TestCallBuffers(t *testing.T) {
	leakCheck(t)
	_, c := pair(t, nil)
	ctx := testContext(t)
	for _, sizes := range [][]int{{1}, {5000}, {10, 20, 30}, {100000, 1, 200000, 3}, {2 << 20, 3 << 20}} {
		var want []byte
		m := &Message{Header: []byte("h")}
		for i, n := range sizes {
			b, err := pool.Default().Get(ctx, n)
			require.NoError(t, err)
			copy(b.Bytes(), pattern(n, byte(i)))
			want = append(want, b.Bytes()...)
			m.Buffers = append(m.Buffers, b)
		}
		for range 3 { // the same message again
			rsp, err := c.Call(ctx, m)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, rsp.Data()), sizes)
			rsp.Release()
		}
		// Released while the library still reads them.
		done := make(chan error, 1)
		require.NoError(t, c.Send(ctx, m, func(r *Response, err error) {
			if err == nil {
				if !bytes.Equal(want, r.Data()) {
					err = errors.New("damaged")
				}
				r.Release()
			}
			done <- err
		}))
		for _, b := range m.Buffers {
			b.Release()
		}
		require.NoError(t, <-done)
	}
}

func TestReplyWithBuffers(t *testing.T) {
	leakCheck(t)
	_, c := pair(t, HandlerFunc(func(r *Request) {
		var m Message
		for i := range 3 {
			b, err := pool.Default().Get(r.Context(), 50000)
			if err != nil {
				r.ReplyError(ErrNoBufs, err.Error())
				return
			}
			defer b.Release()
			copy(b.Bytes(), pattern(50000, byte(i)))
			m.Buffers = append(m.Buffers, b)
		}
		r.Reply(&m)
	}))
	var want []byte
	for i := range 3 {
		want = append(want, pattern(50000, byte(i))...)
	}
	for range 5 {
		rsp, err := c.Call(testContext(t), &Message{MaxResponse: 150000})
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, rsp.Data()))
		var got []byte
		for _, s := range rsp.Segments() {
			got = append(got, s...)
		}
		assert.True(t, bytes.Equal(want, got))
		rsp.Release()
	}
}

func TestResponseLargerThanTheRequesterTakes(t *testing.T) {
	leakCheck(t)
	var replyErr error
	_, c := pair(t, HandlerFunc(func(r *Request) {
		n, _ := strconv.Atoi(string(r.Data()))
		if err := r.Reply(&Message{Data: make([]byte, n)}); err != nil {
			replyErr = err
			r.ReplyError(CodeOf(err), "too large")
		}
	}))
	for _, tc := range []struct {
		max, n int
		ok     bool
	}{
		{1, 8192, true}, // always fits inline
		{1, 9120, false},
		{10000, 10000, true},
		{10000, 10001, false},
		{0, 64 << 10, true},
		{0, 64<<10 + 1, false},
		{1 << 20, 1 << 20, true},
		{1 << 20, 1<<20 + 1, false},
	} {
		rsp, err := c.Call(testContext(t), &Message{Data: []byte(strconv.Itoa(tc.n)), MaxResponse: tc.max})
		if tc.ok {
			require.NoError(t, err, "%+v", tc)
			assert.Equal(t, tc.n, rsp.Len())
			rsp.Release()
			continue
		}
		require.ErrorIs(t, err, ErrMsgSize, "%+v", tc)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.True(t, e.Remote)
		assert.ErrorIs(t, replyErr, ErrMsgSize)
	}
	// The connection is unharmed.
	rsp, err := c.Call(testContext(t), &Message{Data: []byte("5")})
	require.NoError(t, err)
	assert.Equal(t, 5, rsp.Len())
	rsp.Release()
}

func TestCallFromManyGoroutines(t *testing.T) {
	leakCheck(t)
	_, c := pair(t, nil)
	ctx := testContext(t)
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for i := range 100 {
				n := (g*7919 + i*104729) % 3000
				if i%25 == 0 {
					n += 20000
				}
				data := pattern(n, byte(g+i))
				rsp, err := c.Call(ctx, &Message{Data: data})
				if !assert.NoError(t, err) {
					return
				}
				assert.True(t, bytes.Equal(data, rsp.Data()))
				rsp.Release()
			}
		})
	}
	wg.Wait()
	st := c.Stats()
	assert.EqualValues(t, 6400, st.Sent)
	assert.Zero(t, st.Failed)
	assert.Zero(t, st.InFlight)
}

// gate holds requests until it is opened.
type gate struct {
	arrived atomic.Int64
	open    chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) ServeXIO(r *Request) {
	g.arrived.Add(1)
	<-g.open
	echo(r)
}

func TestCallWaitsForRoom(t *testing.T) {
	leakCheck(t)
	g := newGate()
	s := listen(t, ListenConfig{}, g)
	c := dial(t, Dialer{QueueDepth: 4}, s)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			rsp, err := c.Call(testContext(t), &Message{Data: []byte("x")})
			if assert.NoError(t, err) {
				rsp.Release()
			}
		})
	}
	eventually(t, "four requests in flight", func() bool { return g.arrived.Load() == 4 })
	// Who looks for a place in vain has it for a moment.
	eventually(t, "none beyond", func() bool { return c.Stats().InFlight == 4 })

	err := c.TrySend(&Message{}, func(*Response, error) { t.Error("completed") })
	require.ErrorIs(t, err, ErrTxQueueOverflow)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Temporary())

	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = c.Call(short, &Message{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, ErrTimeout)
	err = c.Send(short, &Message{}, func(*Response, error) { t.Error("completed") })
	require.ErrorIs(t, err, context.DeadlineExceeded)

	assert.EqualValues(t, 4, g.arrived.Load(), "nothing beyond the queue depth was sent")
	close(g.open)
	wg.Wait()
	assert.EqualValues(t, 12, g.arrived.Load())
}

func TestCallAbandoned(t *testing.T) {
	leakCheck(t)
	g := newGate()
	s := listen(t, ListenConfig{}, g)
	c := dial(t, Dialer{QueueDepth: 8}, s)
	buf, err := pool.Default().Get(testContext(t), 30000)
	require.NoError(t, err)
	for i := range 8 {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			eventually(t, "arrival", func() bool { return g.arrived.Load() == int64(i+1) })
			cancel()
		}()
		began := time.Now()
		_, err := c.Call(ctx, &Message{Buffers: []*pool.Buffer{buf}})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, ErrMsgCanceled)
		require.Less(t, time.Since(began), patience/2)
	}
	buf.Release()
	assert.Equal(t, 8, c.Stats().InFlight, "slots stay taken until the library gives them back")
	assert.EqualValues(t, 1, pool.Default().Stats().Buffers, "and so do buffers")
	close(g.open)
	eventually(t, "late responses thrown away", func() bool { return c.Stats().InFlight == 0 })
	assert.EqualValues(t, 8, c.Stats().Abandoned)
	rsp, err := c.Call(testContext(t), &Message{Data: []byte("next")})
	require.NoError(t, err)
	assert.Equal(t, "next", string(rsp.Data()))
	rsp.Release()
}

func TestCallDeadlineAlreadyPassed(t *testing.T) {
	_, c := pair(t, nil)
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	_, err := c.Call(ctx, &Message{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.True(t, e.Timeout())
	assert.Zero(t, c.Stats().Sent)
}

func TestSendInOrder(t *testing.T) {
	leakCheck(t)
	var seen []byte
	s := listen(t, ListenConfig{Inline: true}, HandlerFunc(func(r *Request) {
		seen = append(seen, r.Data()...)
		echo(r)
	}))
	c := dial(t, Dialer{}, s)
	var got []byte
	done := make(chan struct{})
	for i := range 200 {
		require.NoError(t, c.Send(testContext(t), &Message{Data: []byte{byte(i)}}, func(r *Response, err error) {
			if assert.NoError(t, err) {
				got = append(got, r.Data()...)
				r.Release()
			}
			if len(got) == 200 {
				close(done)
			}
		}))
	}
	<-done
	want := make([]byte, 200)
	for i := range want {
		want[i] = byte(i)
	}
	assert.Equal(t, want, got)
	assert.Equal(t, want, seen)
}

func TestTrySendFromCompletion(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	c := dial(t, Dialer{QueueDepth: 1}, s)
	done := make(chan error, 1)
	n := 0
	var next func(r *Response, err error)
	next = func(r *Response, err error) {
		if err == nil {
			r.Release()
			if n++; n < 500 {
				if err = c.TrySend(&Message{Data: []byte("again")}, next); err == nil {
					return
				}
			}
		}
		done <- err
	}
	require.NoError(t, c.TrySend(&Message{}, next))
	require.NoError(t, <-done)
	assert.Equal(t, 500, n)
}

func TestSendNeedsCompletion(t *testing.T) {
	_, c := pair(t, nil)
	require.ErrorIs(t, c.Send(testContext(t), &Message{}, nil), ErrMsgInvalid)
}

func TestManyLargeResponsesHeld(t *testing.T) {
	leakCheck(t)
	_, c := pair(t, nil)
	var held []*Response
	for i := range 20 {
		rsp, err := c.Call(testContext(t), &Message{Data: pattern(40000, byte(i))})
		require.NoError(t, err)
		held = append(held, rsp)
	}
	assert.Equal(t, 20, c.Stats().InFlight)
	for i, rsp := range held {
		assert.True(t, bytes.Equal(pattern(40000, byte(i)), rsp.Data()))
		rsp.Release()
	}
	eventually(t, "slots back", func() bool { return c.Stats().InFlight == 0 })
}
