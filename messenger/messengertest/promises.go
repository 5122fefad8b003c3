// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// policyPair is a policy of each side.
type policyPair struct {
	name           string
	server, client messenger.Policy
}

var pairs = []policyPair{
	{"LossyClient", messenger.StatelessServer(), messenger.LossyClient()},
	{"LosslessClient", messenger.StatefulServer(), messenger.LosslessClient()},
	{"LosslessPeer", messenger.LosslessPeer(), messenger.LosslessPeer()},
	{"LosslessPeerReuse", messenger.LosslessPeerReuse(), messenger.LosslessPeerReuse()},
}

// promiseCases are the cells of the table of promises in docs/messenger.md: policy
// against failure. Where a link breaks makes no difference to a promise, so a cell
// breaks it at the server, with messages under way in both directions.
var promiseCases = func() []testCase {
	var list []testCase
	for _, p := range pairs {
		for _, f := range []struct {
			name string
			run  func(*testing.T, *suite, policyPair)
		}{
			{"LinkBreaks", promiseLinkBreaks},
			{"LinkBreaksIdle", promiseLinkBreaksIdle},
			{"PeerForgets", promisePeerForgets},
			{"PeerRestarts", promisePeerRestarts},
			{"PeerIsGone", promisePeerIsGone},
			{"MarkedDownHere", promiseMarkedDownHere},
			{"Silence", promiseSilence},
			{"BadMessage", promiseBadMessage},
		} {
			list = append(list, testCase{fmt.Sprintf("Promise_%s_%s", p.name, f.name), func(t *testing.T, s *suite) { f.run(t, s, p) }})
		}
	}
	return list
}()

// pair starts both sides, with a gate at the server, and connects them.
func (s *suite) pair(t testing.TB, p policyPair, config func(*messenger.Config)) (server, client *node, c messenger.Connection, g *Gate) {
	g = new(Gate)
	server = s.start(t, options{name: anOSD, policy: p.server, bind: true, config: func(c *messenger.Config) {
		c.Interceptor = g
		if config != nil {
			config(c)
		}
	}})
	server.d.echo = true
	client = s.start(t, options{name: aClient, policy: p.client, bind: !p.server.Server})
	c = client.connect(t, server)
	ping(t, c, 1)
	eventually(t, "the server is told", func() bool { return server.d.lastAccepted() != nil })
	return server, client, c, g
}

// sendAll sends n notes, and gathers what becomes of them, which is told once.
func sendAll(t testing.TB, c messenger.Connection, n int) chan error {
	done := make(chan error, n)
	for i := range uint32(n) {
		m := newNote(i, "")
		var told atomic.Bool
		m.OnComplete(func(err error) {
			if told.Swap(true) {
				t.Errorf("note %d has been completed again, with %v", i, err)
				return
			}
			done <- err
		})
		require.NoError(t, c.Send(m))
	}
	return done
}

func promiseLinkBreaks(t *testing.T, s *suite, p policyPair) {
	server, client, c, g := s.pair(t, p, nil)
	h := g.Fail(At(messenger.StepReceive, server.Messenger, true), 10, 1)
	const n = 50
	done := sendAll(t, c, n)
	reached(t, h)
	if p.client.Lossy {
		// A reset, and whatever had not arrived is lost.
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
		require.Equal(t, messenger.ConnClosed, c.State())
		for range n {
			<-done
		}
		ordered(t, server)
		ping(t, client.connect(t, server), 1)
		return
	}
	// Nobody notices: everything arrives once and in order.
	for range n {
		require.NoError(t, <-done)
	}
	eventually(t, "all notes", func() bool { return len(server.d.got()) == n })
	ordered(t, server)
	quietly(t, server, client)
	ping(t, c, 2)
}

// ordered checks that what came, came once and in order.
func ordered(t testing.TB, n *node) {
	t.Helper()
	for i, r := range n.d.got() {
		require.Equal(t, uint32(i), r.n)
	}
}

// quietly checks that no dispatcher was told of anything.
func quietly(t testing.TB, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		require.Zero(t, n.d.resets.Load(), "resets at %v", n.Name())
		require.Zero(t, n.d.remoteResets.Load(), "remote resets at %v", n.Name())
	}
}

func promiseLinkBreaksIdle(t *testing.T, s *suite, p policyPair) {
	server, client, c, g := s.pair(t, p, nil)
	// The last message is delivered, and breaks the link; nothing is left to send.
	h := g.Fail(At(messenger.StepReceive, server.Messenger, true), 0, 1)
	done := sendAll(t, c, 1)
	reached(t, h)
	<-done
	if p.client.Lossy {
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
		return
	}
	eventually(t, "the note", func() bool { return len(server.d.got()) == 1 })
	ping(t, c, 2)
	require.Equal(t, []uint32{0}, server.d.numbers())
	quietly(t, server, client)
}

func promisePeerForgets(t *testing.T, s *suite, p policyPair) {
	server, client, c, g := s.pair(t, p, nil)
	again := g.Pause(At(messenger.StepBeforeBanner, server.Messenger, true))
	server.d.lastAccepted().MarkDown()
	if p.client.Lossy {
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
		return
	}
	if p.client.Standby {
		eventually(t, "standby", func() bool { return c.State() == messenger.ConnStandby })
	} else {
		reached(t, again)
	}
	queued := sendAll(t, c, 1)
	reached(t, again)
	require.Zero(t, client.d.remoteResets.Load())
	again.Continue()
	require.ErrorIs(t, <-queued, messenger.ErrDropped)
	eventually(t, "a remote reset", func() bool { return client.d.remoteResets.Load() == 1 })
	require.NoError(t, c.Send(newNote(0, "")))
	eventually(t, "the note", func() bool { return len(server.d.got()) == 1 })
	require.Zero(t, client.d.resets.Load())
}

