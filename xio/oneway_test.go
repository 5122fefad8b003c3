package xio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

var oneWaySizes = []int{0, 1, MaxInlineData, MaxInlineData + 1, 100000, 1 << 20}

func TestOneWay(t *testing.T) {
	for _, mode := range []struct{ inline, receipt bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("%+v", mode), func(t *testing.T) {
			leakCheck(t)
			type got struct {
				header, data []byte
				conn         *Connection
			}
			arrived := make(chan got, 16)
			s := listen(t, ListenConfig{Inline: mode.inline, OnMsg: func(m *OneWay) {
				assert.Equal(t, m.Len(), len(m.Data()))
				arrived <- got{bytes.Clone(m.Header()), bytes.Clone(m.Data()), m.Conn()}
			}}, nil)
			c := dial(t, Dialer{}, s)
			for i, n := range oneWaySizes {
				want := pattern(n, byte(i))
				header := pattern(i*50, 7)
				ended := make(chan error, 1)
				require.NoError(t, c.SendMsg(testContext(t), &Message{Header: header, Data: want, Receipt: mode.receipt},
					func(err error) { ended <- err }))
				require.NoError(t, <-ended)
				g := <-arrived
				require.True(t, bytes.Equal(want, g.data), "%d bytes", n)
				require.True(t, bytes.Equal(header, g.header))
				require.Same(t, s.Connections()[0], g.conn)
			}
			// Nobody wants to know.
			require.NoError(t, c.TrySendMsg(&Message{Data: []byte("last")}, nil))
			assert.Equal(t, "last", string((<-arrived).data))
			require.NoError(t, c.Deliver(testContext(t), &Message{Data: []byte("delivered")}))
			assert.Equal(t, "delivered", string((<-arrived).data))
			assert.EqualValues(t, len(oneWaySizes)+2, s.Connections()[0].Stats().OneWays)
		})
	}
}

func TestOneWayBuffers(t *testing.T) {
	leakCheck(t)
	arrived := make(chan []byte, 1)
	s := listen(t, ListenConfig{OnMsg: func(m *OneWay) { arrived <- bytes.Clone(m.Data()) }}, nil)
	c := dial(t, Dialer{}, s)
	want := pattern(300000, 3)
	var bufs []*pool.Buffer
	for i := 0; i < len(want); i += 100000 {
		b, err := pool.Default().Get(testContext(t), 100000)
		require.NoError(t, err)
		copy(b.Bytes(), want[i:])
		bufs = append(bufs, b)
	}
	m := &Message{Buffers: bufs}
	for range 3 {
		require.NoError(t, c.SendMsg(testContext(t), m, nil))
		require.True(t, bytes.Equal(want, <-arrived))
	}
	for _, b := range bufs {
		b.Release()
	}
}

// Messages of one connection arrive in the order of sending, all of them.
func TestOneWayOrder(t *testing.T) {
	leakCheck(t)
	const count = 20000
	var next, wrong atomic.Uint64
	s := listen(t, ListenConfig{Inline: true, OnMsg: func(m *OneWay) {
		if binary.LittleEndian.Uint64(m.Data()) != next.Add(1)-1 {
			wrong.Add(1)
		}
	}}, nil)
	c := dial(t, Dialer{QueueDepth: 64}, s)
	var gone atomic.Uint64
	for i := range uint64(count) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], i)
		require.NoError(t, c.SendMsg(context.Background(), &Message{Data: b[:]}, func(err error) {
			if err == nil {
				gone.Add(1)
			}
		}))
	}
	require.NoError(t, c.Deliver(testContext(t), &Message{Data: binary.LittleEndian.AppendUint64(nil, count)}))
	eventually(t, "all arrive", func() bool { return next.Load() == count+1 })
	assert.Zero(t, wrong.Load())
	assert.EqualValues(t, count, gone.Load())
}

func TestOneWayFromTheServer(t *testing.T) {
	leakCheck(t)
	s, c := pair(t, nil)
	_ = c
	arrived := make(chan string, 1)
	client := dial(t, Dialer{OnMsg: func(m *OneWay) { arrived <- string(m.Data()) }}, s)
	ask(t, client, "x")
	for _, conn := range s.Connections() {
		require.NoError(t, conn.SendMsg(testContext(t), &Message{Data: []byte("news")}, nil))
	}
	assert.Equal(t, "news", <-arrived)
	// The other one has nobody for it.
	eventually(t, "dropped", func() bool { return c.Stats().Dropped == 1 })
}

