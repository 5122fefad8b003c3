// SPDX-License-Identifier: Apache-2.0

package raio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
	"github.com/accelio/accelio-go/xio"
)

// NullPath is the name under which every server has a store without a disk, of 4
// GiB, to measure with.
const NullPath = wire.NullPath

// MaxPath is the longest path in bytes.
var MaxPath = wire.MaxPath(xio.MaxHeader)

// Options tune a Client. The zero value is ready to use.
type Options struct {
	// Depth is how many operations may be in flight; further ones wait. Zero
	// means 128; at most 2048, the C server's limit.
	Depth int
	// MaxIO is the largest operation in bytes; larger reads and writes become
	// several. Zero means 512 KiB, more than which a C server does not take; at
	// most 64 MiB.
	MaxIO int
	// Dialer holds the options of the connection. Its QueueDepth is overwritten,
	// and PrivateData is used if it is nil.
	Dialer xio.Dialer
}

const (
	defaultDepth = 128
	maxDepth     = 2048
	defaultMaxIO = 512 << 10
)

// ErrAlignment says that the installed libxio would read small answers of a C
// server wrongly. It reads them with [Init], and the embedded engine does anyhow.
var ErrAlignment = errors.New("an installed libxio misplaces its small answers without raio.Init")

// singleStream says that Init has been called, and what it did.
var singleStream atomic.Bool

// Init is [xio.Init] for programs that talk to C servers: on an installed libxio it
// sets xio.LibraryOptions.SingleStream. C programs of R-AIO align small data, which
// libxio hands over from the wrong place when a connection has two TCP streams, as it
// has by default. Programs on the embedded engine, and those that know that their
// server is package server, need not call it. It may be called from any goroutine;
// errors are xio.Init's.
func Init(o xio.LibraryOptions) error {
	if wire.MisplacesAligned() {
		o.SingleStream = true
	}
	err := xio.Init(o)
	if err == nil && o.SingleStream {
		singleStream.Store(true)
	}
	return err
}

// Client is a connection to a server. It is safe for concurrent use.
type Client struct {
	conn  *xio.Connection
	maxIO int
	room  chan struct{} // has one value for each operation in flight
	files files
}

// Dial connects to a server at uri, "tcp://host:port"; see xio.Dialer.Dial for
// errors. On an installed libxio, without Init, a C server gives ErrAlignment.
//
// Implements:
//
//	int raio_start(const char *transport, const struct sockaddr *addr, socklen_t addrlen)
//	int raio_setup(int queues, int qdepth, raio_context_t *ctxp)
func Dial(ctx context.Context, uri string, o Options) (*Client, error) {
	if o.Depth == 0 {
		o.Depth = defaultDepth
	}
	if o.MaxIO == 0 {
		o.MaxIO = defaultMaxIO
	}
	if o.Depth < 1 || o.Depth > maxDepth {
		return nil, fmt.Errorf("raio: depth %d is not within 1 to %d", o.Depth, maxDepth)
	}
	if o.MaxIO < 1 || o.MaxIO > xio.MaxMessage-xio.MaxHeader {
		return nil, fmt.Errorf("raio: operations of %d bytes are not within 1 to %d", o.MaxIO, xio.MaxMessage-xio.MaxHeader)
	}
	d := o.Dialer
	// A large answer keeps its place in the library's queue for a moment longer
	// than its operation lasts.
	d.QueueDepth = 2 * o.Depth
	if d.PrivateData == nil {
		d.PrivateData = []byte(wire.Mark)
	}
	conn, err := d.Dial(ctx, uri)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, maxIO: o.MaxIO, room: make(chan struct{}, o.Depth)}
	if err := c.setUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("raio: set up %s: %w", uri, err), conn.Close())
	}
	if !c.files.any && wire.MisplacesAligned() && !singleStream.Load() {
		return nil, errors.Join(fmt.Errorf("raio: %s is a C server: %w", uri, ErrAlignment), conn.Close())
	}
	return c, nil
}

// command sends a request without data and waits for its answer's body. An error
// of the server is a syscall.Errno.
func (c *Client) command(ctx context.Context, cmd wire.Command, header []byte) ([]byte, error) {
	rsp, err := c.conn.Call(ctx, &xio.Message{Header: header})
	if err != nil {
		return nil, c.why(err)
	}
	defer rsp.Release()
	a, err := wire.ParseAnswer(rsp.Header())
	if err != nil {
		return nil, err
	}
	if err := a.Err(); err != nil {
		return nil, err
	}
	if a.Command != cmd {
		return nil, wire.ErrFormat
	}
	return append([]byte(nil), a.Body...), nil
}

// why puts the reason in place of the symptom: requests that were in flight when
// the connection went only say that they were flushed.
func (c *Client) why(err error) error {
	if errors.Is(err, xio.ErrMsgFlushed) || errors.Is(err, xio.ErrClosed) {
		if why := c.conn.Err(); why != nil {
			return why
		}
	}
	return err
}

// Open opens a file below the server's root, with flags of package os. Those
// beside os.O_RDONLY, O_WRONLY, O_RDWR, O_CREATE, O_EXCL, O_TRUNC, O_SYNC and
// syscall's O_DIRECT and O_DSYNC are refused with EINVAL. A path that is longer
// than MaxPath gives ENAMETOOLONG.
//
// The file belongs to the caller until File.Close.
//
// Implements:
//
//	int raio_open(int fd, const char *pathname, int flags)
func (c *Client) Open(ctx context.Context, path string, flags int) (*File, error) {
	fail := func(err error) (*File, error) {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	w, ok := wire.WireFlags(flags)
	switch {
	case !ok || strings.ContainsRune(path, 0):
		return fail(syscall.EINVAL)
	case path == "":
		return fail(syscall.ENOENT)
	case len(path) > MaxPath:
		return fail(syscall.ENAMETOOLONG)
	}
	fd, err := c.open(ctx, wire.AppendOpen(nil, w, path))
	if err != nil {
		return fail(err)
	}
	return &File{c: c, fd: fd, path: path}, nil
}

// Done is closed when the connection takes no more operations.
func (c *Client) Done() <-chan struct{} { return c.conn.Done() }

// Err is why the connection ended, nil while it stands.
func (c *Client) Err() error { return c.conn.Err() }

// Close ends the connection; operations in flight end with an error. It may be
// called any number of times.
//
// Implements:
//
//	int raio_destroy(raio_context_t ctx)
//	int raio_stop(int fd)
func (c *Client) Close() error { return c.conn.Close() }
