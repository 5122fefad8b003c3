// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// hookTest answers requests by their hooks, from another goroutine: not at all, once before
// the release, twice around it, and indirectly by somebody who has nothing but the hook.
// Requests have data or none, as hooks may differ by that.
func hookTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	requests := make(chan messenger.Message, 1)
	server.d.onMessage = func(m messenger.Message) { requests <- m }
	type answer struct {
		typ messenger.MsgType
		tid uint64
	}
	answers := make(chan answer, 10)
	client.d.slow = true // no answer overtakes another
	client.d.onMessage = func(m messenger.Message) {
		answers <- answer{m.Base().Type(), m.Base().Tid()}
		m.Base().Release()
	}
	c := client.connect(t, server)
	indirect := func() messenger.Message {
		m := messages.NewNop(1)
		m.SetTid(4711)
		return m
	}
	const tid = 99
	direct := answer{messages.TypePing, tid}
	for name, do := range map[string]struct {
		do   func(h messenger.ReplyHook, q messenger.Message)
		want []answer
	}{
		"zero": {func(_ messenger.ReplyHook, q messenger.Message) { q.Base().Release() }, nil},
		"one": {func(h messenger.ReplyHook, q messenger.Message) {
			require.NoError(t, h.Reply(messages.NewPing()))
			q.Base().Release()
		}, []answer{direct}},
		"two": {func(h messenger.ReplyHook, q messenger.Message) {
			require.NoError(t, h.Reply(messages.NewPing()))
			q.Base().Release()
			require.NoError(t, h.Reply(messages.NewPing()))
		}, []answer{direct, direct}},
		"indirect": {func(h messenger.ReplyHook, q messenger.Message) {
			q.Base().Release()
			require.NoError(t, h.ReplyIndirect(indirect()))
		}, []answer{{messages.TypeNop, 4711}}},
		"both": {func(h messenger.ReplyHook, q messenger.Message) {
			require.NoError(t, h.ReplyIndirect(indirect()))
			require.NoError(t, h.Reply(messages.NewPing()))
			q.Base().Release()
		}, []answer{{messages.TypeNop, 4711}, direct}},
	} {
		for _, size := range []int{0, 100, 200_000} {
			m := dataPing(size)
			m.SetTid(tid)
			done := make(chan error, 1)
			m.OnComplete(func(err error) { done <- err })
			require.NoError(t, c.Send(m))
			require.NoError(t, <-done, "%s: a request is delivered, answered or not", name)
			q := <-requests
			h := q.Base().ReplyHook()
			require.Same(t, q.Base().Connection(), h.Connection())
			require.EqualValues(t, tid, h.Tid())
			held := h.Held()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				do.do(h, q)
			}()
			<-ended
			require.False(t, h.Held(), "%s: it was %v", name, held)
			for _, a := range do.want {
				require.Equal(t, a, <-answers, name)
			}
		}
	}
	// What was released is not what replies came of: a retained buffer alone holds memory.
	m := dataPing(200_000)
	require.NoError(t, c.Send(m))
	q := <-requests
	h, b := q.Base().ReplyHook(), q.Base().Buffers()[0]
	b.Retain()
	held := h.Held()
	q.Base().Release()
	require.NoError(t, h.Reply(messages.NewPing()))
	require.Equal(t, held, h.Held())
	b.Release()
	require.False(t, h.Held())
	require.Equal(t, answer{messages.TypePing, 0}, <-answers)
	require.Empty(t, answers)
}

// replyOrderTest mixes replies with messages that are none. However a messenger carries
// replies, all of a priority come in the order they were sent in.
func replyOrderTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	const rounds, extra = 50, 3
	server.d.onMessage = func(m messenger.Message) {
		q := m.(*note)
		h := q.ReplyHook()
		n := q.n * extra
		require.NoError(t, q.Connection().Send(newNote(n, "a message")))
		require.NoError(t, h.Reply(newNote(n+1, "a reply")))
		q.Release()
		require.NoError(t, h.ReplyIndirect(newNote(n+2, "an indirect one")))
	}
	c := client.connect(t, server)
	for n := range uint32(rounds) {
		require.NoError(t, c.Send(newNote(n, "")))
	}
	eventually(t, "all of them", func() bool { return len(client.d.got()) == rounds*extra })
	ordered(t, client)
	for i, r := range client.d.got() {
		require.Equal(t, uint64(i+1), r.seq, "numbered like any other")
	}
}

// lateHookTest replies when there is nobody to reply to.
func lateHookTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	requests := make(chan messenger.Message, 1)
	server.d.onMessage = func(m messenger.Message) { requests <- m }
	dropped := make(chan error, 2)
	reply := func() messenger.Message {
		m := messages.NewPing()
		m.OnComplete(func(err error) { dropped <- err })
		return m
	}
	c := client.connect(t, server)
	require.NoError(t, c.Send(dataPing(50_000)))
	q := <-requests
	h := q.Base().ReplyHook()
	c.MarkDown()
	eventually(t, "a reset at the server", func() bool { return server.d.resets.Load() == 1 })
	require.NoError(t, h.Reply(reply()))
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
	server.stop(t)
	q.Base().Release()
	require.NoError(t, h.ReplyIndirect(reply()))
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
	require.False(t, h.Held())
	require.Panics(t, q.Base().Release)

	var nobody messenger.ReplyTo
	require.ErrorIs(t, nobody.Reply(reply()), messenger.ErrDropped)
	require.ErrorIs(t, <-dropped, messenger.ErrDropped)
}

// noHookTest looks for the hooks of messages on their way: there is none before a message
// has been received, nor once it is sent on, and one over the loopback connection too.
func noHookTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatefulServer()), s.client(t, messenger.LosslessClient())
	looped := make(chan messenger.ReplyHook, 1)
	back := make(chan struct{})
	server.d.onMessage = func(m messenger.Message) {
		h := m.Base().ReplyHook()
		if m.Base().Type() == typeNote {
			looped <- h
			m.Base().Release()
			return
		}
		m.Base().Retain()
		require.NoError(t, m.Base().Connection().Send(m)) // the same message goes back
		require.Nil(t, m.Base().ReplyHook())
		m.Base().Release()
		require.NoError(t, h.Reply(messages.NewPing()))
	}
	left := 2
	client.d.slow = true // one goroutine
	client.d.onMessage = func(m messenger.Message) {
		require.EqualValues(t, 5, m.Base().Tid())
		m.Base().Release()
		if left--; left == 0 {
			close(back)
		}
	}
	m := dataPing(10_000)
	m.SetTid(5)
	require.Nil(t, m.ReplyHook())
	m.Retain()
	require.NoError(t, client.connect(t, server).Send(m))
	<-back
	require.Nil(t, m.ReplyHook())
	m.Release()

	lo := newNote(1, "to myself")
	lo.SetTid(6)
	require.NoError(t, server.Loopback().Send(lo))
	h := <-looped
	require.Same(t, server.Loopback(), h.Connection())
	require.EqualValues(t, 6, h.Tid())
	require.NoError(t, h.Reply(newNote(2, "again")))
	require.EqualValues(t, 6, (<-looped).Tid())
}
