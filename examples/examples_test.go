// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/examples/internal/built"
)

// patience bounds every wait; it is for a slow machine, not for a normal run.
const patience = 2 * time.Minute

var bin string // folder with the programs

func TestMain(m *testing.M) {
	end := func(code int) {
		os.RemoveAll(bin)
		os.Exit(code)
	}
	if err := build(); err != nil {
		fmt.Println(err)
		end(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(end))
}

// build makes the programs.
func build() (err error) {
	if bin, err = os.MkdirTemp("", "examples"); err != nil {
		return err
	}
	args := append([]string{"build", "-o", bin}, built.Flags()...)
	out, err := exec.Command("go", append(args, "./...")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the examples: %w\n%s", err, out)
	}
	return nil
}

func command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	if !filepath.IsAbs(program) {
		program = filepath.Join(bin, program)
	}
	return exec.CommandContext(ctx, program, args...)
}

// finished is what a program left.
type finished struct {
	out, err string
	code     int
}

func start(t *testing.T, cmd *exec.Cmd) (wait func() finished) {
	t.Helper()
	var out, errOut bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &errOut
	require.NoError(t, cmd.Start())
	return func() finished {
		_ = cmd.Wait() // the code tells
		return finished{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
	}
}

func runProgram(t *testing.T, program string, args ...string) finished {
	t.Helper()
	return start(t, command(t, program, args...))()
}

// client runs xio_client with -json and expects success.
func client(t *testing.T, args ...string) clientResults {
	t.Helper()
	f := runProgram(t, "xio_client", append(args, "-json")...)
	require.Zero(t, f.code, f.err)
	require.Empty(t, f.err)
	return parseClient(t, f.out)
}

type clientResults struct {
	Engine       struct{ Provider, Version, Linkage string }
	Requests     uint64
	Verified     uint64
	ServerEchoes *bool   `json:"server_echoes"`
	BytesOut     uint64  `json:"bytes_out"`
	BytesIn      uint64  `json:"bytes_in"`
	Rate         float64 `json:"requests_per_second"`
	Latency      struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
		Max float64 `json:"max"`
	} `json:"latency_us"`
	Interrupted bool
	File        struct {
		BytesRead uint64 `json:"bytes_read"`
		CRCRead   string `json:"crc32c_read"`
		BytesEcho uint64 `json:"bytes_echoed"`
		CRCEcho   string `json:"crc32c_echoed"`
		Identical bool
	}
}

func parseClient(t *testing.T, out string) (r clientResults) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(out))
	require.NoError(t, d.Decode(&r), out)
	require.ErrorIs(t, d.Decode(new(any)), io.EOF, "more than one JSON value: %s", out)
	return r
}

// serverProcess is a running server.
type serverProcess struct {
	uri, host, port string

	cmd   *exec.Cmd
	wait  func() finished
	mu    sync.Mutex
	lines bytes.Buffer
	read  chan struct{} // closed at the end of its output

	listens chan string // the URIs it listens to, one after the other
}

// startServer starts xio_server on a free port and waits until it listens.
func startServer(t *testing.T, args ...string) *serverProcess {
	t.Helper()
	return startProgram(t, "xio_server", append([]string{"-port", "0"}, args...)...)
}

// startProgram starts a server program and waits until it listens.
func startProgram(t *testing.T, program string, args ...string) *serverProcess {
	t.Helper()
	s := launch(t, program, args...)
	select {
	case u := <-s.listens:
		s.uri = u
		s.port = u[strings.LastIndexByte(u, ':')+1:]
	case <-s.read:
		t.Fatalf("the server does not listen: %+v", s.end())
	}
	return s
}

// launch starts a program and reads what it prints.
func launch(t *testing.T, program string, args ...string) *serverProcess {
	t.Helper()
	s := &serverProcess{host: "127.0.0.1", read: make(chan struct{}), listens: make(chan string, 16)}
	s.cmd = command(t, program, args...)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	s.cmd.Stdout = w
	s.wait = start(t, s.cmd)
	w.Close()
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			s.wait()
		}
		<-s.read
		r.Close()
	})
	go func() {
		defer close(s.read)
		for sc := bufio.NewScanner(r); sc.Scan(); {
			s.mu.Lock()
			s.lines.WriteString(sc.Text() + "\n")
			s.mu.Unlock()
			var j struct{ Event, URI string }
			if u, ok := strings.CutPrefix(sc.Text(), "listen to "); ok {
				s.listens <- u
			} else if json.Unmarshal(sc.Bytes(), &j) == nil && j.Event == "listen" {
				s.listens <- j.URI
			}
		}
	}()
	return s
}

// end waits for the server's end and returns all it printed.
func (s *serverProcess) end() finished {
	<-s.read
	f := s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	f.out = s.lines.String()
	return f
}

// oneLine says that a failure was reported as it should be.
func oneLine(t *testing.T, f finished, code int, program, contains string) {
	t.Helper()
	require.Equal(t, code, f.code, "%+v", f)
	require.Equal(t, 1, strings.Count(f.err, "\n"), "not one line: %q", f.err)
	require.True(t, strings.HasPrefix(f.err, program+": "), f.err)
	require.Contains(t, f.err, contains)
}
