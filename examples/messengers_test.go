// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var messengerListens = regexp.MustCompile(`(?m)^listening at xio:127\.0\.0\.1:(\d+)/0$`)

// startMessenger starts xio_messenger_server on a free port and waits until it listens.
func startMessenger(t *testing.T, args ...string) *serverProcess {
	t.Helper()
	s := launch(t, "xio_messenger_server", append([]string{"-addr", "127.0.0.1", "-port", "0"}, args...)...)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		m := messengerListens.FindStringSubmatch(s.lines.String())
		s.mu.Unlock()
		if m != nil {
			s.port = m[1]
			return s
		}
		select {
		case <-s.read:
			t.Fatalf("the server does not listen: %+v", s.end())
		default:
		}
	}
	t.Fatal("the server does not say where it listens")
	return nil
}

// interrupted ends a program as Ctrl-C does, and returns what it printed.
func (s *serverProcess) interrupted(t *testing.T) string {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGINT))
	f := s.end()
	require.Zero(t, f.code, "%+v", f)
	require.Empty(t, f.err)
	return f.out
}

// Messages circulate between two programs: pings and data pings, of one piece and of
// several, dispatched either way, with the handshake and as Ceph's. Each side counts what
// came, so messages went in both directions.
func TestR19_Messengers(t *testing.T) {
	for _, c := range []struct {
		server, client string
		size           uint64 // of a message's data: pieces are rounded up
	}{
		{"", "", 0},
		{"-dfast", "-msgs 200 -dfast", 0},
		{"-portals 1", "-msgs 10 -dsize 1000", 1000},
		{"", "-msgs 4 -dsize 1000000 -nfrags 3 -portals 2", 3 * 335872},
		{"-dfast", "-msgs 16 -dsize 5000 -nfrags 4", 4 * 4096},
		{"-ceph", "-ceph -msgs 16 -dsize 100", 104},
	} {
		t.Run(strings.TrimSpace(c.server+" "+c.client), func(t *testing.T) {
			s := startMessenger(t, strings.Fields(c.server)...)
			trips := uint64(0)
			for d := 300 * time.Millisecond; trips == 0 && d < patience/2; d *= 5 { // longer on a slow machine
				args := append([]string{"-addr", "127.0.0.1", "-port", s.port, "-duration", d.String()}, strings.Fields(c.client)...)
				out := succeeds(t, "xio_messenger_client", args...)
				require.Contains(t, out, "connected to xio:127.0.0.1:"+s.port)
				trips = number(t, out, `(?m)^(\d+) round trips in [\d.]+ s, \d+ a second, [\d.]+ MB/s of data each way$`)
			}
			require.NotZero(t, trips)
			out := s.interrupted(t)
			came := number(t, out, `(?m)^(\d+) messages, \d+ bytes of data$`)
			require.GreaterOrEqual(t, came, trips)
			require.Equal(t, came*c.size, number(t, out, `messages, (\d+) bytes of data`))
		})
	}
}

// A client runs until it is interrupted, or until its server goes; one server serves several.
func TestMessengersEnd(t *testing.T) {
	s := startMessenger(t)
	args := []string{"-addr", "localhost", "-port", s.port}
	one := launch(t, "xio_messenger_client", args...)
	two := launch(t, "xio_messenger_client", append(args, "-dsize", "64")...)
	one.said(t, "connected to")
	two.said(t, "connected to")
	s.said(t, "65536 messages, ") // a sign of life of both kinds of messages together
	require.NotZero(t, number(t, one.interrupted(t), `(?m)^(\d+) round trips`))
	out := s.interrupted(t)
	require.Greater(t, number(t, out, `(?m)^(\d+) messages, \d+ bytes`), uint64(65535))
	f := two.end()
	oneLine(t, f, 1, "xio_messenger_client", "127.0.0.1:"+s.port)
	require.NotZero(t, number(t, f.out, `(?m)^(\d+) round trips`))
}

func TestMessengersRefuse(t *testing.T) {
	for _, c := range []struct {
		line, contains string
		code           int
	}{
		{"xio_messenger_server -port 70000", "port 70000", 1},
		{"xio_messenger_server -portals 65", "PortalThreads 65", 1},
		{"xio_messenger_server -msgs 1", "-msgs", 2},
		{"xio_messenger_client -nfrags 0 -dsize 1", "one piece", 1},
		{"xio_messenger_client -msgs -1", "negative", 1},
		{"xio_messenger_client -dsize 1000000000 -msgs 2", "in circulation", 1},
		{"xio_messenger_client -duration soon", "soon", 2},
		{"xio_messenger_client -addr 127.0.0.1 -port " + closedPort(t), "refused", 1},
	} {
		t.Run(c.line, func(t *testing.T) {
			w := strings.Fields(c.line)
			oneLine(t, runProgram(t, w[0], w[1:]...), c.code, w[0], c.contains)
		})
	}
	for program, flags := range map[string][]string{
		"xio_messenger_server": {"addr", "port", "dfast", "portals", "ceph"},
		"xio_messenger_client": {"addr", "port", "msgs", "dsize", "nfrags", "dfast", "portals", "ceph", "duration"},
	} {
		out := succeeds(t, program, "-h")
		for _, name := range flags {
			require.Regexp(t, fmt.Sprintf(`(?m)^  -%s\b`, name), out)
		}
	}
}
