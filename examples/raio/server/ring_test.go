// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testRing(t *testing.T) *ring {
	t.Helper()
	r, err := newRing()
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // the kernel, or who runs this
		t.Skip("not run: no io_uring: ", err)
	}
	require.NoError(t, err)
	return r
}

func testFile(t *testing.T, size int) (*os.File, []byte) {
	t.Helper()
	b := make([]byte, size)
	_, err := rand.Read(b)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, b, 0o644))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f, b
}

// Several times round the queues, as many at a time as there are places.
func TestRing(t *testing.T) {
	r := testRing(t)
	f, want := testFile(t, 4*ringDepth*100)
	fd := int(f.Fd())
	type end struct{ block, res int }
	ends := make(chan end, ringDepth)
	got := make([]byte, len(want))
	read := func(i int) bool {
		return r.start(ringRead, fd, got[100*i:100*i+100], int64(100*i), func(res int) { ends <- end{i, res} })
	}
	for i := range ringDepth {
		require.True(t, read(i))
	}
	for next := ringDepth; next < 4*ringDepth+ringDepth; next++ {
		e := <-ends
		require.Equal(t, 100, e.res)
		if next < 4*ringDepth {
			require.True(t, read(next))
		}
	}
	require.True(t, bytes.Equal(want, got))

	// Results are those of pread(2) and pwrite(2).
	one := func(opcode uint8, fd int, b []byte, offset int64) int {
		done := make(chan int, 1)
		require.True(t, r.start(opcode, fd, b, offset, func(res int) { done <- res }))
		return <-done
	}
	b := make([]byte, 100)
	require.Equal(t, 30, one(ringRead, fd, b, int64(len(want)-30)))
	require.Zero(t, one(ringRead, fd, b, int64(len(want))))
	require.Equal(t, -int(unix.EBADF), one(ringRead, 1<<30, b, 0))
	require.Equal(t, 100, one(ringWrite, fd, []byte(string(want[:100])), 5000))
	_, err := f.ReadAt(b, 5000)
	require.NoError(t, err)
	require.Equal(t, want[:100], b)
	r.close()
}

// A read that does not end yet: the ring fills up, and close waits for it.
func TestRingFull(t *testing.T) {
	r := testRing(t)
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	defer out.Close()
	ends := make(chan int, ringDepth)
	start := func() bool {
		return r.start(ringRead, int(in.Fd()), make([]byte, 1), -1, func(res int) { ends <- res })
	}
	for range ringDepth {
		require.True(t, start())
	}
	require.False(t, start(), "there was a place too many")
	_, err = out.Write(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, 1, <-ends)
	// Its place is free again, if not at once.
	for !start() {
	}
	closed := make(chan struct{})
	go func() {
		r.close()
		close(closed)
	}()
	for start() { // until close has begun, when all else is full
		_, err = out.Write(make([]byte, 1))
		require.NoError(t, err)
		<-ends
	}
	select {
	case <-closed:
		t.Fatal("close has not waited")
	default:
	}
	_, err = out.Write(make([]byte, ringDepth))
	require.NoError(t, err)
	<-closed
	require.False(t, start())
}
