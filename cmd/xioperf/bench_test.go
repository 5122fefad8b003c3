// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/xio"
)

// sound checks that a result is one.
func sound(t *testing.T, r *result) {
	t.Helper()
	require.Positive(t, r.Messages)
	require.Positive(t, r.Seconds)
	require.InEpsilon(t, float64(r.Messages)/r.Seconds, r.Rate, 1e-9)
	require.InDelta(t, r.Rate*float64(r.Size)/1e6, r.MBOut, 1e-6+r.MBOut*1e-9)
	if r.Kind == "request" {
		require.InDelta(t, r.MBOut, r.MBIn, 1e-6+r.MBOut*1e-9, "a server that echoes")
	} else {
		require.Zero(t, r.MBIn)
	}
	l := r.Latency
	require.Positive(t, l.P50)
	for _, pair := range [][2]float64{{l.P50, l.P90}, {l.P90, l.P99}, {l.P99, l.P999}, {l.P999, l.P9999}, {l.P9999, l.Max}} {
		require.LessOrEqual(t, pair[0], pair[1], "%+v", l)
	}
	require.False(t, r.Interrupted)
	require.NotEmpty(t, r.Machine)
	require.NotEmpty(t, r.Kernel)
	require.NotEmpty(t, r.Version)
	require.Contains(t, r.Go, "go1")
	require.Positive(t, r.CPUs)
	_, err := time.Parse(time.RFC3339, r.Time)
	require.NoError(t, err)
}

// Every way to send, a number of messages each: exactly these are counted.
func TestModes(t *testing.T) {
	for _, args := range []string{
		"-size 0,1,32,4k,64k,1m -depth 4",
		"-size 32 -depth 1,16,256",
		"-size 32 -depth 2048 -connections 1",
		"-size 32,64k -depth 8 -connections 3",
		"-size 32 -connections 4 -contexts 2",
		"-size 32,16k -goroutines 5 -depth 3",
		"-size 32 -workers 4",
		"-size 32,64k -buffers -depth 4",
		"-size 32 -header 256",
		"-size 32,64k -api call -depth 4",
		"-size 32 -api call -depth 4 -goroutines 10 -connections 3",
		"-size 64k -api call -buffers -workers 2",
		"-size 0,32,64k -oneway -depth 1,16",
		"-size 32,64k -oneway -receipt -buffers -connections 2",
		"-size 32 -oneway -goroutines 3 -workers 2",
		"-size 32,16k -oneway -api call -depth 4",
		"-size 32 -oneway -rate 20000",
		"-size 32,64k -portals 2 -connections 3",
		"-size 32 -connections 3 -one-session -portals 2 -api call",
		"-size 32 -rate 20000",
		"-size 64k -rate 5000 -goroutines 4 -connections 2",
		"-size 32 -rate 20000 -api call -depth 8",
	} {
		t.Run(args, func(t *testing.T) {
			list := strings.Fields("-local -json -n 400 -warmup 20ms " + args)
			o, err := parse(list)
			require.NoError(t, err)
			rs := runHere(t, list...).ok(t).results(t)
			require.Len(t, rs, len(o.sizes.list)*len(o.depths.list))
			i := 0
			for _, size := range o.sizes.list {
				for _, depth := range o.depths.list {
					r := rs[i]
					i++
					sound(t, r)
					require.EqualValues(t, 400, r.Messages)
					require.Equal(t, size, r.Size)
					require.Equal(t, depth, r.Depth)
					require.Equal(t, o.connections, r.Connections)
					require.Equal(t, o.contexts, r.Contexts)
					require.Equal(t, o.api, r.API)
					require.Equal(t, o.kind(), r.Kind)
					require.Equal(t, o.portals, r.Portals)
					require.Equal(t, map[bool]int{true: 1, false: o.connections}[o.oneSession], r.Sessions)
					require.Equal(t, "local", r.Role)
					require.Equal(t, o.rate, r.TargetRate)
					require.Equal(t, o.rate > 0, r.Lag.Max > 0)
					require.Zero(t, r.Unsent)
					if o.goroutines > 0 {
						require.Equal(t, o.goroutines, r.Goroutines)
					}
				}
			}
		})
	}
}

func TestDuration(t *testing.T) {
	r := runHere(t, strings.Fields("-local -json -warmup 0s -duration 100ms -size 32")...).ok(t).results(t)
	require.Len(t, r, 1)
	sound(t, r[0])
	require.GreaterOrEqual(t, r[0].Seconds, 0.1)
}

