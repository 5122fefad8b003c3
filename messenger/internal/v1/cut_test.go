// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// cutter breaks the first socket it sees after so many bytes in one direction.
type cutter struct {
	write  bool // what goes out, in place of what comes in
	silent bool // what goes out and does not arrive seems to have been written
	after  int

	once sync.Once
	cut  atomic.Bool
}

func (c *cutter) wrap(conn net.Conn) net.Conn {
	first := false
	c.once.Do(func() { first = true })
	if !first {
		return conn
	}
	return &cutSocket{Conn: conn, c: c, left: c.after}
}

type cutSocket struct {
	net.Conn
	c    *cutter
	left int // used by the one goroutine that goes in the direction
}

func (s *cutSocket) Read(b []byte) (int, error) {
	if s.c.write {
		return s.Conn.Read(b)
	}
	if s.left == 0 {
		return 0, s.broken()
	}
	n, err := s.Conn.Read(b[:min(len(b), s.left)])
	s.left -= n
	return n, err
}

func (s *cutSocket) Write(b []byte) (int, error) {
	if !s.c.write {
		return s.Conn.Write(b)
	}
	if len(b) < s.left {
		s.left -= len(b)
		return s.Conn.Write(b)
	}
	n, _ := s.Conn.Write(b[:s.left])
	s.left = 0
	err := s.broken()
	if s.c.silent {
		return len(b), nil
	}
	return n, err
}

func (s *cutSocket) broken() error {
	s.c.cut.Store(true)
	s.Conn.Close()
	return net.ErrClosed
}

// TestCutPoints breaks an exchange at every byte of the handshake and of the first
// messages, in either direction: nothing hangs, and each message arrives once and in
// order, whichever side has to send it again.
func TestCutPoints(t *testing.T) {
	const (
		points = 500 // in each direction
		n      = 3   // messages each way, and one more at the end
		size   = 40
	)
	var want []uint32
	for i := range uint32(n + 1) {
		want = append(want, i)
	}
	for _, how := range []struct {
		name          string
		write, silent bool
	}{{"outgoing", true, false}, {"outgoing unnoticed", true, true}, {"incoming", false, false}} {
		for _, peers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s peers %v", how.name, peers), func(t *testing.T) {
				step, server, client := 1, messenger.Policy{Server: true, Standby: true}, messenger.Policy{}
				if peers {
					server, client = messenger.LosslessPeer(), messenger.LosslessPeer()
				}
				if testing.Short() || peers {
					step = 7
				}
				for after := 0; after < points; after += step {
					c := &cutter{write: how.write, silent: how.silent, after: after}
					s := newEnd(t, messenger.EntityOSD, server, nil, Options{})
					s.onAccept = func(conn messenger.Connection) { send(t, conn, 0, n, size) }
					s.start(t, true)
					cl := newEnd(t, messenger.EntityClient, client, c.wrap, Options{})
					cl.start(t, peers)
					conn, err := cl.m.ConnectTo(messenger.EntityOSD, s.m.Addrs())
					require.NoError(t, err)
					send(t, conn, 0, n, size)
					what := fmt.Sprintf("messages with a cut after %d bytes", after)
					eventually(t, what, func() bool { return len(s.received()) >= n && len(cl.received()) >= n })
					// What comes behind all others shows that nothing comes twice.
					send(t, conn, n, 1, size)
					s.mu.Lock()
					back := s.accepted
					s.mu.Unlock()
					send(t, back, n, 1, size)
					eventually(t, "last "+what, func() bool { return len(s.received()) > n && len(cl.received()) > n })
					cl.stop()
					s.stop()
					require.Equal(t, want, s.received(), what)
					require.Equal(t, want, cl.received(), what)
					require.True(t, c.cut.Load(), "no cut after %d bytes", after)
				}
			})
		}
	}
}
