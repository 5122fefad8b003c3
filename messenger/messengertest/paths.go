// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

var pathCases = []testCase{
	{"R32_InOrderOverTwoLinks", twoLinksTest},
	{"R35_FailoverBetweenPaths", failoverTest},
}

// twoLinksTest lets a session have two links at a time: a new one comes while the receiver
// still looks at what the former has brought. Whatever arrives first, it is delivered in
// the order of the numbers.
func twoLinksTest(t *testing.T, s *suite) {
	for skip := range 8 {
		g := new(Gate)
		config := func(c *messenger.Config) { c.Interceptor = g }
		server := s.start(t, options{name: anOSD, policy: messenger.StatefulServer(), bind: true, config: config})
		server.d.echo = true
		client := s.start(t, options{name: aClient, policy: messenger.LosslessClient(), config: config})
		c := client.connect(t, server)
		ping(t, c, 1)
		n := 0
		held := g.Pause(func(p messenger.Point) bool { // Gates ask one at a time
			if p.Step != messenger.StepReceive || p.Messenger != server.Messenger {
				return false
			}
			n++
			return n > skip
		})
		const half = 20
		first := sendAll(t, c, half)
		reached(t, held)
		came := g.Seen(messenger.StepBeforeBanner)
		g.Fail(At(messenger.StepSendMessage, client.Messenger, false), 0, 1)
		for i := range uint32(half) {
			require.NoError(t, c.Send(newNote(half+i, "")))
		}
		eventually(t, "the next link", func() bool { return g.Seen(messenger.StepBeforeBanner) > came })
		held.Continue()
		for range half {
			require.NoError(t, <-first)
		}
		eventually(t, "all notes", func() bool { return len(server.d.got()) == 2*half })
		ordered(t, server)
		for i, r := range server.d.got() {
			require.Equal(t, server.d.got()[0].seq+uint64(i), r.seq)
		}
		quietly(t, server, client)
	}
}

// network is an Interceptor that has paths down, and knows which one was taken last.
type network struct {
	Gate
	client messenger.Messenger
	down   atomic.Pointer[messenger.EntityAddr]
	taken  atomic.Pointer[messenger.EntityAddr]
}

func (n *network) Intercept(ctx context.Context, p messenger.Point) error {
	if p.Step == messenger.StepDial && p.Messenger == n.client {
		if down := n.down.Load(); down != nil && *down == p.Peer {
			return ErrGate
		}
		n.taken.Store(&p.Peer)
	}
	return n.Gate.Intercept(ctx, p)
}

// failoverTest has two paths to a server, of which one goes down with messages under way,
// and later the other: the connection goes on by the path that is left.
func failoverTest(t *testing.T, s *suite) {
	net := new(network)
	config := func(c *messenger.Config) { c.Interceptor = net }
	server := s.start(t, options{name: anOSD, policy: messenger.StatefulServer(), config: config, noStart: true})
	server.d.echo = true
	at, err := messenger.ParseEntityAddr(s.Bind)
	require.NoError(t, err)
	require.NoError(t, server.Bind(at.WithIP(netip.Addr{})))
	require.NoError(t, server.Start())
	client := s.start(t, options{name: aClient, policy: messenger.LosslessClient(), config: config, noStart: true})
	net.client = client.Messenger
	require.NoError(t, client.Start())

	addr := server.Addrs()[0]
	one, two := addr.WithIP(at.Addr.Addr()), addr.WithIP(at.Addr.Addr().Next())
	c, err := client.ConnectTo(messenger.EntityOSD, messenger.AddrVec{one, two})
	require.NoError(t, err)
	ping(t, c, 1)
	require.Equal(t, one, *net.taken.Load())
	same, err := client.ConnectTo(messenger.EntityOSD, messenger.AddrVec{two, one})
	require.NoError(t, err)
	require.Same(t, c, same)

	const n = 30
	for round, down := range []messenger.EntityAddr{one, two, one} {
		net.down.Store(&down)
		broken := net.Fail(At(messenger.StepReceive, server.Messenger, true), 10, 1)
		for i := range uint32(n) {
			require.NoError(t, c.Send(newNote(uint32(round)*n+i, "")))
		}
		reached(t, broken)
		eventually(t, "all notes", func() bool { return len(server.d.got()) == (round+1)*n })
		eventually(t, "the other path", func() bool { return *net.taken.Load() != down && c.IsConnected() })
		require.Equal(t, one, c.PeerAddr(), "the connection goes by the same name")
	}
	ordered(t, server)
	quietly(t, server, client)
	require.Zero(t, client.d.refusals.Load())
	ping(t, c, 2)

	// All paths refused: that is to be told of.
	net.down.Store(nil)
	server.stop(t)
	eventually(t, "a refusal", func() bool { return client.d.refusals.Load() == 1 })
	require.ErrorIs(t, c.Err(), messenger.ErrRefused)
}
