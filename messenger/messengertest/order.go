// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

var orderCases = []testCase{
	{"D12_PriorityOvertakesInTheDispatchQueue", priorityTest},
	{"D12_PriorityOvertakesInTheOutQueue", outPriorityTest},
	{"D12_FairToTwoFloods", fairTest},
	{"R21_SequenceNumbers", sequenceTest},
	{"FastPreprocessSeesAll", preprocessTest},
	{"DefaultSendPriority", defaultPriorityTest},
}

// gather remembers notes by name of their text, once let go.
type gather struct {
	first chan struct{}
	block chan struct{}
	texts chan string
}

// gathering makes a node's dispatch goroutine stop at its first note.
func gathering(n *node) *gather {
	g := &gather{make(chan struct{}), make(chan struct{}), make(chan string, 1000)}
	started := false
	n.d.onMessage = func(m messenger.Message) {
		if !started {
			started = true
			close(g.first)
			<-g.block
		}
		g.texts <- m.(*note).text
		m.Base().Release()
	}
	return g
}

func (g *gather) take(n int) []string {
	var list []string
	for range n {
		list = append(list, <-g.texts)
	}
	return list
}

func prioritised(n uint32, text string, prio int) *note {
	m := newNote(n, text)
	m.SetPriority(prio)
	return m
}

func priorityTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	g := gathering(server)
	c := client.connect(t, server)
	require.NoError(t, c.Send(newNote(0, "first")))
	<-g.first
	for _, m := range []*note{
		prioritised(1, "low", messenger.PriorityLow), prioritised(2, "normal 1", 0),
		prioritised(3, "high", messenger.PriorityHigh), prioritised(4, "normal 2", 0),
		prioritised(5, "bulk", 10), prioritised(6, "highest", messenger.PriorityHighest),
	} {
		require.NoError(t, c.Send(m))
	}
	eventually(t, "all wait", func() bool { return server.DispatchQueueLen() == 6 })
	require.Positive(t, server.DispatchQueueMaxAge())
	close(g.block)
	require.Equal(t, []string{"first", "highest", "high", "normal 1", "normal 2", "low", "bulk"}, g.take(7))
}

func outPriorityTest(t *testing.T, s *suite) {
	a, b, g := s.peers(t, messenger.LosslessPeer())
	h := g.Pause(At(messenger.StepDial, a.Messenger, false))
	c := a.connect(t, b)
	reached(t, h)
	for _, m := range []*note{
		prioritised(1, "", messenger.PriorityLow), prioritised(2, "", 0), prioritised(3, "", messenger.PriorityHigh), prioritised(4, "", 0),
	} {
		require.NoError(t, c.Send(m))
	}
	h.Continue()
	eventually(t, "all notes", func() bool { return len(b.d.got()) == 4 })
	for i, n := range []uint32{3, 2, 4, 1} {
		// By their numbers, as the receiver's queue may order them once more.
		for _, r := range b.d.got() {
			if r.n == n {
				require.Equal(t, uint64(i+1), r.seq, "note %d", n)
			}
		}
	}
}

func fairTest(t *testing.T, s *suite) {
	server := s.server(t, messenger.StatefulServer())
	g := gathering(server)
	one, two := s.client(t, messenger.LosslessClient()), s.client(t, messenger.LosslessClient())
	c1, c2 := one.connect(t, server), two.connect(t, server)
	require.NoError(t, c1.Send(newNote(0, "first")))
	<-g.first
	const n = 50
	for i := range uint32(n) {
		require.NoError(t, c1.Send(newNote(i, "one")))
	}
	eventually(t, "one's flood", func() bool { return server.DispatchQueueLen() == n })
	for i := range uint32(n) {
		require.NoError(t, c2.Send(newNote(i, "two")))
	}
	eventually(t, "two's flood", func() bool { return server.DispatchQueueLen() == 2*n })
	close(g.block)
	g.take(1)
	texts := g.take(2 * n)
	for i := 0; i < 2*n; i += 2 {
		require.NotEqual(t, texts[i], texts[i+1], "they take turns")
	}
}

func sequenceTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	for i := range uint32(200) {
		require.NoError(t, c.Send(newNote(i, "")))
	}
	eventually(t, "all notes", func() bool { return len(server.d.got()) == 200 })
	for i, r := range server.d.got() {
		require.Equal(t, uint64(i+1), r.seq)
		require.Equal(t, uint32(i), r.n)
	}
}

func preprocessTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	ping(t, c, 1)
	require.NoError(t, c.Send(newNote(1, "")))
	eventually(t, "the note", func() bool { return len(server.d.got()) == 1 })
	server.d.mu.Lock()
	defer server.d.mu.Unlock()
	require.Equal(t, 2, server.d.pre)
}

func defaultPriorityTest(t *testing.T, s *suite) {
	server := s.server(t, messenger.StatefulServer())
	client := s.start(t, options{name: aClient, policy: messenger.LosslessClient(), before: func(m messenger.Messenger) {
		require.NoError(t, m.SetDefaultSendPriority(messenger.PriorityHigh))
	}})
	got := make(chan messenger.MsgHeader, 2)
	server.d.onMessage = func(m messenger.Message) {
		got <- m.Base().Header()
		m.Base().Release()
	}
	c := client.connect(t, server)
	require.NoError(t, c.Send(newNote(1, "")))
	require.NoError(t, c.Send(prioritised(2, "", messenger.PriorityLow)))
	require.Equal(t, uint16(messenger.PriorityHigh), (<-got).Priority)
	h := <-got
	require.Equal(t, uint16(messenger.PriorityLow), h.Priority)
	require.Equal(t, messenger.EntityClient, h.Src.Type)
	require.ErrorIs(t, client.SetDefaultSendPriority(1), messenger.ErrStarted)
}
