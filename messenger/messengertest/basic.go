// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

var basicCases = []testCase{
	{"C1_SimpleTest", simpleTest},
	{"C2_NameAddrTest", nameAddrTest},
	{"C4_FeatureTest", featureTest},
	{"C5_TimeoutTest", timeoutTest},
	{"C8_AnonTest", anonTest},
	{"C11_MessageTest", messageTest},
	{"R26_R29_ProgressWithoutTheApplication", progressTest},
	{"Keepalive", keepaliveTest},
	{"LoopbackIsTheSameObject", loopbackTest},
	{"UseBeforeStartAndAfterShutdown", lifeTest},
	{"RefusedIsTold", refusedTest},
	{"UnknownTypeCostsTheLink", unknownTypeTest},
	{"R36_SentMessagesCompleteOnce", completionTest},
	{"R13_R16_OneConnectionPerEntity", sameConnectionTest},
}

func simpleTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	simpleSteps(t, server, client, func() messenger.Connection { return client.connect(t, server) })
}

// simpleSteps are the steps of C1, for a client that connects so.
func simpleSteps(t *testing.T, server, client *node, connect func() messenger.Connection) {
	// A round trip.
	c := connect()
	ping(t, c, 1)
	require.True(t, c.IsConnected())
	require.Equal(t, messenger.EntityOSD, c.PeerType())

	// Rebind, away from ten ports.
	old := server.Addrs()[0]
	var avoid []uint16
	for i := range uint16(10) {
		avoid = append(avoid, old.Port()+i)
	}
	require.NoError(t, server.Rebind(avoid))
	now := server.Addrs()[0]
	require.NotContains(t, avoid, now.Port())
	require.Equal(t, old.Nonce+1_000_000, now.Nonce)
	c = connect()
	ping(t, c, 1)

	// Mark down.
	c.MarkDown()
	require.False(t, c.IsConnected())
	require.Equal(t, messenger.ConnClosed, c.State())
	c.MarkDown()

	// The server ends; what is sent then is dropped.
	c = connect()
	ping(t, c, 1)
	server.stop(t)
	eventually(t, "the client notices", func() bool { return !c.IsConnected() })
	dropped := make(chan error, 1)
	m := messages.NewPing()
	m.OnComplete(func(err error) { dropped <- err })
	require.NoError(t, c.Send(m))
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
	require.False(t, c.IsConnected())

	// Loopback.
	lo := client.Loopback()
	lo.SetPriv(new(session))
	ping(t, lo, 1)
	require.Same(t, lo, client.Loopback())
}

func nameAddrTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	require.Equal(t, server.Addrs()[0], c.PeerAddr())
	require.Contains(t, c.PeerAddrs(), server.Addrs()[0])
	back := server.Find(client.Addrs()[0])
	require.NotNil(t, back, "the client's address is known: %v", client.Addrs())
	require.Equal(t, 1, counted(back))
	require.Equal(t, messenger.EntityClient, back.PeerType())
}

func featureTest(t *testing.T, s *suite) {
	const bit = messenger.Features(1 << 21)
	p := messenger.StatelessServer()
	p.FeaturesRequired = bit
	server := s.server(t, p)

	lacks := messenger.LossyClient()
	lacks.FeaturesSupported = messenger.DefaultFeatures &^ bit
	client := s.client(t, lacks)
	c := client.connect(t, server)
	require.NoError(t, c.Send(messages.NewPing()))
	faults(t, c, messenger.ErrFeatures)
	require.False(t, c.IsConnected())

	has := s.client(t, messenger.LossyClient())
	ping(t, has.connect(t, server), 1)
}

// faults waits for a fault of a kind.
func faults(t testing.TB, c messenger.Connection, want error) {
	t.Helper()
	eventually(t, want.Error(), func() bool { return c.Err() != nil })
	require.ErrorIs(t, c.Err(), want)
	var f *messenger.Fault
	require.ErrorAs(t, c.Err(), &f)
}

