// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// number is the first number behind a text in a program's output.
func number(t *testing.T, out, pattern string) uint64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(out)
	require.NotNil(t, m, "no %q in %s", pattern, out)
	n, err := strconv.ParseUint(m[1], 10, 64)
	require.NoError(t, err)
	return n
}

// ended waits for a server that ends because its client has left.
func (s *serverProcess) ended(t *testing.T) string {
	t.Helper()
	f := s.end()
	require.Zero(t, f.code, f.err)
	require.Empty(t, f.err)
	require.Contains(t, f.out, "exit signaled")
	return f.out
}

func succeeds(t *testing.T, program string, args ...string) string {
	t.Helper()
	f := runProgram(t, program, args...)
	require.Zero(t, f.code, "%s%s", f.out, f.err)
	require.Empty(t, f.err)
	return f.out
}

func TestThreads(t *testing.T) {
	s := startProgram(t, "xio_mt_server", "127.0.0.1", "0", "tcp", "1")
	out := succeeds(t, "xio_mt_client", s.host, s.port, "tcp", "-n", "2000", "-size", "100")
	require.Contains(t, out, "requests: 8000 in ")
	require.Equal(t, 4, strings.Count(out, "thread exit"))
	out = s.ended(t)
	require.EqualValues(t, 8000, number(t, out, `(?m)^requests: (\d+)$`))
	// One connection each, and none of the threads was idle.
	for i := range 4 {
		require.EqualValues(t, 2000, number(t, out, fmt.Sprintf(`thread \[%d\] - (\d+) requests, 0 not answered`, i+1)))
	}
}

func TestThreadsEndTogether(t *testing.T) {
	s := startProgram(t, "xio_mt_server", "127.0.0.1", "0", "tcp", "-n", "5000")
	oneLine(t, runProgram(t, "xio_mt_client", s.host, s.port), 1, "xio_mt_client", "answers: ")
	s.ended(t)
}

func TestScatterLists(t *testing.T) {
	s := startProgram(t, "xio_iov_server", "127.0.0.1", "0", "tcp", "1")
	out := succeeds(t, "xio_iov_client", s.host, s.port, "tcp", "-n", "1500")
	require.Contains(t, out, "message header : [1000] - hello world response header")
	require.Contains(t, out, fmt.Sprintf(", %d bytes in ", 1500*261120))
	require.Contains(t, out, "good bye")
	out = s.ended(t)
	require.Contains(t, out, fmt.Sprintf("requests: 1500, %d bytes in ", 1500*261120))
	require.Contains(t, out, "0 unlike the C program's, 0 not answered")
}

// An answer that the client has no room for ends the run, with a reason.
func TestScatterListTooLarge(t *testing.T) {
	s := startProgram(t, "xio_iov_server", "127.0.0.1", "0")
	oneLine(t, runProgram(t, "xio_iov_client", s.host, s.port, "-n", "10", "-pieces", "1"), 1, "xio_iov_client", "does not fit")
}

func TestOneWay(t *testing.T) {
	for _, receipt := range []bool{false, true} {
		t.Run(fmt.Sprintf("receipt=%v", receipt), func(t *testing.T) {
			s := startProgram(t, "xio_ow_server", "-p", "0", "-f", "1")
			args := []string{"-p", s.port, "-r", "tcp", "-n", "40", "-w", "9000", "-count", "20000", s.host}
			if receipt {
				args = append(args, "-receipt")
			}
			out := succeeds(t, "xio_ow_client", args...)
			require.Contains(t, out, " Header Length\t\t: 40\n Data Length\t\t: 9000\n")
			require.Contains(t, out, "nsent:20000, ncomp:20000, delta:0")
			require.Contains(t, s.ended(t), "last recv:20000\n")
		})
	}
}

func TestOneWayBothWays(t *testing.T) {
	s := startProgram(t, "xio_ow_server", "--port=0", "--finite-run=1", "-both")
	out := succeeds(t, "xio_ow_client", "--port="+s.port, "--data-len=64", "-count", "20000", "-receipt")
	require.Contains(t, out, "nsent:20000, ncomp:20000, delta:0")
	got := number(t, out, `last recv:(\d+)`)
	require.LessOrEqual(t, got, uint64(20000))
	out = s.ended(t)
	require.Contains(t, out, "last recv:20000\n")
	// What the client's library has acknowledged its application has seen.
	require.LessOrEqual(t, number(t, out, `ncomp:(\d+)`), got)
	require.LessOrEqual(t, got, number(t, out, `nsent:(\d+)`)+number(t, out, `failed:(\d+)`))
}

