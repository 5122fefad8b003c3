// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

// get gets buffers that must come at once.
func get(t testing.TB, src Source, sizes ...int) List {
	t.Helper()
	var l List
	for _, n := range sizes {
		b, err := src.TryGet(n)
		require.NoError(t, err)
		l = append(l, b)
	}
	return l
}

func TestMaxHoldsUpItsClassAlone(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20, Classes: []Class{{Size: 4096, Max: 2}, {Size: 8192}}})
	two := get(t, p, 4096, 4096)
	_, err := p.TryGet(1)
	require.ErrorIs(t, err, ErrExhausted)
	assert.Equal(t, 2, p.Stats().Classes[0].Blocks)

	order := make(chan int, 3)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			b, err := p.Get(testContext(t), 1000)
			if assert.NoError(t, err) {
				order <- i
				b.Release()
			}
		})
		waiting(t, p, i+1)
	}
	// Another class is not held up, neither at once nor when it has to wait.
	rest := get(t, p, 8192)
	for {
		b, err := p.TryGet(8192)
		if err != nil {
			require.ErrorIs(t, err, ErrExhausted)
			break
		}
		rest = append(rest, b)
	}
	wg.Go(func() {
		b, err := p.Get(testContext(t), 5000)
		if assert.NoError(t, err) {
			order <- 2
			b.Release()
		}
	})
	waiting(t, p, 3)
	s := p.Stats()
	assert.Equal(t, 2, s.Classes[0].Waiting)
	assert.Equal(t, 1, s.Classes[1].Waiting)
	rest[0].Release()
	assert.Equal(t, 2, <-order, "does not wait behind the full class")
	rest[1].Release()
	rest = append(rest[2:], get(t, p, 8192)...) // nor does who comes now

	two[0].Release()
	wg.Wait()
	assert.Equal(t, 0, <-order)
	assert.Equal(t, 1, <-order)
	two[1].Release()
	rest.Release()
}

