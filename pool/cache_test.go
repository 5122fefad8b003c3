// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newCache(t testing.TB, p *Pool, limit int64) *Cache {
	t.Helper()
	c, err := p.NewCache(limit)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestCacheKeepsAndCounts(t *testing.T) {
	p := newPool(t, Config{})
	c := newCache(t, p, 0)
	l := get(t, c, 4096, 4096, 10000)
	s := p.Stats()
	assert.EqualValues(t, 3, s.Buffers)
	assert.EqualValues(t, 4096+4096+16384, s.InUse)
	assert.Zero(t, s.Cached)

	mem := &l[1].Bytes()[0]
	l.Release()
	s = p.Stats()
	assert.Zero(t, s.Buffers)
	assert.Zero(t, s.InUse)
	assert.Zero(t, s.Idle, "what a cache keeps is not idle for the pool")
	assert.EqualValues(t, 4096+4096+16384, s.Cached)
	assert.EqualValues(t, 4096+4096+16384, s.PeakInUse)

	b := get(t, c, 3000)
	assert.Same(t, mem, &b[0].Bytes()[0], "the last one first")
	assert.Equal(t, 3000, b.Len())
	s = p.Stats()
	assert.EqualValues(t, 1, s.Buffers)
	assert.EqualValues(t, 4096, s.InUse)
	assert.EqualValues(t, 4, s.Gets)
	assert.EqualValues(t, 1, s.Hits)
	cs := s.Classes[2]
	assert.Equal(t, ClassStats{Size: 4096, Blocks: 16, InUse: 1, Cached: 1, Free: 14, Peak: 2, Gets: 3, Grows: 1}, cs)

	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	s = p.Stats()
	assert.Zero(t, s.Cached)
	assert.EqualValues(t, 4096, s.InUse)
	assert.EqualValues(t, 4, s.Gets)
	assert.EqualValues(t, 1, s.Hits)
	_, err := c.TryGet(1)
	require.ErrorIs(t, err, ErrClosed)
	_, err = c.Get(testContext(t), 1)
	require.ErrorIs(t, err, ErrClosed)
	b.Release()
	assert.Zero(t, p.Stats().InUse)
}

func TestCacheErrors(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	_, err := p.NewCache(-1)
	require.ErrorIs(t, err, ErrSize)
	c := newCache(t, p, 0)
	for _, n := range []int{-1, 0, 2 << 20, MaxBuffer + 1} {
		_, err = c.TryGet(n)
		require.ErrorIs(t, err, ErrSize)
		_, err = c.Get(testContext(t), n)
		require.ErrorIs(t, err, ErrSize)
	}
	l := get(t, c, 1<<20)
	_, err = c.TryGet(1)
	require.ErrorIs(t, err, ErrExhausted)
	_, err = c.Get(expired(), 1)
	require.ErrorIs(t, err, context.Canceled)
	l.Release()
}

// Buffers go back to where they came from, whoever releases them.
func TestCacheOfTheGetterTakesBack(t *testing.T) {
	p := newPool(t, Config{})
	a, b := newCache(t, p, 0), newCache(t, p, 0)
	fromA, fromB, plain := get(t, a, 1000), get(t, b, 1000, 1000), get(t, p, 1000)
	fromA.Retain()
	var wg sync.WaitGroup
	for _, l := range []List{fromA, fromB, plain, fromA} {
		wg.Go(l.Release)
	}
	wg.Wait()
	assert.EqualValues(t, 1024, a.bytes)
	assert.EqualValues(t, 2048, b.bytes)
	assert.Equal(t, 3, p.Stats().Classes[0].Cached)
}

