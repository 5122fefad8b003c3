// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"context"
	"sync"
)

// Throttle bounds an amount that is in use: bytes, or messages. Who wants more
// than there is waits, first come first served. A single demand above the limit is
// granted when nothing else is in use. Safe for concurrent use; a nil Throttle
// grants everything.
//
// Implements: Throttle
type Throttle struct {
	name  string
	limit int64

	mu      sync.Mutex
	inUse   int64
	waiting []*throttleWait
}

type throttleWait struct {
	n       int64
	granted chan struct{}
}

// NewThrottle makes a throttle. A limit of 0 or less is no limit, and still counts.
func NewThrottle(name string, limit int64) *Throttle {
	return &Throttle{name: name, limit: limit}
}

// Name is what it was called.
func (t *Throttle) Name() string { return t.name }

// Limit is the most that is granted at a time.
func (t *Throttle) Limit() int64 { return t.limit }

// InUse is what has been taken and not been put back.
func (t *Throttle) InUse() int64 {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inUse
}

// Waiting is how many wait.
func (t *Throttle) Waiting() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// TryGet takes n if nobody waits and there is room.
func (t *Throttle) TryGet(n int64) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) > 0 || !t.fits(n) {
		return false
	}
	t.inUse += n
	return true
}

// Get takes n, and waits for it until ctx ends.
func (t *Throttle) Get(ctx context.Context, n int64) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	if len(t.waiting) == 0 && t.fits(n) {
		t.inUse += n
		t.mu.Unlock()
		return nil
	}
	w := &throttleWait{n: n, granted: make(chan struct{})}
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, o := range t.waiting {
		if o == w {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			t.grant() // those behind may fit
			return ctx.Err()
		}
	}
	return nil // granted meanwhile
}

// Put gives n back.
func (t *Throttle) Put(n int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inUse -= n; t.inUse < 0 {
		panic("messenger: more put into throttle " + t.name + " than was taken")
	}
	t.grant()
}

func (t *Throttle) fits(n int64) bool {
	return t.limit <= 0 || t.inUse == 0 || t.inUse+n <= t.limit
}

// grant serves those that wait, as far as there is room. Under mu.
func (t *Throttle) grant() {
	for len(t.waiting) > 0 && t.fits(t.waiting[0].n) {
		w := t.waiting[0]
		t.waiting[0] = nil
		t.waiting = t.waiting[1:]
		t.inUse += w.n
		close(w.granted)
	}
}
