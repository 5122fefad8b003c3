package xio

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// single says that this process uses single-stream connections: the only ones
// that pass through a proxy, since a pair of sockets finds each other by address.
var single = os.Getenv("XIO_TEST_SINGLE_STREAM") != ""

// anywhere is where servers of the tests listen. XIO_TEST_URI names another place,
// over RDMA for one; test/rdma does.
var anywhere = "tcp://127.0.0.1:0"

// overRDMA says that it is.
func overRDMA() bool { return strings.HasPrefix(anywhere, "rdma:") }

func TestMain(m *testing.M) {
	if u := os.Getenv("XIO_TEST_URI"); u != "" {
		anywhere = u
	}
	o := LibraryOptions{SingleStream: single}
	var leaks []goleak.Option
	if os.Getenv(logChild) != "" {
		o.Logger = slog.New(&logged)
		leaks = append(leaks, goleak.IgnoreAnyFunction("github.com/accelio/accelio-go/xio.(*logPipe).copyTo"))
	}
	if err := Init(o); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if overRDMA() {
		// What the library opens with the first connection it keeps.
		if err := oneConnection(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("engine:", Engine(), "single stream:", single, "servers:", anywhere)
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

func suiteContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
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

// The option is the process's, so the suite runs once more in a process of its
// own.
func TestSingleStream(t *testing.T) {
	if single {
		t.Skip("this is that process")
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(suiteContext(t), exe, "-test.short", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "XIO_TEST_SINGLE_STREAM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out, 20000))
	}
	require.Contains(t, string(out), "--- PASS: TestBytesInSmallPieces")
}

// needsTCP skips a test that plays a peer on a TCP socket of its own.
func needsTCP(t testing.TB) {
	if overRDMA() {
		t.Skip("a peer of this test speaks TCP")
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
