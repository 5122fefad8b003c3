// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// peer is a running peer program.
type peer struct {
	t     *testing.T
	kind  peerKind
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // the process is gone and all its lines are here

	mu     sync.Mutex
	lines  []string
	news   chan struct{} // closed and replaced with every line
	stderr bytes.Buffer
	err    error // of the process's end
}

// start runs the peer program as "server" or "client". Its end is awaited, or
// enforced, before the test ends.
func (k peerKind) start(t *testing.T, role string, args ...any) *peer {
	t.Helper()
	words := []string{role, fmt.Sprintf("limit=%d", int(10*patience/time.Second))}
	for _, a := range args {
		switch a := a.(type) {
		case []string:
			words = append(words, a...)
		default:
			words = append(words, fmt.Sprint(a))
		}
	}
	p := &peer{t: t, kind: k, ended: make(chan struct{}), news: make(chan struct{})}
	p.cmd = exec.Command(k.Program, words...)
	// A probe of an earlier time must not change what the library logs.
	p.cmd.Env = append(os.Environ(), "XIO_TRACE=")
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = &p.stderr
	keepDescriptors(t)
	require.NoError(t, p.cmd.Start())
	go p.read(stdout)
	t.Cleanup(p.cleanup)
	return p
}

// keepDescriptors marks all descriptors close-on-exec: an installed libxio does
// not, and a peer that holds our sockets would keep them open after our close.
func keepDescriptors(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

func (p *peer) read(stdout io.Reader) {
	for s := bufio.NewScanner(stdout); s.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, s.Text())
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.ended)
}

// cleanup ends a peer that a failed test left, and tells what it said.
func (p *peer) cleanup() {
	select {
	case <-p.ended:
	default:
		p.kill()
	}
	if p.t.Failed() {
		p.t.Logf("%s\n%s\nstandard error:\n%s", p.cmd, strings.Join(p.lines, "\n"), p.stderr.String())
	}
}

// kill ends the peer as if it had crashed.
func (p *peer) kill() {
	_ = p.cmd.Process.Kill() // gone already is as good
	<-p.ended
}

// tell gives the peer a command.
func (p *peer) tell(command string) {
	p.t.Helper()
	require.NoError(p.t, p.write(command))
}

func (p *peer) write(command string) error {
	_, err := io.WriteString(p.stdin, command+"\n")
	return err
}

// find returns what follows the prefix in the first line that has it.
func (p *peer) find(prefix string) (string, bool, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines {
		if rest, ok := strings.CutPrefix(l, prefix); ok {
			return strings.TrimSpace(rest), true, nil
		}
	}
	return "", false, p.news
}

// expect waits for a line with the prefix and returns what follows it.
func (p *peer) expect(prefix string) string {
	p.t.Helper()
	return p.expectWithin(prefix, patience)
}

func (p *peer) expectWithin(prefix string, limit time.Duration) string {
	p.t.Helper()
	deadline := time.After(limit)
	ended := p.ended
	for {
		rest, ok, news := p.find(prefix)
		if ok {
			return rest
		}
		if ended == nil {
			p.t.Fatalf("the peer ended without %q", prefix)
		}
		select {
		case <-news:
		case <-ended:
			ended = nil
		case <-deadline:
			p.stalled()
			p.t.Fatalf("the peer never said %q", prefix)
		}
	}
}

// stalled shows the sockets of a peer that does not go on.
func (p *peer) stalled() {
	if out, err := exec.Command("ss", "-tnpi").CombinedOutput(); err == nil {
		p.t.Logf("sockets:\n%s", out)
	}
}

// uri is where a peer server listens.
func (p *peer) uri() string {
	p.t.Helper()
	return "tcp://127.0.0.1:" + p.expect("listening ")
}

// report is what the peer counted.
type report map[string]uint64

// end waits for the peer's own end, which must be a clean one.
func (p *peer) end() report {
	p.t.Helper()
	r := p.endAnyhow()
	require.NoError(p.t, p.err, "the peer's exit status")
	// Another library logs harmless things at ERROR level, above all when it
	// cleans up a single stream. Ours must have nothing to complain about.
	if p.kind.ours() {
		require.Empty(p.t, p.stderr.String(), "the peer's standard error")
	}
	return r
}

// endAnyhow waits for the peer's own end, whatever it found wrong.
func (p *peer) endAnyhow() report {
	p.t.Helper()
	text := p.expect("done ")
	awaitClosed(p.t, "the peer's end", p.ended)
	r := make(report)
	for _, field := range strings.Fields(text) {
		key, value, _ := strings.Cut(field, "=")
		n, err := strconv.ParseUint(value, 10, 64)
		require.NoError(p.t, err)
		r[key] = n
	}
	return r
}

// said tells whether a line with the prefix has come so far.
func (p *peer) said(prefix string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.lines, func(l string) bool { return strings.HasPrefix(l, prefix) })
}

// port is the port number of a URI, as an argument of a peer client.
func port(uri string) string { return "port=" + uri[strings.LastIndexByte(uri, ':')+1:] }
