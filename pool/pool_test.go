package pool

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newPool(t testing.TB, cfg Config) *Pool {
	p, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.CloseContext(testContext(t)))
		s := p.Stats()
		assert.Zero(t, s.Buffers)
		assert.Zero(t, s.InUse)
		assert.Zero(t, s.Held)
		assert.Zero(t, s.Idle)
	})
	return p
}

// waiting waits until n Gets wait.
func waiting(t testing.TB, p *Pool, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); p.Stats().Waiting != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d waiting, want %d", p.Stats().Waiting, n)
		}
	}
}

func TestSizes(t *testing.T) {
	p := newPool(t, Config{})
	for _, tc := range []struct {
		n, cap int
		err    error
	}{
		{-1, 0, ErrSize}, {0, 0, ErrSize},
		{1, 1024, nil}, {1024, 1024, nil}, {1025, 2048, nil}, {4096, 4096, nil},
		{65536, 65536, nil}, {65537, 131072, nil}, {1 << 20, 1 << 20, nil},
		{MaxBuffer, MaxBuffer, nil}, {MaxBuffer + 1, 0, ErrSize},
	} {
		b, err := p.Get(testContext(t), tc.n)
		require.ErrorIs(t, err, tc.err)
		if err != nil {
			continue
		}
		assert.Equal(t, tc.n, b.Len())
		assert.Len(t, b.Bytes(), tc.n)
		assert.Equal(t, tc.cap, b.Cap())
		assert.EqualValues(t, tc.cap, p.Stats().InUse)
		b.Resize(tc.cap)
		assert.Len(t, b.Bytes(), tc.cap)
		b.Resize(1)
		assert.Panics(t, func() { b.Resize(0) })
		assert.Panics(t, func() { b.Resize(tc.cap + 1) })
		b.Release()
	}
	_, err := New(Config{Limit: -1})
	require.ErrorIs(t, err, ErrSize)
}

func TestNewMemoryIsZero(t *testing.T) {
	p := newPool(t, Config{Keep: -1})
	for _, n := range []int{1024, 100000, 1 << 20} {
		for range 3 { // nothing is kept, so it is new each time
			b, err := p.Get(testContext(t), n)
			require.NoError(t, err)
			for i, x := range b.Bytes() {
				if x != 0 {
					t.Fatalf("byte %d is %d", i, x)
				}
			}
			for i := range b.Bytes() {
				b.Bytes()[i] = 0xFF
			}
			b.Release()
		}
	}
}

func TestBlocksDoNotOverlap(t *testing.T) {
	p := newPool(t, Config{})
	var bufs []*Buffer
	for i := range 300 {
		b, err := p.Get(testContext(t), 1+i*37%5000)
		require.NoError(t, err)
		b.Resize(b.Cap())
		for k := range b.Bytes() {
			b.Bytes()[k] = byte(i)
		}
		bufs = append(bufs, b)
	}
	for i, b := range bufs {
		for _, x := range b.Bytes() {
			if x != byte(i) {
				t.Fatalf("buffer %d was written by another", i)
			}
		}
		b.Release()
	}
}

func TestLimit(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	_, err := p.Get(testContext(t), 2<<20)
	require.ErrorIs(t, err, ErrSize, "can never be served")

	var held []*Buffer
	for range 4 {
		b, err := p.TryGet(256 << 10)
		require.NoError(t, err)
		held = append(held, b)
	}
	_, err = p.TryGet(1)
	require.ErrorIs(t, err, ErrExhausted)
	assert.EqualValues(t, 1<<20, p.Stats().Held)

	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = p.Get(short, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Zero(t, p.Stats().Waiting)

	// Two wait; they are served in order although the second would fit first.
	order := make(chan int, 2)
	var wg sync.WaitGroup
	for i, n := range []int{1 << 20, 1024} {
		wg.Go(func() {
			b, err := p.Get(testContext(t), n)
			if assert.NoError(t, err) {
				order <- i
				b.Release()
			}
		})
		waiting(t, p, i+1)
	}
	_, err = p.TryGet(1024)
	require.ErrorIs(t, err, ErrExhausted, "does not overtake")
	for i, b := range held {
		if i == 3 {
			assert.Empty(t, order)
		}
		b.Release()
	}
	wg.Wait()
	assert.Equal(t, 0, <-order)
	assert.Equal(t, 1, <-order)
	assert.EqualValues(t, 3, p.Stats().Waits)
}

func TestWaiterThatLeavesLetsTheNextOneIn(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	half, err := p.Get(testContext(t), 512<<10)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := p.Get(ctx, 1<<20)
		assert.ErrorIs(t, err, context.Canceled)
	})
	waiting(t, p, 1)
	wg.Go(func() {
		b, err := p.Get(testContext(t), 1024)
		if assert.NoError(t, err) {
			b.Release()
		}
	})
	waiting(t, p, 2)
	cancel()
	wg.Wait()
	half.Release()
}