func TestBothWays(t *testing.T) {
	s := startProgram(t, "xio_bidi_server", "-p", "0", "-w", "5000", "-f", "1")
	out := succeeds(t, "xio_bidi_client", "-p", s.port, "-w", "5000", "-count", "20000")
	require.Contains(t, out, "requests: 20000 sent, 20000 answered; ")
	served := number(t, out, `(\d+) served, 0 of them not answered`)
	require.NotZero(t, served)
	out = s.ended(t)
	require.EqualValues(t, 20000, number(t, out, `(\d+) served, 0 of them not answered`))
	require.LessOrEqual(t, number(t, out, `sent, (\d+) answered`), served)
}

func TestLatency(t *testing.T) {
	for _, drive := range []string{"auto", "park"} {
		s := startProgram(t, "xio_lat_server", "-p", "0", "-f", "1", "-drive", drive)
		out := succeeds(t, "xio_lat_client", "-p", s.port, "-count", "2000", "-drive", drive)
		require.Contains(t, out, "requests: 2000\nlatency: p50 ")
		require.Regexp(t, `transactions per second: [1-9]\d*, lat: [\d.]+ us, .*length: TX: 64 B, RX: 64 B`, out)
		require.EqualValues(t, 2000, number(t, s.ended(t), `(\d+) served`))
	}
}

func TestOwnLoop(t *testing.T) {
	s := startServer(t, "127.0.0.1", "0", "tcp", "1")
	out := succeeds(t, "xio_loop_client", s.host, s.port, "tcp", "-n", "30000", "-tick", "1ms")
	require.EqualValues(t, 30000, number(t, out, `requests: (\d+), timer`))
	ticks := number(t, out, `timer: (\d+)`)
	require.NotZero(t, ticks, "the timer had no turn")
	require.EqualValues(t, ticks, strings.Count(out, "timeout_cb called"))
	require.True(t, strings.HasSuffix(out, "good bye\n"), out)
	require.Contains(t, s.ended(t), "requests: 30000 answered, 0 failed")
}

// The loop ends when its server does.
func TestOwnLoopServerEnds(t *testing.T) {
	s := startServer(t, "-n", "5000")
	oneLine(t, runProgram(t, "xio_loop_client", s.host, s.port), 1, "xio_loop_client", "answers: ")
	require.Zero(t, s.end().code)
}

// A signal ends a client in good order, and then its server.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		server, client []string
		says           string
		connections    int
	}{
		{[]string{"xio_mt_server", "-port", "0"}, []string{"xio_mt_client", "-port"}, "verified", 4},
		{[]string{"xio_iov_server", "-port", "0"}, []string{"xio_iov_client", "-port"}, "good bye", 1},
		{[]string{"xio_ow_server", "-p", "0"}, []string{"xio_ow_client", "-p"}, "delta:0", 1},
		{[]string{"xio_bidi_server", "-p", "0"}, []string{"xio_bidi_client", "-p"}, "exit complete", 1},
		{[]string{"xio_lat_server", "-p", "0"}, []string{"xio_lat_client", "-p"}, "latency: ", 1},
		{[]string{"xio_server", "-port", "0"}, []string{"xio_loop_client", "-port"}, "good bye", 1},
	} {
		t.Run(c.client[0], func(t *testing.T) {
			s := startProgram(t, c.server[0], c.server[1:]...)
			client := launch(t, c.client[0], append(c.client[1:], s.port)...)
			client.saidTimes(t, "connection established", c.connections)
			require.NoError(t, client.cmd.Process.Signal(syscall.SIGINT))
			f := client.end()
			require.Zero(t, f.code, "%+v", f)
			require.Empty(t, f.err)
			require.Contains(t, f.out, c.says)
			s.said(t, "session event: connection teardown")
			require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
			s.ended(t)
		})
	}
}

// said waits until a program has printed a text.
func (s *serverProcess) said(t *testing.T, text string) {
	t.Helper()
	s.saidTimes(t, text, 1)
}