func TestMaxWithCancelledWaiters(t *testing.T) {
	p := newPool(t, Config{Classes: []Class{{Size: 4096, Max: 1}, {Size: 8192, Max: 1}}})
	held := get(t, p, 4096, 8192)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 3 {
		for _, n := range []int{1, 5000} {
			wg.Go(func() {
				_, err := p.Get(ctx, n)
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
	}
	waiting(t, p, 6)
	cancel()
	wg.Wait()
	s := p.Stats()
	assert.EqualValues(t, 6, s.GaveUp)
	assert.Positive(t, s.WaitTime)
	held.Release()
	get(t, p, 1, 5000).Release()
}

func TestPrealloc(t *testing.T) {
	p, err := New(Config{Limit: 1 << 20, Keep: -1, Classes: []Class{
		{Size: 4096, Prealloc: 10, Max: 20}, {Size: 512 << 10}, {Size: 1 << 20},
	}})
	require.NoError(t, err)
	s := p.Stats()
	assert.Equal(t, 10, s.Classes[0].Blocks)
	assert.Equal(t, 10, s.Classes[0].Free)
	assert.EqualValues(t, 40960, s.Held)
	assert.EqualValues(t, 40960, s.Idle)

	_, err = p.TryGet(1 << 20)
	require.ErrorIs(t, err, ErrSize, "the preallocated leaves no room for it, ever")
	l := get(t, p, 512<<10)
	for range 20 {
		l = append(l, get(t, p, 4096)...)
	}
	_, err = p.TryGet(4096)
	require.ErrorIs(t, err, ErrExhausted)
	l.Release()
	s = p.Stats()
	assert.Equal(t, 10, s.Classes[0].Blocks, "what grew is given back")
	assert.EqualValues(t, 40960, s.Held)
	assert.Zero(t, p.Trim(0))
	assert.EqualValues(t, 40960, p.Stats().Held)

	b := get(t, p, 4096)
	require.ErrorIs(t, p.CloseContext(expired()), context.Canceled)
	b.Release()
	assert.Zero(t, p.Stats().Held)
	require.NoError(t, p.Close())
}

func TestPreallocOfTheWholeLimit(t *testing.T) {
	p := newPool(t, Config{Limit: 64 << 10, Classes: []Class{{Size: 16 << 10, Prealloc: 4}, {Size: 4096}}})
	get(t, p, 16<<10, 16<<10, 5000, 16<<10).Release()
	_, err := p.TryGet(4096)
	require.ErrorIs(t, err, ErrSize)
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestPreallocOfManyRegions(t *testing.T) {
	const n = maxBlocks + 100
	p := newPool(t, Config{Classes: []Class{{Size: 64, Prealloc: n}}})
	s := p.Stats()
	assert.Equal(t, n, s.Classes[0].Blocks)
	assert.EqualValues(t, 2, s.Grows)
	assert.EqualValues(t, maxBlocks*64+roundUp(100*64, p.page), s.Held)
}

func TestGrow(t *testing.T) {
	p := newPool(t, Config{Limit: 64 << 10, Classes: []Class{{Size: 4096, Grow: 4, Max: 10}, {Size: 8192, Grow: 1000}}})
	l := get(t, p, 1)
	assert.Equal(t, 4, p.Stats().Classes[0].Blocks)
	for range 9 {
		l = append(l, get(t, p, 1)...)
	}
	s := p.Stats()
	assert.Equal(t, 10, s.Classes[0].Blocks, "the last step ends at Max")
	assert.EqualValues(t, 3, s.Classes[0].Grows)
	l = append(l, get(t, p, 8192)...)
	s = p.Stats()
	assert.Equal(t, 3, s.Classes[1].Blocks, "the step ends at the limit")
	assert.EqualValues(t, 64<<10, s.Held)
	l.Release()
}

// A block that is not a whole number of pages, at a limit that is not either.
func TestOddSizes(t *testing.T) {
	p := newPool(t, Config{Limit: 100_000, Classes: Sizes(3000, 90_000)})
	var l List
	for {
		b, err := p.TryGet(3000)
		if err != nil {
			require.ErrorIs(t, err, ErrExhausted)
			break
		}
		b.Resize(b.Cap())
		assert.Zero(t, uintptr(unsafe.Pointer(&b.Bytes()[0]))%Align)
		for i := range b.Bytes() {
			b.Bytes()[i] = byte(len(l))
		}
		l = append(l, b)
	}
	assert.LessOrEqual(t, p.Stats().Held, int64(100_000))
	assert.GreaterOrEqual(t, len(l), 30)
	for i, b := range l {
		for _, x := range b.Bytes() {
			require.Equal(t, byte(i), x)
		}
	}
	l.Release()
	get(t, p, 90_000).Release()
}

func TestTrim(t *testing.T) {
	p := newPool(t, Config{})
	l := get(t, p, 1<<20, 2<<20, 4<<20, 1000)
	l[:3].Release()
	assert.EqualValues(t, 7<<20, p.Stats().Idle)
	assert.EqualValues(t, 1<<20, p.Trim(6<<20), "the longest idle goes first")
	assert.EqualValues(t, 0, p.Trim(6<<20))
	assert.EqualValues(t, 2<<20, p.Trim(5<<20))
	assert.EqualValues(t, 4<<20, p.Trim(-1))
	assert.EqualValues(t, 64<<10, p.Stats().Held, "a region with a block in use stays")
	l[3].Release()
	assert.EqualValues(t, 64<<10, p.Trim(0))
	get(t, p, 1000).Release()
	assert.EqualValues(t, 64<<10, p.Trim(0))
	s := p.Stats()
	assert.EqualValues(t, 5, s.Shrinks)
	assert.EqualValues(t, 7<<20+1024, s.PeakInUse, "the marks of high water stay")
	assert.EqualValues(t, 7<<20+64<<10, s.PeakHeld)
}

func TestKeepDropsTheLongestIdle(t *testing.T) {
	p := newPool(t, Config{Keep: 4 << 20})
	l := get(t, p, 1<<20, 2<<20, 2<<20, 8<<20)
	for _, b := range l {
		b.Release()
	}
	s := p.Stats()
	assert.EqualValues(t, 4<<20, s.Idle)
	for _, c := range s.Classes {
		if c.Size == 2<<20 {
			assert.Equal(t, 2, c.Free, "the 1 MiB block made room, the 8 MiB block never fitted")
		}
	}
}

// failing makes the pool's next allocations fail.
func failing(p *Pool, n int) {
	real := p.alloc
	p.alloc = func(size int) (memory, int) {
		if n > 0 {
			n--
			return cgo.Memory{}, 12
		}
		return real(size)
	}
}

func TestNoMemory(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	failing(p, 1)
	_, err := p.TryGet(1)
	require.ErrorIs(t, err, ErrNoMemory)
	failing(p, 1)
	require.ErrorIs(t, p.prealloc(0, 10), ErrNoMemory)
	assert.Zero(t, p.Stats().Held)
	get(t, p, 1).Release()

	// Idle memory of other classes is given back before giving up.
	failing(p, 1)
	l := get(t, p, 512<<10)
	s := p.Stats()
	assert.Zero(t, s.Idle)
	assert.EqualValues(t, 1, s.NoMemory)

	// One that waits learns of it, and the next one is served.
	rest := get(t, p, 512<<10)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := p.Get(testContext(t), 256<<10)
		assert.ErrorIs(t, err, ErrNoMemory)
	})
	waiting(t, p, 1)
	wg.Go(func() {
		b, err := p.Get(testContext(t), 1)
		if assert.NoError(t, err) {
			b.Release()
		}
	})
	waiting(t, p, 2)
	failing(p, 1)
	l.Release()
	wg.Wait()
	rest.Release()
}