func timeoutTest(t *testing.T, s *suite) {
	server := s.server(t, messenger.StatelessServer())
	client := s.start(t, options{name: aClient, policy: messenger.LossyClient(), config: func(c *messenger.Config) {
		c.IdleTimeout = 200 * time.Millisecond
	}})
	c := client.connect(t, server)
	ping(t, c, 1)
	eventually(t, "the end of an idle connection", func() bool { return !c.IsConnected() })
	require.ErrorIs(t, c.Err(), messenger.ErrTimeout)
	eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
}

func anonTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	a, err := client.ConnectAnonymous(messenger.EntityOSD, server.Addrs())
	require.NoError(t, err)
	b, err := client.ConnectAnonymous(messenger.EntityOSD, server.Addrs())
	require.NoError(t, err)
	require.NotSame(t, a, b)
	ping(t, a, 1)
	ping(t, b, 1)
	eventually(t, "two accepted connections", func() bool { return server.d.accepts.Load() == 2 })
	require.Len(t, server.Connections(), 2)
	a.MarkDown()
	ping(t, b, 2)
}

func messageTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	got := make(chan messenger.Message, 1)
	client.d.onMessage = func(m messenger.Message) { got <- m }
	server.d.onMessage = func(m messenger.Message) {
		switch m := m.(type) {
		case *stringsMessage:
			require.NoError(t, server.SendReply(m, newStrings(m.list)))
		case *messages.DataPing:
			r := messages.NewDataPing(m.Tag, m.Counter)
			r.SetData(m.DetachData())
			require.NoError(t, server.SendReply(m, r))
		}
		m.Base().Release()
	}
	c := client.connect(t, server)

	list := slices.Repeat([]string{"abcdefghijklmnopqrstuvwxyz"}, 30720)
	require.NoError(t, c.Send(newStrings(list)))
	m := <-got
	require.Equal(t, list, m.(*stringsMessage).list)
	m.Base().Release()

	data := bytes.Repeat([]byte("0123456789abcdef0123456789"), 30720)
	require.Len(t, data, 798720)
	p := messages.NewDataPing("large", 7)
	p.SetData(data)
	require.NoError(t, c.Send(p))
	m = <-got
	require.Equal(t, "large", m.(*messages.DataPing).Tag)
	require.True(t, bytes.Equal(data, m.Base().Data()))
	m.Base().Release()
}

// Nobody calls into the messenger: it goes on by itself.
func progressTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	done := make(chan struct{})
	left := 1000
	client.d.onMessage = func(m messenger.Message) {
		if left--; left == 0 {
			close(done)
		} else if left > 0 {
			require.NoError(t, m.Base().Connection().Send(messages.NewPing()))
		}
		m.Base().Release()
	}
	require.NoError(t, client.connect(t, server).Send(messages.NewPing()))
	<-done
}

func keepaliveTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	before := time.Now().Add(-time.Second)
	c.SendKeepalive()
	eventually(t, "the answer to a keepalive", func() bool { return c.LastKeepaliveAck().After(before) })
}

func loopbackTest(t *testing.T, s *suite) {
	n := s.start(t, options{name: anOSD, policy: messenger.LosslessPeer(), bind: true})
	got := make(chan messenger.Message, 2)
	n.d.onMessage = func(m messenger.Message) { got <- m }
	c, err := n.ConnectTo(messenger.EntityOSD, n.Addrs())
	require.NoError(t, err)
	require.Same(t, n.Loopback(), c)
	m := newNote(1, "to myself")
	require.NoError(t, c.Send(m))
	in := <-got
	require.Same(t, m, in)
	require.Equal(t, n.Name(), in.Base().Source())
	require.NoError(t, n.SendReply(in, newNote(2, "")))
	require.Equal(t, uint64(2), (<-got).Base().Seq())
	in.Base().Release()
	c.MarkDown()
	require.True(t, c.IsConnected())
}

