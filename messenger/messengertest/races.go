// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

var raceCases = []testCase{
	{"C19_R14_R15_ConnectionRaceTest", func(t *testing.T, s *suite) { s.race(t, messenger.StepBeforeConnect) }},
	{"C20_ConnectionRaceReuseBannerTest", func(t *testing.T, s *suite) { s.race(t, messenger.StepBeforeBanner) }},
	{"ConnectionRaceAtDial", func(t *testing.T, s *suite) { s.race(t, messenger.StepDial) }},
	{"ConnectionRaceAtReply", func(t *testing.T, s *suite) { s.raceAtReply(t) }},
	{"ConnectionRaceBeforeTheFirstAttempt", registeredRaceTest},
	{"C21_MissingServerIdenTest", missingReplyTest},
	{"C22_MissingServerIdenTest2", missingReplyPeerTest},
	{"C23_ReconnectTest", reconnectTest},
	{"C24_ReconnectRaceTest", reconnectRaceTest},
	{"D2_R33_ResentInOrderOnce", resendTest},
	{"StandbyWithoutTheLastWord", lastWordTest},
	{"NothingToForget", nothingToForgetTest},
	{"MarkDownDuringTheHandshake", markDownHandshakeTest},
	{"ShutdownDuringTheHandshake", shutdownHandshakeTest},
}

// peers are two bound entities of the same kind, with one gate.
func (s *suite) peers(t testing.TB, p messenger.Policy) (a, b *node, g *Gate) {
	g = new(Gate)
	make := func(num int64) *node {
		n := s.start(t, options{name: messenger.EntityName{Type: messenger.EntityOSD, Num: num}, policy: p, bind: true,
			config: func(c *messenger.Config) { c.Interceptor = g }})
		n.d.echo = num == 0
		return n
	}
	return make(0), make(1), g
}

// race lets two peers connect to each other at once, from a step on.
func (s *suite) race(t *testing.T, step messenger.Step) {
	a, b, g := s.peers(t, messenger.LosslessPeerReuse())
	ha, hb := g.Pause(At(step, a.Messenger, false)), g.Pause(At(step, b.Messenger, false))
	ca, cb := a.connect(t, b), b.connect(t, a)
	reached(t, ha)
	reached(t, hb)
	ha.Continue()
	hb.Continue()
	settled(t, a, b, ca, cb)
}

// settled checks that a race has left one working connection, and that it is the one
// that each side had in its hands.
func settled(t *testing.T, a, b *node, ca, cb messenger.Connection) {
	t.Helper()
	require.NoError(t, ca.Send(newNote(1, "a to b")))
	require.NoError(t, cb.Send(newNote(2, "b to a")))
	eventually(t, "both messages", func() bool { return len(a.d.got()) == 1 && len(b.d.got()) == 1 })
	eventually(t, "both connected", func() bool { return ca.IsConnected() && cb.IsConnected() })
	require.Len(t, a.Connections(), 1)
	require.Len(t, b.Connections(), 1)
	require.Same(t, ca, a.d.got()[0].conn)
	require.Same(t, cb, b.d.got()[0].conn)
	require.Equal(t, []uint32{2}, a.d.numbers())
	require.Equal(t, []uint32{1}, b.d.numbers())
	require.Zero(t, a.d.remoteResets.Load()+b.d.remoteResets.Load())
	require.Zero(t, a.d.resets.Load()+b.d.resets.Load())
}

// raceAtReply stops a side in its answer to the other's attempt. It depends on who is
// first whether the other one comes to that as well.
func (s *suite) raceAtReply(t *testing.T) {
	a, b, g := s.peers(t, messenger.LosslessPeerReuse())
	ha, hb := g.Pause(At(messenger.StepBeforeReply, a.Messenger, true)), g.Pause(At(messenger.StepBeforeReply, b.Messenger, true))
	ca, cb := a.connect(t, b), b.connect(t, a)
	select {
	case <-ha.Reached():
	case <-hb.Reached():
	case <-time.After(patience):
		t.Fatal("nobody answers")
	}
	hb.Continue()
	ha.Continue()
	settled(t, a, b, ca, cb)
}