// promisePeerRestarts lets the client's peer come back at another place: the same
// entity, another incarnation. The old connection never gets through again.
func promisePeerRestarts(t *testing.T, s *suite, p policyPair) {
	server, client, c, _ := s.pair(t, p, nil)
	require.NoError(t, server.Rebind(nil))
	if p.client.Lossy {
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
	} else {
		done := sendAll(t, c, 1)
		eventually(t, "the refusal", func() bool { return client.d.refusals.Load() > 0 })
		c.MarkDown()
		require.ErrorIs(t, <-done, messenger.ErrDropped)
	}
	ping(t, client.connect(t, server), 1)
	require.Empty(t, server.d.got())
}

func promisePeerIsGone(t *testing.T, s *suite, p policyPair) {
	server, client, c, _ := s.pair(t, p, nil)
	server.stop(t)
	if p.client.Lossy {
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
		require.ErrorIs(t, <-sendAll(t, c, 1), messenger.ErrDropped)
		return
	}
	done := sendAll(t, c, 1)
	eventually(t, "the refusal", func() bool { return client.d.refusals.Load() > 0 })
	require.Equal(t, messenger.ConnConnecting, c.State())
	require.Empty(t, done, "it is kept for the peer's return")
	c.MarkDown()
	require.ErrorIs(t, <-done, messenger.ErrDropped)
	require.Zero(t, client.d.resets.Load())
}

// promiseMarkedDownHere lets this side forget the session, and begin a new one.
func promiseMarkedDownHere(t *testing.T, s *suite, p policyPair) {
	server, client, c, _ := s.pair(t, p, nil)
	c.MarkDown()
	require.Equal(t, messenger.ConnClosed, c.State())
	require.ErrorIs(t, <-sendAll(t, c, 1), messenger.ErrDropped)
	if p.server.Lossy {
		eventually(t, "a reset at the peer", func() bool { return server.d.resets.Load() == 1 })
	}
	again := client.connect(t, server)
	require.NotSame(t, c, again)
	require.NoError(t, again.Send(messages.NewPing()))
	eventually(t, "the echo of a ping", func() bool { return counted(again) >= 1 })
	if p.server.ResetCheck {
		require.Equal(t, 1, counted(again), "nothing of the old session comes")
	}
	quietly(t, client)
	if p.server.ResetCheck {
		eventually(t, "a remote reset at the peer", func() bool { return server.d.remoteResets.Load() == 1 })
	}
	require.Empty(t, server.d.got())
}

// promiseSilence ends links on which nothing comes.
func promiseSilence(t *testing.T, s *suite, p policyPair) {
	server, client, c, _ := s.pair(t, p, func(c *messenger.Config) { c.IdleTimeout = 100 * time.Millisecond })
	back := server.d.lastAccepted()
	faults(t, back, messenger.ErrTimeout)
	if p.client.Lossy {
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 && server.d.resets.Load() == 1 })
		return
	}
	ping(t, c, 2)
	quietly(t, server, client)
}

// promiseBadMessage sends what the server does not know. That is a fault like any
// other, but what was acknowledged before it was looked at is lost, and then told of.
func promiseBadMessage(t *testing.T, s *suite, p policyPair) {
	small := messenger.NewRegistry()
	messages.Register(small)
	server, client, c, g := s.pair(t, p, func(c *messenger.Config) { c.Registry = small })
	back := server.d.lastAccepted()
	links := g.Seen(messenger.StepBeforeBanner)
	done := sendAll(t, c, 1)
	if p.client.Lossy {
		faults(t, back, messenger.ErrUnknownType)
		eventually(t, "a reset", func() bool { return client.d.resets.Load() == 1 })
		ping(t, client.connect(t, server), 1)
		return
	}
	// The session may have been given up already, which is a fault of its own.
	eventually(t, "a fault at the server", func() bool { return back.Err() != nil })
	var f *messenger.Fault
	require.ErrorAs(t, back.Err(), &f)
	require.Contains(t, []error{messenger.ErrUnknownType, messenger.ErrLost, messenger.ErrClosed, messenger.ErrReplaced}, f.Reason)
	// Not acknowledged, it comes with the next link, and costs that too.
	told := func() bool { return client.d.remoteResets.Load() > 0 }
	eventually(t, "the same again, or a remote reset", func() bool {
		c.SendKeepalive() // in standby nobody comes
		return told() || g.Seen(messenger.StepBeforeBanner) >= links+2
	})
	select {
	case err := <-done:
		eventually(t, "a remote reset", told)
		if err != nil {
			require.ErrorIs(t, err, messenger.ErrDropped)
		}
		c.MarkDown()
	default:
		c.MarkDown()
		require.ErrorIs(t, <-done, messenger.ErrDropped)
	}
	require.Zero(t, client.d.resets.Load())
	ping(t, client.connect(t, server), 1)
	require.Empty(t, server.d.got())
}
