// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/server"
	"github.com/accelio/accelio-go/xio"
)

var sizes = []int{1, 511, 4096, 8191, 8192, 8193, 65536, 65537, 512 << 10, 3<<20 + 17}

func TestReadAt(t *testing.T) {
	s, dir := serve(t, server.Config{})
	want := random(t, dir, "file", 3<<20+17)
	c := dial(t, s.URI(), raio.Options{Depth: 4, MaxIO: 100_000})
	f := open(t, c, "file", os.O_RDONLY)
	for _, size := range sizes {
		for _, off := range []int{0, 1, 4096, len(want) - size} {
			if off < 0 || off+size > len(want) {
				continue
			}
			got := make([]byte, size)
			n, err := f.ReadAt(got, int64(off))
			require.NoError(t, err)
			require.Equal(t, size, n)
			require.True(t, bytes.Equal(want[off:off+size], got), "%d bytes at %d", size, off)
		}
	}
	// At the end of the file and behind it, as io.ReaderAt says.
	for _, c := range []struct{ size, off, n int }{
		{100, len(want) - 50, 50}, {1 << 20, len(want) - 300_001, 300_001}, {1, len(want), 0}, {10, len(want) + 5000, 0},
	} {
		got := make([]byte, c.size)
		n, err := f.ReadAt(got, int64(c.off))
		require.Equal(t, c.n, n)
		require.ErrorIs(t, err, io.EOF)
		require.True(t, bytes.Equal(want[min(c.off, len(want)):], got[:n]))
	}
	n, err := f.ReadAt(nil, 0)
	require.Zero(t, n)
	require.NoError(t, err)
	_, err = f.ReadAt(make([]byte, 1), -1)
	require.ErrorIs(t, err, syscall.EINVAL)
	require.NoError(t, iotest.TestReader(io.NewSectionReader(f, 0, 5000), want[:5000]))
}

func TestWriteAt(t *testing.T) {
	s, dir := serve(t, server.Config{Write: true})
	c := dial(t, s.URI(), raio.Options{Depth: 4, MaxIO: 100_000})
	f := open(t, c, "new", os.O_RDWR|os.O_CREATE|os.O_EXCL)
	for _, size := range sizes {
		want := random(t, t.TempDir(), "content", size)
		n, err := f.WriteAt(want, 1000)
		require.NoError(t, err)
		require.Equal(t, size, n)
		got := make([]byte, size)
		_, err = f.ReadAt(got, 1000)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%d bytes", size)
		local, err := os.ReadFile(filepath.Join(dir, "new"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, local[1000:1000+size]), "%d bytes on the disk", size)
	}
	// Truncation, and a file that is there already.
	_, err := c.Open(testContext(t), "new", os.O_RDWR|os.O_CREATE|os.O_EXCL)
	require.ErrorIs(t, err, fs.ErrExist)
	open(t, c, "new", os.O_RDWR|os.O_TRUNC)
	st, err := f.Stat(testContext(t))
	require.NoError(t, err)
	require.Zero(t, st.Size)
}

func TestStat(t *testing.T) {
	s, dir := serve(t, server.Config{})
	random(t, dir, "file", 12345)
	c := dial(t, s.URI(), raio.Options{})
	st, err := open(t, c, "file", os.O_RDONLY).Stat(testContext(t))
	require.NoError(t, err)
	var want unix.Stat_t
	require.NoError(t, unix.Stat(filepath.Join(dir, "file"), &want))
	require.EqualValues(t, 12345, st.Size)
	require.EqualValues(t, want.Ino, st.Ino)
	require.EqualValues(t, want.Dev, st.Dev)
	require.EqualValues(t, want.Mode, st.Mode)
	require.EqualValues(t, want.Nlink, st.Nlink)
	require.EqualValues(t, want.Uid, st.UID)
	require.EqualValues(t, want.Gid, st.GID)
	require.EqualValues(t, want.Blksize, st.BlockSize)
	require.EqualValues(t, want.Blocks, st.Blocks)
	require.Equal(t, want.Mtim.Sec, st.ModTime.Unix())
}

func TestNullStore(t *testing.T) {
	s, _ := serve(t, server.Config{})
	c := dial(t, s.URI(), raio.Options{})
	f := open(t, c, raio.NullPath, os.O_RDWR) // also where the server only reads
	st, err := f.Stat(testContext(t))
	require.NoError(t, err)
	require.EqualValues(t, 1<<32, st.Size)
	for _, size := range []int{4096, 1 << 20} {
		b := bytes.Repeat([]byte{1}, size)
		n, err := f.WriteAt(b, 1<<31)
		require.NoError(t, err)
		require.Equal(t, size, n)
		n, err = f.ReadAt(b, 1<<31)
		require.NoError(t, err)
		require.Equal(t, make([]byte, n), b)
	}
	n, err := f.ReadAt(make([]byte, 100), 1<<32-10)
	require.Equal(t, 10, n)
	require.ErrorIs(t, err, io.EOF)
}

