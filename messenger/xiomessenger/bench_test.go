// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// benchSize and benchDepth are those of the ratio that the project promises.
const (
	benchSize  = 4096
	benchDepth = 64
	benchRound = 4000 // requests before the other one's turn

	pingFront = 8 // bytes of a DataPing before its data
)

// BenchmarkAgainstXio lets a messenger and plain xio carry the same bytes, in turns: a
// request and a reply of 4 KiB, 64 at a time, handlers on the driver. It reports the
// rates, and their ratio. The messenger's header and front are among the bytes.
func BenchmarkAgainstXio(b *testing.B) {
	for _, c := range []struct {
		name string
		crc  bool
	}{{"crc", true}, {"nocrc", false}} {
		b.Run(c.name, func(b *testing.B) {
			plain, msgr := plainXio(b), overMessenger(b, c.crc)
			plain(benchRound)
			msgr(benchRound)
			var tp, tm time.Duration
			for b.Loop() {
				tp += plain(benchRound)
				tm += msgr(benchRound)
			}
			n := float64(b.N * benchRound)
			b.ReportMetric(n/tp.Seconds(), "xio/s")
			b.ReportMetric(n/tm.Seconds(), "messenger/s")
			b.ReportMetric(tp.Seconds()/tm.Seconds(), "ratio")
			b.ReportMetric(tm.Seconds()*1e6*benchDepth/n, "us/messenger-roundtrip")
			b.ReportMetric(tp.Seconds()*1e6*benchDepth/n, "us/xio-roundtrip")
		})
	}
}

// plainXio returns a function that sends n requests over xio.
func plainXio(b *testing.B) func(n int) time.Duration {
	header, data := make([]byte, headerLen), make([]byte, pingFront+benchSize)
	s, err := (&xio.ListenConfig{Inline: true}).Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(r *xio.Request) {
		_ = r.Reply(&xio.Message{Header: header, Data: r.Data()})
	}))
	require.NoError(b, err)
	b.Cleanup(func() { s.Close() })
	c, err := (&xio.Dialer{Inline: true}).Dial(context.Background(), s.URI())
	require.NoError(b, err)
	b.Cleanup(func() { c.Close() })
	return func(n int) time.Duration {
		begin := time.Now()
		var sent, got atomic.Int64
		end := make(chan struct{})
		var done func(*xio.Response, error)
		done = func(r *xio.Response, err error) {
			if err == nil {
				r.Release()
			}
			if got.Add(1) == int64(n) {
				close(end)
			} else if sent.Add(1) <= int64(n) {
				_ = c.TrySend(&xio.Message{Header: header, Data: data}, done)
			}
		}
		for range benchDepth {
			sent.Add(1)
			require.NoError(b, c.Send(context.Background(), &xio.Message{Header: header, Data: data}, done))
		}
		<-end
		return time.Since(begin)
	}
}

// fastEcho answers on the driver, and lets a client go on there.
type fastEcho struct {
	messenger.BaseDispatcher
	do func(m messenger.Message)
}

func (d *fastEcho) CanFastDispatchAny() bool               { return true }
func (d *fastEcho) CanFastDispatch(messenger.Message) bool { return true }
func (d *fastEcho) FastDispatch(m messenger.Message) {
	d.do(m)
	m.Base().Release()
}

func benchMessenger(b testing.TB, name messenger.EntityName, p messenger.Policy, crc, bind bool) (*XioMessenger, *fastEcho) {
	r := messenger.NewRegistry()
	messages.Register(r)
	m, err := New(messenger.Config{Name: name, Registry: r, Auth: messenger.AuthNone{}, DisableHeaderCRC: !crc, DisableDataCRC: !crc},
		Options{TransportType: Transport, PortalThreads: 1})
	require.NoError(b, err)
	require.NoError(b, m.SetDefaultPolicy(p))
	d := new(fastEcho)
	m.AddDispatcherHead(d)
	if bind {
		a := place(b)
		require.NoError(b, m.Bind(a))
	}
	b.Cleanup(func() {
		m.Shutdown()
		m.Wait()
	})
	return m, d
}

// overMessenger returns a function that sends n requests over a messenger.
func overMessenger(b *testing.B, crc bool) func(n int) time.Duration {
	data := make([]byte, benchSize)
	ping := func() *messages.DataPing {
		m := messages.NewDataPing("", 0)
		m.SetData(data)
		return m
	}
	server, ds := benchMessenger(b, messenger.EntityName{Type: messenger.EntityOSD}, messenger.StatelessServer(), crc, true)
	ds.do = func(m messenger.Message) { _ = m.Base().Connection().Send(ping()) }
	require.NoError(b, server.Start())
	client, dc := benchMessenger(b, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LossyClient(), crc, false)
	var left, unsent atomic.Int64
	end := make(chan struct{}, 1)
	dc.do = func(m messenger.Message) {
		if unsent.Add(-1) >= 0 {
			_ = m.Base().Connection().Send(ping())
		}
		if left.Add(-1) == 0 {
			end <- struct{}{}
		}
	}
	require.NoError(b, client.Start())
	c, err := client.ConnectTo(messenger.EntityOSD, server.Addrs())
	require.NoError(b, err)
	return func(n int) time.Duration {
		begin := time.Now()
		left.Store(int64(n))
		unsent.Store(int64(n - benchDepth))
		for range benchDepth {
			require.NoError(b, c.Send(ping()))
		}
		<-end
		return time.Since(begin)
	}
}

// BenchmarkLatency is the time of a round trip of one message alone.
func BenchmarkLatency(b *testing.B) {
	for _, size := range []int{0, 4096, 1 << 20} {
		b.Run(sizeName(size), func(b *testing.B) {
			server, ds := benchMessenger(b, messenger.EntityName{Type: messenger.EntityOSD}, messenger.StatelessServer(), true, true)
			ds.do = func(m messenger.Message) { _ = m.Base().Connection().Send(messages.NewPing()) }
			require.NoError(b, server.Start())
			client, dc := benchMessenger(b, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LossyClient(), true, false)
			back := make(chan struct{}, 1)
			dc.do = func(messenger.Message) { back <- struct{}{} }
			require.NoError(b, client.Start())
			c, err := client.ConnectTo(messenger.EntityOSD, server.Addrs())
			require.NoError(b, err)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				m := messages.NewDataPing("", 0)
				if size > 0 {
					buf, err := pool.Default().Get(context.Background(), size)
					require.NoError(b, err)
					m.AddBuffer(buf)
				}
				require.NoError(b, c.Send(m))
				<-back
			}
		})
	}
}

func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return "1MiB"
	case n > 0:
		return "4KiB"
	}
	return "empty"
}
