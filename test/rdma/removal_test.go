// SPDX-License-Identifier: Apache-2.0

package rdma

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// removeEnv names the device that TestDeviceRemoved may take away.
const removeEnv = "XIO_RDMA_REMOVE"

// lines is a log that several goroutines write to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The device goes away under messages of every kind. Each of them ends, whoever comes
// later is told what has happened and what helps, and everything closes.
func TestDeviceRemoved(t *testing.T) {
	device := os.Getenv(removeEnv)
	if device == "" {
		t.Skip("not run: it takes the machine's device away, see test/rdma/run")
	}
	require.True(t, strings.HasPrefix(anywhere, "rdma:"), "a device to remove, and no RDMA")
	var log lines
	held := make(chan *xio.Request, 1)
	cfg := xio.ListenConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	s, err := cfg.Listen(anywhere, xio.HandlerFunc(func(r *xio.Request) {
		if len(r.Header()) > 0 {
			r.Detach()
			held <- r
			return
		}
		r.Reply(&xio.Message{Data: r.Data()})
	}))
	require.NoError(t, err)
	ctx := testContext(t)
	dial := func() *xio.Connection {
		c, err := (&xio.Dialer{Timeout: patience}).Dial(ctx, s.URI())
		require.NoError(t, err)
		return c
	}
	busy, idle := dial(), dial()
	p, err := pool.New(pool.Config{})
	require.NoError(t, err)

	ends := make(chan error, 8)
	flow := func(m *xio.Message) {
		for {
			r, err := busy.Call(ctx, m)
			if err != nil {
				ends <- err
				return
			}
			r.Release()
		}
	}
	go flow(&xio.Message{Header: []byte("no answer")})
	request := <-held
	for range 3 {
		b, err := p.TryGet(1 << 20)
		require.NoError(t, err)
		defer b.Release()
		go flow(&xio.Message{Buffers: []*pool.Buffer{b}, MaxResponse: 1 << 20})
		go flow(&xio.Message{Data: []byte("small")})
	}
	time.Sleep(100 * time.Millisecond)

	// Some drivers remove it only when this program has ended, so nobody waits.
	require.NoError(t, exec.Command("rdma", "link", "delete", device).Start())
	told := func(err error) {
		t.Helper()
		t.Log(err)
		assert.ErrorIs(t, err, syscall.ENODEV)
		assert.ErrorContains(t, err, "'rdma link'")
	}
	for _, c := range []*xio.Connection{busy, idle} {
		select {
		case <-c.Done():
		case <-ctx.Done():
			t.Fatal("a connection stays")
		}
		told(c.Err())
	}
	for range cap(ends) - 1 {
		select {
		case err := <-ends:
			told(err)
		case <-ctx.Done():
			t.Fatal("a message does not end")
		}
	}
	_, err = busy.Call(ctx, &xio.Message{})
	told(err)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "cannot be reached any more") },
		patience, 10*time.Millisecond, "the server says so")
	_, err = xio.Dial(ctx, s.URI())
	told(err)
	_, err = xio.Listen(anywhere, echo)
	told(err)
	require.Eventually(t, func() bool { return len(s.Connections()) == 1 }, patience, 10*time.Millisecond, "all but the one with a request")
	require.ErrorIs(t, request.Reply(&xio.Message{}), xio.ErrMsgDiscarded)
	require.NoError(t, busy.Close())
	require.NoError(t, idle.Close())
	require.NoError(t, s.Close())
}
