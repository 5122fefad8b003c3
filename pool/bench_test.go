// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"
)

func BenchmarkGetRelease(b *testing.B) {
	for _, tc := range []struct {
		name string
		n    int
	}{{"4K", 4 << 10}, {"1M", 1 << 20}} {
		b.Run("pool/"+tc.name, func(b *testing.B) {
			benchGet(b, newPool(b, Config{}), tc.n)
		})
		b.Run("cache/"+tc.name, func(b *testing.B) {
			benchGet(b, newCache(b, newPool(b, Config{}), 4<<20), tc.n)
		})
	}
}

func benchGet(b *testing.B, src Source, n int) {
	b.Helper()
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		buf, err := src.Get(ctx, n)
		if err != nil {
			b.Fatal(err)
		}
		buf.Release()
	}
}

// Workers that get and release all the time: at the pool, and at a cache each.
func BenchmarkWorkers(b *testing.B) {
	for _, cached := range []bool{false, true} {
		name := "pool/"
		if cached {
			name = "cache/"
		}
		for _, workers := range []int{1, 2, 8, 64} {
			b.Run(name+strconv.Itoa(workers), func(b *testing.B) {
				p := newPool(b, Config{})
				b.ReportAllocs()
				b.ResetTimer()
				work(b, p, cached, workers, b.N)
			})
		}
	}
}

// work lets workers get and release n buffers together.
func work(b *testing.B, p *Pool, cached bool, workers, n int) {
	var wg sync.WaitGroup
	for i := range workers {
		var src Source = p
		if cached {
			c, err := p.NewCache(0)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			src = c
		}
		wg.Go(func() {
			ctx := context.Background()
			var held [4]*Buffer // a few in flight, as a connection has
			for k := range (n + workers - 1 - i) / workers {
				buf, err := src.Get(ctx, 4096)
				if err != nil {
					b.Error(err)
					return
				}
				if old := held[k%len(held)]; old != nil {
					old.Release()
				}
				held[k%len(held)] = buf
			}
			for _, buf := range held {
				if buf != nil {
					buf.Release()
				}
			}
		})
	}
	wg.Wait()
}

// How much more caches let through than the pool alone, measured in turns.
func BenchmarkCacheAgainstPool(b *testing.B) {
	const turn = 200_000
	for _, workers := range []int{1, 2, 8, 64} {
		b.Run(strconv.Itoa(workers), func(b *testing.B) {
			p := newPool(b, Config{})
			var took [2]time.Duration
			for b.Loop() {
				for i := range took {
					began := time.Now()
					work(b, p, i == 1, workers, turn)
					took[i] += time.Since(began)
				}
			}
			b.ReportMetric(float64(took[0])/float64(took[1]), "x-pool")
		})
	}
}

// A list that is filled, read and released; writer and reader are used again.
func BenchmarkList(b *testing.B) {
	p := newPool(b, Config{})
	data, back := make([]byte, 64<<10), make([]byte, 64<<10)
	w := NewWriter(context.Background(), p, Growing(64<<10, 4)...)
	r := NewReader()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(data); err != nil {
			b.Fatal(err)
		}
		r.ResetList(w.list)
		if n, err := r.Read(back); err != nil || n != len(data) {
			b.Fatal(n, err)
		}
		w.Release()
	}
}

func BenchmarkStats(b *testing.B) {
	p := newPool(b, Config{})
	for range 16 {
		newCache(b, p, 0)
	}
	var s Stats
	b.ReportAllocs()
	for b.Loop() {
		p.ReadStats(&s)
	}
}
