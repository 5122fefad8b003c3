// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/server"
)

// ringHere says whether this process may have an io_uring.
func ringHere() bool {
	var params [120]byte
	fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if e != 0 {
		return false
	}
	unix.Close(int(fd))
	return true
}

// requireRing says that the server did all, or some, of its I/O in the way that
// it was told to.
func requireRing(t *testing.T, s *server.Server, cfg server.Config) {
	t.Helper()
	if cfg.NoRing || !ringHere() {
		require.Zero(t, s.Stats().Ring)
	} else {
		require.NotZero(t, s.Stats().Ring)
	}
}

// Past the page cache: a client that asked for it keeps to its rules, one that did
// not need not know.
func TestDirect(t *testing.T) {
	dir := t.TempDir()
	random(t, dir, "file", 1<<20+100)
	fd, err := unix.Open(filepath.Join(dir, "file"), unix.O_RDONLY|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		t.Skip("this filesystem has no O_DIRECT")
	}
	require.NoError(t, err)
	unix.Close(fd)
	for _, noRing := range []bool{false, true} {
		t.Run(fmt.Sprintf("noring=%v", noRing), func(t *testing.T) {
			cfg := server.Config{Root: dir, Write: true, NoRing: noRing}
			t.Run("asked for", func(t *testing.T) { askedFor(t, cfg) })
			cfg.Direct = true
			t.Run("of the server", func(t *testing.T) { ofTheServer(t, cfg) })
		})
	}
}

func askedFor(t *testing.T, cfg server.Config) {
	content := random(t, cfg.Root, "file", 1<<20+100)
	s, _ := serve(t, cfg)
	c := dial(t, s.URI(), raio.Options{})
	f := open(t, c, "file", os.O_RDWR|syscall.O_DIRECT)
	got := make([]byte, 128<<10)
	for _, size := range []int{4096, 64 << 10, 128 << 10} {
		_, err := f.ReadAt(got[:size], 4096)
		require.NoError(t, err)
		require.Equal(t, content[4096:4096+size], got[:size])
	}
	_, err := f.ReadAt(got[:100], 4096)
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = f.ReadAt(got, 100)
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = f.WriteAt(got[:8192], 0)
	require.NoError(t, err)
	_, err = f.WriteAt(got[:8192], 1)
	require.ErrorIs(t, err, syscall.EINVAL)
	requireRing(t, s, cfg)
}

func ofTheServer(t *testing.T, cfg server.Config) {
	random(t, cfg.Root, "file", 1<<20+100)
	s, _ := serve(t, cfg)
	c := dial(t, s.URI(), raio.Options{})
	f := open(t, c, "file", os.O_RDWR)
	for _, shape := range []struct{ size, off int }{
		{4096, 0}, {100, 4096}, {12288, 8192}, {64 << 10, 4096}, {512 << 10, 4096}, {777_777, 12345}, {8192, 1 << 20},
	} {
		b := random(t, t.TempDir(), "content", shape.size)
		n, err := f.WriteAt(b, int64(shape.off))
		require.NoError(t, err)
		require.Equal(t, shape.size, n)
		got := make([]byte, shape.size)
		_, err = f.ReadAt(got, int64(shape.off))
		require.NoError(t, err, fmt.Sprint(shape))
		require.Equal(t, b, got, fmt.Sprint(shape))
	}
	n, err := f.ReadAt(make([]byte, 8192), 1<<20+4096) // aligned, and half behind the end
	require.Equal(t, 4096, n)
	require.Error(t, err)
	requireRing(t, s, cfg)
}
