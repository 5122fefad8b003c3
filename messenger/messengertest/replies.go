// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

var replyCases = []testCase{
	{"D3_R1_R2_R4_R24_ZeroOneTwoReplies", repliesTest},
	{"R3_IndirectReply", indirectReplyTest},
	{"R1_R2_R3_R4_ReplyHook", hookTest},
	{"R8_RepliesKeepTheOrder", replyOrderTest},
	{"R42_ReplyHookAfterTheEnd", lateHookTest},
	{"ReplyHookOfWhatWasNotReceived", noHookTest},
	{"R5_R6_DeliveredIsNotProcessed", deliveredTest},
	{"R7_R9_D10_BuffersOutliveTheirMessage", retainedTest},
	{"R42_ReplyAfterTheEnd", lateReplyTest},
	{"BouncedMessages", bounceTest},
}

// repliesTest asks a server for as many replies as the request says.
func repliesTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	released := make(chan struct{}, 3)
	server.d.onMessage = func(m messenger.Message) {
		q := m.(*note)
		q.OnRelease(func() { released <- struct{}{} })
		for i := range q.n {
			require.NoError(t, server.SendReply(q, newNote(i, "reply")))
			if i == 0 {
				q.Release() // the second reply comes after it
			}
		}
		if q.n == 0 {
			q.Release()
		}
	}
	type reply struct {
		tid uint64
		n   uint32
	}
	got := make(chan reply, 10)
	client.d.onMessage = func(m messenger.Message) {
		got <- reply{m.Base().Tid(), m.(*note).n}
		m.Base().Release()
	}
	c := client.connect(t, server)
	for n := range uint32(3) {
		done := make(chan error, 1)
		q := newNote(n, "request")
		q.SetTid(uint64(100 + n))
		q.OnComplete(func(err error) { done <- err })
		require.NoError(t, c.Send(q))
		require.NoError(t, <-done, "a request is delivered whether or not it is answered")
	}
	require.Equal(t, reply{101, 0}, <-got)
	require.Equal(t, reply{102, 0}, <-got)
	require.Equal(t, reply{102, 1}, <-got)
	for range 3 {
		<-released
	}
	require.Empty(t, got)
}

// indirectReplyTest answers from elsewhere, with another type and another tid.
func indirectReplyTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	asked := make(chan messenger.Connection, 1)
	server.d.onMessage = func(m messenger.Message) {
		asked <- m.Base().Connection()
		m.Base().Release()
	}
	got := make(chan messenger.Message, 1)
	client.d.onMessage = func(m messenger.Message) { got <- m }
	q := newNote(1, "what is the state?")
	q.SetTid(7)
	require.NoError(t, client.connect(t, server).Send(q))
	other := messages.NewNop(99)
	other.SetTid(1234)
	require.NoError(t, (<-asked).Send(other))
	m := <-got
	require.Equal(t, uint32(99), m.(*messages.Nop).Tag)
	require.Equal(t, uint64(1234), m.Base().Tid())
	m.Base().Release()
}

// deliveredTest looks at the completion of a message that the peer's application does
// nothing about.
func deliveredTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	held := make(chan messenger.Message, 1)
	block := make(chan struct{})
	server.d.onMessage = func(m messenger.Message) {
		held <- m
		<-block
	}
	done := make(chan error, 1)
	m := newNote(1, "")
	m.OnComplete(func(err error) { done <- err })
	require.NoError(t, client.connect(t, server).Send(m))
	require.NoError(t, <-done)
	close(block)
	(<-held).Base().Release()
}

func retainedTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	kept := make(chan messenger.Buffer, 1)
	server.d.onMessage = func(m messenger.Message) {
		b := m.Base().Buffers()[0]
		b.Retain()
		m.Base().Release()
		require.Panics(t, m.Base().Release)
		kept <- b
	}
	data := bytes.Repeat([]byte("kept"), 50000)
	m := messages.NewDataPing("", 0)
	m.SetData(data)
	c := client.connect(t, server)
	require.NoError(t, c.Send(m))
	b := <-kept
	require.True(t, bytes.HasPrefix(data, b.Bytes()))
	c.MarkDown()
	client.stop(t)
	require.True(t, bytes.HasPrefix(data, b.Bytes()), "it outlives the connection too")
	b.Release()
}

func lateReplyTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	held := make(chan messenger.Message, 2)
	server.d.onMessage = func(m messenger.Message) { held <- m }
	dropped := make(chan error, 2)
	reply := func() *messages.Ping {
		m := messages.NewPing()
		m.OnComplete(func(err error) { dropped <- err })
		return m
	}
	// After the peer has gone.
	c := client.connect(t, server)
	require.NoError(t, c.Send(messages.NewPing()))
	q := <-held
	c.MarkDown()
	eventually(t, "a reset at the server", func() bool { return server.d.resets.Load() == 1 })
	require.NoError(t, server.SendReply(q, reply()))
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
	q.Base().Release()
	// After this side has marked it down.
	c = client.connect(t, server)
	require.NoError(t, c.Send(messages.NewPing()))
	q = <-held
	q.Base().Connection().MarkDown()
	require.NoError(t, server.SendReply(q, reply()))
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
	q.Base().Release()
	require.Panics(t, q.Base().Release)
	// A message that never came from anywhere.
	require.ErrorIs(t, server.SendReply(messages.NewPing(), reply()), messenger.ErrDropped)
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
}

// bounceTest sends received messages back as they are, as Ceph's test programs do.
func bounceTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	const rounds = 50
	done := make(chan struct{})
	back := func(m messenger.Message) { _ = m.Base().Connection().Send(m) }
	server.d.onMessage = back
	data := bytes.Repeat([]byte{7, 9}, 10000)
	client.d.onMessage = func(m messenger.Message) {
		p := m.(*messages.DataPing)
		require.True(t, bytes.Equal(data, p.Data()))
		if p.Counter++; p.Counter == rounds {
			p.Release()
			close(done)
			return
		}
		back(p)
	}
	m := messages.NewDataPing("bounce", 0)
	m.SetData(data)
	require.NoError(t, client.connect(t, server).Send(m))
	<-done
}
