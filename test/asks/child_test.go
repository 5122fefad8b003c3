// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// A test that needs a process of its own starts the test program again, in one of
// these roles. A role ends when its standard input does, if not before.
const (
	roleEnv = "ACCELIO_ASKS_ROLE"
	argEnv  = "ACCELIO_ASKS_ARG"
)

var roles = map[string]func(arg string) error{
	"serve":     serveRole,
	"exchange":  exchangeRole,
	"hold":      holdRole,
	"keepalive": keepaliveRole,
	"reconnect": reconnectRole,
}

func play(role, arg string) int {
	err := fmt.Errorf("no role %q", role)
	if f := roles[role]; f != nil {
		err = f(arg)
	}
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// quietly is how the roles log: what the library warns of on standard error.
var quietly = xio.LibraryOptions{LogLevel: xio.LogWarn}

// serveRole is an echo server. It never answers a request with the header "hold".
func serveRole(string) error {
	if err := xio.Init(quietly); err != nil {
		return err
	}
	s, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(r *xio.Request) {
		if string(r.Header()) == "hold" {
			r.Detach()
			fmt.Println("held")
			return
		}
		echo(r)
	}))
	if err != nil {
		return err
	}
	fmt.Println("uri", s.URI())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

// exchangeRole is a client that ends as it should.
func exchangeRole(uri string) error {
	if err := xio.Init(quietly); err != nil {
		return err
	}
	c, err := xio.Dial(context.Background(), uri)
	if err != nil {
		return err
	}
	for _, n := range []int{0, 32, 9088, 1 << 20} {
		if err := askEcho(c, pattern(n, n)); err != nil {
			return err
		}
	}
	return c.Close()
}

// holdRole is a client that says it is connected and does nothing.
func holdRole(uri string) error {
	c, err := xio.Dial(context.Background(), uri)
	if err != nil {
		return err
	}
	fmt.Println("up")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return c.Close()
}

// child is a running role.
type child struct {
	t      testing.TB
	role   string
	cmd    *exec.Cmd
	stdin  io.Closer
	lines  chan string // its standard output, closed at its end
	stderr bytes.Buffer
	waited bool
}

func start(t testing.TB, role, arg string) *child {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	c := &child{t: t, role: role, cmd: exec.Command(exe), lines: make(chan string, 1000)}
	c.cmd.Env = append(os.Environ(), roleEnv+"="+role, argEnv+"="+arg)
	c.cmd.Stderr = &c.stderr
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	t.Cleanup(c.kill)
	return c
}

// expect waits for a line that begins with a word, and returns the rest of it.
func (c *child) expect(word string) string {
	c.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				c.t.Fatalf("%s ended before it said %q", c.role, word)
			}
			if rest, found := strings.CutPrefix(line, word); found {
				return strings.TrimSpace(rest)
			}
			if strings.HasPrefix(line, "failed:") {
				c.t.Fatalf("%s: %s", c.role, line)
			}
		case <-late:
			c.t.Fatalf("%s never said %q", c.role, word)
		}
	}
}

// end lets the role end, and returns what it wrote to standard error.
func (c *child) end() string {
	c.t.Helper()
	c.stdin.Close()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if ok {
				require.False(c.t, strings.HasPrefix(line, "failed:"), "%s: %s", c.role, line)
				continue
			}
			c.waited = true
			require.NoError(c.t, c.cmd.Wait(), "%s: %s", c.role, &c.stderr)
			return c.stderr.String()
		case <-late:
			c.t.Fatalf("%s does not end", c.role)
		}
	}
}

// freeze stops a role, all of it, without its connections' notice.
func (c *child) freeze() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGSTOP))
	threads := fmt.Sprintf("/proc/%d/task/*/stat", c.cmd.Process.Pid)
	eventually(c.t, c.role+" frozen", func() bool {
		stats, err := filepath.Glob(threads)
		require.NoError(c.t, err)
		for _, name := range stats {
			stat, err := os.ReadFile(name)
			// The state follows the name, which is in parentheses.
			if err == nil && !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T")) {
				return false
			}
		}
		return len(stats) > 0
	})
}

// kill ends a role that has not ended, frozen or not.
func (c *child) kill() {
	if c.waited {
		return
	}
	c.waited = true
	_ = c.cmd.Process.Kill()
	for range c.lines {
	}
	_ = c.cmd.Wait()
}
