// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/examples/internal/built"
)

func TestPositionalArguments(t *testing.T) {
	s := startServer(t, "127.0.0.1", "0", "tcp", "1", "0")
	r := client(t, s.host, s.port, "tcp", "1", "4096", "-n", "3000")
	require.EqualValues(t, 3000, r.Requests)
	require.EqualValues(t, 3000, r.Verified)
	require.EqualValues(t, 3000*4096, r.BytesOut)
	require.EqualValues(t, 3000*4096, r.BytesIn)
	require.True(t, *r.ServerEchoes)
	require.Equal(t, built.Provider(), r.Engine.Provider)

	// Finite: the server ends because its client has gone.
	f := s.end()
	require.Zero(t, f.code, f.err)
	require.Contains(t, f.out, "requests: 3000 answered, 0 failed, 12288000 bytes in, 12288000 bytes out")
	require.Contains(t, f.out, "clients:  1 served, 0 rejected")
}

func TestFlags(t *testing.T) {
	s := startServer(t)
	for _, args := range [][]string{
		{"-size", "1", "-header", "0", "-n", "500", "-depth", "1"},
		{"-size", "8192", "-header", "256", "-n", "500", "-depth", "512"},
		{"-size", "8193", "-n", "500"},
		{"-size", "1048576", "-n", "40", "-depth", "8"},
		{"-size", "100", "-n", "500", "-single"},
		{"-size", "100", "-n", "500", "-verify", "none"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			r := client(t, append(args, "-uri", s.uri)...)
			size, err := strconv.Atoi(args[1])
			require.NoError(t, err)
			require.NotZero(t, r.Requests)
			require.EqualValues(t, r.Requests*uint64(size), r.BytesOut)
			require.Equal(t, r.BytesOut, r.BytesIn)
			if args[len(args)-1] == "none" {
				require.Zero(t, r.Verified)
			} else {
				require.Equal(t, r.Requests, r.Verified)
			}
			require.Positive(t, r.Rate)
			require.Positive(t, r.Latency.P50)
			require.LessOrEqual(t, r.Latency.P50, r.Latency.P99)
			require.LessOrEqual(t, r.Latency.P99, r.Latency.Max)
		})
	}
	r := client(t, "-addr", s.host, "-port", s.port, "-duration", "200ms")
	require.NotZero(t, r.Verified)
}

// Workers may answer in any order; the client's checks must not mind.
func TestServerWithWorkers(t *testing.T) {
	s := startServer(t, "-workers", "8")
	path, crc := randomFile(t, 1<<20+17)
	r := client(t, "-uri", s.uri, "-file", path, "-size", "1000")
	require.EqualValues(t, 1<<20+17, r.File.BytesEcho)
	require.Equal(t, crc, r.File.CRCEcho)
}

