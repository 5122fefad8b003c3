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
	region *region
	home   *Cache // takes it back, or nil
	index  int32
	refs   atomic.Int32
	b      []byte
	_      [16]byte // a cache line each: neighbours are counted by others
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
	if !b.TryRetain() {
		panic("pool: retain of a released buffer")
	}
}

// TryRetain adds a reference, unless the buffer has been released for good and
// not been handed out again; it says whether it did.
func (b *Buffer) TryRetain() bool {
	for n := b.refs.Load(); n > 0; n = b.refs.Load() {
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// Release drops a reference. The last one gives the memory back to the pool, or
// to the cache it came from.
//
// Implements:
//
//	int xio_mem_free(struct xio_reg_mem *reg_mem)
//	void xio_mempool_free(struct xio_reg_mem *reg_mem)
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
	if b.home != nil && b.home.keep(b) {
		return
	}
	b.region.pool.put(b.region, b.index)
}

// Region is the library's registration of the memory, for package xio.
func (b *Buffer) Region() cgo.Region {
	b.check()
	return b.region.mr
}
