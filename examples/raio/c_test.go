// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/examples/internal/ports"
	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/internal/wire"
)

// prefix is where a real libxio with R-AIO is installed: bin/raio_server,
// bin/raio_client, include/libraio.h and lib below it.
func prefix(t *testing.T) string {
	t.Helper()
	p := os.Getenv("ACCELIO_PREFIX")
	if p == "" {
		t.Skip("not run: ACCELIO_PREFIX names no installation of libxio with R-AIO")
	}
	return p
}

func installed(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(prefix(t), name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("not run: ", err)
	}
	return path
}

func libraryPath(t *testing.T) []string {
	return []string{"LD_LIBRARY_PATH=" + filepath.Join(prefix(t), "lib")}
}

// libraioClient builds the client on C's libraio.
func libraioClient(t *testing.T) string {
	t.Helper()
	installed(t, "include/libraio.h")
	lib := filepath.Join(prefix(t), "lib")
	bin := filepath.Join(t.TempDir(), "libraio_client")
	out, err := exec.Command("cc", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-D_GNU_SOURCE", "-D_LARGEFILE64_SOURCE",
		"-isystem", filepath.Join(prefix(t), "include"), "-o", bin, "testdata/libraio_client.c",
		"-L"+lib, "-Wl,-rpath,"+lib, "-lraio", "-lxio", "-lpthread", "-ldl", "-lrt").CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

// cServer starts the C server on a free port. It says nothing when it is ready, and
// crashes when a client comes before that, so the kernel is asked for its listener
// and those of its six threads, on the ports behind.
func cServer(t *testing.T) (uri string) {
	t.Helper()
	program := installed(t, "bin/raio_server")
	port := ports.Free(t, 7)
	launch(t, libraryPath(t), program, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "-t", "tcp", "-c", "0x1")
	require.Eventually(t, func() bool {
		b, err := os.ReadFile("/proc/net/tcp")
		require.NoError(t, err)
		ready := map[string]bool{}
		for line := range strings.Lines(string(b)) {
			if w := strings.Fields(line); len(w) > 3 && w[3] == "0A" { // listens
				ready[w[1]] = true
			}
		}
		for i := range 7 {
			if !ready[fmt.Sprintf("0100007F:%04X", port+i)] {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond, "the C server does not listen")
	return "tcp://127.0.0.1:" + strconv.Itoa(port)
}

// Our client and the C server: the file comes and goes unchanged. After one client
// the C server often crashes at the next, in C or Go, so each has a server of its own.
func TestCServer(t *testing.T) {
	dir := t.TempDir()
	sum := bigFile(t, filepath.Join(dir, "big"))
	uri := cServer(t)
	if wire.MisplacesAligned() { // this program has not called raio.Init
		_, err := raio.Dial(testContext(t), uri, raio.Options{Depth: 1})
		require.ErrorIs(t, err, raio.ErrAlignment)
	}
	local := filepath.Join(dir, "local")
	cp(t, cServer(t)+"/"+filepath.Join(dir, "big"), local)
	requireSum(t, sum, local)

	// A C server makes files with arbitrary permissions, so there is one.
	remote := touch(t, filepath.Join(dir, "remote"))
	cp(t, local, cServer(t)+"/"+remote)
	requireSum(t, sum, remote)

	// Small blocks, which C programs align.
	small := random(t, dir, "small", 100_005)
	for _, block := range []string{"512", "8192"} {
		require.NoError(t, os.RemoveAll(local))
		cp(t, "-b", block, cServer(t)+"/"+filepath.Join(dir, "small"), local)
		got, err := os.ReadFile(local)
		require.NoError(t, err)
		require.True(t, bytes.Equal(small, got), "%s bytes read at a time", block)
		cp(t, "-b", block, local, cServer(t)+"/"+touch(t, remote))
		got, err = os.ReadFile(remote)
		require.NoError(t, err)
		require.True(t, bytes.Equal(small, got), "%s bytes written at a time", block)
	}

	// A server is still there after a client of ours, as it never is when files are
	// closed before the operations are taken back. Now and then it crashes all the same.
	for range 5 {
		uri = cServer(t)
		cp(t, uri+"/"+filepath.Join(dir, "small"), filepath.Join(dir, "again"))
		p := launch(t, nil, programs.path(t, "raio_cp"), uri+"/"+filepath.Join(dir, "none"), local+"2")
		require.Equal(t, 1, p.wait())
		if strings.Contains(p.err.String(), "no such file") {
			return
		}
		require.Contains(t, p.err.String(), "refused")
	}
	require.Fail(t, "no C server outlives a client")
}

// The C library's client and our server, both ways, and its errors.
func TestCClient(t *testing.T) {
	bin := libraioClient(t)
	root, dir := t.TempDir(), t.TempDir()
	sum := bigFile(t, filepath.Join(root, "big"))
	s := startServer(t, root, "-rw")
	run := func(args ...string) *process {
		t.Helper()
		p := launch(t, libraryPath(t), bin, args...)
		require.Zero(t, p.wait(), p.err.String())
		return p
	}
	local := filepath.Join(dir, "local")
	run("get", "127.0.0.1", s.port(), "big", local, "524288", "16")
	requireSum(t, sum, local)
	remote := touch(t, filepath.Join(root, "back"))
	touch(t, filepath.Join(root, "small"))
	run("put", "127.0.0.1", s.port(), "back", local, "100000", "7")
	requireSum(t, sum, remote)
	odd := random(t, dir, "small", 300_005)
	small := launch(t, libraryPath(t), bin, "put", "127.0.0.1", s.port(), "small", filepath.Join(dir, "small"), "4096", "7")
	if code := small.wait(); wire.MisplacesAligned() {
		require.Equal(t, 1, code)
		require.Contains(t, small.err.String(), "Operation not supported")
	} else {
		require.Zero(t, code, small.err.String())
		got, err := os.ReadFile(filepath.Join(root, "small"))
		require.NoError(t, err)
		require.Equal(t, odd, got)
	}
	for line, says := range map[string]string{
		"big 0":           "ok",
		"none 0":          "No such file or directory",
		"/etc/passwd 0":   "Invalid cross-device link",
		"../back 0":       "Invalid cross-device link",
		"big 02000":       "Invalid argument",
		"new 0102":        "ok",
		"/dev/null 0":     "ok",
		"big/something 0": "Not a directory",
	} {
		p := run(append([]string{"open", "127.0.0.1", s.port()}, strings.Fields(line)...)...)
		require.Equal(t, "open: "+says+"\n", p.out.String(), line)
	}
	require.NoError(t, os.Truncate(remote, 0))
	fails := launch(t, libraryPath(t), bin, "put", "127.0.0.1", startServer(t, root).port(), "back", local, "524288", "1")
	require.Equal(t, 1, fails.wait())
	require.Contains(t, fails.err.String(), "raio_open: Read-only file system")
	p := run("bench", "127.0.0.1", s.port(), "big", "4096", "32", "0.1")
	require.Regexp(t, `^iops [1-9]`, p.out.String())
}

// Accelio's own client, as it is, with our server.
func TestCProgram(t *testing.T) {
	program := installed(t, "bin/raio_client")
	root := t.TempDir()
	random(t, root, "file", 1<<20+5)
	s := startServer(t, root, "-f")
	p := launch(t, libraryPath(t), program, "-a", "127.0.0.1", "-p", s.port(), "-t", "tcp", "-f", "file", "-b", "4096", "-l", "3")
	require.Zero(t, p.wait(), p.err.String())
	require.Contains(t, p.out.String(), "reading completed")
	require.Contains(t, p.out.String(), "good bye")
	require.Zero(t, s.wait())
	require.Contains(t, s.out.String(), fmt.Sprintf(" 0 of them failed; %d bytes read", 3*(1<<20+5)))
}