func TestDaemons(t *testing.T) {
	dir := t.TempDir()
	pid := filepath.Join(dir, "server.pid")
	s := startProgram(t, "xiosrvd", "-n", "-p", "0", "-pidfile", pid)
	require.Equal(t, fmt.Sprintln(s.cmd.Process.Pid), read(t, pid))

	// A second one with that pid file says who has it.
	oneLine(t, runProgram(t, "xiosrvd", "-n", "-p", "0", "-pidfile", pid), 1, "xiosrvd", "already running, process "+strconv.Itoa(s.cmd.Process.Pid))

	client := launch(t, "xioclntd", "-n", "-p", s.port, "-i", "1ms", "-pidfile", filepath.Join(dir, "client.pid"))
	client.said(t, "connection established")

	// The server begins anew: the client comes back.
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	client.saidTimes(t, "connection established", 2)

	// The server dies: the client comes back to its successor.
	require.NoError(t, s.cmd.Process.Kill())
	client.said(t, "connection lost")
	client.saidTimes(t, "trying again", 2)
	s.end()
	s = startProgram(t, "xiosrvd", "-n", "-p", s.port, "-pidfile", pid) // a dead daemon's file is no obstacle
	client.saidTimes(t, "connection established", 3)

	require.NoError(t, client.cmd.Process.Signal(syscall.SIGTERM))
	f := client.end()
	require.Zero(t, f.code, f.err)
	require.EqualValues(t, 3, number(t, f.out, `connections: (\d+)`))
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.ended(t)
	require.NoFileExists(t, pid)
}

// saidTimes waits until a program has printed a text so many times.
func (s *serverProcess) saidTimes(t *testing.T, text string, times int) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		n := strings.Count(s.lines.String(), text)
		s.mu.Unlock()
		if n >= times {
			return
		}
	}
	t.Fatalf("the program did not say %q %d times", text, times)
}

// In the background, with nobody to tell but the pid file.
func TestDaemonInTheBackground(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "server.pid")
	port := closedPort(t)
	args := []string{"-p", port, "-pidfile", pidFile}
	succeeds(t, "xiosrvd", args...)
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, pidFile)))
	require.NoError(t, err)
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }() // if the test fails
	oneLine(t, runProgram(t, "xiosrvd", args...), 1, "xiosrvd", "already running")

	require.Eventually(t, func() bool {
		return runProgram(t, "xio_client", "127.0.0.1", port, "tcp", "-n", "100", "-verify", "none").code == 0
	}, patience, time.Millisecond, "nobody listens")
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	require.Eventually(t, func() bool {
		_, err := os.Stat(pidFile)
		return os.IsNotExist(err)
	}, patience, time.Millisecond, "the pid file is still there")
}

func TestProgramsRefuse(t *testing.T) {
	for _, c := range []struct{ line, contains string }{
		{"xio_mt_client -threads 0", "threads"},
		{"xio_mt_server -threads 65", "threads"},
		{"xio_mt_client -size -1", "message size"},
		{"xio_iov_client -pieces 5", "pieces"},
		{"xio_iov_server -size 3", "pieces"},
		{"xio_iov_client -depth 0", "depth"},
		{"xio_ow_client -f 2", "0 or 1"},
		{"xio_ow_client -n 257", "header length"},
		{"xio_ow_client -w 67108864", "data length"},
		{"xio_ow_client -depth 5000", "depth"},
		{"xio_ow_server host more", "one argument too many"},
		{"xio_ow_client -p 0", "port"},
		{"xio_bidi_client -r udp", "transport"},
		{"xio_lat_client -c -2", "processor"},
		{"xio_lat_client -drive fast", "auto, park or busy"},
		{"xio_loop_client -tick 0s", "tick"},
		{"xio_loop_client -depth 513", "depth"},
		{"xiosrvd -p 70000", "port"},
		{"xioclntd -p 0", "port"},
		{"xioclntd -r udp", "transport"},
		{"xioclntd more", "one argument too many"},
		{"xioclntd -i -1s", "-i"},
	} {
		t.Run(c.line, func(t *testing.T) {
			w := strings.Fields(c.line)
			oneLine(t, runProgram(t, w[0], w[1:]...), 2, w[0], c.contains)
		})
	}
	for _, program := range []string{"xio_mt_client", "xio_iov_client", "xio_loop_client"} {
		oneLine(t, runProgram(t, program, "127.0.0.1", closedPort(t)), 1, program, "refused")
	}
	for _, program := range []string{"xio_ow_client", "xio_bidi_client", "xio_lat_client"} {
		f := runProgram(t, program, "-p", closedPort(t))
		oneLine(t, f, 1, program, "refused")
	}
	for _, program := range []string{"xio_ow_client", "xio_mt_server", "xiosrvd"} {
		require.Contains(t, succeeds(t, program, "-h"), "Example:\n  "+program)
	}
}