func randomFile(t *testing.T, size int) (path, crc string) {
	t.Helper()
	b := make([]byte, size)
	_, err := rand.Read(b)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "random")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path, fmt.Sprintf("%08x", crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestFile(t *testing.T) {
	const size = 5<<20 + 4321
	path, crc := randomFile(t, size)
	s := startServer(t)
	for _, piece := range []int{4096, 65536, 3 << 20} {
		t.Run(strconv.Itoa(piece), func(t *testing.T) {
			r := client(t, "-uri", s.uri, "-file", path, "-size", strconv.Itoa(piece))
			require.EqualValues(t, (size+piece-1)/piece, r.Verified)
			require.EqualValues(t, size, r.File.BytesRead)
			require.EqualValues(t, size, r.File.BytesEcho)
			require.Equal(t, crc, r.File.CRCRead)
			require.Equal(t, crc, r.File.CRCEcho)
			require.True(t, r.File.Identical)
		})
	}
	t.Run("again and again", func(t *testing.T) {
		r := client(t, "-uri", s.uri, "-file", path, "-size", "1048576", "-n", "20")
		require.EqualValues(t, 20, r.Verified)
		require.EqualValues(t, 3*size+2<<20, r.File.BytesEcho) // six pieces a pass
		require.True(t, r.File.Identical)
	})
	t.Run("as text", func(t *testing.T) {
		f := runProgram(t, "xio_client", "-uri", s.uri, "-file", path, "-size", "65536")
		require.Zero(t, f.code, f.err)
		require.Contains(t, f.out, "CRC32C "+crc+": identical")
		require.True(t, strings.HasSuffix(f.out, "good bye\n"), f.out)
	})
}

// A server with a text of its own, as the C one: auto notices, echo insists.
func TestServerThatDoesNotEcho(t *testing.T) {
	s := startServer(t, "-reply", "hello")
	r := client(t, "-uri", s.uri, "-n", "500")
	require.EqualValues(t, 500, r.Requests)
	require.Zero(t, r.Verified)
	require.False(t, *r.ServerEchoes)
	require.EqualValues(t, 500*len("hello world data response\x00"), r.BytesIn)

	oneLine(t, runProgram(t, "xio_client", "-uri", s.uri, "-n", "500", "-verify", "echo"),
		1, "xio_client", "answer 1 is not the echo of its request")
	path, _ := randomFile(t, 10000)
	oneLine(t, runProgram(t, "xio_client", "-uri", s.uri, "-file", path),
		1, "xio_client", "answer 1 is not the echo of its request")
}

// An answer that the client has no room for ends its request, with a reason.
func TestAnswerTooLarge(t *testing.T) {
	s := startServer(t, "-reply", "hello", "-size", "1000000")
	oneLine(t, runProgram(t, "xio_client", "-uri", s.uri, "-n", "10"), 1, "xio_client", "does not fit")
}

func TestLocal(t *testing.T) {
	r := client(t, "-local", "-n", "20000")
	require.EqualValues(t, 20000, r.Verified)
}

func TestServerEndsAfterRequests(t *testing.T) {
	s := startServer(t, "-n", "5000")
	f := runProgram(t, "xio_client", "-uri", s.uri)
	oneLine(t, f, 1, "xio_client", "closed")
	end := s.end()
	require.Zero(t, end.code, end.err)
	require.Contains(t, end.out, "exit signaled")
}

func TestIPv6(t *testing.T) {
	if built.Provider() != "embedded" {
		t.Skip("libxio has no IPv6 over TCP")
	}
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	l.Close()
	s := startServer(t, "-addr", "::1", "-finite")
	require.Equal(t, "tcp://[::1]:"+s.port, s.uri)
	require.EqualValues(t, 1000, client(t, "[::1]", s.port, "tcp", "1", "-n", "1000").Verified)
	require.Zero(t, s.end().code)
}

// Two programs on one port: the second says so.
func TestPortInUse(t *testing.T) {
	s := startServer(t)
	oneLine(t, runProgram(t, "xio_server", s.host, s.port), 1, "xio_server", "address already in use")
}

// closedPort is a port that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func TestFailures(t *testing.T) {
	directory := t.TempDir()
	empty := filepath.Join(directory, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct {
		name, program, args, contains string
	}{
		{"closed port", "xio_client", "127.0.0.1 " + closedPort(t), "refused"},
		{"transport", "xio_client", "-transport nosuch", "dial nosuch://127.0.0.1:1234"},
		{"transport of the server", "xio_server", "-transport nosuch", "listen nosuch://127.0.0.1:1234"},
		{"uri", "xio_client", "-uri nonsense", "dial nonsense"},
		{"no file", "xio_client", "-local -file " + filepath.Join(directory, "none"), "no such file"},
		{"a folder", "xio_client", "-local -file " + directory, "not a regular file"},
		{"an empty file", "xio_client", "-local -file " + empty, "is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			oneLine(t, runProgram(t, c.program, strings.Fields(c.args)...), 1, c.program, c.contains)
		})
	}
}

// The embedded engine has no RDMA and says so.
func TestRDMA(t *testing.T) {
	if built.Provider() != "embedded" {
		t.Skip("an installed libxio may have RDMA")
	}
	oneLine(t, runProgram(t, "xio_client", "-transport", "rdma"), 1, "xio_client", "dial rdma://127.0.0.1:1234: ")
	oneLine(t, runProgram(t, "xio_server", "-transport", "rdma"), 1, "xio_server", "listen rdma://127.0.0.1:1234: ")
}

func TestWrongArguments(t *testing.T) {
	for _, program := range []string{"xio_client", "xio_server"} {
		for args, contains := range map[string]string{
			"localhost":                    "address without a port",
			"localhost 99999":              "port \"99999\"",
			"localhost x":                  "port \"x\"",
			"localhost 1 tcp 2":            "finite run",
			"localhost 1 tcp 0 many":       "message size",
			"localhost 1 tcp 0 1 more":     "one argument too many",
			"localhost 1 tcp:":             "transport",
			"-uri tcp://a:1 b 2":           "both",
			"-nosuch":                      "-nosuch",
			"-n -1":                        "-n",
			"-size -1":                     "message size -1",
			"127.0.0.1 1 tcp 0 9999999999": "message size",
		} {
			t.Run(program+" "+args, func(t *testing.T) {
				oneLine(t, runProgram(t, program, strings.Fields(args)...), 2, program, contains)
			})
		}
	}
	for args, contains := range map[string]string{
		"-local -depth 5000":               "depth",
		"-local -header 257":               "header",
		"-local -verify maybe":             "verify",
		"-local -timeout 0s":               "timeout",
		"-local -size 60000000 -depth 100": "1 GiB",
		"-local -size 67108864":            "together",
	} {
		oneLine(t, runProgram(t, "xio_client", strings.Fields(args)...), 2, "xio_client", contains)
	}
	oneLine(t, runProgram(t, "xio_server", "-reply", "nothing"), 2, "xio_server", "reply")
}

func TestHelp(t *testing.T) {
	for _, program := range []string{"xio_client", "xio_server"} {
		f := runProgram(t, program, "-h")
		require.Zero(t, f.code)
		require.Empty(t, f.err)
		for _, s := range []string{"Usage: " + program, "-addr", "-transport", "(default \"tcp\")", "Example:\n  " + program} {
			require.Contains(t, f.out, s)
		}
	}
}
