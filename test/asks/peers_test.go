// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// The user's server is gone without a word, keepalive does not fire, and the loop hangs
// in a receive: https://github.com/accelio/accelio/issues/197
func TestAccelio197_KeepaliveFiresWhenThePeerIsFrozen(t *testing.T) {
	t.Parallel()
	frozen, live := start(t, "serve", ""), start(t, "serve", "")
	client := start(t, "keepalive", frozen.expect("uri")+" "+live.expect("uri"))
	frozen.expect("held")
	frozen.freeze()
	client.expect("idle peer lost")
	client.expect("request ended")
	client.expect("the loop lives")
	client.end()
}

// keepaliveRole is a client of two servers on one context, the first of which will
// freeze.
func keepaliveRole(uris string) error {
	var frozen, live string
	if _, err := fmt.Sscan(uris, &frozen, &live); err != nil {
		return err
	}
	err := xio.Init(xio.LibraryOptions{Keepalive: xio.Keepalive{Time: time.Second, Interval: time.Second, Probes: 2}})
	if err != nil {
		return err
	}
	home, err := xio.NewContext(xio.ContextOptions{})
	if err != nil {
		return err
	}
	d := &xio.Dialer{Context: home, CloseTimeout: time.Second}
	var conns [3]*xio.Connection
	for i, uri := range []string{frozen, frozen, live} {
		if conns[i], err = d.Dial(context.Background(), uri); err != nil {
			return err
		}
	}
	idle, waiting, other := conns[0], conns[1], conns[2]
	ended := make(chan error, 1)
	err = waiting.Send(context.Background(), &xio.Message{Header: []byte("hold")}, func(_ *xio.Response, err error) {
		ended <- err
	})
	if err != nil {
		return err
	}
	for lost := false; !lost; { // the loop must go on meanwhile
		select {
		case <-idle.Done():
			lost = true
		case <-time.After(time.Millisecond):
			if err := askEcho(other, []byte("x")); err != nil {
				return err
			}
		}
	}
	if !errors.Is(idle.Err(), xio.ErrTimeout) {
		return idle.Err()
	}
	fmt.Println("idle peer lost")
	if err := <-ended; !errors.Is(err, xio.ErrMsgFlushed) && !errors.Is(err, xio.ErrTimeout) {
		return fmt.Errorf("the request's end: %w", err)
	}
	fmt.Println("request ended")
	if err := askEcho(other, []byte("x")); err != nil {
		return err
	}
	fmt.Println("the loop lives")
	return home.Close()
}

// The user closes a connection whose peer does not answer, which took minutes, and
// wants a time that can be set: https://github.com/accelio/accelio/issues/46
func TestAccelio46_CloseEndsInItsTimeWithoutThePeer(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 1)

	server := start(t, "serve", "")
	uri := server.expect("uri")
	c := dial(t, xio.Dialer{CloseTimeout: time.Second}, uri)
	patient := dial(t, xio.Dialer{CloseTimeout: 10 * time.Hour}, uri)
	require.NoError(t, askEcho(c, []byte("x")))
	ended := make(chan error, 1)
	require.NoError(t, c.Send(testContext(t), &xio.Message{Header: []byte("hold")}, func(_ *xio.Response, err error) {
		ended <- err
	}))
	server.expect("held")
	server.freeze()
	waited := make(chan error, 1)
	go func() { waited <- patient.Close() }()
	go func() { closed <- c.Close() }()
	require.NoError(t, await(t, "the end of Connection.Close", closed))
	require.ErrorIs(t, await(t, "the end of the request", ended), xio.ErrMsgFlushed)
	require.Empty(t, waited, "who wants to wait longer does")
	server.kill()
	require.NoError(t, await(t, "the end of the patient one", waited))

	s := listen(t, xio.ListenConfig{CloseTimeout: time.Second}, echo)
	client := start(t, "hold", s.URI())
	client.expect("up")
	client.freeze()
	go func() { closed <- s.Close() }()
	require.NoError(t, await(t, "the end of Server.Close", closed))
}

// The user has keepalive on, and reconnecting does not work:
// https://github.com/accelio/accelio/issues/88
func TestAccelio88_ReconnectWithKeepaliveOn(t *testing.T) {
	t.Parallel()
	needsReconnect(t)
	c := start(t, "reconnect", "1")
	c.expect("all answered")
	c.end()
}

// The user's program crashes while it reconnects, time and again:
// https://github.com/accelio/accelio/issues/59
func TestAccelio59_ReconnectOverAndOver(t *testing.T) {
	t.Parallel()
	needsReconnect(t)
	c := start(t, "reconnect", "20")
	c.expect("all answered")
	c.end()
}

func needsReconnect(t *testing.T) {
	if !kin() {
		t.Skip("not on an installed libxio: its server crashes when a client comes back")
	}
}

// reconnectRole is a client and a server between which the network fails so many
// times, while requests are out.
func reconnectRole(times string) error {
	var cuts int
	if _, err := fmt.Sscan(times, &cuts); err != nil {
		return err
	}
	// A pair of sockets would not find each other behind the proxy.
	err := xio.Init(xio.LibraryOptions{Reconnect: true, SingleStream: true,
		Keepalive: xio.Keepalive{Time: time.Second, Interval: time.Second, Probes: 2}})
	if err != nil {
		return err
	}
	s, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		return err
	}
	between, err := newNetwork(s.Addr().String())
	if err != nil {
		return err
	}
	c, err := xio.Dial(context.Background(), "tcp://"+between.Addr().String())
	if err != nil {
		return err
	}
	states := c.Watch()
	for range cuts {
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for g := range 8 {
			wg.Go(func() {
				for i := range 20 {
					// An answer may have been lost on the way, which is said.
					if err := askEcho(c, pattern(1+i*500, g)); err != nil && !errors.Is(err, xio.ErrMsgDiscarded) {
						errs <- err
						return
					}
				}
			})
		}
		between.cut()
		for _, want := range []xio.State{xio.StateReconnecting, xio.StateUp} {
			for s := range states {
				if s == want {
					break
				}
			}
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			return err
		}
		// Something gets through before the next loss.
		if err := askEcho(c, []byte("back again")); err != nil {
			return err
		}
	}
	fmt.Println("all answered")
	if err := c.Close(); err != nil {
		return err
	}
	return s.Close()
}

// network passes TCP connections on to a server, and can lose them.
type network struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn // the server's end before the client's
}

func newNetwork(target string) (*network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &network{Listener: l}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			n.mu.Lock()
			n.conns = append(n.conns, server, client)
			n.mu.Unlock()
			go pass(server, client)
			go pass(client, server)
		}
	}()
	return n, nil
}

func pass(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut loses the present connections, at the server first: it must know before the
// client comes back.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	n.conns = nil
}