// registeredRaceTest has the peer's attempt arrive between the moment from which a
// connection can be found and its own first attempt, which must leave the other alone.
func registeredRaceTest(t *testing.T, s *suite) {
	a, b, g := s.peers(t, messenger.LosslessPeerReuse())
	if b.Addrs()[0].Compare(a.Addrs()[0]) < 0 {
		a, b = b, a // the lower address's attempt survives
	}
	registered := g.Pause(At(messenger.StepRegistered, b.Messenger, false))
	accepting := g.Pause(At(messenger.StepBeforeReply, b.Messenger, true))
	made := make(chan messenger.Connection, 1)
	go func() {
		c, _ := b.ConnectTo(a.Name().Type, a.Addrs())
		made <- c
	}()
	reached(t, registered)
	ca := a.connect(t, b)
	reached(t, accepting)
	registered.Continue()
	cb := <-made
	require.NotNil(t, cb)
	accepting.Continue()
	settled(t, a, b, ca, cb)
	require.Equal(t, 1, g.Seen(messenger.StepDial), "the peer's link is at work already")
}

func missingReplyTest(t *testing.T, s *suite) {
	g := new(Gate)
	server := s.start(t, options{name: anOSD, policy: messenger.StatelessServer(), bind: true,
		config: func(c *messenger.Config) { c.Interceptor = g }})
	server.d.echo = true
	h := g.Fail(At(messenger.StepBeforeReply, server.Messenger, true), 0, 1)
	client := s.client(t, messenger.LossyClient())
	c := client.connect(t, server)
	require.NoError(t, c.Send(newNote(1, "")))
	reached(t, h)
	ping(t, c, 1)
	// The ping's dispatch is fast, the note's is not.
	eventually(t, "the note", func() bool { return len(server.d.got()) == 1 })
	require.Equal(t, []uint32{1}, server.d.numbers())
	require.Zero(t, client.d.resets.Load())
}

// acknowledged sends m and waits until nothing of it is left to send again: a side
// with something left does not stand by.
func acknowledged(t *testing.T, c messenger.Connection, m messenger.Message) {
	t.Helper()
	ended := make(chan error, 1)
	m.Base().OnComplete(func(err error) { ended <- err })
	require.NoError(t, c.Send(m))
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("never acknowledged")
	}
}

func missingReplyPeerTest(t *testing.T, s *suite) {
	a, b, g := s.peers(t, messenger.LosslessPeer())
	ca := a.connect(t, b)
	acknowledged(t, ca, newNote(1, ""))
	eventually(t, "the first message", func() bool { return len(b.d.got()) == 1 })
	cb := b.Find(a.Addrs()[0])
	// The link breaks with something to send at b alone: a stands by, and b connects.
	// Before its final reply a fails, and once more before it is ready.
	g.Fail(At(messenger.StepSendMessage, b.Messenger, true), 0, 1)
	reply := g.Fail(At(messenger.StepBeforeReply, a.Messenger, true), 0, 1)
	ready := g.Fail(At(messenger.StepReady, a.Messenger, true), 0, 1)
	require.NoError(t, cb.Send(newNote(7, "queued")))
	reached(t, reply)
	reached(t, ready)
	eventually(t, "the queued message", func() bool { return len(a.d.got()) > 0 })
	require.Equal(t, []uint32{7}, a.d.numbers())
	require.Same(t, ca, a.d.got()[0].conn)
	require.Zero(t, a.d.remoteResets.Load()+b.d.remoteResets.Load()+a.d.resets.Load()+b.d.resets.Load())
}

func reconnectTest(t *testing.T, s *suite) {
	g := new(Gate)
	server := s.start(t, options{name: anOSD, policy: messenger.StatefulServer(), bind: true,
		config: func(c *messenger.Config) { c.Interceptor = g }})
	server.d.echo = true
	client := s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	back := server.Find(client.Addrs()[0])
	h := g.Fail(At(messenger.StepReceive, server.Messenger, true), 5, 1)
	for i := range uint32(20) {
		require.NoError(t, c.Send(newNote(i, "")))
	}
	reached(t, h)
	eventually(t, "all messages", func() bool { return len(server.d.got()) == 20 })
	for i, r := range server.d.got() {
		require.Equal(t, uint32(i), r.n)
		require.Same(t, back, r.conn)
	}
	eventually(t, "the reconnect", func() bool { return client.d.connects.Load() == 2 && server.d.accepts.Load() == 2 })
	require.Zero(t, server.d.connects.Load())
	require.Zero(t, client.d.accepts.Load())
	require.Zero(t, client.d.remoteResets.Load()+server.d.remoteResets.Load()+client.d.resets.Load()+server.d.resets.Load())
	ping(t, c, 2)
}

