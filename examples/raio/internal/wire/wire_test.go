// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/hex"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// The bytes that C programs send and take.
func TestBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"setup", AppendSetup(nil, 1024, 1), "0000000d 00000008 00000400 00000001"},
		{"open", AppendOpen(nil, 0, "/a/b"), "0000000a 00000009 00000000 2f612f62 00"},
		{"fstat", AppendFD(nil, Fstat, 5), "0000000b 00000004 00000005"},
		{"submit", AppendSubmit(nil, IO{Last: true, FD: 5, Bytes: 4096, Offset: 16384}),
			"0000000e 0000001c 00000001 00000005 00000000 0000000000001000 0000000000004000"},
		{"destroy", AppendDestroy(nil), "00000010 00000000"},
		{"close", AppendFD(nil, Close, 5), "0000000c 00000004 00000005"},
		{"done", AppendOK(nil, Close), "0000000c 00000000 00000000 00000000"},
		{"opened", AppendOpened(nil, 64), "0000000a 00000004 00000000 00000000 00000040"},
		{"operation failed", AppendIOError(nil, syscall.ENOSPC), "0000000e 00000000 ffffffff 0000001c ffffffe4 00000000"},
		{"failed", AppendError(nil, Open, syscall.ENOENT), "0000000a 00000000 ffffffff 00000002"},
	} {
		require.Equal(t, bytesOf(t, c.want), c.got, c.name)
	}
	// An answer of the C server, which leaves the length 0.
	a, err := ParseAnswer(bytesOf(t, "0000000e 00000000 00000000 00000000 00000064 00000000"))
	require.NoError(t, err)
	require.NoError(t, a.Err())
	n, err := ParseResult(a.Body)
	require.NoError(t, err)
	require.Equal(t, 100, n)
	_, err = ParseResult(bytesOf(t, "fffffff4 00000000"))
	require.Equal(t, syscall.ENOMEM, err)
	a, err = ParseAnswer(bytesOf(t, "0000000b 00000000 ffffffff 00000013"))
	require.NoError(t, err)
	require.Equal(t, syscall.ENODEV, a.Err())
	a, err = ParseAnswer(bytesOf(t, "0000000b 00000000 ffffffff 00000000"))
	require.NoError(t, err)
	require.Equal(t, syscall.EIO, a.Err())
}

func TestRoundTrip(t *testing.T) {
	r, err := ParseRequest(AppendOpen(nil, 3, "name"))
	require.NoError(t, err)
	flags, path, err := ParseOpen(r.Body)
	require.NoError(t, err)
	require.Equal(t, Open, r.Command)
	require.EqualValues(t, 3, flags)
	require.Equal(t, "name", path)

	io := IO{Last: true, FD: -7, Opcode: Pwrite, Bytes: 1 << 40, Offset: 1<<63 + 5}
	r, err = ParseRequest(AppendSubmit(nil, io))
	require.NoError(t, err)
	got, err := ParseSubmit(r.Body)
	require.NoError(t, err)
	require.Equal(t, io, got)

	st := Stat{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	a, err := ParseAnswer(AppendStat(nil, st))
	require.NoError(t, err)
	back, err := ParseStat(a.Body)
	require.NoError(t, err)
	require.Equal(t, st, back)

	a, err = ParseAnswer(AppendSetUp(nil))
	require.NoError(t, err)
	require.True(t, ClosesAny(a.Body))
	require.False(t, ClosesAny(nil))
}

func TestFlags(t *testing.T) {
	for _, local := range []int{
		os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE | os.O_EXCL | os.O_TRUNC,
		os.O_WRONLY | os.O_SYNC, os.O_WRONLY | unix.O_DSYNC, os.O_RDONLY | unix.O_DIRECT,
	} {
		w, ok := WireFlags(local)
		require.True(t, ok)
		back, ok := LocalFlags(w)
		require.True(t, ok)
		require.Equal(t, local, back)
	}
	for _, bad := range []int{os.O_APPEND, unix.O_PATH, unix.O_TMPFILE, unix.O_DIRECTORY, 3} {
		_, ok := WireFlags(bad)
		require.False(t, ok, "%#x", bad)
	}
	for _, bad := range []uint32{3, 0o2000, 0o200000, 0o20000000, 1 << 31} {
		_, ok := LocalFlags(bad)
		require.False(t, ok, "%#o", bad)
	}
	local, ok := LocalFlags(0o100000 | 0o2000000) // what C programs add
	require.True(t, ok)
	require.Zero(t, local)
}

// No bytes make the parsers fail in another way than by an error.
func FuzzParse(f *testing.F) {
	f.Add(AppendOpen(nil, 0, "name"))
	f.Add(AppendSubmit(nil, IO{FD: 1, Bytes: 10}))
	f.Add(AppendStat(nil, Stat{}))
	f.Add(AppendResult(nil, 5))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRequest(b); err == nil {
			if _, path, err := ParseOpen(r.Body); err == nil && (path == "" || strings.ContainsRune(path, 0)) {
				t.Fatalf("path %q", path)
			}
			_, _ = ParseFD(r.Body)
			_, _ = ParseSubmit(r.Body)
		}
		if a, err := ParseAnswer(b); err == nil {
			_ = a.Err()
			_, _ = ParseStat(a.Body)
			if n, err := ParseResult(a.Body); err == nil && n < 0 {
				t.Fatal("negative")
			}
			_ = ClosesAny(a.Body)
		}
	})
}
