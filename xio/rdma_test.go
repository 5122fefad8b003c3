// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"bytes"
	"context"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// needsRDMA skips a test where the servers of the tests are not over RDMA.
func needsRDMA(t testing.TB) {
	t.Helper()
	if !overRDMA() {
		t.Skip("not run: no RDMA here, see test/rdma/run")
	}
}

// Without RDMA an rdma:// URI gives one error, which says how to get it.
func TestNoRDMA(t *testing.T) {
	if !cgo.Embedded && cgo.RDMADevices() > 0 {
		t.Skip("there is RDMA here")
	}
	leakCheck(t)
	_, err := Dial(testContext(t), "rdma://127.0.0.1:1")
	require.ErrorIs(t, err, syscall.ENOPROTOOPT)
	assert.ErrorContains(t, err, "docs/rdma.md")
	_, err = Listen("rdma://127.0.0.1:0", echo)
	require.ErrorIs(t, err, syscall.ENOPROTOOPT)
	assert.ErrorContains(t, err, "docs/rdma.md")
	var e *Error
	require.ErrorAs(t, err, &e)
	if cgo.Embedded {
		assert.Contains(t, e.Text, "-tags libxio")
	}
}

// What is for RDMA alone says so on TCP, and does nothing.
func TestDirectOverTCP(t *testing.T) {
	leakCheck(t)
	b := exposed(t, 100)
	s, err := Listen("tcp://127.0.0.1:0", HandlerFunc(func(r *Request) {
		_, err := r.Expose(b)
		assert.ErrorIs(t, err, ErrNotSupported)
		r.Reply(&Message{})
	}))
	require.NoError(t, err)
	defer s.Close()
	c := dial(t, Dialer{}, s)
	assert.False(t, c.RDMA())
	for _, hold := range []bool{true, false} {
		rsp, err := c.Call(testContext(t), &Message{Data: []byte("x"), HoldResponse: hold})
		require.NoError(t, err)
		_, err = rsp.Expose(b)
		if hold {
			require.ErrorIs(t, err, ErrNotSupported)
		} else {
			require.ErrorIs(t, err, ErrState)
		}
		rsp.Release()
	}
	require.ErrorIs(t, c.ReadRDMA(testContext(t), b, RemoteBuffer{Len: 100}), ErrNotSupported)
	require.ErrorIs(t, c.WriteRDMA(testContext(t), RemoteBuffer{Len: 100}, b), ErrNotSupported)
}

// A held response is like any other, and an error of the peer instead of one leaves
// nothing behind.
func TestHoldResponse(t *testing.T) {
	leakCheck(t)
	_, c := pair(t, HandlerFunc(func(r *Request) {
		if r.Len() == 0 {
			r.ReplyError(ErrRoute, "no data")
			return
		}
		echo(r)
	}))
	for i := range 2 * defaultDepth {
		m := &Message{HoldResponse: true}
		if i%2 == 0 {
			_, err := c.Call(testContext(t), m)
			require.ErrorIs(t, err, ErrRoute)
			continue
		}
		m.Data = pattern(i, 1)
		rsp, err := c.Call(testContext(t), m)
		require.NoError(t, err)
		require.Equal(t, m.Data, rsp.Data())
		rsp.Release()
	}
}

func TestRemoteBuffer(t *testing.T) {
	r := RemoteBuffer{Addr: 0x1122334455667788, Len: 1000, Key: 0xaabbccdd}
	b, err := r.MarshalBinary()
	require.NoError(t, err)
	assert.Equal(t, []byte{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 3, 0xe8, 0xaa, 0xbb, 0xcc, 0xdd}, b)
	var got RemoteBuffer
	require.NoError(t, got.UnmarshalBinary(b))
	assert.Equal(t, r, got)
	for _, bad := range [][]byte{nil, b[:15], append(b, 0), bytes.Repeat([]byte{0xff}, 16)} {
		require.ErrorIs(t, got.UnmarshalBinary(bad), ErrMsgInvalid)
	}
	assert.Equal(t, r, got, "unchanged by what is bad")
	assert.Equal(t, RemoteBuffer{Addr: r.Addr + 10, Len: 20, Key: r.Key}, r.Slice(10, 30))
	assert.Zero(t, r.Slice(1000, 1000).Len)
	for _, ij := range [][2]int{{-1, 5}, {5, 4}, {0, 1001}, {1001, 1001}} {
		assert.Panics(t, func() { r.Slice(ij[0], ij[1]) })
	}
}

