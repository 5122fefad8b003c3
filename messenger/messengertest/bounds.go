// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

var boundCases = []testCase{
	{"D8_ThrottledBytes", throttleBytesTest},
	{"ThrottledMessages", throttleMessagesTest},
	{"DispatchThrottle", dispatchThrottleTest},
	{"ThrottledEndsWithTheConnection", throttledEndTest},
	{"QueueFull", queueFullTest},
	{"MessageTooLarge", tooLargeTest},
}

func dataPing(n int) *messages.DataPing {
	m := messages.NewDataPing("", 0)
	m.SetData(make([]byte, n))
	return m
}

// throttled is a server that keeps what it gets, until it is told to let go.
func (s *suite) throttled(t testing.TB, bytes, msgs *messenger.Throttle) (*node, chan messenger.Message) {
	held := make(chan messenger.Message, 1000)
	server := s.start(t, options{name: anOSD, policy: messenger.StatefulServer(), bind: true, before: func(m messenger.Messenger) {
		require.NoError(t, m.SetPolicyThrottlers(messenger.EntityClient, bytes, msgs))
	}})
	server.d.onMessage = func(m messenger.Message) { held <- m }
	return server, held
}

func throttleBytesTest(t *testing.T, s *suite) {
	const limit, size, n = 1 << 20, 256 << 10, 32
	th := messenger.NewThrottle("bytes", limit)
	server, held := s.throttled(t, th, nil)
	c := s.client(t, messenger.LosslessClient()).connect(t, server)
	for range n {
		require.NoError(t, c.Send(dataPing(size)))
	}
	eventually(t, "somebody waits", func() bool { return th.Waiting() > 0 })
	for range n {
		m := <-held
		require.LessOrEqual(t, th.InUse(), int64(limit))
		m.Base().Release()
	}
	eventually(t, "everything has been given back", func() bool { return th.InUse() == 0 })
}

func throttleMessagesTest(t *testing.T, s *suite) {
	th := messenger.NewThrottle("messages", 3)
	server, held := s.throttled(t, nil, th)
	c := s.client(t, messenger.LosslessClient()).connect(t, server)
	for i := range uint32(20) {
		require.NoError(t, c.Send(newNote(i, "")))
	}
	eventually(t, "somebody waits", func() bool { return th.Waiting() > 0 && len(held) == 3 })
	for i := range uint32(20) {
		m := <-held
		require.Equal(t, i, m.(*note).n)
		require.LessOrEqual(t, th.InUse(), int64(3))
		m.Base().Release()
	}
	eventually(t, "everything has been given back", func() bool { return th.InUse() == 0 })
}

// dispatchThrottleTest holds up dispatch: what has not been dispatched is bounded.
func dispatchThrottleTest(t *testing.T, s *suite) {
	server := s.start(t, options{name: anOSD, policy: messenger.StatefulServer(), bind: true, config: func(c *messenger.Config) {
		c.DispatchThrottleBytes = 100 << 10
	}})
	block := make(chan struct{})
	entered := make(chan struct{}, 100)
	server.d.onMessage = func(m messenger.Message) {
		entered <- struct{}{}
		<-block
		m.Base().Release()
	}
	c := s.client(t, messenger.LosslessClient()).connect(t, server)
	for range 20 {
		require.NoError(t, c.Send(dataPing(40<<10)))
	}
	<-entered
	eventually(t, "two are in", func() bool { return server.DispatchQueueLen() == 1 })
	close(block)
	for range 19 {
		<-entered
	}
}

// throttledEndTest ends connections whose messages wait for a throttle.
func throttledEndTest(t *testing.T, s *suite) {
	th := messenger.NewThrottle("messages", 1)
	server, held := s.throttled(t, nil, th)
	client := s.client(t, messenger.LosslessClient())
	c := client.connect(t, server)
	for i := range uint32(5) {
		require.NoError(t, c.Send(newNote(i, "")))
	}
	eventually(t, "somebody waits", func() bool { return th.Waiting() > 0 })
	server.Find(client.Addrs()[0]).MarkDown()
	c.MarkDown()
	server.Shutdown()
	eventually(t, "everything has been given back", func() bool {
		select {
		case m := <-held:
			m.Base().Release()
		default:
		}
		return th.InUse() == 0 && th.Waiting() == 0
	})
}

func queueFullTest(t *testing.T, s *suite) {
	server := s.server(t, messenger.StatefulServer())
	g := new(Gate)
	client := s.start(t, options{name: aClient, policy: messenger.LosslessClient(), config: func(c *messenger.Config) {
		c.QueueMessages, c.QueueBytes, c.Interceptor = 10, 1<<20, g
	}})
	h := g.Pause(At(messenger.StepDial, client.Messenger, false))
	c := client.connect(t, server)
	reached(t, h)
	for i := range uint32(10) {
		require.NoError(t, c.Send(newNote(i, "")))
	}
	over := newNote(10, "")
	done := make(chan error, 1)
	over.OnComplete(func(err error) { done <- err })
	require.ErrorIs(t, c.Send(over), messenger.ErrQueueFull)
	require.ErrorIs(t, <-done, messenger.ErrQueueFull)
	h.Continue()
	eventually(t, "all notes", func() bool { return len(server.d.got()) == 10 })
	h = g.Pause(At(messenger.StepDial, client.Messenger, false))
	other := client.connect(t, s.server(t, messenger.StatefulServer()))
	reached(t, h)
	require.NoError(t, other.Send(dataPing(1<<20)), "alone, any message is taken")
	require.ErrorIs(t, other.Send(dataPing(1)), messenger.ErrQueueFull)
	h.Continue()
}

func tooLargeTest(t *testing.T, s *suite) {
	small := func(c *messenger.Config) { c.MaxMessage = 100 << 10 }
	server := s.start(t, options{name: anOSD, policy: messenger.StatelessServer(), bind: true, config: small})
	server.d.echo = true
	client := s.start(t, options{name: aClient, policy: messenger.LossyClient(), config: small})
	c := client.connect(t, server)
	done := make(chan error, 1)
	m := dataPing(100 << 10)
	m.OnComplete(func(err error) { done <- err })
	require.ErrorIs(t, c.Send(m), messenger.ErrMsgSize)
	require.ErrorIs(t, <-done, messenger.ErrMsgSize)
	ping(t, c, 1)

	// A peer that allows itself more loses its connection.
	c = s.client(t, messenger.LossyClient()).connect(t, server)
	ping(t, c, 1)
	require.NoError(t, c.Send(dataPing(200<<10)))
	eventually(t, "the end of the connection", func() bool { return !c.IsConnected() })
}
