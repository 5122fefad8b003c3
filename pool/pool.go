// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Pool hands out buffers of registered C memory. It is safe for concurrent use.
type Pool struct {
	layout
	limit, keep int64
	node        Node
	alloc       func(n int) (memory, int)

	// crowded tells caches to keep nothing: somebody waits, or the pool is
	// closed. It is set before the caches are emptied for that.
	crowded atomic.Bool

	_        [64]byte // what is above is read by every Get of a cache
	mu       sync.Mutex
	class    []class
	regions  map[*region]struct{}
	idlers   regionList // idle regions that may go, the longest idle first
	held     int64      // bytes of all regions
	idle     int64      // bytes of regions with no block in use
	spare    int64      // bytes of idlers
	out      int64      // bytes of blocks in use and in caches
	nout     int64      // blocks in use and in caches
	waiters  waitList
	stuck    bool // the limit holds up all who wait, not their classes alone
	caches   map[*Cache]struct{}
	closed   bool
	drained  chan struct{} // closed when closed and nothing is out
	peakHeld int64
	peakOut  int64
	counts   counts
}

// New makes a pool, with the memory that Class.Prealloc asks for. The library
// is started if it does not run yet. An impossible Config gives a *ConfigError.
//
// Implements:
//
//	struct xio_mempool *xio_mempool_create(int nodeid, uint32_t flags)
func New(cfg Config) (*Pool, error) {
	cfg, err := cfg.normal()
	if err != nil {
		return nil, err
	}
	if rc := cgo.Started(); rc != 0 {
		return nil, errors.New("pool: the library does not start: " + cgo.StatusText(rc))
	}
	p := &Pool{
		limit: cfg.Limit, keep: cfg.Keep, node: cfg.Node, alloc: allocator(cfg),
		class: make([]class, len(cfg.Classes)), regions: make(map[*region]struct{}),
		caches: make(map[*Cache]struct{}), drained: make(chan struct{}),
	}
	p.layout.init(cfg)
	usual := max(regionSize, p.page)
	for k, c := range cfg.Classes {
		if c.Max == 0 {
			c.Max = math.MaxInt
		}
		if c.Grow == 0 {
			c.Grow = max(1, int(usual)/c.Size)
		}
		p.class[k] = class{size: int64(c.Size), max: c.Max, grow: min(c.Grow, maxBlocks)}
	}
	for k, c := range cfg.Classes {
		if err := p.prealloc(k, c.Prealloc); err != nil {
			p.dropIdle()
			return nil, err
		}
	}
	return p, nil
}

var shared = sync.OnceValue(func() *Pool {
	p, err := New(Config{})
	if err != nil {
		panic(err)
	}
	return p
})

// Default is the pool of the process, made at first use. It is never closed.
func Default() *Pool { return shared() }

// Source is where buffers come from: a [Pool] or a [Cache]. It is safe for
// concurrent use, and the buffers belong to the caller until their Release.
type Source interface {
	// Get returns a buffer of n bytes, and waits for room until ctx ends; see
	// [Pool.Get] for its errors.
	Get(ctx context.Context, n int) (*Buffer, error)
	// TryGet is Get without waiting; see [Pool.TryGet].
	TryGet(n int) (*Buffer, error)
}

// Get returns a buffer of n bytes, 1 ≤ n ≤ MaxBuffer. Its content is zero when
// the memory is new and arbitrary when it was used before. At the pool's limit,
// or at the maximum of its size class, Get waits, first come first served,
// until there is room or ctx ends.
//
// The buffer belongs to the caller until its Release.
//
// Errors: ErrSize for an n that the pool has no block for; ErrNoMemory;
// ErrClosed; ctx's error if that ended the wait.
//
// Implements:
//
//	int xio_mem_alloc(size_t length, struct xio_reg_mem *reg_mem)
//	int xio_mempool_alloc(struct xio_mempool *mpool, size_t length,
//			      struct xio_reg_mem *reg_mem)
func (p *Pool) Get(ctx context.Context, n int) (*Buffer, error) {
	k, err := p.classFor(n)
	if err != nil {
		return nil, err
	}
	return p.get(ctx, k, n, nil)
}

// TryGet is Get without waiting: at the limit, or at the maximum of the size
// class, it fails with ErrExhausted. The buffer belongs to the caller until its
// Release.
func (p *Pool) TryGet(n int) (*Buffer, error) {
	k, err := p.classFor(n)
	if err != nil {
		return nil, err
	}
	return p.tryGet(k, n, nil)
}