// Each operation of a batch ends exactly once, with its own result.
func TestSubmit(t *testing.T) {
	s, dir := serve(t, server.Config{Write: true})
	want := random(t, dir, "file", 1<<20)
	c := dial(t, s.URI(), raio.Options{Depth: 16})
	f := open(t, c, "file", os.O_RDWR)
	var mu sync.Mutex
	ends := map[*raio.Op]int{}
	var left sync.WaitGroup
	var ops []*raio.Op
	for i := range 256 {
		o := &raio.Op{File: f, Buf: make([]byte, 4096), Off: int64(i * 4096)}
		if i%3 == 0 {
			o.Write = true
			copy(o.Buf, want[o.Off:])
		}
		o.Done = func(o *raio.Op) {
			mu.Lock()
			ends[o]++
			mu.Unlock()
			left.Done()
		}
		ops = append(ops, o)
	}
	ops = append(ops, &raio.Op{File: f, Buf: make([]byte, 4096), Off: 1<<20 - 96, Done: ops[0].Done}) // short
	left.Add(len(ops))
	n, err := c.Submit(testContext(t), ops...)
	require.NoError(t, err)
	require.Equal(t, len(ops), n)
	left.Wait()
	require.Len(t, ends, len(ops))
	for i, o := range ops {
		require.Equal(t, 1, ends[o])
		require.NoError(t, o.Err)
		if i == 256 {
			require.Equal(t, 96, o.N)
		} else {
			require.Equal(t, 4096, o.N)
		}
		require.True(t, bytes.Equal(want[o.Off:o.Off+int64(o.N)], o.Buf[:o.N]), "operation %d", i)
	}
}

func TestTrySubmit(t *testing.T) {
	s, dir := serve(t, server.Config{})
	random(t, dir, "file", 1<<20)
	c := dial(t, s.URI(), raio.Options{Depth: 2})
	f := open(t, c, "file", os.O_RDONLY)

	// From completions, with large answers, at full depth.
	var left sync.WaitGroup
	left.Add(2)
	for range 2 {
		rounds := 200
		o := &raio.Op{File: f, Buf: make([]byte, 100_000)}
		o.Done = func(o *raio.Op) {
			if rounds--; rounds == 0 || o.Err != nil {
				left.Done()
				return
			}
			if _, err := c.TrySubmit(o); err != nil {
				o.Err = err
				left.Done()
			}
		}
		_, err := c.Submit(testContext(t), o)
		require.NoError(t, err)
		defer func() { require.NoError(t, o.Err) }()
	}
	left.Wait()

	// Beyond the depth: the first are started, the others are not. Nothing ends
	// while the driver is kept busy by a completion.
	busy, block := make(chan struct{}), make(chan struct{})
	left.Add(3)
	_, err := c.TrySubmit(&raio.Op{File: f, Buf: make([]byte, 10), Done: func(*raio.Op) { close(busy); <-block; left.Done() }})
	require.NoError(t, err)
	<-busy
	op := func() *raio.Op {
		return &raio.Op{File: f, Buf: make([]byte, 10), Done: func(*raio.Op) { left.Done() }}
	}
	started, overflow := c.TrySubmit(op(), op(), op())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	none, canceled := c.Submit(ctx, op())
	close(block)
	require.ErrorIs(t, overflow, xio.ErrTxQueueOverflow)
	require.Equal(t, 2, started)
	require.ErrorIs(t, canceled, context.Canceled)
	require.Zero(t, none)
	left.Wait()
	for _, o := range []*raio.Op{
		{File: f, Buf: make([]byte, 10)},
		{File: f, Buf: make([]byte, 1<<20), Done: func(*raio.Op) {}},
		{File: f, Off: -1, Done: func(*raio.Op) {}},
	} {
		_, err = c.TrySubmit(o)
		require.ErrorIs(t, err, syscall.EINVAL)
	}
}

func TestDo(t *testing.T) {
	s, dir := serve(t, server.Config{})
	random(t, dir, "file", 10000)
	c := dial(t, s.URI(), raio.Options{})
	f := open(t, c, "file", os.O_RDONLY)
	read := func() *raio.Op { return &raio.Op{File: f, Buf: make([]byte, 5000)} }
	bad := &raio.Op{File: f, Buf: make([]byte, 10), Write: true}
	ops := []*raio.Op{read(), bad, read()}
	require.ErrorIs(t, c.Do(testContext(t), ops...), syscall.EBADF)
	require.ErrorIs(t, bad.Err, syscall.EBADF)
	require.NoError(t, ops[0].Err)
	require.NoError(t, ops[2].Err)
	require.Equal(t, 5000, ops[2].N)
}

