package pool

import (
	"context"
	"errors"
	"math/bits"
	"sync"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Sizes of what a pool hands out, in bytes.
const (
	// MinBlock is the smallest block; smaller buffers use one of these.
	MinBlock = 1 << minShift
	// MaxBuffer is the largest buffer, the largest message of the library.
	MaxBuffer = 1 << maxShift

	minShift   = 10
	maxShift   = 26
	regionSize = 64 << 10 // smaller blocks are carved out of regions of this size
)

// Errors of a pool, to be compared with [errors.Is].
var (
	ErrClosed    = errors.New("pool: closed")
	ErrSize      = errors.New("pool: size out of range")
	ErrExhausted = errors.New("pool: limit reached")
	ErrNoMemory  = errors.New("pool: out of memory")
)

// Config tunes a Pool. The zero value is ready to use.
type Config struct {
	// Limit bounds the registered memory of the pool in bytes, in use and
	// idle together. Zero means 256 MiB; less than MaxBuffer makes larger
	// buffers fail with ErrSize; negative values are an error.
	Limit int64
	// Keep bounds the idle memory that is kept for the next Get, in bytes.
	// What is above goes back to the system. Zero means 32 MiB, negative
	// keeps nothing.
	Keep int64
}

// Pool hands out buffers of registered C memory. It is safe for concurrent use.
type Pool struct {
	limit, keep int64

	mu      sync.Mutex
	class   [maxShift - minShift + 1]class
	held    int64 // bytes of all regions
	idle    int64 // bytes of regions with no block in use
	out     int64 // bytes of blocks in use
	nout    int64 // blocks in use
	gets    uint64
	waits   uint64
	waiters waitList
	closed  bool
	drained chan struct{} // closed when closed and nothing is out
}

// class is the blocks of one size.
type class struct {
	ready []*region // regions with a free block
}

// region is one piece of registered memory, cut into equal blocks.
type region struct {
	mem   cgo.Memory
	class int
	free  []int32 // indices of free blocks
	bufs  []Buffer
	pos   int // index in class.ready, -1 if not there
}

// New makes a pool. The library is started if it does not run yet.
func New(cfg Config) (*Pool, error) {
	if cfg.Limit < 0 {
		return nil, ErrSize
	}
	if cfg.Limit == 0 {
		cfg.Limit = 256 << 20
	}
	switch {
	case cfg.Keep == 0:
		cfg.Keep = 32 << 20
	case cfg.Keep < 0:
		cfg.Keep = 0
	}
	if rc := cgo.Started(); rc != 0 {
		return nil, errors.New("pool: the library does not start: " + cgo.StatusText(rc))
	}
	return &Pool{limit: cfg.Limit, keep: cfg.Keep, drained: make(chan struct{})}, nil
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

// Get returns a buffer of n bytes, 1 ≤ n ≤ MaxBuffer. Its content is zero when
// the memory is new and arbitrary when it was used before. At the pool's limit
// Get waits, first come first served, until there is room or ctx ends.
//
// The buffer belongs to the caller until its Release.
//
// Implements:
//
//	int xio_mem_alloc(size_t length, struct xio_reg_mem *reg_mem)
func (p *Pool) Get(ctx context.Context, n int) (*Buffer, error) {
	k, err := p.classFor(n)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.waiters.empty() {
		b, err := p.take(k, n)
		if err != ErrExhausted {
			p.mu.Unlock()
			return b, err
		}
	}
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	w := &waiter{class: k, n: n, done: make(chan struct{})}
	p.waiters.push(w)
	p.waits++
	p.mu.Unlock()

	select {
	case <-w.done:
		return w.buf, w.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	granted := !p.waiters.remove(w)
	if !granted {
		p.serve() // those behind may fit where this one did not
	}
	p.mu.Unlock()
	if granted { // served in the meantime
		<-w.done
		if w.err == nil {
			w.buf.Release()
		}
	}
	return nil, ctx.Err()
}

// TryGet is Get without waiting: at the limit it fails with ErrExhausted.
func (p *Pool) TryGet(n int) (*Buffer, error) {
	k, err := p.classFor(n)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiters.empty() {
		return nil, ErrExhausted
	}
	return p.take(k, n)
}

func (p *Pool) classFor(n int) (int, error) {
	if n < 1 || n > MaxBuffer {
		return 0, ErrSize
	}
	k := 0
	if n > MinBlock {
		k = bits.Len(uint(n-1)) - minShift
	}
	if regionBytes(k) > p.limit {
		return 0, ErrSize
	}
	return k, nil
}

func blockBytes(k int) int64  { return MinBlock << k }
func regionBytes(k int) int64 { return max(blockBytes(k), regionSize) }

// take finds a block of class k. The pool is locked.
func (p *Pool) take(k, n int) (*Buffer, error) {
	if p.closed {
		return nil, ErrClosed
	}
	c := &p.class[k]
	if len(c.ready) == 0 {
		if err := p.grow(k); err != nil {
			return nil, err
		}
	}
	r := c.ready[len(c.ready)-1]
	if len(r.free) == len(r.bufs) {
		p.idle -= regionBytes(k)
	}
	i := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	if len(r.free) == 0 {
		p.unready(r)
	}
	p.out += blockBytes(k)
	p.nout++
	p.gets++
	return r.hand(p, int(i), n), nil
}

// grow adds a region to class k, giving back idle regions of others if the
// limit asks for it.
func (p *Pool) grow(k int) error {
	size := regionBytes(k)
	if p.held+size > p.limit {
		p.trim(p.limit - size)
	}
	if p.held+size > p.limit {
		return ErrExhausted
	}
	mem, rc := cgo.AllocMemory(int(size))
	if rc != 0 {
		return ErrNoMemory
	}
	r := newRegion(mem, k)
	p.held += size
	p.idle += size
	p.ready(r)
	return nil
}

// trim gives idle regions back until no more than want bytes are held, or no
// region is idle.
func (p *Pool) trim(want int64) {
	for k := len(p.class) - 1; k >= 0 && p.held > want && p.idle > 0; k-- {
		ready := p.class[k].ready
		for i := len(ready) - 1; i >= 0 && p.held > want; i-- {
			if r := ready[i]; len(r.free) == len(r.bufs) {
				p.drop(r)
				ready = p.class[k].ready
				i = min(i, len(ready))
			}
		}
	}
}

func (p *Pool) drop(r *region) {
	p.unready(r)
	size := regionBytes(r.class)
	p.held -= size
	p.idle -= size
	r.mem.Free()
}

func (p *Pool) ready(r *region) {
	c := &p.class[r.class]
	r.pos = len(c.ready)
	c.ready = append(c.ready, r)
}

func (p *Pool) unready(r *region) {
	c := &p.class[r.class]
	last := len(c.ready) - 1
	c.ready[r.pos] = c.ready[last]
	c.ready[r.pos].pos = r.pos
	c.ready[last] = nil
	c.ready = c.ready[:last]
	r.pos = -1
}

// put takes block i of r back.
func (p *Pool) put(r *region, i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.free = append(r.free, int32(i))
	if r.pos < 0 {
		p.ready(r)
	}
	p.out -= blockBytes(r.class)
	p.nout--
	if len(r.free) == len(r.bufs) {
		p.idle += regionBytes(r.class)
		if p.closed || p.idle > p.keep {
			p.drop(r)
		}
	}
	p.serve()
	p.checkDrained()
}

// serve hands blocks to those who wait, in order.
func (p *Pool) serve() {
	for w := p.waiters.first(); w != nil; w = p.waiters.first() {
		b, err := p.take(w.class, w.n)
		if err == ErrExhausted {
			return
		}
		p.waiters.remove(w)
		w.buf, w.err = b, err
		close(w.done)
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

// Close refuses further Gets, ends those that wait with ErrClosed, and returns
// when every buffer has been released and all memory is given back. It may be
// called any number of times, from any goroutine; holding a buffer while
// calling it waits for ever, see [Pool.CloseContext].
func (p *Pool) Close() error { return p.CloseContext(context.Background()) }

// CloseContext is Close that waits no longer than ctx. When it returns ctx's
// error the pool is closed all the same, and the last Release gives the rest
// of the memory back.
func (p *Pool) CloseContext(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.serve()
	p.trim(0)
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

// Stats is a snapshot of a pool. Sizes are in bytes.
type Stats struct {
	Buffers int64  // buffers not yet released
	InUse   int64  // blocks behind them
	Idle    int64  // regions no buffer of which is in use
	Held    int64  // all registered memory
	Limit   int64  // what Held never exceeds
	Waiting int    // Gets that wait for room
	Gets    uint64 // buffers handed out since New
	Waits   uint64 // Gets that had to wait
}

// Stats returns a snapshot.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Buffers: p.nout, InUse: p.out, Idle: p.idle, Held: p.held, Limit: p.limit,
		Waiting: p.waiters.n, Gets: p.gets, Waits: p.waits,
	}
}
