// SPDX-License-Identifier: Apache-2.0

package raio

import (
	"context"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
)

// File is an open remote file. It is safe for concurrent use, except that its
// operations must have ended before Close.
type File struct {
	c      *Client
	fd     int32
	path   string
	closed atomic.Bool
}

// Name is the path that the file was opened by.
func (f *File) Name() string { return f.path }

func (f *File) fail(op string, err error) error {
	return &os.PathError{Op: op, Path: f.path, Err: err}
}

// Stat is what the server knows of a file.
type Stat struct {
	Dev, Ino   uint64
	Mode       uint32 // st_mode of Linux
	Nlink      uint32
	UID, GID   uint64
	Rdev       uint64
	Size       int64 // in bytes; of block devices too, where a C server says 0
	BlockSize  uint32
	Blocks     uint32
	AccessTime time.Time
	ModTime    time.Time
	ChangeTime time.Time
}

// Stat asks the server about the file.
//
// Implements:
//
//	int raio_fstat(int fd, struct stat64 *buf)
func (f *File) Stat(ctx context.Context) (Stat, error) {
	if f.closed.Load() {
		return Stat{}, f.fail("stat", fs.ErrClosed)
	}
	body, err := f.c.command(ctx, wire.Fstat, wire.AppendFD(nil, wire.Fstat, f.fd))
	if err != nil {
		return Stat{}, f.fail("stat", err)
	}
	w, err := wire.ParseStat(body)
	if err == nil && int64(w.Size) < 0 {
		err = wire.ErrFormat
	}
	if err != nil {
		return Stat{}, f.fail("stat", err)
	}
	at := func(seconds uint64) time.Time { return time.Unix(int64(seconds), 0) }
	return Stat{
		Dev: w.Dev, Ino: w.Ino, Mode: w.Mode, Nlink: w.Nlink, UID: w.UID, GID: w.GID, Rdev: w.Rdev,
		Size: int64(w.Size), BlockSize: w.Blksize, Blocks: w.Blocks,
		AccessTime: at(w.Atime), ModTime: at(w.Mtime), ChangeTime: at(w.Ctime),
	}, nil
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.all("read", p, off, false) }

// WriteAt implements io.WriterAt. After an error n is how many bytes from the
// beginning of p have certainly been written; others may have been too.
func (f *File) WriteAt(p []byte, off int64) (int, error) { return f.all("write", p, off, true) }

func (f *File) all(name string, p []byte, off int64, write bool) (int, error) {
	if off < 0 {
		return 0, f.fail(name, syscall.EINVAL)
	}
	if len(p) == 0 {
		return 0, nil
	}
	ops := make([]Op, 0, (len(p)+f.c.maxIO-1)/f.c.maxIO)
	batch := make([]*Op, 0, cap(ops))
	for at := 0; at < len(p); at += f.c.maxIO {
		ops = append(ops, Op{File: f, Write: write, Buf: p[at:min(at+f.c.maxIO, len(p))], Off: off + int64(at)})
		batch = append(batch, &ops[len(ops)-1])
	}
	err := f.c.Do(context.Background(), batch...)
	n := 0
	for _, o := range batch {
		n += o.N
		if o.Err != nil {
			return n, o.Err
		}
		// A short one is followed by another one at its end, until that brings
		// the reason: the end of the file, or a full disk.
		for o.N < len(o.Buf) {
			rest := Op{File: f, Write: write, Buf: o.Buf[o.N:], Off: o.Off + int64(o.N)}
			if e := f.c.Do(context.Background(), &rest); e != nil {
				return n, e
			}
			if rest.N == 0 {
				if write {
					return n, f.fail(name, io.ErrShortWrite)
				}
				return n, io.EOF
			}
			o.N += rest.N
			n += rest.N
		}
	}
	return n, err
}

// Close closes the file on the server. A second Close fails with fs.ErrClosed;
// after the end of the connection there is nothing to close any more.
//
// Implements:
//
//	int raio_close(int fd)
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return f.fail("close", fs.ErrClosed)
	}
	if f.c.conn.Err() != nil {
		return nil // the server has closed all files of the connection
	}
	if err := f.c.close(f.fd); err != nil {
		return f.fail("close", err)
	}
	return nil
}
