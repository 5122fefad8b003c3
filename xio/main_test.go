package xio

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// libraryEnv names an option of the library that this process runs the suite with:
// such options are the process's, so others need others. See library_test.go.
const libraryEnv = "XIO_TEST_LIBRARY"

const (
	withSingleStream = "single stream"
	withFlowControl  = "flow control"
	withReconnect    = "reconnect"
	withSegments     = "segments"
)

var library = os.Getenv(libraryEnv)

// single says that this process uses single-stream connections: the only ones
// that pass through a proxy, since a pair of sockets finds each other by address.
var single = library == withSingleStream

func libraryOptions() LibraryOptions {
	o := LibraryOptions{
		SingleStream: single,
		FlowControl:  library == withFlowControl,
		Reconnect:    library == withReconnect,
	}
	if library == withSegments {
		o.Segments = 256
	}
	return o
}

// anywhere is where servers of the tests listen. XIO_TEST_URI names another place,
// over RDMA for one; test/rdma does.
var anywhere = "tcp://127.0.0.1:0"

// overRDMA says that it is.
func overRDMA() bool { return strings.HasPrefix(anywhere, "rdma:") }

func TestMain(m *testing.M) {
	if u := os.Getenv("XIO_TEST_URI"); u != "" {
		anywhere = u
	}
	o := libraryOptions()
	var leaks []goleak.Option
	if os.Getenv(logChild) != "" {
		o.Logger = slog.New(&logged)
		if !cgo.Kin() {
			o.LogLevel = LogTrace // it says little else
		}
		leaks = append(leaks, goleak.IgnoreAnyFunction("github.com/accelio/accelio-go/xio.(*logPipe).copyTo"))
	}
	if err := Init(o); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("engine:", Engine(), "with:", library, "servers:", anywhere)
	// What Go's runtime and the library open once is no test's leak.
	if s, err := Listen("tcp://127.0.0.1:0", echo); err == nil {
		s.Close()
	}
	if overRDMA() {
		patience *= 4 // that is tested on an emulated machine
		// What the library opens with the first connection it keeps.
		if err := oneConnection(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, leaks...)
}

func oneConnection() error {
	s, err := Listen(anywhere, echo)
	if err != nil {
		return err
	}
	defer s.Close()
	c, err := Dial(context.Background(), s.URI())
	if err != nil {
		return err
	}
	return c.Close()
}

// patience stretches every deadline of the tests on a slow machine.
var patience = func() time.Duration {
	if debugBuild {
		return 60 * time.Second
	}
	return 30 * time.Second
}()

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// suiteTime is what the suite may take.
func suiteTime() time.Duration { return 5 * patience }

func suiteContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), suiteTime())
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// footprint is what a test must leave as it found it.
type footprint struct {
	handles, buffers int64
	fds              int
}

func measure(t testing.TB) footprint {
	d, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return footprint{cgo.Handles(), pool.Default().Stats().Buffers, len(d)}
}

// leakCheck makes the test fail if keys, buffers or descriptors are left.
func leakCheck(t testing.TB) { t.Helper(); checkLeaks(t, true) }

// leakCheckFailedConnect is leakCheck for tests whose connects fail: libxio never
// closes the two sockets of such a connection.
func leakCheckFailedConnect(t testing.TB) { t.Helper(); checkLeaks(t, cgo.Embedded) }

func checkLeaks(t testing.TB, fds bool) {
	t.Helper()
	before := measure(t)
	t.Cleanup(func() {
		var now footprint
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			now = measure(t)
			if !fds || now.fds < before.fds { // fewer: an earlier test's last ones
				now.fds = before.fds
			}
			if now == before || time.Now().After(end) {
				break
			}
		}
		if now != before {
			t.Errorf("left behind: before %+v, after %+v", before, now)
		}
	})
}

// echo answers with what it got.
var echo = HandlerFunc(func(r *Request) {
	if err := r.Reply(&Message{Header: r.Header(), Data: r.Data()}); err != nil {
		r.ReplyError(CodeOf(err), err.Error())
	}
})

func listen(t testing.TB, l ListenConfig, h Handler) *Server {
	t.Helper()
	s, err := l.Listen(anywhere, h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func dial(t testing.TB, d Dialer, s *Server) *Connection {
	t.Helper()
	if d.Timeout == 0 {
		d.Timeout = patience
	}
	c, err := d.Dial(testContext(t), s.URI())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// pair is an echo server, or h, and a client of it.
func pair(t testing.TB, h Handler) (*Server, *Connection) {
	t.Helper()
	if h == nil {
		h = echo
	}
	s := listen(t, ListenConfig{}, h)
	return s, dial(t, Dialer{}, s)
}

// needsSingleStream skips a test that goes through a proxy; TestSingleStream
// runs it.
func needsSingleStream(t testing.TB) {
	if !single {
		t.Skip("runs as part of TestSingleStream")
	}
}

// needsTCP skips a test that plays a peer on a TCP socket of its own: that cannot be
// one of RDMA.
func needsTCP(t testing.TB) {
	if overRDMA() {
		t.Skip("not over RDMA: the peer of this test is a bare TCP socket")
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// fakePeer listens on plain TCP and hands every connection to f.
func fakePeer(t testing.TB, f func(net.Conn)) string {
	t.Helper()
	needsTCP(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	conns := make(chan net.Conn, 64)
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
			if f != nil {
				go f(c)
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
		close(conns)
		for c := range conns {
			c.Close()
		}
	})
	return "tcp://" + l.Addr().String()
}
