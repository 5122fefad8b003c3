// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/internal/wire"
	"github.com/accelio/accelio-go/examples/raio/server"
	"github.com/accelio/accelio-go/xio"
)

// bare is a client that sends what it likes.
type bare struct {
	t *testing.T
	c *xio.Connection
}

func bareClient(t *testing.T, s *server.Server) bare {
	t.Helper()
	c, err := (&xio.Dialer{PrivateData: []byte(wire.Mark)}).Dial(testContext(t), s.URI())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return bare{t, c}
}

func (b bare) call(header, data []byte, room int) (wire.Answer, []byte) {
	b.t.Helper()
	rsp, err := b.c.Call(testContext(b.t), &xio.Message{Header: header, Data: data, MaxResponse: room})
	require.NoError(b.t, err)
	defer rsp.Release()
	a, err := wire.ParseAnswer(append([]byte(nil), rsp.Header()...))
	require.NoError(b.t, err)
	return a, append([]byte(nil), rsp.Data()...)
}

func (b bare) open(name string, flags uint32) int32 {
	b.t.Helper()
	a, _ := b.call(wire.AppendOpen(nil, flags, name), nil, 0)
	require.NoError(b.t, a.Err())
	fd, err := wire.ParseFD(a.Body)
	require.NoError(b.t, err)
	return fd
}