func TestDialRefuses(t *testing.T) {
	for _, o := range []raio.Options{{Depth: -1}, {Depth: 2049}, {MaxIO: -1}, {MaxIO: 64 << 20}} {
		_, err := raio.Dial(testContext(t), "tcp://127.0.0.1:1", o)
		require.ErrorContains(t, err, "not within")
	}
	_, err := raio.Dial(testContext(t), "tcp://127.0.0.1:1", raio.Options{})
	require.ErrorIs(t, err, xio.ErrConnect)
}

func TestClosed(t *testing.T) {
	s, dir := serve(t, server.Config{})
	random(t, dir, "file", 100)
	c := dial(t, s.URI(), raio.Options{})
	f := open(t, c, "file", os.O_RDONLY)
	other := open(t, c, "file", os.O_RDONLY)
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Close(), fs.ErrClosed)
	_, err := f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = f.Stat(testContext(t))
	require.ErrorIs(t, err, fs.ErrClosed)
	_, err = other.ReadAt(make([]byte, 1), 0)
	require.NoError(t, err)

	require.NoError(t, s.Close())
	<-c.Done()
	_, err = other.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, xio.ErrSessionClosed)
	require.NoError(t, other.Close())
	require.ErrorIs(t, c.Err(), xio.ErrSessionClosed)
}

func TestOpenErrors(t *testing.T) {
	outside := t.TempDir()
	random(t, outside, "secret", 10)
	s, dir := serve(t, server.Config{})
	random(t, dir, "file", 10)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	random(t, filepath.Join(dir, "sub"), "file", 10)
	require.NoError(t, os.Symlink("file", filepath.Join(dir, "inside")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "outside")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "door")))
	require.NoError(t, os.Symlink("sub", filepath.Join(dir, "alias")))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	c := dial(t, s.URI(), raio.Options{})
	for _, tc := range []struct {
		path  string
		flags int
		want  error
	}{
		{"file", os.O_RDONLY, nil},
		{"sub/file", os.O_RDONLY, nil},
		{"./sub/./file", os.O_RDONLY, nil},
		{"nosuch", os.O_RDONLY, syscall.ENOENT},
		{"", os.O_RDONLY, syscall.ENOENT},
		{"file/x", os.O_RDONLY, syscall.ENOTDIR},
		{".", os.O_RDONLY, syscall.EISDIR},
		{"sub", os.O_RDONLY, syscall.EISDIR},
		{"fifo", os.O_RDONLY, syscall.ENODEV},
		{"../" + filepath.Base(dir) + "/file", os.O_RDONLY, syscall.EXDEV},
		{"sub/../file", os.O_RDONLY, syscall.EXDEV},
		{"..", os.O_RDONLY, syscall.EXDEV},
		{filepath.Join(dir, "file"), os.O_RDONLY, syscall.EXDEV},
		{filepath.Join(outside, "secret"), os.O_RDONLY, syscall.EXDEV},
		{"/proc/self/environ", os.O_RDONLY, syscall.EXDEV},
		{"inside", os.O_RDONLY, syscall.ELOOP},
		{"outside", os.O_RDONLY, syscall.ELOOP},
		{"door/secret", os.O_RDONLY, syscall.ELOOP},
		{"alias/file", os.O_RDONLY, syscall.ELOOP},
		{"file", os.O_RDWR, syscall.EROFS},
		{"file", os.O_WRONLY, syscall.EROFS},
		{"file", os.O_RDONLY | os.O_TRUNC, syscall.EROFS},
		{"new", os.O_RDONLY | os.O_CREATE, syscall.EROFS},
		{"file", os.O_RDONLY | os.O_APPEND, syscall.EINVAL},
		{"file", unix.O_PATH, syscall.EINVAL},
		{"file", unix.O_ACCMODE, syscall.EINVAL},
		{"a\x00b", os.O_RDONLY, syscall.EINVAL},
		{strings.Repeat("x", raio.MaxPath), os.O_RDONLY, syscall.ENOENT},
		{strings.Repeat("x", raio.MaxPath+1), os.O_RDONLY, syscall.ENAMETOOLONG},
	} {
		f, err := c.Open(testContext(t), tc.path, tc.flags)
		if tc.want == nil {
			require.NoError(t, err, tc.path)
			require.NoError(t, f.Close())
			continue
		}
		require.ErrorIs(t, err, tc.want, "%q, flags %#x", tc.path, tc.flags)
		var p *os.PathError
		require.ErrorAs(t, err, &p)
		require.Equal(t, tc.path, p.Path)
	}
	b, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	require.Len(t, b, 10, "the file was changed")
	require.NoFileExists(t, filepath.Join(dir, "new"))

	_, err = server.Listen("tcp://127.0.0.1:0", server.Config{Root: filepath.Join(dir, "file")})
	require.ErrorIs(t, err, syscall.ENOTDIR)
	_, err = server.Listen("tcp://127.0.0.1:0", server.Config{})
	require.Error(t, err)
}