// exposed is a buffer from a pool of its own.
func exposed(t testing.TB, n int) *pool.Buffer {
	t.Helper()
	p, err := pool.New(pool.Config{})
	require.NoError(t, err)
	b, err := p.TryGet(n)
	require.NoError(t, err)
	t.Cleanup(func() {
		b.Release()
		require.NoError(t, p.Close())
	})
	return b
}

// Both sides expose memory; each reads and writes the other's.
func TestDirect(t *testing.T) {
	needsRDMA(t)
	leakCheck(t)
	const n = 300_000
	theirs := exposed(t, n)
	copy(theirs.Bytes(), pattern(n, 1))
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) {
		switch string(r.Header()) {
		case "expose":
			remote, err := r.Expose(theirs)
			if err != nil {
				r.ReplyError(CodeOf(err), err.Error())
				return
			}
			b, _ := remote.MarshalBinary()
			r.Reply(&Message{Data: b})
		case "turn": // what the client has exposed is turned round
			var remote RemoteBuffer
			err := remote.UnmarshalBinary(r.Data())
			b := exposed(t, n)
			if err == nil {
				err = r.Conn().ReadRDMA(r.Context(), b, remote)
			}
			if err == nil {
				for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
					b.Bytes()[i], b.Bytes()[j] = b.Bytes()[j], b.Bytes()[i]
				}
				err = r.Conn().WriteRDMA(r.Context(), remote, b)
			}
			if err != nil {
				r.ReplyError(CodeOf(err), err.Error())
				return
			}
			r.Reply(&Message{})
		}
	}))
	c := dial(t, Dialer{}, s)
	require.True(t, c.RDMA())
	rsp, err := c.Call(testContext(t), &Message{Header: []byte("expose"), HoldResponse: true})
	require.NoError(t, err)
	var remote RemoteBuffer
	require.NoError(t, remote.UnmarshalBinary(rsp.Data()))
	assert.EqualValues(t, n, remote.Len)
	assert.NotZero(t, remote.Key, "a real registration has a key")

	ours := exposed(t, n)
	require.NoError(t, c.ReadRDMA(testContext(t), ours, remote))
	require.Equal(t, pattern(n, 1), ours.Bytes())
	copy(ours.Bytes(), pattern(n, 2))
	require.NoError(t, c.WriteRDMA(testContext(t), remote, ours))
	require.Equal(t, pattern(n, 2), theirs.Bytes())
	piece := exposed(t, 10)
	copy(piece.Bytes(), "0123456789")
	require.NoError(t, c.WriteRDMA(testContext(t), remote.Slice(100, 200), piece))
	require.Equal(t, "0123456789", string(theirs.Bytes()[100:110]))
	require.Equal(t, pattern(n, 2)[110:], theirs.Bytes()[110:])
	require.ErrorIs(t, c.ReadRDMA(testContext(t), ours, remote.Slice(1, n)), ErrMsgSize)
	done, cancel := context.WithCancel(testContext(t))
	cancel()
	require.ErrorIs(t, c.ReadRDMA(done, ours, remote), context.Canceled)

	copy(ours.Bytes(), pattern(n, 3))
	mine, err := rsp.Expose(ours)
	require.NoError(t, err)
	rsp.Release()
	b, _ := mine.MarshalBinary()
	turned, err := c.Call(testContext(t), &Message{Header: []byte("turn"), Data: b})
	require.NoError(t, err)
	turned.Release()
	want := pattern(n, 3)
	for i := range want {
		if ours.Bytes()[i] != want[n-1-i] {
			t.Fatalf("byte %d", i)
		}
	}

	// Many at a time.
	results := make(chan error, 200)
	for range cap(results) {
		go func() { results <- c.WriteRDMA(testContext(t), remote, ours) }()
	}
	for range cap(results) {
		require.NoError(t, <-results)
	}
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.ReadRDMA(testContext(t), ours, remote), ErrClosed)
	_, err = (&Response{call: &c.win.calls[0]}).Expose(ours)
	require.ErrorIs(t, err, ErrClosed)
}