// Each mistake gets an errno, and the connection goes on.
func TestBadRequests(t *testing.T) {
	s, dir := serve(t, server.Config{Write: true, Files: 8})
	content := random(t, dir, "file", 10000)
	b := bareClient(t, s)
	fd := b.open("file", 2)
	readOnly, writeOnly := b.open("file", 0), b.open("file", 1)
	closed := b.open("file", 2)
	a, _ := b.call(wire.AppendFD(nil, wire.Close, closed), nil, 0)
	require.NoError(t, a.Err())

	io := func(o wire.IO) []byte { return wire.AppendSubmit(nil, o) }
	cut := func(h []byte, n int) []byte { return h[:len(h)-n] }
	command := func(c uint32) []byte { return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, c), 0) }
	long := func(h []byte) []byte { binary.BigEndian.PutUint32(h[4:], 1<<31); return h }
	data := make([]byte, 100)
	for _, tc := range []struct {
		name   string
		header []byte
		data   []byte
		room   int
		want   syscall.Errno
	}{
		{"no header", nil, nil, 0, syscall.EINVAL},
		{"half a header", []byte{0, 0, 0}, nil, 0, syscall.EINVAL},
		{"length beyond the header", long(wire.AppendDestroy(nil)), nil, 0, syscall.EINVAL},
		{"command 0", command(0), nil, 0, syscall.EOPNOTSUPP},
		{"command 15", command(15), nil, 0, syscall.EOPNOTSUPP},
		{"command 17", command(17), nil, 0, syscall.EOPNOTSUPP},
		{"command -1", command(math.MaxUint32), nil, 0, syscall.EOPNOTSUPP},
		{"open without a body", command(uint32(wire.Open)), nil, 0, syscall.EINVAL},
		{"path without NUL", func() []byte {
			h := cut(wire.AppendOpen(nil, 0, "file"), 1)
			binary.BigEndian.PutUint32(h[4:], uint32(len(h)-8))
			return h
		}(), nil, 0, syscall.EINVAL},
		{"path with a NUL", wire.AppendOpen(nil, 0, "fi\x00le"), nil, 0, syscall.EINVAL},
		{"flags that are none", wire.AppendOpen(nil, 1<<31, "file"), nil, 0, syscall.EINVAL},
		{"stat without a body", command(uint32(wire.Fstat)), nil, 0, syscall.EINVAL},
		{"stat of nothing", wire.AppendFD(nil, wire.Fstat, 12345), nil, 0, syscall.EBADF},
		{"close of nothing", wire.AppendFD(nil, wire.Close, -1), nil, 0, syscall.EBADF},
		{"close again", wire.AppendFD(nil, wire.Close, closed), nil, 0, syscall.EBADF},
		{"read of a closed file", io(wire.IO{FD: closed, Bytes: 10}), nil, 10, syscall.EBADF},
		{"write to a closed file", io(wire.IO{FD: closed, Opcode: 1, Bytes: 100}), data, 0, syscall.EBADF},
		{"half an operation", command(uint32(wire.IOSubmit)), nil, 0, syscall.EINVAL},
		{"no operation", io(wire.IO{FD: fd, Opcode: 2, Bytes: 10}), nil, 10, syscall.EINVAL},
		{"read of a file for writing", io(wire.IO{FD: writeOnly, Bytes: 10}), nil, 10, syscall.EBADF},
		{"write to a file for reading", io(wire.IO{FD: readOnly, Opcode: 1, Bytes: 100}), data, 0, syscall.EBADF},
		{"read of 2^64-1 bytes", io(wire.IO{FD: fd, Bytes: math.MaxUint64}), nil, 10, syscall.EINVAL},
		{"read of 2^63-1 bytes", io(wire.IO{FD: fd, Bytes: math.MaxInt64}), nil, 10, syscall.EFAULT},
		{"read of 2^63-1 bytes at 1", io(wire.IO{FD: fd, Bytes: math.MaxInt64, Offset: 1}), nil, 10, syscall.EINVAL},
		{"read at -1", io(wire.IO{FD: fd, Bytes: 10, Offset: math.MaxUint64}), nil, 10, syscall.EINVAL},
		{"read above the requester's room", io(wire.IO{FD: fd, Bytes: 100_001}), nil, 100_000, syscall.EFAULT},
		{"write with too little data", io(wire.IO{FD: fd, Opcode: 1, Bytes: 101}), data, 0, syscall.EFAULT},
		{"write with too much data", io(wire.IO{FD: fd, Opcode: 1, Bytes: 99}), data, 0, syscall.EFAULT},
		{"write of 2^63-1 bytes", io(wire.IO{FD: fd, Opcode: 1, Bytes: math.MaxInt64}), data, 0, syscall.EFAULT},
		{"write at -1", io(wire.IO{FD: fd, Opcode: 1, Bytes: 100, Offset: math.MaxUint64 - 1}), data, 0, syscall.EINVAL},
		{"write at the largest offset", io(wire.IO{FD: fd, Opcode: 1, Bytes: 100, Offset: math.MaxInt64 - 100}), data, 0, syscall.EFBIG},
	} {
		a, got := b.call(tc.header, tc.data, tc.room)
		require.ErrorIs(t, a.Err(), tc.want, tc.name)
		require.Empty(t, got, tc.name)
	}

	// Too many files: those that are open stay, and there is room again later.
	var more []int32
	for range 8 - 3 {
		more = append(more, b.open("file", 0))
	}
	a, _ = b.call(wire.AppendOpen(nil, 0, "file"), nil, 0)
	require.ErrorIs(t, a.Err(), syscall.EMFILE)
	a, _ = b.call(wire.AppendFD(nil, wire.Close, more[0]), nil, 0)
	require.NoError(t, a.Err())
	require.NotEqual(t, more[0], b.open("file", 0), "a handle was used again at once")

	// Another connection has handles of its own.
	a, _ = bareClient(t, s).call(io(wire.IO{FD: fd, Bytes: 10}), nil, 10)
	require.ErrorIs(t, a.Err(), syscall.EBADF)

	a, got := b.call(io(wire.IO{FD: fd, Bytes: 10000}), nil, 10000)
	require.NoError(t, a.Err())
	require.Equal(t, content, got)
}

