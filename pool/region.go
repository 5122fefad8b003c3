// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"

	"github.com/accelio/accelio-go/xio/cgo"
)

// class is the blocks of one size. The pool's lock covers it.
type class struct {
	size   int64     // of a block, bytes
	max    int       // most blocks
	grow   int       // blocks of a new region
	ready  []*region // regions with a free block
	blocks int       // of all regions
	out    int       // in use, and in caches
	counts classCounts
}

// memory is where a region lies.
type memory interface {
	Bytes() []byte
	Region() cgo.Region
	Free()
}

// region is one piece of registered memory, cut into equal blocks.
type region struct {
	pool   *Pool
	mem    memory
	b      []byte     // mem's bytes
	mr     cgo.Region // mem's registration
	class  int
	size   int     // of a block
	free   []int32 // indices of free blocks
	bufs   []Buffer
	pos    int  // index in class.ready, -1 if not there
	pinned bool // stays until Close
	// Neighbours in the list of those that may go.
	prev, next *region
}

func (p *Pool) newRegion(mem memory, k, n int) *region {
	r := &region{
		pool: p, mem: mem, b: mem.Bytes(), mr: mem.Region(), class: k, size: p.sizes[k],
		free: make([]int32, n), bufs: make([]Buffer, n), pos: -1,
	}
	for i := range r.free {
		r.free[i] = int32(n - 1 - i)
	}
	return r
}

func (r *region) bytes() int64 { return int64(len(r.b)) }
func (r *region) idle() bool   { return len(r.free) == len(r.bufs) }

// hand makes block i a buffer of n bytes. It needs no lock.
func (r *region) hand(i int32, n int, home *Cache) *Buffer {
	b := &r.bufs[i]
	if debug {
		b = new(Buffer)
	}
	at := int(i) * r.size
	b.region, b.index, b.home = r, i, home
	b.b = r.b[at : at+n : at+r.size]
	b.refs.Store(1)
	return b
}

// grow adds a region to class k, giving back idle regions of others if the
// limit asks for it. The pool is locked.
func (p *Pool) grow(k int) error {
	c := &p.class[k]
	n := min(c.grow, c.max-c.blocks)
	if n <= 0 {
		return errClassFull
	}
	size := roundUp(int64(n)*c.size, p.page)
	p.trim(p.limit - size)
	if room := p.limit - p.held; room < size {
		// Less than usual is better than nothing.
		n = int(room / p.page * p.page / c.size)
		if n == 0 {
			return ErrExhausted
		}
		size = roundUp(int64(n)*c.size, p.page)
	}
	return p.addRegion(k, n, size, false)
}

// addRegion gets memory for n blocks. The pool is locked, or not yet shared.
func (p *Pool) addRegion(k, n int, size int64, pinned bool) error {
	mem, rc := p.alloc(int(size))
	if rc != 0 && p.spare > 0 {
		p.trim(0)
		mem, rc = p.alloc(int(size))
	}
	if rc != 0 {
		return noMemory()
	}
	r := p.newRegion(mem, k, n)
	r.pinned = pinned
	p.regions[r] = struct{}{}
	c := &p.class[k]
	c.blocks += n
	c.counts.grows++
	p.held += size
	p.peakHeld = max(p.peakHeld, p.held)
	p.rest(r)
	p.ready(r)
	return nil
}

// noMemory is ErrNoMemory, with what may help.
func noMemory() error {
	if cgo.RDMADevices() > 0 {
		return fmt.Errorf("%w, or not enough that may be locked: %s", ErrNoMemory, cgo.LockedMemory)
	}
	return ErrNoMemory
}

// prealloc makes the n blocks of class k that stay. The pool is not yet shared.
func (p *Pool) prealloc(k, n int) error {
	for n > 0 {
		now := min(n, maxBlocks)
		if err := p.addRegion(k, now, roundUp(int64(now)*p.class[k].size, p.page), true); err != nil {
			return err
		}
		n -= now
	}
	return nil
}

// rest notes that r has become idle.
func (p *Pool) rest(r *region) {
	p.idle += r.bytes()
	if !r.pinned {
		p.spare += r.bytes()
		p.idlers.push(r)
	}
}

// wake notes that r is idle no more.
func (p *Pool) wake(r *region) {
	p.idle -= r.bytes()
	if !r.pinned {
		p.spare -= r.bytes()
		p.idlers.remove(r)
	}
}

// trim gives regions back, the longest idle first, until no more than want
// bytes are held or none is idle that may go.
func (p *Pool) trim(want int64) {
	for r := p.idlers.head; r != nil && p.held > want; r = p.idlers.head {
		p.drop(r)
	}
}

// dropIdle gives every idle region back, also those that stay until Close.
func (p *Pool) dropIdle() {
	for r := range p.regions {
		if r.idle() {
			p.drop(r)
		}
	}
}

// drop gives r back; all its blocks are free.
func (p *Pool) drop(r *region) {
	p.unready(r)
	p.wake(r)
	delete(p.regions, r)
	c := &p.class[r.class]
	c.blocks -= len(r.bufs)
	c.counts.shrinks++
	p.held -= r.bytes()
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

// regionList is a queue of regions.
type regionList struct{ head, tail *region }

func (l *regionList) push(r *region) {
	r.prev = l.tail
	if l.tail != nil {
		l.tail.next = r
	} else {
		l.head = r
	}
	l.tail = r
}

func (l *regionList) remove(r *region) {
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		l.head = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		l.tail = r.prev
	}
	r.prev, r.next = nil, nil
}