// Who goes where nothing was exposed loses the connection, and nobody else does.
func TestDirectWithoutLeave(t *testing.T) {
	needsRDMA(t)
	s, other := pair(t, nil)
	b := exposed(t, 4096)
	for _, remote := range []RemoteBuffer{
		{Addr: cgo.Address(b.Bytes()), Len: 4096, Key: 0xdead00},
		{Addr: 4096, Len: 4096},
	} {
		c := dial(t, Dialer{}, s)
		err := c.ReadRDMA(testContext(t), b, remote)
		require.Error(t, err)
		var e *Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "rdma read", e.Op)
		select {
		case <-c.Done():
		case <-time.After(patience):
			t.Fatal("the connection stands")
		}
		ask(t, other, "the other")
	}
}

// Large messages come from, and go to, memory that the device knows.
func TestRegisteredMemory(t *testing.T) {
	needsRDMA(t)
	leakCheck(t)
	keys := make(chan uint32, 2)
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) {
		for _, b := range []*pool.Buffer{exposed(t, 100), exposed(t, 1<<20)} {
			assert.True(t, b.Region().Valid())
			remote, err := r.Expose(b)
			assert.NoError(t, err)
			keys <- remote.Key
		}
		echo(r)
	}))
	c := dial(t, Dialer{}, s)
	data := pattern(1<<20, 7)
	b := exposed(t, len(data))
	copy(b.Bytes(), data)
	rsp, err := c.Call(testContext(t), &Message{Buffers: []*pool.Buffer{b}})
	require.NoError(t, err)
	require.Equal(t, data, rsp.Data())
	rsp.Release()
	assert.NotEqual(t, <-keys, <-keys, "registrations of their own")
}

// Data and Buffers travel together, in requests, replies and one-way messages, small
// and large.
func TestDataBesideBuffers(t *testing.T) {
	leakCheck(t)
	oneWays := make(chan []byte, 1)
	s := listen(t, ListenConfig{OnMsg: func(m *OneWay) { oneWays <- bytes.Clone(m.Data()) }}, HandlerFunc(func(r *Request) {
		b := bufferOf(t, r.Data())
		defer b.Release()
		assert.NoError(t, r.Reply(&Message{Data: []byte("data"), Buffers: []*pool.Buffer{b}}))
	}))
	c := dial(t, Dialer{}, s)
	for _, n := range []int{1, 5000, MaxInlineData + 1, 1 << 20} {
		m := &Message{Data: []byte("more"), Buffers: []*pool.Buffer{bufferOf(t, pattern(n, 1))}, MaxResponse: n + 100}
		want := append([]byte("more"), pattern(n, 1)...)
		rsp, err := c.Call(testContext(t), m)
		require.NoError(t, err)
		require.True(t, bytes.Equal(append([]byte("data"), want...), rsp.Data()), "%d bytes", n)
		rsp.Release()
		require.NoError(t, c.Deliver(testContext(t), m))
		require.True(t, bytes.Equal(want, <-oneWays), "%d bytes", n)
		m.Buffers[0].Release()
	}
}

