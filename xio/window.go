package xio

import (
	"context"
	"sync"
	"sync/atomic"
)

// window is the free request slots of a connection: its queue depth. Taking and
// giving back is a lock-free stack, so that few slots stay warm; only waiting
// for a slot takes a lock.
type window struct {
	calls []call
	// One word, so that each step is one atomic operation: whether the window is
	// closed, a tag that makes a stale link harmless, the slots in use, and the
	// first free slot, index+1.
	head    atomic.Uint64
	waiting atomic.Int32

	mu    sync.Mutex
	queue []chan *call
}

const (
	winIndexBits = 20 // of the first free slot, and of the slots in use
	winIndex     = 1<<winIndexBits - 1
	winUse       = 1 << winIndexBits
	winTag       = 1 << (2 * winIndexBits)
	winTags      = winClosed - winTag
	winClosed    = 1 << 63

	_ = uint(winIndex - maxDepth) // it fits
)

// init gives the window its slots; it may have been closed before.
func (w *window) init(calls []call) {
	w.calls = calls
	free := uint32(0)
	for i := range calls {
		c := &calls[len(calls)-1-i]
		c.nextFree.Store(free)
		free = c.index + 1
	}
	w.head.Or(uint64(free))
}

// inUse is how many slots are taken.
func (w *window) inUse() int { return int(w.head.Load() >> winIndexBits & winIndex) }

func (w *window) closed() bool { return w.head.Load()&winClosed != 0 }

func (w *window) close() { w.head.Or(winClosed) }

func (w *window) put(c *call) {
	for {
		h := w.head.Load()
		c.nextFree.Store(uint32(h & winIndex))
		if w.head.CompareAndSwap(h, h&winClosed|(h+winTag)&winTags|(h&^(winClosed|winTags|winIndex)-winUse)|uint64(c.index+1)) {
			return
		}
	}
}

// tryAcquire takes a slot if one is free. ok is false when the window is closed.
func (w *window) tryAcquire() (c *call, ok bool) {
	for {
		h := w.head.Load()
		if h&winClosed != 0 {
			return nil, false
		}
		i := h & winIndex
		if i == 0 {
			return nil, true
		}
		c := &w.calls[i-1]
		if w.head.CompareAndSwap(h, (h+winTag)&winTags|(h&^(winTags|winIndex)+winUse)|uint64(c.nextFree.Load())) {
			return c, true
		}
	}
}

// acquire takes a slot, waiting for one until ctx ends or down is closed. It
// returns nil and nil when the window is closed.
func (w *window) acquire(ctx context.Context, down <-chan struct{}) (*call, error) {
	if c, ok := w.tryAcquire(); c != nil || !ok {
		return c, nil
	}
	w.mu.Lock()
	w.waiting.Add(1)
	if c, ok := w.tryAcquire(); c != nil || !ok {
		w.waiting.Add(-1)
		w.mu.Unlock()
		return c, nil
	}
	ch := make(chan *call, 1)
	w.queue = append(w.queue, ch)
	w.mu.Unlock()

	var err error
	select {
	case c := <-ch:
		return c, nil
	case <-down:
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.mu.Lock()
	for i, q := range w.queue {
		if q == ch {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			w.waiting.Add(-1)
			w.mu.Unlock()
			return nil, err
		}
	}
	w.mu.Unlock()
	// Served in the meantime: take it if the connection still stands.
	if c := <-ch; err == nil && !w.closed() {
		return c, nil
	} else {
		c.release()
	}
	return nil, err
}

// release gives a slot back and serves who waits longest.
func (w *window) release(c *call) {
	w.put(c)
	if w.waiting.Load() > 0 {
		w.serve()
	}
}

func (w *window) serve() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		c, _ := w.tryAcquire()
		if c == nil {
			return
		}
		ch := w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		w.waiting.Add(-1)
		ch <- c
	}
}
