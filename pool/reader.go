// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"errors"
	"io"
)

// Reader reads the bytes of a scatter list: of a [List], or of the Segments of a
// received message of package xio. It borrows the memory, which must stay valid
// until the last read.
//
// It is an [io.Reader], [io.ByteReader], [io.Seeker], [io.ReaderAt] and
// [io.WriterTo]. One goroutine at a time, except for ReadAt, which any number
// may call at once.
type Reader struct {
	segs [][]byte
	size int64
	pos  int64
	i    int // the segment of pos
	at   int // pos in it
}

// NewReader reads segments one after the other.
func NewReader(segments ...[]byte) *Reader {
	r := new(Reader)
	r.Reset(segments...)
	return r
}

// Reset makes r read other segments, from the start. It allocates nothing if
// there are no more of them than before.
func (r *Reader) Reset(segments ...[]byte) {
	clear(r.segs)
	r.rewind(append(r.segs[:0], segments...))
}

// ResetList is Reset to the bytes of a list.
func (r *Reader) ResetList(l List) {
	clear(r.segs)
	r.rewind(l.Segments(r.segs[:0]))
}

func (r *Reader) rewind(segs [][]byte) {
	*r = Reader{segs: segs}
	for _, s := range segs {
		r.size += int64(len(s))
	}
}

// Size is the length of everything, in bytes, read or not.
func (r *Reader) Size() int64 { return r.size }

// Len is how many bytes are left to read.
func (r *Reader) Len() int { return int(max(0, r.size-r.pos)) }

// next is what is left of the current segment, or of the next one that has
// something; nil at the end.
func (r *Reader) next() []byte {
	for r.i < len(r.segs) {
		if s := r.segs[r.i][r.at:]; len(s) > 0 {
			return s
		}
		r.i, r.at = r.i+1, 0
	}
	return nil
}

func (r *Reader) advance(n int) {
	r.at += n
	r.pos += int64(n)
}

// Read reads across the borders of segments. It fails at the end only, with
// io.EOF.
func (r *Reader) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		s := r.next()
		if s == nil {
			if n == 0 {
				return 0, io.EOF
			}
			break
		}
		k := copy(b[n:], s)
		r.advance(k)
		n += k
	}
	return n, nil
}

// ReadByte reads one byte, or fails with io.EOF at the end.
func (r *Reader) ReadByte() (byte, error) {
	s := r.next()
	if s == nil {
		return 0, io.EOF
	}
	r.advance(1)
	return s[0], nil
}

// ReadAt reads at an offset and does not move the reader. With fewer bytes than b
// takes it fails with io.EOF; a negative offset is an error.
func (r *Reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("pool: Reader.ReadAt: negative offset")
	}
	n := 0
	for _, s := range r.segs {
		if off >= int64(len(s)) {
			off -= int64(len(s))
			continue
		}
		n += copy(b[n:], s[off:])
		off = 0
		if n == len(b) {
			return n, nil
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Seek moves the reader. As with files, a place behind the end is allowed and
// has nothing to read. One before the start is an error.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, errors.New("pool: Reader.Seek: invalid whence")
	}
	if offset < 0 {
		return 0, errors.New("pool: Reader.Seek: negative position")
	}
	r.pos = offset
	for r.i = 0; r.i < len(r.segs) && offset >= int64(len(r.segs[r.i])); r.i++ {
		offset -= int64(len(r.segs[r.i]))
	}
	r.at = 0
	if r.i < len(r.segs) {
		r.at = int(offset)
	}
	return r.pos, nil
}

// WriteTo writes what is left to w, one Write for a segment and no copy. Its error
// is w's.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	total := int64(0)
	for s := r.next(); s != nil; s = r.next() {
		n, err := w.Write(s)
		if n < 0 || n > len(s) {
			return total, errors.New("pool: Reader.WriteTo: invalid count from Write")
		}
		r.advance(n)
		total += int64(n)
		if err == nil && n < len(s) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
