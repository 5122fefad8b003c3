// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"context"
	"errors"
	"io"
)

// ErrFull says that a [Writer] has no room for all that it was given.
var ErrFull = errors.New("pool: writer is full")

// Writer makes a [List] of what is written to it, in buffers that it takes from
// a pool or cache as it needs them. The buffers belong to the Writer until List
// hands them over, or Release gives them back.
//
// It is an [io.Writer], [io.StringWriter], [io.ByteWriter] and [io.ReaderFrom].
// One goroutine at a time.
type Writer struct {
	ctx   context.Context // of all Gets: Write has no place for it
	src   Source
	sizes []int
	list  List // the last one is being filled
	free  int  // bytes left in it
	n     int  // bytes written
	probe [1]byte
}

// NewWriter makes a writer of segments of the given sizes, in bytes, that uses
// them in this order; their sum is the most that can be written. A message of
// package xio takes up to xio.MaxSegments; [Even], [Growing] and [Pool.Fit] make
// sizes. Where src is at its limit, writing waits until ctx ends.
func NewWriter(ctx context.Context, src Source, sizes ...int) *Writer {
	return &Writer{ctx: ctx, src: src, sizes: sizes}
}

// Len is how many bytes have been written.
func (w *Writer) Len() int { return w.n }

// room is the memory to write to next. It fails with ErrFull, or as Get does.
func (w *Writer) room() ([]byte, error) {
	if w.free == 0 {
		if len(w.list) == len(w.sizes) {
			return nil, ErrFull
		}
		b, err := w.src.Get(w.ctx, w.sizes[len(w.list)])
		if err != nil {
			return nil, err
		}
		w.list = append(w.list, b)
		w.free = b.Len()
	}
	b := w.list[len(w.list)-1].Bytes()
	return b[len(b)-w.free:], nil
}

func (w *Writer) wrote(n int) {
	w.free -= n
	w.n += n
}

// Write copies b. If not all of it fits it fails with ErrFull, if no buffer
// comes with the error of Get; the count says how much was taken.
func (w *Writer) Write(b []byte) (int, error) { return write(w, b) }

// WriteString is Write of a string, with the same errors.
func (w *Writer) WriteString(s string) (int, error) { return write(w, s) }

func write[T []byte | string](w *Writer, from T) (int, error) {
	n := 0
	for n < len(from) {
		to, err := w.room()
		if err != nil {
			return n, err
		}
		k := copy(to, from[n:])
		w.wrote(k)
		n += k
	}
	return n, nil
}

// WriteByte writes one byte. Errors are those of Write.
func (w *Writer) WriteByte(c byte) error {
	to, err := w.room()
	if err != nil {
		return err
	}
	to[0] = c
	w.wrote(1)
	return nil
}

// ReadFrom reads from r, straight into the buffers, until its end. If r has more
// than fits it fails with ErrFull, having read one byte too many.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	total := int64(0)
	for empty := 0; ; {
		to, err := w.room()
		full := err == ErrFull
		if full {
			to = w.probe[:] // to tell the end from too much
		} else if err != nil {
			return total, err
		}
		n, err := r.Read(to)
		switch {
		case n < 0 || n > len(to):
			return total, errors.New("pool: Writer.ReadFrom: invalid count from Read")
		case n > 0 && full:
			return total, ErrFull
		case n > 0:
			w.wrote(n)
			total += int64(n)
			empty = 0
		}
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		case n == 0:
			if empty++; empty == 100 {
				return total, io.ErrNoProgress
			}
		}
	}
}

// List hands over what was written: the list belongs to the caller until its
// Release. The writer is empty and can be used again.
func (w *Writer) List() List {
	l := w.list
	if w.free > 0 {
		last := len(l) - 1
		if n := l[last].Len() - w.free; n > 0 {
			l[last].Resize(n)
		} else {
			l[last].Release()
			l = l[:last]
		}
	}
	w.list, w.free, w.n = nil, 0, 0
	return l
}

// Release gives the buffers back with what was written to them. The writer is
// empty and can be used again.
func (w *Writer) Release() {
	w.list.Release()
	w.list, w.free, w.n = w.list[:0], 0, 0
}
