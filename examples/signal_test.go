// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

// listen starts a server in this process, where the test sees what arrives.
func listen(t *testing.T, h xio.Handler) *xio.Server {
	t.Helper()
	s, err := (&xio.ListenConfig{Inline: true}).Listen("tcp://127.0.0.1:0", h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("never happened: " + what)
	}
}

// A signal ends the run; what was sent is answered and verified.
func TestClientDrains(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			busy := make(chan struct{})
			echo := &app.Responder{Seen: func(n uint64, _ *xio.Request) {
				if n == 2000 {
					close(busy)
				}
			}}
			s := listen(t, echo)
			cmd := command(t, "xio_client", "-uri", s.URI(), "-json")
			wait := start(t, cmd)
			await(t, "2000 requests", busy)
			require.NoError(t, cmd.Process.Signal(sig))
			f := wait()
			require.Zero(t, f.code, f.err)
			require.Empty(t, f.err)
			r := parseClient(t, f.out)
			require.True(t, r.Interrupted)
			require.Equal(t, echo.Requests.Load(), r.Verified, "answers were dropped")
			require.Equal(t, r.Requests, r.Verified)
			require.Equal(t, r.BytesOut, r.BytesIn)
		})
	}
}

// silent keeps requests without answering them.
type silent struct {
	mu   sync.Mutex
	held []*xio.Request
	some chan struct{}
}

func (s *silent) ServeXIO(r *xio.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Detach()
	if s.held = append(s.held, r); len(s.held) == 1 {
		close(s.some)
	}
}

// answer lets the held requests go; their requester may have left.
func (s *silent) answer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.held {
		_ = r.Reply(&xio.Message{})
	}
}

// The second signal does not wait for answers that never come.
func TestSecondSignal(t *testing.T) {
	h := &silent{some: make(chan struct{})}
	s := listen(t, h)
	defer h.answer()
	cmd := command(t, "xio_client", "-uri", s.URI(), "-timeout", "10m")
	wait := start(t, cmd)
	await(t, "a request", h.some)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Signals of one kind that are pending at the same time count as one,
		// so two might not be enough.
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = cmd.Process.Signal(syscall.SIGINT)
			case <-stop:
				return
			}
		}
	}()
	f := wait()
	close(stop)
	<-done
	require.Equal(t, 130, f.code, "%+v", f)
}

func TestClientGivesUp(t *testing.T) {
	h := &silent{some: make(chan struct{})}
	s := listen(t, h)
	defer h.answer()
	oneLine(t, runProgram(t, "xio_client", "-uri", s.URI(), "-timeout", "300ms"), 1, "xio_client", "no answer from "+s.URI()+" within 300ms")
}

// A signal ends the server in good order under a client that still is there.
func TestServerDrains(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			s := startServer(t, "-json")
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			c, err := xio.Dial(ctx, s.uri)
			require.NoError(t, err)
			defer c.Close()
			for range 100 {
				rsp, err := c.Call(ctx, &xio.Message{Data: []byte("hello")})
				require.NoError(t, err)
				require.Equal(t, "hello", string(rsp.Data()))
				require.Equal(t, app.ResponseHeader, string(rsp.Header()))
				rsp.Release()
			}
			require.NoError(t, s.cmd.Process.Signal(sig))
			f := s.end()
			require.Zero(t, f.code, f.err)
			require.Empty(t, f.err)
			await(t, "the connection's end", c.Done())
			require.ErrorIs(t, c.Err(), xio.ErrSessionClosed)

			lines := strings.Split(strings.TrimSpace(f.out), "\n")
			require.Len(t, lines, 2, f.out)
			var end struct {
				Event                     string
				Requests, Failed, Clients uint64
				Interrupted               bool
			}
			require.NoError(t, json.Unmarshal([]byte(lines[1]), &end))
			require.Equal(t, "end", end.Event)
			require.True(t, end.Interrupted)
			require.EqualValues(t, 100, end.Requests)
			require.Zero(t, end.Failed)
			require.EqualValues(t, 1, end.Clients)
		})
	}
}
