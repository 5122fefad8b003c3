// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"sync"
)

// Cache is a small store of free blocks in front of a [Pool], for one worker,
// connection or event loop: Get and Release that find what they need in it
// touch neither the pool nor its lock. Buffers got from a cache go back to it,
// whoever releases them and wherever.
//
// What a cache keeps is not lost to others. It counts as Cached in [Stats], and
// goes back to the pool when a Get there finds no room; while anybody waits, no
// cache keeps anything.
//
// A Cache is safe for concurrent use, but meant for one user at a time: many on
// one cache meet at its lock instead of the pool's.
type Cache struct {
	pool  *Pool
	limit int64

	mu     sync.Mutex
	class  []cacheClass
	bytes  int64 // kept
	closed bool
	_      [64]byte // a cache line for itself
}

// cacheClass is what a cache keeps of one class.
type cacheClass struct {
	kept []*Buffer // released ones, the last one first to go out
	hits uint64
}

// NewCache makes a cache that keeps up to limit bytes of free blocks for its
// next Get. Zero means 1 MiB; a larger block than limit is never kept.
//
// Errors: ErrSize for a negative limit, ErrClosed if the pool is.
func (p *Pool) NewCache(limit int64) (*Cache, error) {
	if limit < 0 {
		return nil, ErrSize
	}
	if limit == 0 {
		limit = 1 << 20
	}
	c := &Cache{pool: p, limit: limit, class: make([]cacheClass, len(p.sizes))}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	p.caches[c] = struct{}{}
	return c, nil
}

// Get returns a buffer of n bytes from what the cache keeps, or else from its
// pool; see [Pool.Get].
func (c *Cache) Get(ctx context.Context, n int) (*Buffer, error) {
	k, err := c.pool.classFor(n)
	if err != nil {
		return nil, err
	}
	if b, err := c.take(k, n); b != nil || err != nil {
		return b, err
	}
	return c.pool.get(ctx, k, n, c)
}

// TryGet is Get without waiting; see [Pool.TryGet].
func (c *Cache) TryGet(n int) (*Buffer, error) {
	k, err := c.pool.classFor(n)
	if err != nil {
		return nil, err
	}
	if b, err := c.take(k, n); b != nil || err != nil {
		return b, err
	}
	return c.pool.tryGet(k, n, c)
}

// take finds a kept block of class k. No buffer and no error: ask the pool.
func (c *Cache) take(k, n int) (*Buffer, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	cl := &c.class[k]
	last := len(cl.kept) - 1
	if last < 0 {
		c.mu.Unlock()
		return nil, nil
	}
	b := cl.kept[last]
	cl.kept = cl.kept[:last]
	cl.hits++
	c.bytes -= int64(c.pool.sizes[k])
	c.mu.Unlock()
	return b.region.hand(b.index, n, c), nil
}

// keep takes a released buffer in; false says that the pool must.
func (c *Cache) keep(b *Buffer) bool {
	size := int64(b.region.size)
	for size <= c.limit {
		c.mu.Lock()
		if c.closed || c.pool.crowded.Load() {
			c.mu.Unlock()
			return false
		}
		if c.bytes+size <= c.limit {
			cl := &c.class[b.region.class]
			cl.kept = append(cl.kept, b)
			c.bytes += size
			c.mu.Unlock()
			return true
		}
		c.mu.Unlock()
		c.shed()
	}
	return false
}

// shed gives half of every class back, the longest kept, so that a class that
// is out of use makes room for another. Nobody waits for it: caches are empty
// then.
func (c *Cache) shed() {
	p := c.pool
	p.mu.Lock()
	c.mu.Lock()
	for k := range c.class {
		c.giveBack(k, (len(c.class[k].kept)+1)/2)
	}
	c.mu.Unlock()
	p.mu.Unlock()
}

// giveBack returns the n longest kept blocks of class k. Pool and cache are
// locked.
func (c *Cache) giveBack(k, n int) {
	kept := c.class[k].kept
	for _, b := range kept[:n] {
		c.pool.back(b.region, b.index)
		c.bytes -= int64(b.region.size)
	}
	left := copy(kept, kept[n:])
	clear(kept[left:])
	c.class[k].kept = kept[:left]
}

// giveAll empties the cache and reports whether there was anything. The pool is
// locked.
func (c *Cache) giveAll() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes == 0 {
		return false
	}
	for k := range c.class {
		c.giveBack(k, len(c.class[k].kept))
	}
	return true
}

// Close gives back what the cache keeps and refuses further Gets. Buffers that
// are still in use go to the pool when they are released. It may be called any
// number of times, from any goroutine, and returns nil.
func (c *Cache) Close() error {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.caches[c]; !open {
		return nil
	}
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.giveAll()
	delete(p.caches, c)
	for k := range c.class {
		p.class[k].counts.gets += c.class[k].hits
		p.counts.hits += c.class[k].hits
	}
	return nil
}

// recall empties all caches and reports whether there was anything. The pool is
// locked.
func (p *Pool) recall() bool {
	any := false
	for c := range p.caches {
		any = c.giveAll() || any
	}
	return any
}
