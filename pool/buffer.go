package pool

import (
	"sync/atomic"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Buffer is a piece of registered C memory. Its methods may be called from any
// goroutine, its bytes belong to whoever the program says.
//
// A buffer is counted: Get hands it out with one reference, Retain adds one,
// Release drops one; the last gives the memory back. Package xio retains the
// buffers of a message while the library reads them, so the sender may release
// its own reference at once.
//
// Use after the last release is a bug. Under -race, or with the build tag
// xiodebug, every Get returns a new Buffer, released memory is overwritten, and
// any use of a released Buffer panics; other builds detect only a release that
// no reference stands for.
type Buffer struct {
	pool   *Pool
	region *region
	index  int
	refs   atomic.Int32
	b      []byte
}

func newRegion(mem cgo.Memory, k int) *region {
	n := int(regionBytes(k) / blockBytes(k))
	r := &region{mem: mem, class: k, free: make([]int32, n), bufs: make([]Buffer, n), pos: -1}
	for i := range r.free {
		r.free[i] = int32(n - 1 - i)
	}
	return r
}

// hand makes block i a buffer of n bytes.
func (r *region) hand(p *Pool, i, n int) *Buffer {
	b := &r.bufs[i]
	if debug {
		b = new(Buffer)
	}
	size := int(blockBytes(r.class))
	b.pool, b.region, b.index = p, r, i
	b.b = r.mem.Bytes()[i*size:][:n:size]
	b.refs.Store(1)
	return b
}

func (b *Buffer) check() {
	if debug && b.refs.Load() <= 0 {
		panic("pool: use of a released buffer")
	}
}

// Bytes is the buffer's memory, valid until the last Release.
func (b *Buffer) Bytes() []byte {
	b.check()
	return b.b
}

// Len is the buffer's length in bytes.
func (b *Buffer) Len() int {
	b.check()
	return len(b.b)
}

// Cap is how far Resize can go, in bytes; at least what was asked for.
func (b *Buffer) Cap() int {
	b.check()
	return cap(b.b)
}

// Resize changes the length, within 1 and Cap; it panics outside. One goroutine
// at a time, and not while a message with the buffer is being sent.
func (b *Buffer) Resize(n int) {
	b.check()
	if n < 1 {
		panic("pool: buffer length below 1")
	}
	b.b = b.b[:n]
}

// Retain adds a reference; the buffer must not have been released for good.
func (b *Buffer) Retain() {
	if b.refs.Add(1) <= 1 {
		panic("pool: retain of a released buffer")
	}
}

// Release drops a reference. The last one gives the memory back to the pool.
func (b *Buffer) Release() {
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("pool: buffer released more often than retained")
	}
	if debug {
		full := b.b[:cap(b.b)]
		for i := range full {
			full[i] = 0xDB
		}
	}
	b.pool.put(b.region, b.index)
}

// Region is the library's registration of the memory, for package xio.
func (b *Buffer) Region() cgo.Region {
	b.check()
	return b.region.mem.Region()
}