// get is Get for a buffer that goes back to home, if that is not nil.
func (p *Pool) get(ctx context.Context, k, n int, home *Cache) (*Buffer, error) {
	p.mu.Lock()
	b, err := p.takeInTurn(k, n, home)
	if !noRoom(err) {
		p.mu.Unlock()
		return b, err
	}
	w := &waiter{class: k, n: n, home: home, began: time.Now(), done: make(chan struct{})}
	p.waiters.push(w)
	p.counts.waits++
	p.crowd()
	p.serve() // w may have waited for what was in a cache
	p.mu.Unlock()

	select {
	case <-w.done:
		return w.buf, w.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.served { // in the meantime
		return w.buf, w.err
	}
	p.counts.gaveUp++
	p.leave(w)
	p.serve() // those behind may fit where this one did not
	return nil, ctx.Err()
}

func (p *Pool) tryGet(k, n int, home *Cache) (*Buffer, error) {
	p.mu.Lock()
	b, err := p.takeInTurn(k, n, home)
	if noRoom(err) {
		p.counts.exhausted++
	}
	p.mu.Unlock()
	return b, err
}

// noRoom says that err is the kind one waits for.
func noRoom(err error) bool { return err == ErrExhausted || err == errClassFull }

// takeInTurn is take that does not overtake those who wait, and looks into the
// caches as well. The pool is locked.
func (p *Pool) takeInTurn(k, n int, home *Cache) (*Buffer, error) {
	if p.waiters.blocks(k, p.stuck) {
		return nil, ErrExhausted
	}
	b, err := p.take(k, n, home)
	if noRoom(err) && !p.crowded.Load() && p.recall() {
		b, err = p.take(k, n, home)
	}
	return b, err
}

// take finds a block of class k. The pool is locked.
func (p *Pool) take(k, n int, home *Cache) (*Buffer, error) {
	if p.closed {
		return nil, ErrClosed
	}
	c := &p.class[k]
	if len(c.ready) == 0 {
		if err := p.grow(k); err != nil {
			if errors.Is(err, ErrNoMemory) {
				p.counts.noMemory++
			}
			return nil, err
		}
	}
	r := c.ready[len(c.ready)-1]
	if r.idle() {
		p.wake(r)
	}
	i := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	if len(r.free) == 0 {
		p.unready(r)
	}
	c.out++
	c.counts.peak = max(c.counts.peak, c.out)
	c.counts.gets++
	p.nout++
	p.out += c.size
	p.peakOut = max(p.peakOut, p.out)
	return r.hand(i, n, home), nil
}

// put takes block i of r back.
func (p *Pool) put(r *region, i int32) {
	p.mu.Lock()
	p.back(r, i)
	p.serve()
	p.checkDrained()
	p.mu.Unlock()
}

// back makes block i of r free. The pool is locked.
func (p *Pool) back(r *region, i int32) {
	c := &p.class[r.class]
	r.free = append(r.free, i)
	if r.pos < 0 {
		p.ready(r)
	}
	c.out--
	p.nout--
	p.out -= c.size
	if !r.idle() {
		return
	}
	p.rest(r)
	switch {
	case p.closed, !r.pinned && r.bytes() > p.keep:
		p.drop(r) // rather than all the others
	default:
		p.trim(p.held - max(0, p.spare-p.keep))
	}
}

func (p *Pool) checkDrained() {
	if p.closed && p.nout == 0 {
		select {
		case <-p.drained:
		default:
			close(p.drained)
		}
	}
}

// Trim gives idle memory back to the system, the longest idle first, until no
// more than keep bytes of it are left, and returns how many bytes it gave back.
// Caches give up what they keep. What Class.Prealloc asked for stays, and so
// does a region of which one block is in use.
func (p *Pool) Trim(keep int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.held
	p.recall()
	p.trim(p.held - max(0, p.spare-max(keep, 0)))
	return before - p.held
}

// Close refuses further Gets, ends those that wait with ErrClosed, and returns
// when every buffer has been released and all memory is given back. It may be
// called any number of times, from any goroutine; holding a buffer while
// calling it waits for ever, see [Pool.CloseContext]. Caches of the pool need
// not be closed before.
//
// Implements:
//
//	void xio_mempool_destroy(struct xio_mempool *mpool)
func (p *Pool) Close() error { return p.CloseContext(context.Background()) }

// CloseContext is Close that waits no longer than ctx. When it returns ctx's
// error the pool is closed all the same, and the last Release gives the rest
// of the memory back.
func (p *Pool) CloseContext(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.crowd()
	p.serve()
	p.dropIdle()
	p.checkDrained()
	p.mu.Unlock()
	select {
	case <-p.drained:
		return nil
	default:
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
