// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// pastMax is the largest operation, in bytes, that goes to the ring: larger ones
// are for the disk to be slow with, and their memory would hold up the driver.
const pastMax = 64 << 10

// readPast begins a read past the page cache on the ring. It takes over f if it
// succeeds; otherwise a goroutine has to do the read.
func (s *session) readPast(req *xio.Request, f *file, n int, offset int64) bool {
	if f.direct < 0 || n > pastMax {
		return false
	}
	r := s.ring()
	if r == nil {
		return false
	}
	b, err := s.cache.TryGet(n)
	if err != nil {
		return false
	}
	rest := func(res int) {
		if got := max(res, 0); got < n {
			// The end of the file, or an error: pread(2) tells.
			s.queue.add(func() { s.readRest(req, f, b, offset, got) })
		} else {
			s.readRest(req, f, b, offset, got)
		}
	}
	if !aligned(b.Bytes(), offset) || !r.start(ringRead, f.direct, b.Bytes(), offset, rest) {
		b.Release()
		return false
	}
	s.srv.past.Add(1)
	return true
}

// writePast is readPast for writes.
func (s *session) writePast(req *xio.Request, f *file, offset int64) bool {
	data := req.Data()
	if f.direct < 0 || len(data) > pastMax || (uint64(offset)|uint64(len(data)))%directAlign != 0 {
		return false
	}
	r := s.ring()
	if r == nil {
		return false
	}
	var b *pool.Buffer
	if !aligned(data, offset) { // memory that the disk can be written from
		var err error
		if b, err = s.cache.TryGet(len(data)); err != nil {
			return false
		}
		copy(b.Bytes(), data)
		data = b.Bytes()
	}
	free := func() {
		if b != nil {
			b.Release()
		}
	}
	rest := func(res int) {
		free()
		if n := max(res, 0); n < req.Len() {
			s.queue.add(func() { s.writeRest(req, f, offset, n) })
		} else {
			s.writeRest(req, f, offset, n)
		}
	}
	if !aligned(data, offset) || !r.start(ringWrite, f.direct, data, offset, rest) {
		free()
		return false
	}
	s.srv.past.Add(1)
	return true
}

// ring is the client's ring, which its first operation past the page cache makes;
// nil if the kernel has none for it. It runs on the driver.
func (s *session) ring() *ring {
	s.ringOnce.Do(func() {
		if !s.srv.cfg.NoRing {
			s.rings, _ = newRing() // without one there are the goroutines
		}
	})
	return s.rings
}