func TestIdleMemoryMovesBetweenClassesAndBack(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20, Keep: 512 << 10})
	for _, n := range []int{1024, 1 << 20, 4096, 512 << 10, 65536, 1 << 20} {
		b, err := p.Get(testContext(t), n)
		require.NoError(t, err, n)
		b.Release()
		s := p.Stats()
		assert.LessOrEqual(t, s.Held, int64(1<<20))
		assert.LessOrEqual(t, s.Idle, int64(512<<10))
		assert.Equal(t, s.Held, s.Idle)
	}
}

func TestRetain(t *testing.T) {
	p := newPool(t, Config{})
	b, err := p.Get(testContext(t), 10)
	require.NoError(t, err)
	b.Retain()
	b.Release()
	b.Bytes()[0] = 1
	assert.EqualValues(t, 1, p.Stats().Buffers)
	b.Release()
	assert.Zero(t, p.Stats().Buffers)
}

func TestMisuseIsLoud(t *testing.T) {
	p := newPool(t, Config{})
	b, err := p.Get(testContext(t), 10)
	require.NoError(t, err)
	mem := b.Bytes()
	b.Release()
	assert.Panics(t, b.Release)
	if !debug {
		t.Skip("the rest needs -race or -tags xiodebug")
	}
	assert.EqualValues(t, 0xDB, mem[0], "poisoned")
	assert.Panics(t, func() { b.Bytes() })
	assert.Panics(t, func() { b.Len() })
	assert.Panics(t, func() { b.Resize(1) })
	assert.Panics(t, b.Retain)
	other, err := p.Get(testContext(t), 10)
	require.NoError(t, err)
	assert.NotSame(t, b, other)
	assert.Panics(t, b.Release, "the old handle does not release the new buffer")
	other.Release()
}

func TestClose(t *testing.T) {
	p, err := New(Config{Limit: 1 << 20})
	require.NoError(t, err)
	b, err := p.Get(testContext(t), 1<<20)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := p.Get(testContext(t), 1)
		assert.ErrorIs(t, err, ErrClosed)
	})
	waiting(t, p, 1)

	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.CloseContext(short), context.DeadlineExceeded)
	wg.Wait()
	_, err = p.Get(testContext(t), 1)
	require.ErrorIs(t, err, ErrClosed)
	_, err = p.TryGet(1)
	require.ErrorIs(t, err, ErrClosed)

	closed := make(chan error, 3)
	for range 3 {
		go func() { closed <- p.Close() }()
	}
	b.Bytes()[0] = 1 // still ours
	assert.Empty(t, closed)
	b.Release()
	for range 3 {
		require.NoError(t, <-closed)
	}
	assert.Zero(t, p.Stats().Held)
	require.NoError(t, p.Close())
}

func TestManyGoroutines(t *testing.T) {
	p := newPool(t, Config{Limit: 4 << 20, Keep: 1 << 20})
	rounds := 300
	if debug {
		rounds = 60 // poisoning takes its time
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range rounds {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+i%3)*10*time.Millisecond)
				b, err := p.Get(ctx, 1+(g*7919+i*104729)%(1<<20))
				cancel()
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					continue
				}
				mem := b.Bytes()
				mem[0], mem[len(mem)-1] = byte(g), byte(g)
				if mem[0] != byte(g) {
					t.Error("shared memory")
				}
				b.Release()
			}
		})
	}
	wg.Wait()
}

func TestDefault(t *testing.T) {
	assert.Same(t, Default(), Default())
	b, err := Default().Get(testContext(t), 100)
	require.NoError(t, err)
	b.Release()
	assert.Zero(t, Default().Stats().Buffers)
}