func TestCacheBound(t *testing.T) {
	p := newPool(t, Config{})
	c := newCache(t, p, 64<<10)
	get(t, c, 65<<10).Release()
	assert.Zero(t, p.Stats().Cached, "a block above the bound is not kept")

	for range 3 {
		var l List
		for range 40 {
			l = append(l, get(t, c, 4096)...)
		}
		full := false
		for _, b := range l {
			b.Release()
			cached := p.Stats().Cached
			assert.LessOrEqual(t, cached, int64(64<<10))
			if full = full || cached == 64<<10; full {
				assert.Greater(t, cached, int64(32<<10), "half of it stays")
			}
		}
		assert.True(t, full)
	}
	// A class that is out of use makes room for another.
	get(t, c, 64<<10).Release()
	s := p.Stats()
	assert.EqualValues(t, 64<<10, s.Cached)
	assert.Equal(t, 1, s.Classes[6].Cached)
}

// What a cache keeps is there for others.
func TestCacheDoesNotStarve(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	c, other := newCache(t, p, 1<<20), newCache(t, p, 1<<20)
	for _, src := range []Source{p, other} {
		var l List
		for range 16 {
			l = append(l, get(t, c, 64<<10)...)
		}
		l.Release()
		assert.EqualValues(t, 1<<20, p.Stats().Cached)
		get(t, src, 1<<20).Release()

		b, err := src.Get(testContext(t), 1<<20)
		require.NoError(t, err)
		b.Release()
	}
}

// While somebody waits, caches keep nothing and do not overtake.
func TestCacheLetsThoseWhoWaitGoFirst(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	c := newCache(t, p, 1<<20)
	l := get(t, c, 512<<10, 256<<10, 256<<10)
	l[2].Release() // kept
	var wg sync.WaitGroup
	served := make(chan struct{})
	wg.Go(func() {
		b, err := p.Get(testContext(t), 1<<20)
		if assert.NoError(t, err) {
			close(served)
			b.Release()
		}
	})
	waiting(t, p, 1)
	assert.Zero(t, p.Stats().Cached)
	_, err := c.TryGet(256 << 10)
	require.ErrorIs(t, err, ErrExhausted)
	l[1].Release()
	assert.Zero(t, p.Stats().Cached)
	assert.Empty(t, served)
	l[0].Release()
	wg.Wait()

	get(t, c, 1000).Release()
	assert.EqualValues(t, 1024, p.Stats().Cached, "nobody waits any more")
}

func TestCacheAtTheMaximumOfAClass(t *testing.T) {
	p := newPool(t, Config{Classes: []Class{{Size: 4096, Max: 2}}})
	a, b := newCache(t, p, 0), newCache(t, p, 0)
	get(t, a, 1, 1).Release()
	l := get(t, b, 1, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf, err := a.Get(testContext(t), 1)
		if assert.NoError(t, err) {
			buf.Release()
		}
	}()
	waiting(t, p, 1)
	l.Release()
	<-done
}

func TestTrimEmptiesCaches(t *testing.T) {
	p := newPool(t, Config{})
	c := newCache(t, p, 0)
	get(t, c, 64<<10, 128<<10).Release()
	assert.EqualValues(t, 192<<10, p.Trim(0))
	s := p.Stats()
	assert.Zero(t, s.Cached)
	assert.Zero(t, s.Held)
}

func TestPoolCloseWithCaches(t *testing.T) {
	p, err := New(Config{})
	require.NoError(t, err)
	c, err := p.NewCache(0)
	require.NoError(t, err)
	l := get(t, c, 1000, 2000)
	l[0].Release()
	require.ErrorIs(t, p.CloseContext(expired()), context.Canceled)
	assert.Zero(t, p.Stats().Cached)
	_, err = c.TryGet(1)
	require.ErrorIs(t, err, ErrClosed)
	_, err = p.NewCache(0)
	require.ErrorIs(t, err, ErrClosed)
	l[1].Release()
	require.NoError(t, p.Close())
	assert.Zero(t, p.Stats().Held)
	require.NoError(t, c.Close())
}

