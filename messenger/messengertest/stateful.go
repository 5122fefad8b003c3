// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

var statefulCases = []testCase{
	{"C6_StatefulTest", statefulTest},
	{"C7_StatelessTest", statelessTest},
	{"C9_ClientStandbyTest", standbyTest},
	{"C18_MarkdownTest", markdownTest},
	{"MarkDownByAddressTellsOfAReset", markDownAddrTest},
	{"MarkDisposable", disposableTest},
	{"PeerWithoutAnAddressIsAwaited", addresslessTest},
}

func statefulTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	back := server.Find(client.Addrs()[0])
	require.Equal(t, 1, counted(back))
	c.MarkDown()
	require.False(t, c.IsConnected())

	// The client begins anew. The server finds out when it hears of that.
	require.Equal(t, 1, counted(back))
	c = client.connect(t, server)
	eventually(t, "a remote reset at the server", func() bool { return server.d.remoteResets.Load() == 1 })
	ping(t, c, 1)
	require.Zero(t, client.d.remoteResets.Load())
	require.Same(t, back, server.Find(client.Addrs()[0]))
	require.Equal(t, 1, counted(back))

	// The server forgets; the client is told.
	back.MarkDown()
	eventually(t, "a remote reset at the client", func() bool { return client.d.remoteResets.Load() == 1 })
	eventually(t, "the connection", c.IsConnected)
	ping(t, c, 1)
	require.Equal(t, 1, counted(server.Find(client.Addrs()[0])))
	require.Equal(t, int64(1), server.d.remoteResets.Load())
}

func statelessTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	c.MarkDown()
	require.False(t, c.IsConnected())
	c = client.connect(t, server)
	ping(t, c, 1)
	back := server.d.lastAccepted()
	eventually(t, "a fresh session", func() bool { back = server.d.lastAccepted(); return counted(back) == 1 })
	eventually(t, "two accepted", func() bool { return server.d.accepts.Load() == 2 })
	server.d.lastAccepted().MarkDown()
	c.SendKeepalive()
	eventually(t, "the client notices", func() bool { return !c.IsConnected() })
	eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
	ping(t, client.connect(t, server), 1)
}

func standbyTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessPeer())
	c := client.connect(t, server)
	ping(t, c, 1)
	server.Find(client.Addrs()[0]).MarkDown()
	eventually(t, "standby", func() bool { return c.State() == messenger.ConnStandby })
	require.Zero(t, client.d.resets.Load()+client.d.remoteResets.Load())
	require.Equal(t, int64(1), client.d.connects.Load())

	// The first message wakes it up, and may be lost with the old session.
	require.NoError(t, c.Send(messages.NewPing()))
	eventually(t, "a remote reset", func() bool { return client.d.remoteResets.Load() == 1 })
	eventually(t, "a connect", func() bool { return client.d.connects.Load() == 2 })
	require.NoError(t, c.Send(newNote(1, "")))
	eventually(t, "a message of the new session", func() bool { return len(server.d.got()) == 1 })
	ping(t, c, counted(c)+1)
}

// markdowner marks down, from inside dispatch and under its own lock, all connections
// but the one that a message came by.
type markdowner struct {
	fake
	lock  sync.Mutex
	conns map[messenger.Connection]bool
	rings chan struct{}
}

func (d *markdowner) CanFastDispatch(messenger.Message) bool { return false }

func (d *markdowner) Dispatch(m messenger.Message) bool {
	d.lock.Lock()
	for c := range d.conns {
		if c != m.Base().Connection() {
			c.MarkDown()
			delete(d.conns, c)
		}
	}
	d.lock.Unlock()
	m.Base().Release()
	select {
	case d.rings <- struct{}{}:
	default:
	}
	return true
}

func (d *markdowner) HandleReset(c messenger.Connection) bool {
	d.lock.Lock()
	defer d.lock.Unlock()
	delete(d.conns, c)
	return true
}

func markdownTest(t *testing.T, s *suite) {
	one, two := s.server(t, messenger.StatelessServer()), s.server(t, messenger.StatelessServer())
	d := &markdowner{conns: map[messenger.Connection]bool{}, rings: make(chan struct{}, 1)}
	d.use(messenger.AuthNone{})
	idle := newFake()
	idle.slow = true
	client := s.start(t, options{name: aClient, policy: messenger.LossyClient(), dispatch: idle, before: func(m messenger.Messenger) {
		m.AddDispatcherHead(d)
	}})
	rounds, lost := 100, 0
	if Long() {
		rounds = 1000
	}
	for range rounds {
		for _, server := range []*node{one, two} {
			c := client.connect(t, server)
			d.lock.Lock()
			d.conns[c] = true
			d.lock.Unlock()
			require.NoError(t, c.Send(messages.NewPing()))
		}
		// Both messages may be lost with connections that an answer to the last round
		// has marked down, but not round after round.
		select {
		case <-d.rings:
			lost = 0
		case <-time.After(100 * time.Millisecond):
			lost++
			require.Less(t, lost, 20, "no progress any more")
		}
	}
}

func markDownAddrTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	client.MarkDown(server.Addrs()[0])
	eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
	require.Equal(t, messenger.ConnClosed, c.State())
	client.MarkDown(server.Addrs()[0])

	a, b := client.connect(t, server), s.client(t, messenger.LosslessClient()).connect(t, server)
	ping(t, a, 1)
	ping(t, b, 1)
	server.MarkDownAll()
	eventually(t, "two resets", func() bool { return server.d.resets.Load() == 2 })
	require.Equal(t, int64(1), client.d.resets.Load())
}

func disposableTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	c.MarkDisposable()
	require.True(t, c.IsConnected())
	require.True(t, c.Policy().Lossy)
	server.Find(client.Addrs()[0]).MarkDown()
	eventually(t, "the end", func() bool { return c.State() == messenger.ConnClosed })
	eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
	require.Equal(t, int64(1), client.d.connects.Load())
}

// addresslessTest breaks the link to a lossless peer that listens nowhere, with a message
// for it under way: there is no place to connect to, so the message waits for the peer.
func addresslessTest(t *testing.T, s *suite) {
	g := new(Gate)
	server := s.start(t, options{name: anOSD, policy: messenger.LosslessPeer(), bind: true,
		config: func(c *messenger.Config) { c.Interceptor = g }})
	server.d.echo = true
	client := s.client(t, messenger.LosslessPeer())
	c := client.connect(t, server)
	ping(t, c, 1)
	require.Zero(t, client.Addrs()[0].Port())
	back := server.Find(client.Addrs()[0])

	dialled := g.Pause(At(messenger.StepDial, server.Messenger, false))
	broken := g.Fail(At(messenger.StepSendMessage, server.Messenger, true), 0, 1)
	done := make(chan error, 2)
	for n := range uint32(2) {
		m := newNote(n, "")
		m.OnComplete(func(err error) { done <- err })
		require.NoError(t, back.Send(m))
	}
	reached(t, broken)
	eventually(t, "both stand by", func() bool {
		return back.State() == messenger.ConnStandby && c.State() == messenger.ConnStandby
	})
	back.SendKeepalive()
	require.Equal(t, messenger.ConnStandby, back.State())
	require.Empty(t, done)

	c.SendKeepalive() // the peer comes
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	eventually(t, "what has waited", func() bool { return len(client.d.got()) == 2 })
	require.Equal(t, []uint32{0, 1}, client.d.numbers())
	require.Same(t, back, server.Find(client.Addrs()[0]))
	quietly(t, server, client)
	select {
	case <-dialled.Reached():
		t.Fatal("the server has dialled a peer without an address")
	default:
	}
}