// A rate that cannot be kept shows: messages are sent late or not at all, and
// nobody forgets the time they waited.
func TestRateTooHigh(t *testing.T) {
	r := runHere(t, strings.Fields("-local -json -warmup 0s -duration 100ms -size 1m -depth 1 -rate 1e6")...).ok(t).results(t)[0]
	require.Positive(t, r.Unsent)
	require.EqualValues(t, 100_000, r.Messages+r.Unsent)
	require.Greater(t, r.Latency.P50, 10_000.0, "most of what was due has waited for tens of milliseconds")
}

func TestText(t *testing.T) {
	f := runHere(t, strings.Fields("-local -n 100 -warmup 0s -size 32,4k -rate 50000")...).ok(t)
	lines := strings.Split(strings.TrimSpace(f.out), "\n")
	require.Contains(t, lines[0], xio.Engine().String())
	require.Contains(t, f.out, "50000 messages/s wanted")
	require.Contains(t, f.out, "p99.9")
	for i, size := range []string{"32", "4k"} {
		fields := strings.Fields(lines[len(lines)-2+i])
		require.Equal(t, size, fields[0])
		rate, err := strconv.ParseFloat(fields[2], 64)
		require.NoError(t, err)
		require.Positive(t, rate)
	}
}

// Two processes, with options that hold for a whole process.
func TestSpawn(t *testing.T) {
	for _, args := range []string{"", "-single -no-keepalive -workers 3"} {
		t.Run(args, func(t *testing.T) {
			_, wait := startProcess(t, strings.Fields("-spawn -json -n 300 -warmup 0s -size 32,64k "+args)...)
			rs := wait().ok(t).results(t)
			require.Len(t, rs, 2)
			for _, r := range rs {
				sound(t, r)
				require.EqualValues(t, 300, r.Messages)
				require.Equal(t, "spawn", r.Role)
				require.Equal(t, args == "", r.Keepalive)
				require.Equal(t, map[bool]int{true: 2, false: 1}[args == ""], r.Streams)
				require.Equal(t, map[bool]string{true: "inline", false: "workers"}[args == ""], r.Server)
			}
		})
	}
}

// serve starts the program as a server in this process and returns its URI and
// what ends it.
func serve(t *testing.T, args ...string) (uri string, end func() served) {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"-server", "-port", "0", "-json"}, args...), stdio{strings.NewReader(""), w, w})
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	require.True(t, lines.Scan())
	var l listening
	require.NoError(t, json.Unmarshal(lines.Bytes(), &l), lines.Text())
	require.Equal(t, "listen", l.Event)
	return l.URI, func() (s served) {
		cancel()
		require.True(t, lines.Scan())
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s), lines.Text())
		require.False(t, lines.Scan())
		require.Zero(t, <-code)
		require.Equal(t, "end", s.Event)
		return s
	}
}

func TestServer(t *testing.T) {
	uri, end := serve(t, "-workers", "2")
	r := runHere(t, strings.Fields("-json -n 300 -warmup 0s -size 100 -connections 2 -uri "+uri)...).ok(t).results(t)
	sound(t, r[0])
	require.Equal(t, "client", r[0].Role)
	require.Equal(t, "unknown", r[0].Server)
	s := end()
	require.EqualValues(t, 300, s.Requests)
	require.EqualValues(t, 30_000, s.BytesIn)
	require.EqualValues(t, 30_000, s.BytesOut)
}

// One-way messages are measured until they are there.
func TestOneWaysArrive(t *testing.T) {
	for _, api := range []string{"call", "send"} {
		t.Run(api, func(t *testing.T) {
			uri, end := serve(t)
			r := runHere(t, strings.Fields("-oneway -json -n 500 -warmup 0s -size 100 -connections 3 -one-session -api "+api+" -uri "+uri)...).ok(t).results(t)
			sound(t, r[0])
			s := end()
			require.EqualValues(t, 500, s.OneWays)
			require.EqualValues(t, 50_000, s.BytesIn)
			require.Zero(t, s.BytesOut)
		})
	}
}

// The end of standard input ends a server that is asked to look.
func TestServerUntilEOF(t *testing.T) {
	f := runHere(t, strings.Fields("-server -port 0 -until-eof")...).ok(t)
	require.Contains(t, f.out, "listen to tcp://127.0.0.1:")
	require.Contains(t, f.out, "requests: 0 answered")
}

