// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/examples/internal/ports"
)

// upstream is the root of a built source tree of Accelio 1.7, whose example and
// test programs these are ports of.
func upstream(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("ACCELIO_UPSTREAM")
	if dir == "" {
		t.Skip("not run: ACCELIO_UPSTREAM names no built source tree of Accelio with the C programs")
	}
	return dir
}

// counterpart is a C program pair and ours. PORT stands for the port.
type counterpart struct {
	name               string
	dir                string // of the C programs, in the tree
	cServer, cClient   string // with arguments
	goServer, goClient string
	serverSays, says   string // what ours must have printed at the end
	ports              int    // that the C server listens on, one behind the other
}

const echoed = "127.0.0.1 PORT tcp"

var counterparts = []counterpart{
	{
		name: "hello_world", dir: "examples/usr/hello_world", ports: 1,
		cServer: "xio_server " + echoed, cClient: "xio_client " + echoed,
		goServer: "xio_server 127.0.0.1 0 tcp -reply hello -n 20000", goClient: "xio_client " + echoed + " -n 20000",
		serverSays: " answered, ", says: "requests: 20000 in ",
	},
	{
		name: "hello_world_mt", dir: "examples/usr/hello_world_mt", ports: 5,
		cServer: "xio_mt_server " + echoed + " 0", cClient: "xio_mt_client " + echoed + " 0",
		goServer: "xio_mt_server 127.0.0.1 0 tcp -n 20000", goClient: "xio_mt_client " + echoed + " -n 5000",
		serverSays: "thread [4] - ", says: "requests: 20000 in ",
	},
	{
		name: "hello_world_iov", dir: "examples/usr/hello_world_iov", ports: 1,
		cServer: "xio_server " + echoed, cClient: "xio_client " + echoed + " 0",
		goServer: "xio_iov_server 127.0.0.1 0 tcp -n 500", goClient: "xio_iov_client " + echoed + " -n 500",
		serverSays: " 0 unlike the C program's", says: "requests: 500 in ",
	},
	{
		name: "hello_world_libevent", dir: "examples/usr/hello_world_libevent", ports: 1,
		cServer: "xio_server " + echoed, cClient: "xio_client " + echoed,
		goServer: "xio_server 127.0.0.1 0 tcp -reply hello -n 20000", goClient: "xio_loop_client " + echoed + " -n 20000",
		serverSays: " answered, ", says: "good bye",
	},
	{
		name: "hello_test_ow", dir: "tests/usr/hello_test_ow", ports: 1,
		cServer: "xio_ow_server -c 0 -p PORT -r tcp -n 32 -w 1024 127.0.0.1", cClient: "xio_ow_client -c 0 -p PORT -r tcp -n 32 -w 1024 127.0.0.1",
		goServer: "xio_ow_server -p 0 -count 20000", goClient: "xio_ow_client -p PORT -r tcp -n 32 -w 1024 -count 20000 127.0.0.1",
		serverSays: "last recv:", says: "nsent:20000, ncomp:20000, delta:0",
	},
	{
		name: "hello_test_ow, receipts", dir: "tests/usr/hello_test_ow", ports: 1,
		cServer:  "xio_ow_server -c 0 -p PORT -r tcp -n 32 -w 32 127.0.0.1",
		goClient: "xio_ow_client -p PORT -r tcp -receipt -count 20000 127.0.0.1",
		says:     "nsent:20000, ncomp:20000, delta:0",
	},
	{
		name: "hello_test_oneway", dir: "tests/usr/hello_test_oneway", ports: 1,
		cServer: "xio_oneway_server -c 0 -p PORT -r tcp -n 32 -w 1024 127.0.0.1", cClient: "xio_oneway_client -c 0 -p PORT -r tcp -n 32 -w 1024 127.0.0.1",
		goServer: "xio_ow_server -p 0 -both -count 20000", goClient: "xio_ow_client -p PORT -r tcp -n 32 -w 1024 -receipt -count 20000 127.0.0.1",
		serverSays: "last recv:", says: "nsent:20000, ncomp:20000, delta:0",
	},
	{
		name: "hello_test_bidi", dir: "tests/usr/hello_test_bidi", ports: 1,
		cServer: "xio_bidi_server -c 0 -p PORT -r tcp -n 32 -w 1024 127.0.0.1", cClient: "xio_bidi_client -c 0 -p PORT -r tcp -n 32 -w 1024 127.0.0.1",
		goServer: "xio_bidi_server -p 0 -w 1024 -count 20000", goClient: "xio_bidi_client -p PORT -r tcp -n 32 -w 1024 -count 20000 127.0.0.1",
		serverSays: " served, ", says: "requests: 20000 sent, 20000 answered; ",
	},
	{
		name: "hello_test_lat", dir: "tests/usr/hello_test_lat", ports: 1,
		cServer: "xio_lat_server -c 0 -p PORT -r tcp -n 32 -w 32 127.0.0.1", cClient: "xio_lat_client -c 0 -p PORT -r tcp -n 32 -w 32 127.0.0.1",
		goServer: "xio_lat_server -p 0 -count 5000", goClient: "xio_lat_client -p PORT -r tcp -n 32 -w 32 -count 5000 127.0.0.1",
		serverSays: " served, ", says: "requests: 5000\n",
	},
	{
		name: "hello_world_daemon", dir: "examples/usr/hello_world_daemon", ports: 1,
		cServer: "xiosrvd -n -d -a 127.0.0.1 -p PORT -r tcp", cClient: "xioclntd -n -d -a 127.0.0.1 -p PORT -r tcp",
	},
}

