// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/examples/internal/built"
	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/xio"
)

// builder builds the programs once, and only if a test needs them.
type builder struct {
	once sync.Once
	dir  string
	err  error
}

var programs builder

func (b *builder) remove() { os.RemoveAll(b.dir) }

func (b *builder) path(t *testing.T, program string) string {
	t.Helper()
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "raio"); b.err != nil {
			return
		}
		args := append([]string{"build", "-o", b.dir}, built.Flags()...)
		out, err := exec.Command("go", append(args, "./raio_server", "./raio_cp")...).CombinedOutput()
		if err != nil {
			b.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	require.NoError(t, b.err)
	return filepath.Join(b.dir, program)
}

// process is a running program. Its output is complete when wait has returned.
type process struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
	uri      string
	read     chan struct{}
}

func launch(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	t.Cleanup(cancel)
	p := &process{cmd: exec.CommandContext(ctx, name, args...), read: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.err
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	uri := make(chan string, 1)
	go func() {
		defer close(p.read)
		for sc := bufio.NewScanner(stdout); sc.Scan(); {
			p.out.WriteString(sc.Text() + "\n")
			if u, ok := strings.CutPrefix(sc.Text(), "listen to "); ok {
				uri <- u
			}
		}
	}()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			p.wait()
		}
	})
	if strings.HasSuffix(name, "raio_server") && len(env) == 0 {
		select {
		case p.uri = <-uri:
		case <-p.read:
			t.Fatalf("the server does not listen: %d %s", p.wait(), p.err.String())
		}
	}
	return p
}

func (p *process) wait() (code int) {
	<-p.read
	_ = p.cmd.Wait() // the code tells
	return p.cmd.ProcessState.ExitCode()
}

func startServer(t *testing.T, root string, args ...string) *process {
	t.Helper()
	return launch(t, nil, programs.path(t, "raio_server"), append([]string{"-p", "0", "-root", root}, args...)...)
}

func (p *process) port() string { return p.uri[strings.LastIndexByte(p.uri, ':')+1:] }

// amount is how large the files are that are copied.
func amount() int64 {
	switch {
	case os.Getenv("ACCELIO_LONG") != "":
		return 1 << 30
	case testing.Short():
		return 4 << 20
	}
	return 32 << 20
}

// bigFile makes a file with random content and an odd end.
func bigFile(t *testing.T, name string) (sum [32]byte) {
	t.Helper()
	f, err := os.Create(name)
	require.NoError(t, err)
	h := sha256.New()
	rnd, err := os.Open("/dev/urandom")
	require.NoError(t, err)
	defer rnd.Close()
	_, err = io.CopyN(io.MultiWriter(f, h), rnd, amount()+4321)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return [32]byte(h.Sum(nil))
}

func requireSum(t *testing.T, want [32]byte, name string) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	require.Equal(t, want, [32]byte(h.Sum(nil)), "%s differs", name)
}

func cp(t *testing.T, args ...string) string {
	t.Helper()
	p := launch(t, nil, programs.path(t, "raio_cp"), args...)
	require.Zero(t, p.wait(), p.err.String())
	require.Empty(t, p.err.String())
	return p.out.String()
}

func TestCopy(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	sum := bigFile(t, filepath.Join(root, "big"))
	s := startServer(t, root, "-rw", "-f", "-n", "2")
	local := filepath.Join(dir, "copy")
	out := cp(t, s.uri+"/big", local)
	require.Regexp(t, fmt.Sprintf(`copied %d bytes in .* MB/s, CRC32C [0-9a-f]{8}: verified\n$`, amount()+4321), out)
	requireSum(t, sum, local)
	require.NoFileExists(t, local+".part")
	require.Zero(t, s.wait(), s.err.String())
	require.Contains(t, s.out.String(), "session event: connection teardown")

	s = startServer(t, root, "-rw", "-f")
	cp(t, "-b", "100000", "-depth", "7", local, s.uri+"/back")
	requireSum(t, sum, filepath.Join(root, "back"))
	require.Zero(t, s.wait())
}