// One program serves clients of both transports, on the same port number, with
// portals of the same kind for each.
func TestBothTransports(t *testing.T) {
	needsRDMA(t)
	leakCheck(t)
	for _, portals := range []int{0, 2} {
		rs := listen(t, ListenConfig{Portals: portals}, echo)
		host, port, err := net.SplitHostPort(rs.Addr().String())
		require.NoError(t, err)
		ts, err := (&ListenConfig{Portals: portals}).Listen("tcp://"+net.JoinHostPort(host, port), echo)
		require.NoError(t, err)
		for range 3 {
			rc, tc := dial(t, Dialer{}, rs), dial(t, Dialer{}, ts)
			assert.True(t, rc.RDMA())
			assert.False(t, tc.RDMA())
			ask(t, rc, "over RDMA")
			ask(t, tc, "over TCP")
			if portals > 0 {
				assert.NotEqual(t, port, portOf(rc.RemoteAddr()), "a portal")
				assert.NotEqual(t, port, portOf(tc.RemoteAddr()), "a portal")
			}
			for _, s := range []*Server{rs, ts} {
				for _, c := range s.Connections() {
					assert.Equal(t, s == rs, c.RDMA())
				}
			}
			require.NoError(t, rc.Close())
			require.NoError(t, tc.Close())
		}
		require.NoError(t, ts.Close())
		require.NoError(t, rs.Close())
	}
}

// A client of one transport finds no server of the other, and is told.
func TestOtherTransport(t *testing.T) {
	needsRDMA(t)
	rs := listen(t, ListenConfig{}, echo)
	_, err := Dial(testContext(t), strings.Replace(rs.URI(), "rdma:", "tcp:", 1))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	host, _, _ := net.SplitHostPort(rs.Addr().String())
	ts, err := Listen("tcp://"+net.JoinHostPort(host, "0"), echo)
	require.NoError(t, err)
	defer ts.Close()
	_, err = Dial(testContext(t), strings.Replace(ts.URI(), "tcp:", "rdma:", 1))
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "dial", e.Op)
	assert.NotZero(t, e.Code)
	assert.Contains(t, e.Text, "tcp://", err)
}

// Connections of one Context to one server that come and go, some of them while
// another stands.
func TestRedial(t *testing.T) {
	needsRDMA(t)
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	home := newContext(t, ContextOptions{})
	for range 3 {
		stays := dial(t, Dialer{Context: home}, s)
		for range 3 {
			c := dial(t, Dialer{Context: home}, s)
			ask(t, c, "x")
			require.NoError(t, c.Close())
			ask(t, stays, "still there")
		}
		require.NoError(t, stays.Close())
		for range 9 {
			c := dial(t, Dialer{Context: home}, s)
			ask(t, c, "again")
			require.NoError(t, c.Close())
		}
	}
}

// An address that no RDMA device has.
func TestAddressWithoutDevice(t *testing.T) {
	needsRDMA(t)
	_, err := Listen("rdma://192.0.2.1:0", echo)
	var e *Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "listen", e.Op)
	assert.Contains(t, e.Text, "docs/rdma.md", err)
}

// The driver is nudged only where there is RDMA, less where nothing happens, and
// not at all where the application does not want it.
func TestNudge(t *testing.T) {
	parks := func(t *testing.T, o ContextOptions) uint64 {
		ctx, err := NewContext(o)
		require.NoError(t, err)
		defer ctx.Close()
		s := listen(t, ListenConfig{Context: ctx}, echo)
		ask(t, dial(t, Dialer{}, s), "x")
		before := ctx.Stats().Turns
		time.Sleep(500 * time.Millisecond)
		return ctx.Stats().Turns - before
	}
	never := parks(t, ContextOptions{Nudge: -1})
	nudged := parks(t, ContextOptions{Drive: DrivePark})
	if !overRDMA() {
		assert.Less(t, nudged, uint64(50), "turns of an idle Context")
		return
	}
	assert.Greater(t, nudged, uint64(5), "turns of a nudged Context")
	assert.Less(t, never, nudged)
}