// A file that is closed while it is being read is read to the end.
func TestCloseInFlight(t *testing.T) {
	s, dir := serve(t, server.Config{})
	random(t, dir, "file", 8<<20)
	b := bareClient(t, s)
	for range 20 {
		fd := b.open("file", 0)
		done := make(chan error, 3)
		send := func(header []byte, room int) {
			require.NoError(t, b.c.Send(testContext(t), &xio.Message{Header: header, MaxResponse: room}, func(rsp *xio.Response, err error) {
				if err == nil {
					a, e := wire.ParseAnswer(rsp.Header())
					if err = e; e == nil {
						err = a.Err()
					}
					rsp.Release()
				}
				done <- err
			}))
		}
		send(wire.AppendSubmit(nil, wire.IO{FD: fd, Bytes: 4 << 20}), 4<<20)
		send(wire.AppendSubmit(nil, wire.IO{FD: fd, Bytes: 4 << 20, Offset: 4 << 20}), 4<<20)
		send(wire.AppendFD(nil, wire.Close, fd), 0)
		for range 3 {
			require.NoError(t, <-done)
		}
	}
}

// A client that vanishes with operations under way leaves nothing behind; serve
// looks for descriptors, goleak for goroutines.
func TestVanish(t *testing.T) {
	for _, size := range []int{256 << 10, 4096} { // on goroutines; on io_uring where there is one
		t.Run(fmt.Sprint(size), func(t *testing.T) { vanish(t, size) })
	}
}

func vanish(t *testing.T, size int) {
	s, dir := serve(t, server.Config{Write: true, Direct: true})
	random(t, dir, "file", 4<<20)
	for range 10 {
		c, err := raio.Dial(testContext(t), s.URI(), raio.Options{Depth: 64})
		require.NoError(t, err)
		f, err := c.Open(testContext(t), "file", os.O_RDWR)
		require.NoError(t, err)
		ends := make(chan error, 64)
		for i := range 64 {
			o := &raio.Op{File: f, Write: i%2 == 0, Buf: make([]byte, size), Done: func(o *raio.Op) { ends <- o.Err }}
			_, err := c.TrySubmit(o)
			require.NoError(t, err)
		}
		require.NoError(t, c.Close())
		for range 64 {
			if err := <-ends; err != nil {
				require.ErrorIs(t, err, xio.ErrClosed)
			}
		}
	}
}

// small mounts a filesystem of 1 MiB, if this process may.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("cannot mount a small filesystem: ", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, 0)) })
	return dir
}

func TestDiskFull(t *testing.T) {
	dir := small(t)
	t.Run("", func(t *testing.T) { // the server is gone before the filesystem is
		s, _ := serve(t, server.Config{Root: dir, Write: true})
		c := dial(t, s.URI(), raio.Options{MaxIO: 100_000})
		f := open(t, c, "file", os.O_RDWR|os.O_CREATE)
		data := make([]byte, 2<<20)
		n, err := f.WriteAt(data, 0)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.LessOrEqual(t, n, 1<<20)
		_, err = f.WriteAt(data[:100_000], 2<<20)
		require.ErrorIs(t, err, syscall.ENOSPC)

		// A C client is told too.
		if os.Getenv("ACCELIO_PREFIX") != "" {
			local := filepath.Join(t.TempDir(), "local")
			require.NoError(t, os.Truncate(touch(t, local), 2<<20))
			// Full up to there, without holes: none of the client's writes is a short one.
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), make([]byte, 1<<20), 0o600))
			port := s.URI()[strings.LastIndexByte(s.URI(), ':')+1:]
			p := launch(t, libraryPath(t), libraioClient(t), "put", "127.0.0.1", port, "file", local, "65536", "4")
			require.Equal(t, 1, p.wait())
			require.Contains(t, p.err.String(), "No space left on device")
		}

		// The server goes on, and so does the file.
		require.NoError(t, os.Truncate(filepath.Join(dir, "file"), 0))
		n, err = f.WriteAt([]byte("there is room again"), 0)
		require.NoError(t, err)
		require.Equal(t, 19, n)
	})
}