func TestCopyFails(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	random(t, root, "file", 100_000)
	random(t, dir, "local", 10)
	s := startServer(t, root)
	local := filepath.Join(dir, "copy")
	for _, c := range []struct {
		args     []string
		code     int
		contains string
	}{
		{[]string{s.uri + "/nosuch", local}, 1, "no such file or directory"},
		{[]string{s.uri + "/../etc/passwd", local}, 1, "cross-device"},
		{[]string{s.uri + "//etc/passwd", local}, 1, "cross-device"},
		{[]string{filepath.Join(dir, "local"), s.uri + "/new"}, 1, "read-only file system"},
		{[]string{filepath.Join(dir, "none"), s.uri + "/new"}, 1, "no such file"},
		{[]string{s.uri + "/file", filepath.Join(dir, "none", "copy")}, 1, "no such file"},
		{[]string{"tcp://127.0.0.1:" + closedPort(t) + "/file", local}, 1, "refused"},
		{[]string{s.uri, local}, 2, "no path"},
		{[]string{dir, local}, 2, "must be remote"},
		{[]string{s.uri + "/a", s.uri + "/b"}, 2, "must be remote"},
		{[]string{s.uri + "/a"}, 2, "missing"},
		{[]string{"-depth", "0", s.uri + "/a", local}, 2, "in flight"},
		{[]string{"-b", "0", s.uri + "/a", local}, 2, "block size"},
	} {
		p := launch(t, nil, programs.path(t, "raio_cp"), c.args...)
		require.Equal(t, c.code, p.wait(), "%v: %s", c.args, p.err.String())
		require.Contains(t, p.err.String(), c.contains)
		require.Equal(t, 1, strings.Count(p.err.String(), "\n"), p.err.String())
		require.Empty(t, p.out.String())
		require.NoFileExists(t, local)
		require.NoFileExists(t, local+".part")
	}
	for line, contains := range map[string]string{
		"-p 0":                       "-root is missing",
		"-root . -p -1":              "port",
		"-root . -c what":            "cpumask",
		"-root . -n 0":               "threads",
		"-root /nonexistent -p 0":    "no such file",
		"-root . -t udp":             "transport",
		"-root . -workers -1":        "workers",
		"-root . -p 0 -a 192.0.2.77": "listen",
	} {
		p := &process{cmd: exec.Command(programs.path(t, "raio_server"), strings.Fields(line)...)}
		out, err := p.cmd.CombinedOutput()
		require.Error(t, err, line)
		require.Contains(t, string(out), contains)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// The server dies in the middle of a copy: the error says so, and there is no file
// that could be taken for the whole.
func TestCopyServerKilled(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	// Large enough not to be over at once; a sparse file costs nothing.
	require.NoError(t, os.Truncate(touch(t, filepath.Join(root, "big")), 64<<30))
	for _, up := range []bool{false, true} {
		t.Run(fmt.Sprintf("up=%v", up), func(t *testing.T) {
			s := startServer(t, root, "-rw")
			local := filepath.Join(dir, "copy")
			args := []string{"-b", "65536", s.uri + "/big", local}
			grows := local + ".part"
			if up {
				args = []string{"-b", "65536", filepath.Join(root, "big"), s.uri + "/new"}
				grows = filepath.Join(root, "new")
			}
			p := launch(t, nil, programs.path(t, "raio_cp"), args...)
			require.Eventually(t, func() bool {
				st, err := os.Stat(grows)
				return err == nil && st.Size() > 1<<20
			}, patience, 1e6, "nothing is copied")
			require.NoError(t, s.cmd.Process.Kill())
			require.Equal(t, 1, p.wait())
			require.Equal(t, 1, strings.Count(p.err.String(), "\n"), p.err.String())
			require.Contains(t, p.err.String(), "XIO_E_SESSION_DISCONNECTED")
			require.Empty(t, p.out.String(), "it speaks of success")
			require.NoFileExists(t, local)
			require.NoFileExists(t, local+".part")
			if up {
				require.Contains(t, p.err.String(), "is not complete")
			}
		})
	}
}

// Operations in flight when the server dies each end with an error, once.
func TestServerKilled(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Truncate(touch(t, filepath.Join(root, "big")), 1<<30))
	s := startServer(t, root)
	c := dial(t, s.uri, raio.Options{Depth: 64})
	f := open(t, c, "big", os.O_RDONLY)
	var left sync.WaitGroup
	var mu sync.Mutex
	var first error
	reads := 0
	killed := make(chan struct{})
	left.Add(64)
	for i := range 64 {
		o := &raio.Op{File: f, Buf: make([]byte, 4096), Off: int64(i) * 4096}
		o.Done = func(o *raio.Op) {
			mu.Lock()
			defer mu.Unlock()
			err := o.Err
			if err == nil {
				if reads++; reads == 1000 {
					close(killed)
				}
				_, err = c.TrySubmit(o)
			}
			if err != nil {
				if first == nil {
					first = err
				}
				left.Done()
			}
		}
		_, err := c.Submit(testContext(t), o)
		require.NoError(t, err)
	}
	<-killed
	require.NoError(t, s.cmd.Process.Kill())
	left.Wait()
	require.ErrorIs(t, first, xio.ErrSessionDisconnected)
	n, err := f.ReadAt(make([]byte, 10), 0)
	require.Zero(t, n)
	require.ErrorIs(t, err, xio.ErrSessionDisconnected)
	require.NoError(t, f.Close())
}

// A signal ends the server in good order.
func TestServerSignal(t *testing.T) {
	root := t.TempDir()
	random(t, root, "file", 100)
	s := startServer(t, root)
	c := dial(t, s.uri, raio.Options{})
	f := open(t, c, "file", os.O_RDONLY)
	_, err := f.ReadAt(make([]byte, 100), 0)
	require.NoError(t, err)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.Zero(t, s.wait())
	require.Contains(t, s.out.String(), "requests: 3, 0 of them failed; 100 bytes read, 0 bytes written")
	<-c.Done()
	require.ErrorIs(t, c.Err(), xio.ErrSessionClosed)
}

func touch(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(name, nil, 0o644))
	return name
}
