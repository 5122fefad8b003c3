// SPDX-License-Identifier: Apache-2.0

package server

import (
	"math"
	"syscall"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// submit begins an operation. The errnos are those that pread(2) and pwrite(2)
// have for the same mistakes.
func (s *session) submit(req *xio.Request, body []byte) {
	io, err := wire.ParseSubmit(body)
	if err != nil {
		s.srv.fail(req, wire.IOSubmit, syscall.EINVAL)
		return
	}
	f, err := s.get(io.FD)
	if err == nil {
		if err = s.check(f, io, req); err != nil {
			f.release()
		}
	}
	if err != nil {
		s.srv.fail(req, wire.IOSubmit, errno(err))
		return
	}
	if io.Opcode == wire.Pread {
		s.read(req, f, io)
	} else {
		s.write(req, f, io)
	}
}

func (s *session) check(f *file, io wire.IO, req *xio.Request) error {
	switch {
	case io.Opcode != wire.Pread && io.Opcode != wire.Pwrite:
		return syscall.EINVAL
	case io.Opcode == wire.Pread && !f.readable(), io.Opcode == wire.Pwrite && !f.writable():
		return syscall.EBADF
	case io.Offset > math.MaxInt64 || io.Bytes > math.MaxInt64 || io.Offset+io.Bytes > math.MaxInt64:
		return syscall.EINVAL
	// The peer's memory is not as large as it says.
	case io.Opcode == wire.Pread && io.Bytes > uint64(req.MaxResponse()):
		return syscall.EFAULT
	case io.Opcode == wire.Pwrite && io.Bytes != uint64(req.Len()):
		return syscall.EFAULT
	case io.Opcode == wire.Pwrite && s.misplaced && io.Bytes <= xio.MaxInlineData:
		return syscall.EOPNOTSUPP
	}
	return nil
}

// read serves a read at once if the page cache has all of it.
func (s *session) read(req *xio.Request, f *file, io wire.IO) {
	n := int(io.Bytes)
	if f.null {
		n = int(min(io.Bytes, uint64(max(0, wire.NullSize-int64(io.Offset)))))
	}
	if n == 0 {
		f.release()
		s.srv.reply(req, &xio.Message{Header: wire.AppendResult(nil, 0)})
		return
	}
	if n <= inlineRead {
		if b, err := s.cache.TryGet(n); err == nil {
			if s.readNow(req, f, b, int64(io.Offset)) {
				return
			}
			b.Release()
		}
	}
	req.Detach()
	if s.readPast(req, f, n, int64(io.Offset)) {
		return
	}
	s.queue.add(func() {
		b, err := s.cache.Get(s.ctx, n)
		if err != nil { // only the end of the connection, or no memory
			f.release()
			s.srv.fail(req, wire.IOSubmit, syscall.ENOMEM)
			return
		}
		s.readRest(req, f, b, int64(io.Offset), 0)
	})
}

// readRest reads what is missing behind the first got bytes, and answers. It takes
// over f and b.
func (s *session) readRest(req *xio.Request, f *file, b *pool.Buffer, offset int64, got int) {
	defer f.release()
	defer b.Release()
	switch {
	case f.null:
		clear(b.Bytes())
		got = b.Len()
	case got < b.Len():
		n, err := f.read(b.Bytes()[got:], offset+int64(got))
		if err != nil && got == 0 {
			s.srv.fail(req, wire.IOSubmit, errno(err))
			return
		}
		got += n
	}
	m := xio.Message{Header: wire.AppendResult(nil, got)}
	if got > 0 {
		b.Resize(got)
		m.Buffers = []*pool.Buffer{b}
	}
	s.srv.reply(req, &m)
}

// readNow answers from the page cache, on the driver. It takes over b and f if
// it succeeds.
func (s *session) readNow(req *xio.Request, f *file, b *pool.Buffer, offset int64) bool {
	n := b.Len()
	if f.null {
		clear(b.Bytes())
	} else if n = f.readCached(b.Bytes(), offset); n != b.Len() {
		// Nothing or a part: what is missing may be on the disk, or behind the
		// end of the file.
		return false
	}
	s.header = wire.AppendResult(s.header[:0], n)
	s.buffers[0] = b
	s.message.Header, s.message.Buffers = s.header, s.buffers[:]
	s.srv.reply(req, &s.message)
	s.buffers[0] = nil
	b.Release()
	f.release()
	return true
}

func (s *session) write(req *xio.Request, f *file, io wire.IO) {
	if f.null {
		f.release()
		s.srv.reply(req, &xio.Message{Header: wire.AppendResult(nil, int(io.Bytes))})
		return
	}
	req.Detach()
	if s.writePast(req, f, int64(io.Offset)) {
		return
	}
	s.queue.add(func() { s.writeRest(req, f, int64(io.Offset), 0) })
}

// writeRest writes what is behind the first n bytes, and answers. It takes over f.
func (s *session) writeRest(req *xio.Request, f *file, offset int64, n int) {
	defer f.release()
	if n == 0 || n < req.Len() {
		more, err := s.writeAll(f, req.Data()[n:], offset+int64(n))
		if err != nil && n == 0 {
			s.srv.fail(req, wire.IOSubmit, errno(err))
			return
		}
		n += more
	}
	s.srv.reply(req, &xio.Message{Header: wire.AppendResult(nil, n)})
}

func (s *session) writeAll(f *file, data []byte, offset int64) (int, error) {
	if f.direct < 0 || len(data) == 0 || aligned(data, offset) {
		return f.write(data, offset)
	}
	// Memory that the disk can be written from.
	b, err := s.cache.Get(s.ctx, len(data))
	if err != nil {
		return 0, syscall.ENOMEM
	}
	defer b.Release()
	copy(b.Bytes(), data)
	return f.write(b.Bytes(), offset)
}
