// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// Data of 1 MiB goes from one pooled buffer to the peer's application, and nobody makes
// a copy: the pool hands out nothing but that buffer, and Go allocates next to nothing.
func TestR9_R37_ZeroCopy(t *testing.T) {
	const size, n = 1 << 20, 64
	server, ds := benchMessenger(t, messenger.EntityName{Type: messenger.EntityOSD}, messenger.StatelessServer(), true, true)
	got := make(chan int, 1)
	var want []byte
	ds.do = func(m messenger.Message) {
		if bufs := m.Base().Buffers(); len(bufs) > 0 {
			if !bytes.Equal(want, bufs[0].Bytes()) {
				t.Error("other bytes")
			}
			got <- len(bufs)
		}
	}
	require.NoError(t, server.Start())
	client, _ := benchMessenger(t, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LossyClient(), true, false)
	require.NoError(t, client.Start())
	c, err := client.ConnectTo(messenger.EntityOSD, server.Addrs())
	require.NoError(t, err)
	buf, err := pool.Default().Get(context.Background(), size)
	require.NoError(t, err)
	for i := range buf.Bytes() {
		buf.Bytes()[i] = byte(i * 7)
	}
	want = bytes.Clone(buf.Bytes())
	send := func() {
		m := messages.NewDataPing("zero copy", 0)
		buf.Retain()
		m.AddBuffer(buf)
		require.NoError(t, c.Send(m))
		require.Equal(t, 1, <-got, "one piece")
	}
	send()
	gets := pool.Default().Stats().Gets
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		send()
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, gets, pool.Default().Stats().Gets, "no buffer for a copy")
	perMessage := (after.TotalAlloc - before.TotalAlloc) / n
	t.Logf("%d bytes allocated for a message of %d, on both sides", perMessage, size)
	require.Less(t, perMessage, uint64(size/16))
	buf.Release()
}

// D9: messages of any number of pieces, whose borders have nothing to do with those of
// sections and datagrams.
func TestD9_Divide(t *testing.T) {
	p := pool.Default()
	for _, front := range []int{0, 10, xio.MaxInlineData, xio.MaxInlineData + 1, 200000} {
		for _, middle := range []int{0, 7} {
			for _, pieces := range []int{0, 1, 15, 16, 17, 33} {
				for _, pooled := range []bool{false, true} {
					t.Run(fmt.Sprint(front, middle, pieces, pooled), func(t *testing.T) {
						f := &core.Frame{Front: pattern(front, 1), Middle: pattern(middle, 2)}
						whole := append(append([]byte{}, f.Front...), f.Middle...)
						for i := range pieces {
							data := pattern(1000+i*i*200, byte(3+i))
							whole = append(whole, data...)
							var b messenger.Buffer = messenger.BytesBuffer(data)
							if pooled {
								pb, err := p.Get(context.Background(), len(data))
								require.NoError(t, err)
								copy(pb.Bytes(), data)
								b = pb
							}
							f.Data = append(f.Data, b)
						}
						f.Header.DataLen = uint32(len(whole))
						for _, most := range []int{3, 1000} {
							var s sendState
							require.NoError(t, s.divide(f, p, 64<<10, most))
							require.LessOrEqual(t, len(s.parts), most+1)
							require.Equal(t, whole, joined(&s))
							s.release()
						}
						require.Len(t, f.Data, pieces, "the frame is as it was")
						for _, b := range f.Data {
							b.Release()
						}
					})
				}
			}
		}
	}
	require.Zero(t, p.Stats().Buffers)
}

// joined is what the datagrams have, after a look at their limits.
func joined(s *sendState) []byte {
	all := []byte{}
	for i := range s.parts {
		p := &s.parts[i]
		if p.segments() > xio.MaxSegments {
			panic("too many segments")
		}
		all = append(all, p.data...)
		for _, b := range p.bufs[:p.n] {
			all = append(all, b.Bytes()...)
		}
	}
	return all
}

func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*31 + seed
	}
	return b
}