// A signal ends the run with the results so far.
func TestInterrupted(t *testing.T) {
	for _, mode := range []string{"-api send", "-api call", "-rate 10000"} {
		t.Run(mode, func(t *testing.T) {
			o, err := parse([]string{"-local"})
			require.NoError(t, err)
			s, err := o.listen("tcp://127.0.0.1:0")
			require.NoError(t, err)
			cmd, wait := startProcess(t, strings.Fields("-warmup 0s -duration 1h -size 32 -json -uri "+s.URI()+" "+mode)...)
			require.Eventually(t, func() bool { return s.requests.Load() > 1000 }, patience, ms)
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
			rs := wait().ok(t).results(t)
			require.Len(t, rs, 1)
			require.True(t, rs[0].Interrupted)
			require.Equal(t, s.requests.Load(), rs[0].Messages, "answers were dropped")
			require.NoError(t, s.Close())
		})
	}
}

func TestErrors(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	uri := "tcp://" + nobody.Addr().String()
	nobody.Close()
	runHere(t, "-uri", uri, "-size", "32").oneLine(t, exitFailed, "refused")
	runHere(t, "-uri", uri, "-soak", "1s").oneLine(t, exitFailed, "refused")
	runHere(t, "-uri", "nonsense").oneLine(t, exitFailed, "scheme://host:port")
	runHere(t, "-server", "-uri", "nonsense").oneLine(t, exitFailed, "scheme://host:port")
	runHere(t, "-local", "-csv", "/nonexistent/x.csv").oneLine(t, exitFailed, "no such file")
	runHere(t, "-plot", "/nonexistent/x.csv", "-o", "x.svg").oneLine(t, exitFailed, "no such file")
	runHere(t, "-local", "-transport", "rdma").oneLine(t, exitFailed, "listen rdma://")

	f := runHere(t, strings.Fields("-local -json -n 10 -warmup 0s -size 32 -single")...)
	f.oneLine(t, exitFailed, "other options") // the library runs already in this process
}

// A server that takes requests and answers none does not keep a client for ever.
func TestSilentServer(t *testing.T) {
	for _, mode := range []string{"-api send", "-api call", "-goroutines 2", "-rate 1000"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()            // they mostly wait
			var held []*xio.Request // by the driver alone
			srv, err := (&xio.ListenConfig{Inline: true}).Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(r *xio.Request) {
				r.Detach()
				held = append(held, r)
			}))
			require.NoError(t, err)
			_, wait := startProcess(t, strings.Fields("-warmup 0s -size 32 -timeout 3s -uri "+srv.URI()+" "+mode)...)
			wait().oneLine(t, exitFailed, "no answer from "+srv.URI()+" within 3s")
			closed := make(chan error, 1)
			go func() { closed <- srv.Close() }()
			for _, r := range srv.Connections() {
				<-r.Done()
			}
			require.NoError(t, <-closed)
			for _, r := range held {
				err := r.ReplyError(xio.ErrUnsuccessful, "too late")
				require.True(t, errors.Is(err, xio.ErrMsgDiscarded), "%v", err)
			}
		})
	}
}

// A server that goes away in the middle is told as such.
func TestServerGoesAway(t *testing.T) {
	gone := make(chan struct{})
	n := 0
	srv, err := (&xio.ListenConfig{Inline: true}).Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(r *xio.Request) {
		if n++; n == 100 {
			close(gone)
		}
		_ = r.Reply(&xio.Message{Data: r.Data()}) // the last ones find nobody
	}))
	require.NoError(t, err)
	go func() {
		<-gone
		srv.Close()
	}()
	f := runHere(t, strings.Fields("-warmup 0s -duration 1h -size 32 -uri "+srv.URI())...)
	f.oneLine(t, exitFailed, srv.URI())
	require.NoError(t, srv.Close())
}

// The bar shows on a terminal, and there alone.
func TestProgressBar(t *testing.T) {
	master, slave := openTerminal(t)
	var text strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&text, master) // ends with an error when the other side closes
	}()
	var out strings.Builder
	code := run(testContext(t), strings.Fields("-local -duration 500ms -warmup 0s -size 4k -json"), stdio{nil, &out, slave})
	require.Zero(t, code)
	require.NoError(t, slave.Close())
	<-read
	require.NoError(t, master.Close())
	require.Contains(t, text.String(), "4k bytes, depth 16 (1 of 1)")
	require.NotContains(t, out.String(), "\r")
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminal here: ", err)
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return master, slave
}
