// SPDX-License-Identifier: Apache-2.0

package raio

import (
	"context"
	"io/fs"
	"sync"
	"syscall"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
	"github.com/accelio/accelio-go/xio"
)

// Op is one operation: a read or write of Buf at Off. From Submit until Done has
// been called it belongs to the package.
type Op struct {
	File  *File
	Write bool
	// Buf is read into, or written; at most Options.MaxIO bytes. It is copied on
	// the way.
	Buf []byte
	Off int64
	// Done is called exactly once when the operation has ended, on the driver of
	// the connection: it must not block, and must not use Submit, Do, ReadAt or
	// WriteAt; TrySubmit is fine. The operation may be used again from there on.
	Done func(*Op)

	// N is how many bytes were read or written: as with pread(2) fewer than
	// asked for at the end of the file, and with pwrite(2) on a full disk.
	N int
	// Err is why not, nil for success.
	Err error
}

// Submit starts a batch of operations, in this order, and returns; while
// Options.Depth are in flight it waits for room. Each operation that was started
// ends with a call of its Done. When Submit returns an error, the operations from
// the n-th on were not started.
//
// ctx governs the wait for room and nothing else.
//
// Implements:
//
//	int raio_submit(raio_context_t ctx, long nr, struct raio_iocb *ios[])
func (c *Client) Submit(ctx context.Context, ops ...*Op) (n int, err error) {
	return c.submit(ops, func() error {
		select {
		case c.room <- struct{}{}:
			return nil
		default:
		}
		select {
		case c.room <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// TrySubmit is Submit that never waits: at Options.Depth it fails with
// xio.ErrTxQueueOverflow.
func (c *Client) TrySubmit(ops ...*Op) (n int, err error) {
	return c.submit(ops, func() error {
		select {
		case c.room <- struct{}{}:
			return nil
		default:
			return xio.ErrTxQueueOverflow
		}
	})
}

// submit starts operations; enter finds room for one.
func (c *Client) submit(ops []*Op, enter func() error) (int, error) {
	var header [64]byte
	for i, o := range ops {
		if err := o.check(c); err != nil {
			return i, err
		}
		w := wire.IO{
			Last: i == len(ops)-1, FD: o.File.fd,
			Bytes: uint64(len(o.Buf)), Offset: uint64(o.Off),
		}
		m := xio.Message{MaxResponse: len(o.Buf)}
		if o.Write {
			w.Opcode = wire.Pwrite
			m.Data, m.MaxResponse = o.Buf, 0
		}
		m.Header = wire.AppendSubmit(header[:0], w)
		err := enter()
		if err == nil {
			if err = c.conn.TrySend(&m, o.completed); err != nil {
				<-c.room
			}
		}
		if err != nil {
			return i, o.File.fail(o.name(), c.why(err))
		}
	}
	return len(ops), nil
}

func (o *Op) name() string {
	if o.Write {
		return "write"
	}
	return "read"
}

func (o *Op) check(c *Client) error {
	switch {
	case o.File.c != c || o.Done == nil || o.Off < 0 || len(o.Buf) > c.maxIO:
		return o.File.fail(o.name(), syscall.EINVAL)
	case o.File.closed.Load():
		return o.File.fail(o.name(), fs.ErrClosed)
	}
	return nil
}

// completed runs on the driver.
func (o *Op) completed(rsp *xio.Response, err error) {
	o.N = 0
	if err != nil {
		err = o.File.c.why(err)
	} else {
		o.N, err = o.result(rsp)
		rsp.Release()
	}
	<-o.File.c.room
	o.Err = nil
	if err != nil {
		o.Err = o.File.fail(o.name(), err)
	}
	o.Done(o)
}

func (o *Op) result(rsp *xio.Response) (int, error) {
	a, err := wire.ParseAnswer(rsp.Header())
	if err != nil {
		return 0, err
	}
	if err := a.Err(); err != nil {
		return 0, err
	}
	n, err := wire.ParseResult(a.Body)
	switch {
	case err != nil:
		return 0, err
	case a.Command != wire.IOSubmit || n > len(o.Buf) || (!o.Write && n != rsp.Len()):
		return 0, wire.ErrFormat
	case !o.Write:
		rsp.CopyData(o.Buf)
	}
	return n, nil
}

// Do does a batch of operations and waits until all have ended. It sets their
// Done. The error is that of the first operation, in their order, that failed;
// each has its own in Err.
//
// When ctx ends, Do starts no more operations, and waits for those it has
// started.
//
// Implements:
//
//	int raio_getevents(raio_context_t ctx, long min_nr, long nr,
//	                   struct raio_event *events, struct timespec *timeout)
func (c *Client) Do(ctx context.Context, ops ...*Op) error {
	var wg sync.WaitGroup
	wg.Add(len(ops))
	for _, o := range ops {
		o.N, o.Err = 0, nil
		o.Done = func(*Op) { wg.Done() }
	}
	n, err := c.Submit(ctx, ops...)
	for _, o := range ops[n:] { // they never began
		o.Err = err
		wg.Done()
	}
	wg.Wait()
	for _, o := range ops {
		if o.Err != nil {
			return o.Err
		}
	}
	return nil
}