func lifeTest(t *testing.T, s *suite) {
	n := s.start(t, options{name: aClient, policy: messenger.LossyClient(), noStart: true})
	addr, err := messenger.ParseEntityAddr(strings.TrimSuffix(s.Bind, "0") + "1")
	require.NoError(t, err)
	_, err = n.GetConnection(messenger.EntityInst{Name: anOSD, Addr: addr})
	require.ErrorIs(t, err, messenger.ErrNotStarted)
	require.ErrorIs(t, n.Rebind(nil), messenger.ErrNotBound)
	require.NoError(t, n.Start())
	require.ErrorIs(t, n.Start(), messenger.ErrStarted)
	require.ErrorIs(t, n.Bind(addr), messenger.ErrStarted)
	require.ErrorIs(t, n.SetDefaultPolicy(messenger.LossyClient()), messenger.ErrStarted)
	require.ErrorIs(t, n.SendMessage(messages.NewPing(), messenger.EntityInst{Name: anOSD}), messenger.ErrAddr)
	n.Shutdown()
	n.Shutdown()
	n.Wait()
	_, err = n.GetConnection(messenger.EntityInst{Name: anOSD, Addr: addr})
	require.ErrorIs(t, err, messenger.ErrShutdown)
	dropped := make(chan error, 1)
	m := messages.NewPing()
	m.OnComplete(func(err error) { dropped <- err })
	require.NoError(t, n.Loopback().Send(m))
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)

	never := s.start(t, options{name: aClient, policy: messenger.LossyClient(), bind: true, noStart: true})
	never.stop(t)
}

func refusedTest(t *testing.T, s *suite) {
	server := s.server(t, messenger.StatelessServer())
	gone := server.Addrs()
	server.stop(t)
	client := s.client(t, messenger.LossyClient())
	c, err := client.ConnectTo(messenger.EntityOSD, gone)
	require.NoError(t, err)
	eventually(t, "the refusal", func() bool { return client.d.refusals.Load() == 1 })
	require.ErrorIs(t, c.Err(), messenger.ErrRefused)
}

func unknownTypeTest(t *testing.T, s *suite) {
	small := messenger.NewRegistry()
	messages.Register(small)
	server := s.start(t, options{name: anOSD, policy: messenger.StatelessServer(), bind: true, config: func(c *messenger.Config) {
		c.Registry = small
	}})
	server.d.echo = true
	client := s.client(t, messenger.LossyClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	back := server.Find(client.Addrs()[0])
	require.NoError(t, c.Send(newNote(1, "what is this")))
	faults(t, back, messenger.ErrUnknownType)
	eventually(t, "the end of the connection", func() bool { return !c.IsConnected() })
	require.Empty(t, server.d.got())
	ping(t, client.connect(t, server), 1)
}

func completionTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	done := make(chan error, 10)
	for i := range uint32(5) {
		m := newNote(i, "")
		m.OnComplete(func(err error) { done <- err })
		require.NoError(t, c.Send(m))
	}
	for range 5 {
		require.NoError(t, <-done)
	}
	eventually(t, "all notes", func() bool { return len(server.d.got()) == 5 })
	server.stop(t)
	m := newNote(9, "nobody is there")
	m.OnComplete(func(err error) { done <- err })
	require.NoError(t, c.Send(m))
	c.MarkDown()
	require.ErrorIs(t, <-done, messenger.ErrDropped)
	require.Empty(t, done)
}

func sameConnectionTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	a := client.connect(t, server)
	b, err := client.GetConnection(messenger.EntityInst{Name: anOSD, Addr: server.Addrs()[0]})
	require.NoError(t, err)
	require.Same(t, a, b)
	require.Equal(t, anOSD, b.PeerName())
	require.NoError(t, client.SendMessage(messages.NewPing(), messenger.EntityInst{Name: anOSD, Addr: server.Addrs()[0]}))
	eventually(t, "the echo", func() bool { return counted(a) == 1 })
	// A stateful server does not connect by itself.
	_, err = server.ConnectTo(messenger.EntityClient, messenger.AddrVec{server.Addrs()[0].WithPort(1)})
	require.ErrorIs(t, err, messenger.ErrAddr)
}