func reconnectRaceTest(t *testing.T, s *suite) {
	a, b, g := s.peers(t, messenger.LosslessPeer())
	ca := a.connect(t, b)
	acknowledged(t, ca, newNote(1, ""))
	eventually(t, "the first message", func() bool { return len(b.d.got()) == 1 })
	cb := b.Find(a.Addrs()[0])
	// The link breaks while both have something to send, and both connect again.
	ha, hb := g.Pause(At(messenger.StepBeforeConnect, a.Messenger, false)), g.Pause(At(messenger.StepBeforeConnect, b.Messenger, false))
	g.Fail(At(messenger.StepSendMessage, b.Messenger, true), 0, 1)
	require.NoError(t, cb.Send(newNote(2, "b to a")))
	reached(t, hb)
	eventually(t, "standby at a", func() bool { return ca.State() == messenger.ConnStandby })
	require.NoError(t, ca.Send(newNote(3, "a to b")))
	reached(t, ha)
	ha.Continue()
	hb.Continue()
	eventually(t, "both messages", func() bool { return len(a.d.got()) == 1 && len(b.d.got()) == 2 })
	require.Equal(t, []uint32{2}, a.d.numbers())
	require.Equal(t, []uint32{1, 3}, b.d.numbers())
	eventually(t, "both connected", func() bool { return ca.IsConnected() && cb.IsConnected() })
	require.Len(t, a.Connections(), 1)
	require.Len(t, b.Connections(), 1)
	require.Zero(t, a.d.remoteResets.Load()+b.d.remoteResets.Load()+a.d.resets.Load()+b.d.resets.Load())
}

// failNext is an Injector whose next operation fails, once it is armed.
type failNext struct{ armed atomic.Bool }

// SocketOp implements messenger.Injector.
func (f *failNext) SocketOp(context.Context) error {
	if f.armed.CompareAndSwap(true, false) {
		return ErrFault
	}
	return nil
}

// lastWordTest breaks the link with the connecting side's last word of the handshake: to
// that side the session has been open, to the other it has not. It stands by, and has
// something to send much later.
func lastWordTest(t *testing.T, s *suite) {
	f, g := new(failNext), new(Gate)
	const timeout = time.Second
	b := s.start(t, options{name: anOSD, policy: messenger.LosslessPeer(), bind: true,
		config: func(c *messenger.Config) { c.HandshakeTimeout = timeout }})
	a := s.start(t, options{name: messenger.EntityName{Type: messenger.EntityOSD, Num: 1}, policy: messenger.LosslessPeer(), bind: true,
		config: func(c *messenger.Config) { c.Interceptor, c.Injector = g, f }})
	h := g.Pause(At(messenger.StepBeforeSeq, a.Messenger, false))
	ca := a.connect(t, b)
	reached(t, h)
	f.armed.Store(true)
	h.Continue()
	standby := func(c messenger.Connection) bool { return c != nil && c.State() == messenger.ConnStandby }
	eventually(t, "both stand by", func() bool { return standby(ca) && standby(b.Find(a.Addrs()[0])) })
	time.Sleep(3 * timeout / 2) // a time that must not matter
	require.NoError(t, ca.Send(newNote(1, "")))
	eventually(t, "the note", func() bool { return len(b.d.got()) > 0 })
	require.Equal(t, []uint32{1}, b.d.numbers())
	require.Zero(t, a.d.remoteResets.Load()+b.d.remoteResets.Load()+a.d.resets.Load()+b.d.resets.Load())
}