func TestCacheMisuseIsLoud(t *testing.T) {
	p := newPool(t, Config{})
	c := newCache(t, p, 0)
	b := get(t, c, 10)[0]
	mem := b.Bytes()
	b.Release()
	assert.Panics(t, b.Release)
	if !debug {
		t.Skip("the rest needs -race or -tags xiodebug")
	}
	assert.EqualValues(t, 0xDB, mem[0], "poisoned")
	assert.Panics(t, func() { b.Bytes() })
	again := get(t, c, 10)[0]
	assert.NotSame(t, b, again)
	assert.Panics(t, b.Release, "the old handle does not release the new buffer")
	again.Release()
}

// Goroutines with caches of their own and without, that pass buffers on to each
// other, at a limit that they reach all the time.
func TestCachesTogether(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20, Keep: 256 << 10, Classes: []Class{
		{Size: 1024}, {Size: 4096, Max: 20, Prealloc: 2}, {Size: 40000}, {Size: 256 << 10},
	}})
	rounds := 2000
	if debug {
		rounds = 200
	}
	sizes := []int{500, 4000, 30000, 200000}
	passed := make(chan *Buffer, 3)
	var wg, getters sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		getters.Go(func() {
			defer wg.Done()
			var src Source = p
			if g%4 != 0 {
				c, err := p.NewCache(100 << 10)
				if !assert.NoError(t, err) {
					return
				}
				defer c.Close()
				src = c
			}
			for i := range rounds {
				n := sizes[(g+i*7)%len(sizes)]
				b, err := src.TryGet(n)
				if errors.Is(err, ErrExhausted) {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%3)*time.Millisecond)
					b, err = src.Get(ctx, n)
					cancel()
				}
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					continue
				}
				mem := b.Bytes()
				mem[0], mem[n-1] = byte(g), byte(g)
				if mem[0] != byte(g) {
					t.Error("shared memory")
				}
				if i%2 == 0 {
					passed <- b
				} else {
					b.Release()
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for b := range passed {
				b.Release()
			}
		})
	}
	wg.Go(func() {
		var s Stats
		for range rounds / 10 {
			p.ReadStats(&s)
			checkStats(t, p, s)
			p.Trim(128 << 10)
		}
	})
	getters.Wait()
	close(passed)
	wg.Wait()
	checkStats(t, p, p.Stats())
}

// checkStats checks what must hold in every snapshot.
func checkStats(t testing.TB, p *Pool, s Stats) {
	t.Helper()
	var inUse, cached, blocks int64
	buffers, waiting := 0, 0
	var gets uint64
	for _, c := range s.Classes {
		// Plain comparisons: this runs very often.
		if c.Blocks != c.InUse+c.Cached+c.Free || min(c.InUse, c.Cached, c.Free) < 0 ||
			c.Peak < c.InUse+c.Cached || c.Max > 0 && c.Blocks > c.Max {
			require.Fail(t, "impossible", "%+v", c)
		}
		inUse += int64(c.InUse) * int64(c.Size)
		cached += int64(c.Cached) * int64(c.Size)
		blocks += int64(c.Blocks) * int64(c.Size)
		buffers += c.InUse
		waiting += c.Waiting
		gets += c.Gets
	}
	require.Equal(t, inUse, s.InUse)
	require.Equal(t, cached, s.Cached)
	require.EqualValues(t, buffers, s.Buffers)
	require.Equal(t, waiting, s.Waiting)
	require.Equal(t, gets, s.Gets)
	require.LessOrEqual(t, s.Hits, s.Gets)
	require.LessOrEqual(t, blocks, s.Held)
	require.LessOrEqual(t, s.Idle, s.Held)
	require.LessOrEqual(t, s.Held, s.Limit)
	require.LessOrEqual(t, s.Held, s.PeakHeld)
	require.LessOrEqual(t, s.InUse+s.Cached, s.PeakInUse)
	require.LessOrEqual(t, s.PeakHeld, s.Limit)
	require.EqualValues(t, p.limit, s.Limit)
}
