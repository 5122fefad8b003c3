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
	calls   []call
	head    atomic.Uint64 // tag<<32 | index+1 of the first free call
	inUse   atomic.Int32
	closed  atomic.Bool
	waiting atomic.Int32

	mu    sync.Mutex
	queue []chan *call
}

func (w *window) init(calls []call) {
	w.calls = calls
	for i := range calls {
		w.put(&calls[len(calls)-1-i])
	}
}

func (w *window) put(c *call) {
	for {
		h := w.head.Load()
		c.nextFree.Store(uint32(h))
		if w.head.CompareAndSwap(h, (h>>32+1)<<32|uint64(c.index+1)) {
			return
		}
	}
}

func (w *window) pop() *call {
	for {
		h := w.head.Load()
		i := uint32(h)
		if i == 0 {
			return nil
		}
		c := &w.calls[i-1]
		// The tag in the upper half makes a stale link harmless.
		if w.head.CompareAndSwap(h, (h>>32+1)<<32|uint64(c.nextFree.Load())) {
			return c
		}
	}
}

// tryAcquire takes a slot if one is free. ok is false when the window is closed.
func (w *window) tryAcquire() (c *call, ok bool) {
	w.inUse.Add(1)
	if w.closed.Load() {
		w.inUse.Add(-1)
		return nil, false
	}
	if c = w.pop(); c == nil {
		w.inUse.Add(-1)
	}
	return c, true
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
	if c := <-ch; err == nil && !w.closed.Load() {
		return c, nil
	} else {
		c.release()
	}
	return nil, err
}

// release gives a slot back and serves who waits longest.
func (w *window) release(c *call) {
	w.put(c)
	w.inUse.Add(-1)
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
