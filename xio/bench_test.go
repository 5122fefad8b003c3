package xio

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/accelio/accelio-go/pool"
)

func benchPair(b *testing.B, l ListenConfig) *Connection {
	b.Helper()
	return dial(b, Dialer{}, listen(b, l, echo))
}

var benchSizes = []int{32, 4 << 10, 64 << 10, 1 << 20}

// One caller: the latency of a round trip.
func BenchmarkCall(b *testing.B) {
	for _, inline := range []bool{false, true} {
		for _, size := range benchSizes {
			b.Run(mode(inline)+"/"+strconv.Itoa(size), func(b *testing.B) {
				c := benchPair(b, ListenConfig{Inline: inline})
				msg := &Message{Data: make([]byte, size)}
				ctx := context.Background()
				b.SetBytes(int64(2 * size))
				b.ReportAllocs()
				for b.Loop() {
					rsp, err := c.Call(ctx, msg)
					if err != nil {
						b.Fatal(err)
					}
					rsp.Release()
				}
			})
		}
	}
}

// Many callers on one connection.
func BenchmarkCallParallel(b *testing.B) {
	for _, inline := range []bool{false, true} {
		for _, callers := range []int{16, 256} {
			b.Run(mode(inline)+"/"+strconv.Itoa(callers), func(b *testing.B) {
				c := benchPair(b, ListenConfig{Inline: inline})
				msg := &Message{Data: make([]byte, 32)}
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() {
						for range (b.N + callers - 1 - i) / callers {
							rsp, err := c.Call(context.Background(), msg)
							if err != nil {
								b.Error(err)
								return
							}
							rsp.Release()
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// Asynchronous sends, a number of them in flight.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{32, 4 << 10} {
		for _, depth := range []int{1, 16, 64, 256} {
			b.Run(strconv.Itoa(size)+"/"+strconv.Itoa(depth), func(b *testing.B) {
				c := dial(b, Dialer{QueueDepth: depth}, listen(b, ListenConfig{Inline: true}, echo))
				msg := &Message{Data: make([]byte, size)}
				left, out := b.N, 0
				done := make(chan error, 1)
				var next func(*Response, error)
				next = func(r *Response, err error) {
					if err == nil {
						r.Release()
						out--
						if left > 0 {
							left--
							out++
							err = c.TrySend(msg, next)
						}
					}
					if err != nil || out == 0 {
						done <- err
					}
				}
				b.SetBytes(int64(2 * size))
				b.ReportAllocs()
				b.ResetTimer()
				c.ctx.post(func() { // the counters belong to the driver
					for ; out < depth && left > 0; left, out = left-1, out+1 {
						if err := c.TrySend(msg, next); err != nil {
							done <- err
							return
						}
					}
				})
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// Buffers from the pool: no copy on either side.
func BenchmarkCallBuffers(b *testing.B) {
	for _, size := range []int{64 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			c := benchPair(b, ListenConfig{Inline: true})
			buf, err := pool.Default().Get(context.Background(), size)
			if err != nil {
				b.Fatal(err)
			}
			defer buf.Release()
			msg := &Message{Buffers: []*pool.Buffer{buf}, MaxResponse: size}
			b.SetBytes(int64(2 * size))
			b.ReportAllocs()
			for b.Loop() {
				rsp, err := c.Call(context.Background(), msg)
				if err != nil {
					b.Fatal(err)
				}
				rsp.Release()
			}
		})
	}
}

func mode(inline bool) string {
	if inline {
		return "inline"
	}
	return "workers"
}
