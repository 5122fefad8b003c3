// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role, os.Getenv(argEnv)))
	}
	fmt.Println("engine:", xio.Engine())
	// What Go's runtime and the library open once is no test's leak.
	if s, err := xio.Listen("tcp://127.0.0.1:0", echo); err == nil {
		s.Close()
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait; a test that reaches it has failed.
var patience = func() time.Duration {
	factor, err := strconv.Atoi(os.Getenv("XIO_TEST_PATIENCE"))
	if err != nil || factor < 1 {
		factor = 1
	}
	return time.Duration(factor) * 40 * time.Second
}()

// embedded says that the engine is compiled in.
func embedded() bool { return xio.Engine().Provider == "embedded" }

// kin says that the library is the embedded engine, compiled in or installed.
func kin() bool { return xio.Engine().Version == "accelio_1.7-go" }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// leakCheck makes the test fail if descriptors or buffers of the default pool are
// left at its end. Not for tests that run in parallel.
func leakCheck(t *testing.T) {
	t.Helper()
	measure := func() (fds int, buffers int64) {
		d, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(d), pool.Default().Stats().Buffers
	}
	fds, buffers := measure()
	t.Cleanup(func() {
		nowFDs, nowBuffers := measure()
		for end := time.Now().Add(patience); (nowFDs > fds || nowBuffers != buffers) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
			nowFDs, nowBuffers = measure()
		}
		if nowFDs > fds || nowBuffers != buffers {
			t.Errorf("left behind: %d descriptors (%d before), %d buffers (%d before)",
				nowFDs, fds, nowBuffers, buffers)
		}
	})
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

// await takes a value from a channel, or the channel's end, or fails the test.
func await[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("never happened: " + what)
		panic("not reached")
	}
}

// answer replies, or says to the requester why it cannot.
func answer(r *xio.Request, m *xio.Message) {
	if err := r.Reply(m); err != nil {
		_ = r.ReplyError(xio.ErrUnsuccessful, err.Error())
	}
}

// echo answers with what it got.
var echo = xio.HandlerFunc(func(r *xio.Request) {
	answer(r, &xio.Message{Header: r.Header(), Data: r.Data()})
})

func listen(t testing.TB, l xio.ListenConfig, h xio.Handler) *xio.Server {
	t.Helper()
	s, err := l.Listen("tcp://127.0.0.1:0", h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func dial(t testing.TB, d xio.Dialer, uri string) *xio.Connection {
	t.Helper()
	c, err := d.Dial(testContext(t), uri)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func newContext(t testing.TB, o xio.ContextOptions) *xio.Context {
	t.Helper()
	c, err := xio.NewContext(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// call is one exchange: what came back, copied.
func call(c *xio.Connection, m *xio.Message) (header, data []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rsp, err := c.Call(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	defer rsp.Release()
	return append([]byte{}, rsp.Header()...), append([]byte{}, rsp.Data()...), nil
}

// askEcho is one exchange with an echo server.
func askEcho(c *xio.Connection, data []byte) error {
	_, got, err := call(c, &xio.Message{Data: data, MaxResponse: len(data)})
	if err != nil {
		return err
	}
	if string(got) != string(data) {
		return fmt.Errorf("the response to %d bytes is damaged or another's", len(data))
	}
	return nil
}

// pattern is n bytes that tell themselves from those of another seed, and from
// themselves in another place.
func pattern(n, seed int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// elements is data in buffers of the default pool, of the given sizes.
func elements(ctx context.Context, data []byte, sizes []int) (pool.List, error) {
	list, err := pool.GetList(ctx, pool.Default(), sizes...)
	for _, b := range list {
		data = data[copy(b.Bytes(), data):]
	}
	return list, err
}

// discardLog is for failures made on purpose.
var discardLog = slog.New(slog.DiscardHandler)