// A message above what the library holds of a connection at a time.
func TestLargeMessages(t *testing.T) {
	server, ds := benchMessenger(t, messenger.EntityName{Type: messenger.EntityOSD}, messenger.StatefulServer(), true, true)
	got := make(chan uint32, 1)
	ds.do = func(m messenger.Message) { got <- m.Base().Footer().DataCRC }
	require.NoError(t, server.Start())
	client, _ := benchMessenger(t, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LosslessClient(), true, false)
	require.NoError(t, client.Start())
	c, err := client.ConnectTo(messenger.EntityOSD, server.Addrs())
	require.NoError(t, err)
	for _, size := range []int{1<<20 + 1, maxHeld + 1, 100 << 20} {
		data := pattern(size, 5)
		m := messages.NewDataPing("", 0)
		m.SetData(data)
		require.NoError(t, c.Send(m))
		require.Equal(t, messenger.CRC32C(0, data), <-got)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{TransportType: "carrier pigeon"}, {PortalThreads: -1}, {PortalThreads: 65}, {QueueDepth: 7}, {QueueDepth: 4097},
		{QueueBytes: -1}, {SegmentSize: 4095}, {SegmentSize: 17 << 20}, {CloseTimeout: -1},
	} {
		_, err := New(messenger.Config{}, o)
		require.Error(t, err, "%+v", o)
	}
}

// Connections are spread over portals, on both sides.
func TestR34_R37_Portals(t *testing.T) {
	r := messenger.NewRegistry()
	messages.Register(r)
	make := func(num int64) *XioMessenger {
		m, err := New(messenger.Config{Name: messenger.EntityName{Type: messenger.EntityOSD, Num: num}, Registry: r, Auth: messenger.AuthNone{}},
			Options{TransportType: Transport, PortalThreads: 3})
		require.NoError(t, err)
		require.NoError(t, m.SetDefaultPolicy(messenger.LosslessPeer()))
		a := place(t)
		require.NoError(t, m.Bind(a))
		require.NoError(t, m.Start())
		t.Cleanup(func() { m.Shutdown(); m.Wait() })
		return m
	}
	client := make(0)
	for i := range int64(3) {
		c, err := client.ConnectTo(messenger.EntityOSD, make(i+1).Addrs())
		require.NoError(t, err)
		eventually(t, "a connection", c.IsConnected)
	}
	used := map[int]bool{}
	for _, l := range client.Links() {
		used[l.Portal().Index()] = true
		n, size := l.InFlight()
		require.Zero(t, n)
		require.Zero(t, size)
	}
	require.Len(t, used, 3)
	require.Len(t, client.Portals(), 6)
}

// The hook of a message with data is the one that its xio messages are given back by, and
// replies are not what does it.
func TestReplyHookHoldsTheXioMessages(t *testing.T) {
	server, ds := benchMessenger(t, messenger.EntityName{Type: messenger.EntityOSD}, messenger.StatefulServer(), true, true)
	requests := make(chan messenger.Message, 1)
	ds.do = func(m messenger.Message) {
		m.Base().Retain()
		requests <- m
	}
	require.NoError(t, server.Start())
	client, dc := benchMessenger(t, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LosslessClient(), true, false)
	answers := make(chan uint64, 2)
	dc.do = func(m messenger.Message) { answers <- m.Base().Tid() }
	require.NoError(t, client.Start())
	c, err := client.ConnectTo(messenger.EntityOSD, server.Addrs())
	require.NoError(t, err)
	for _, size := range []int{100, 3 << 20} {
		m := messages.NewDataPing("", 0)
		m.SetTid(8)
		m.SetData(pattern(size, 1))
		require.NoError(t, c.Send(m))
		q := <-requests
		h, ok := q.Base().ReplyHook().(*XioReplyHook)
		require.True(t, ok)
		require.True(t, h.Held())
		require.Equal(t, int64(1), LiveHooks())
		require.NoError(t, h.Reply(messages.NewPing()))
		require.EqualValues(t, 8, <-answers)
		require.True(t, h.Held(), "a reply gives nothing back")
		q.Base().Release()
		require.False(t, h.Held())
		require.Zero(t, LiveHooks())
		require.NoError(t, h.Reply(messages.NewPing()))
		require.EqualValues(t, 8, <-answers)
	}
	require.NoError(t, c.Send(messages.NewPing()))
	q := <-requests
	require.IsType(t, messenger.ReplyTo{}, q.Base().ReplyHook())
	q.Base().Release()
}