func TestOneWayDetached(t *testing.T) {
	leakCheck(t)
	kept := make(chan *OneWay, 1)
	s := listen(t, ListenConfig{OnMsg: func(m *OneWay) { m.Detach(); kept <- m }}, nil)
	c := dial(t, Dialer{}, s)
	require.NoError(t, c.SendMsg(testContext(t), &Message{Data: pattern(50000, 1)}, nil))
	m := <-kept
	require.True(t, bytes.Equal(pattern(50000, 1), m.Data()))
	require.NoError(t, m.Release())
	require.ErrorIs(t, m.Release(), ErrState)
	require.NoError(t, c.Close())
}

func TestOneWayErrors(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{Logger: quietLog, OnMsg: func(*OneWay) { panic("on purpose") }}, nil)
	c := dial(t, Dialer{QueueDepth: 1}, s)
	// A panic ends nothing but itself.
	for range 3 {
		require.NoError(t, c.Deliver(testContext(t), &Message{Data: []byte("x")}))
	}
	require.ErrorIs(t, c.SendMsg(testContext(t), &Message{Header: make([]byte, MaxHeader+1)}, nil), ErrMsgSize)
	// A request to who serves one-ways only.
	_, err := c.Call(testContext(t), &Message{})
	require.ErrorIs(t, err, ErrNotSupported)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, c.Deliver(ctx, &Message{}), context.Canceled)
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.SendMsg(testContext(t), &Message{}, nil), ErrClosed)
	require.ErrorIs(t, c.Deliver(testContext(t), &Message{}), ErrClosed)
}

// One-ways do not use up the places of requests.
func TestOneWaysAreNotPendingRequests(t *testing.T) {
	leakCheck(t)
	kept := make(chan *OneWay, 64)
	s := listen(t, ListenConfig{MaxPending: 4, OnMsg: func(m *OneWay) { m.Detach(); kept <- m }}, echo)
	c := dial(t, Dialer{}, s)
	for range cap(kept) {
		require.NoError(t, c.Deliver(testContext(t), &Message{Data: []byte("x")}))
	}
	ask(t, c, "x")
	for range cap(kept) {
		require.NoError(t, (<-kept).Release())
	}
}

// What is in flight when the peer goes ends exactly once.
func TestOneWayFlushed(t *testing.T) {
	leakCheck(t)
	block := make(chan struct{})
	s := listen(t, ListenConfig{OnMsg: func(*OneWay) { <-block }, Workers: 1}, nil)
	c := dial(t, Dialer{QueueDepth: 256}, s)
	var ended atomic.Int32
	sent := int32(0)
	for range 200 {
		if c.TrySendMsg(&Message{Data: make([]byte, 60000), Receipt: true}, func(error) { ended.Add(1) }) == nil {
			sent++
		}
	}
	go s.Close()
	<-c.Done()
	close(block)
	require.NoError(t, c.Close())
	assert.Equal(t, sent, ended.Load())
	assert.Zero(t, c.Stats().InFlight)
}

func TestReceiptOfARequest(t *testing.T) {
	leakCheck(t)
	held := make(chan *Request, 1)
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) { r.Detach(); held <- r }))
	c := dial(t, Dialer{}, s)
	delivered := make(chan struct{}, 1)
	answered := make(chan error, 1)
	require.NoError(t, c.Send(testContext(t), &Message{Data: []byte("x"), OnDelivered: func() { delivered <- struct{}{} }},
		func(rsp *Response, err error) {
			if err == nil {
				rsp.Release()
			}
			answered <- err
		}))
	r := <-held
	<-delivered
	assert.Empty(t, answered)
	echo(r)
	require.NoError(t, <-answered)
	if !cgo.Kin() {
		return
	}
	// The engine's comes also when the answer is given at once.
	s2 := listen(t, ListenConfig{Inline: true}, echo)
	c2 := dial(t, Dialer{}, s2)
	rsp, err := c2.Call(testContext(t), &Message{OnDelivered: func() { delivered <- struct{}{} }})
	require.NoError(t, err)
	rsp.Release()
	<-delivered
}
