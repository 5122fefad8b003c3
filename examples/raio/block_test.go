// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/server"
)

// blockDevice makes a block device of size bytes, if this process may: a loop
// device, and a node for it in a new directory. It goes with the test. content is
// the file that is behind it.
func blockDevice(t *testing.T, size int64) (node string, content *os.File) {
	t.Helper()
	skip := func(err error) {
		t.Helper()
		if err != nil {
			t.Skip("not run: no block device can be had: ", err)
		}
	}
	dir := t.TempDir()
	content, err := os.Create(filepath.Join(dir, "content"))
	require.NoError(t, err)
	t.Cleanup(func() { content.Close() })
	require.NoError(t, content.Truncate(size))

	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	skip(err)
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		skip(err)
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		skip(err)
		config := unix.LoopConfig{Fd: uint32(content.Fd())}
		// It is free again when nobody has it open any more.
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
		if err := unix.IoctlLoopConfigure(int(device.Fd()), &config); err != nil {
			device.Close()
			if err == unix.EBUSY { // somebody was faster
				continue
			}
			skip(err)
		}
		t.Cleanup(func() { device.Close() })
		var st unix.Stat_t
		require.NoError(t, unix.Fstat(int(device.Fd()), &st))
		node = filepath.Join(dir, "node")
		skip(unix.Mknod(node, unix.S_IFBLK|0o600, int(st.Rdev)))
		f, err := os.Open(node)
		skip(err) // a filesystem for no devices
		f.Close()
		return node, content
	}
}

// onDevice is what is on a device, once all has been written to it.
func onDevice(t *testing.T, node string, content *os.File) []byte {
	t.Helper()
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Sync())
	b, err := os.ReadFile(content.Name())
	require.NoError(t, err)
	return b
}

func TestBlockDevice(t *testing.T) {
	const size = 3<<20 + 512 // not a multiple of a page
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct=%v", direct), func(t *testing.T) {
			node, content := blockDevice(t, size)
			t.Run("", func(t *testing.T) { // the server is gone before the device is
				s, _ := serve(t, server.Config{Root: filepath.Dir(node), Write: true, Direct: direct})
				blockDeviceServed(t, s, node, content, size)
			})
		})
	}
}

func blockDeviceServed(t *testing.T, s *server.Server, node string, content *os.File, size int) {
	c := dial(t, s.URI(), raio.Options{MaxIO: 1 << 20})
	// A device that is there is neither created nor cut.
	f := open(t, c, "node", os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	st, err := f.Stat(testContext(t))
	require.NoError(t, err)
	require.EqualValues(t, size, st.Size)
	require.EqualValues(t, unix.S_IFBLK, st.Mode&unix.S_IFMT)
	require.NotZero(t, st.Rdev)

	want := random(t, t.TempDir(), "content", size)
	n, err := f.WriteAt(want, 0)
	require.NoError(t, err)
	require.Equal(t, size, n)
	require.True(t, bytes.Equal(want, onDevice(t, node, content)))
	got := make([]byte, size)
	_, err = f.ReadAt(got, 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	for _, shape := range []struct{ size, off int }{{4096, 8192}, {4096, 8192}, {512, 512}, {100, 12345}, {100_000, 4095}, {512, size - 512}} {
		b := random(t, t.TempDir(), "content", shape.size)
		_, err := f.WriteAt(b, int64(shape.off))
		require.NoError(t, err)
		copy(want[shape.off:], b)
		_, err = f.ReadAt(got[:shape.size], int64(shape.off))
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got[:shape.size]), "%+v", shape)
	}
	require.True(t, bytes.Equal(want, onDevice(t, node, content)))

	// At its end, as pread(2) and pwrite(2) have it.
	n, err = f.ReadAt(got[:8192], int64(size)-512)
	require.Equal(t, 512, n)
	require.ErrorIs(t, err, io.EOF)
	_, err = f.ReadAt(got[:8192], int64(size)+7680)
	require.ErrorIs(t, err, io.EOF)
	n, err = f.WriteAt(got[:8192], int64(size)-512)
	require.Equal(t, 512, n)
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = f.WriteAt(got[:4096], int64(size)+3584)
	require.ErrorIs(t, err, syscall.ENOSPC)
}

// The programs copy a device as they do a file, and nothing is written to it
// without -rw.
func TestBlockDeviceCopy(t *testing.T) {
	node, content := blockDevice(t, 8<<20)
	dir := t.TempDir()
	want := random(t, dir, "image", 8<<20)
	image, back := filepath.Join(dir, "image"), filepath.Join(dir, "back")
	p := launch(t, nil, programs.path(t, "raio_cp"), image, startServer(t, filepath.Dir(node)).uri+"/node")
	require.Equal(t, 1, p.wait())
	require.Contains(t, p.err.String(), "read-only file system")
	require.Equal(t, make([]byte, 8<<20), onDevice(t, node, content))

	s := startServer(t, filepath.Dir(node), "-rw", "-direct")
	cp(t, image, s.uri+"/node")
	require.True(t, bytes.Equal(want, onDevice(t, node, content)))
	cp(t, s.uri+"/node", back)
	got, err := os.ReadFile(back)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))

	if os.Getenv("ACCELIO_PREFIX") == "" {
		return
	}
	bin := libraioClient(t)
	require.NoError(t, os.Remove(back))
	p = launch(t, libraryPath(t), bin, "get", "127.0.0.1", s.port(), "node", back, "524288", "8")
	require.Zero(t, p.wait(), p.err.String())
	got, err = os.ReadFile(back)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}