// startC starts a C program of the tree with the libraries beside it.
func (c *counterpart) startC(t *testing.T, line, port string) *serverProcess {
	t.Helper()
	w := strings.Fields(strings.ReplaceAll(line, "PORT", port))
	program := filepath.Join(upstream(t), c.dir, ".libs", w[0])
	require.FileExists(t, program, "ACCELIO_UPSTREAM names a tree that was not built")
	libs := filepath.Join(upstream(t), "src/usr/.libs")
	if prefix := os.Getenv("ACCELIO_PREFIX"); prefix != "" {
		libs = filepath.Join(prefix, "lib") + ":" + libs
	}
	t.Setenv("LD_LIBRARY_PATH", libs)
	return launch(t, program, w[1:]...)
}

// startCServer starts a C server and waits until it listens: most say nothing.
func (c *counterpart) startCServer(t *testing.T) (port string) {
	t.Helper()
	first := ports.Free(t, c.ports)
	s := c.startC(t, c.cServer, strconv.Itoa(first))
	require.Eventually(t, func() bool {
		select {
		case <-s.read:
			t.Errorf("the C server has ended: %+v", s.end())
			return true
		default:
		}
		b, err := os.ReadFile("/proc/net/tcp")
		require.NoError(t, err)
		n := 0
		for line := range strings.Lines(string(b)) {
			w := strings.Fields(line)
			for i := range c.ports {
				if len(w) > 3 && w[3] == "0A" && strings.HasSuffix(w[1], fmt.Sprintf(":%04X", first+i)) {
					n++
				}
			}
		}
		return n == c.ports
	}, patience, time.Millisecond, "the C server does not listen")
	return strconv.Itoa(first)
}

func TestUpstreamServer(t *testing.T) {
	upstream(t)
	for _, c := range counterparts {
		t.Run(c.name, func(t *testing.T) {
			port := c.startCServer(t)
			if c.goClient == "" {
				d := launch(t, "xioclntd", "-n", "-p", port, "-i", "0s", "-pidfile", filepath.Join(t.TempDir(), "pid"))
				d.said(t, "connection established")
				d.said(t, "message: [400000]")
				require.NoError(t, d.cmd.Process.Signal(os.Interrupt))
				require.Zero(t, d.end().code)
				return
			}
			w := strings.Fields(strings.ReplaceAll(c.goClient, "PORT", port))
			require.Contains(t, succeeds(t, w[0], w[1:]...), c.says)
		})
	}
}

func TestUpstreamClient(t *testing.T) {
	upstream(t)
	for _, c := range counterparts {
		if c.cClient == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if c.goServer == "" {
				s := startProgram(t, "xiosrvd", "-n", "-p", "0", "-pidfile", filepath.Join(t.TempDir(), "pid"))
				c.startC(t, c.cClient, s.port)
				s.said(t, "message header : [400000] - hello world header request")
				require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
				s.ended(t)
				return
			}
			w := strings.Fields(c.goServer)
			s := startProgram(t, w[0], w[1:]...)
			c.startC(t, c.cClient, s.port)
			// Ours has had enough after its number of messages; the C program
			// goes on for ever and is ended with the test.
			require.Contains(t, s.ended(t), c.serverSays)
		})
	}
}
