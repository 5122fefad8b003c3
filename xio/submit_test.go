package xio

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio/cgo"
)

func TestSubmissionsKeepOrder(t *testing.T) {
	var q submissions
	assert.True(t, q.empty())
	const producers, each = 8, 1000
	subs := make([][]submission, producers)
	where := map[*submission][2]int{}
	for p := range subs {
		subs[p] = make([]submission, each)
		for i := range subs[p] {
			where[&subs[p][i]] = [2]int{p, i}
		}
	}
	var wg sync.WaitGroup
	for p := range subs {
		wg.Go(func() {
			for i := range subs[p] {
				q.push(&subs[p][i])
			}
		})
	}
	var next [producers]int
	for n := 0; n < producers*each; {
		for s := q.take(); s != nil; s = s.next {
			w := where[s]
			require.Equal(t, next[w[0]], w[1], "producer %d", w[0])
			next[w[0]]++
			n++
		}
	}
	wg.Wait()
	assert.True(t, q.empty())
	assert.Nil(t, q.take())
}

func TestWindow(t *testing.T) {
	var w window
	c := &Connection{}
	calls := make([]call, 3)
	for i := range calls {
		calls[i].index, calls[i].conn = uint32(i), c
	}
	w.init(calls)
	down := make(chan struct{})
	ctx := context.Background()
	var got []*call
	for i := range 3 {
		cl, err := w.acquire(ctx, down)
		require.NoError(t, err)
		assert.EqualValues(t, i, cl.index)
		got = append(got, cl)
	}
	cl, ok := w.tryAcquire()
	assert.Nil(t, cl)
	assert.True(t, ok)
	assert.EqualValues(t, 3, w.inUse())
	w.release(got[1])
	cl, _ = w.tryAcquire()
	assert.Same(t, got[1], cl, "last in, first out")

	// Those who wait are served in order.
	served := make(chan int, 2)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			cl, err := w.acquire(ctx, down)
			if assert.NoError(t, err) && assert.NotNil(t, cl) {
				served <- i
			}
		})
		eventually(t, "waiting", func() bool { return w.waiting.Load() == int32(i+1) })
	}
	w.release(got[0])
	assert.Equal(t, 0, <-served)
	w.release(got[2])
	assert.Equal(t, 1, <-served)
	wg.Wait()

	// The end of the connection wakes those who wait, and refuses others.
	wg.Go(func() {
		cl, err := w.acquire(ctx, down)
		assert.NoError(t, err)
		assert.Nil(t, cl)
	})
	eventually(t, "waiting", func() bool { return w.waiting.Load() == 1 })
	w.close()
	close(down)
	wg.Wait()
	cl, ok = w.tryAcquire()
	assert.Nil(t, cl)
	assert.False(t, ok)
	assert.EqualValues(t, 3, w.inUse())
	assert.Zero(t, w.waiting.Load())
}

// A server's connection gets its slots with its first request, which may come when
// the peer has gone already.
func TestWindowClosedBeforeItsSlots(t *testing.T) {
	var w window
	w.close()
	w.init(make([]call, 4))
	cl, ok := w.tryAcquire()
	assert.Nil(t, cl)
	assert.False(t, ok)
	assert.Zero(t, w.inUse())
}

func TestWindowUnderContention(t *testing.T) {
	var w window
	c := &Connection{}
	calls := make([]call, 4)
	owner := make([]int32, 4)
	for i := range calls {
		calls[i].index, calls[i].conn = uint32(i), c
	}
	w.init(calls)
	down := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	for g := range 16 {
		wg.Go(func() {
			for range 2000 {
				cl, err := w.acquire(context.Background(), down)
				if err != nil || cl == nil {
					t.Error("not served")
					return
				}
				mu.Lock()
				if owner[cl.index] != 0 {
					t.Error("a slot has two owners")
				}
				owner[cl.index] = int32(g + 1)
				mu.Unlock()
				mu.Lock()
				owner[cl.index] = 0
				mu.Unlock()
				w.release(cl)
			}
		})
	}
	wg.Wait()
	assert.Zero(t, w.inUse())
}

// A freed key is handed out again: the generation tells old events from new.
func TestRestoreChecksGeneration(t *testing.T) {
	old := &Session{gen: 7}
	old.key = cgo.Save(old)
	e := &cgo.Event{Key: old.key, Gen: 7}
	gen := func(s *Session) uint32 { return s.gen }
	s, ok := restore[*Session](e, gen)
	assert.True(t, ok)
	assert.Same(t, old, s)
	_, ok = restore[*listener](e, func(l *listener) uint32 { return l.gen })
	assert.False(t, ok, "another kind of object")
	cgo.Unref(old.key)
	_, ok = restore[*Session](e, gen)
	assert.False(t, ok, "nobody")

	for range 10000 {
		next := &Session{gen: 8}
		next.key = cgo.Save(next)
		if next.key == e.Key {
			_, ok = restore[*Session](e, gen)
			assert.False(t, ok, "a stranger under the same key")
			cgo.Unref(next.key)
			return
		}
		cgo.Unref(next.key)
	}
	t.Skip("the allocator never gave the same key again")
}