// nothingToForgetTest has a side send over a session that it takes for open at the peer,
// which is still about to open it.
func nothingToForgetTest(t *testing.T, s *suite) {
	a, b, g := s.peers(t, messenger.LosslessPeerReuse())
	seq := g.Pause(At(messenger.StepBeforeSeq, a.Messenger, false))
	ca := a.connect(t, b)
	reached(t, seq)
	h := g.Pause(At(messenger.StepDial, a.Messenger, false))
	seq.Break()
	reached(t, h)
	var cb messenger.Connection
	eventually(t, "standby at b", func() bool {
		cb = b.Find(a.Addrs()[0])
		return cb != nil && cb.State() == messenger.ConnStandby
	})
	told := g.Pause(At(messenger.StepBeforeConnect, b.Messenger, false))
	require.NoError(t, cb.Send(newNote(2, "b to a")))
	reached(t, told)
	told.Continue()
	eventually(t, "the answer", func() bool { return g.Seen(messenger.StepBeforeReply) > 1 })
	h.Continue()
	require.NoError(t, ca.Send(newNote(1, "a to b")))
	eventually(t, "both messages", func() bool { return len(a.d.got()) == 1 && len(b.d.got()) == 1 })
	require.Equal(t, []uint32{2}, a.d.numbers())
	require.Equal(t, []uint32{1}, b.d.numbers())
	require.Zero(t, a.d.remoteResets.Load()+b.d.remoteResets.Load()+a.d.resets.Load()+b.d.resets.Load())
}

func resendTest(t *testing.T, s *suite) {
	g := new(Gate)
	server := s.start(t, options{name: anOSD, policy: messenger.StatefulServer(), bind: true,
		config: func(c *messenger.Config) { c.Interceptor = g }})
	client := s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	const n, every = 100, 7
	for i := range n / every {
		g.Fail(At(messenger.StepReceive, server.Messenger, true), every+i, 1)
	}
	for i := range uint32(n) {
		require.NoError(t, c.Send(newNote(i, "the same bytes")))
	}
	eventually(t, "all messages", func() bool { return len(server.d.got()) == n })
	for i, r := range server.d.got() {
		require.Equal(t, received{uint64(i + 1), uint32(i), "the same bytes", r.conn}, r)
	}
	eventually(t, "a reconnect", func() bool { return client.d.connects.Load() > 1 })
}

func markDownHandshakeTest(t *testing.T, s *suite) {
	steps := []struct {
		step      messenger.Step
		accepting bool
	}{
		{messenger.StepDial, false}, {messenger.StepBeforeBanner, false}, {messenger.StepBeforeConnect, false},
		{messenger.StepBeforeSeq, false}, {messenger.StepReady, false},
		{messenger.StepBeforeBanner, true}, {messenger.StepBeforeReply, true}, {messenger.StepReady, true},
	}
	for _, at := range steps {
		a, b, g := s.peers(t, messenger.LosslessPeerReuse())
		on := a
		if at.accepting {
			on = b
		}
		h := g.Pause(At(at.step, on.Messenger, at.accepting))
		c := a.connect(t, b)
		require.NoError(t, c.Send(newNote(1, "is dropped, unless it went out before")))
		reached(t, h)
		c.MarkDown()
		h.Continue()
		again := a.connect(t, b)
		require.NotSame(t, c, again)
		require.NoError(t, again.Send(newNote(2, "arrives")))
		eventually(t, "the second message", func() bool { return slices.Contains(b.d.numbers(), 2) })
		if at.step != messenger.StepReady || !at.accepting {
			require.Equal(t, []uint32{2}, b.d.numbers(), "%v, accepting %v", at.step, at.accepting)
		}
	}
}

func shutdownHandshakeTest(t *testing.T, s *suite) {
	for _, step := range []messenger.Step{messenger.StepDial, messenger.StepBeforeConnect, messenger.StepReady} {
		a, b, g := s.peers(t, messenger.LosslessPeer())
		h := g.Pause(At(step, a.Messenger, false))
		c := a.connect(t, b)
		done := make(chan error, 1)
		m := newNote(1, "")
		m.OnComplete(func(err error) { done <- err })
		require.NoError(t, c.Send(m))
		reached(t, h)
		a.stop(t)
		require.ErrorIs(t, <-done, messenger.ErrDropped)
	}
}
