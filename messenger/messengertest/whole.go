// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

var wholeCases = []testCase{
	{"R25_NothingIsLeftBehind", nothingLeftTest},
	{"R28_CallbacksInOrder", callbacksTest},
	{"R41_MemoryOfAConnection", connectionMemoryTest},
}

// nothingLeftTest ends messengers with messages everywhere on their way: queued for a peer
// that is not there, behind a throttle, in the dispatch queue, in the application's hands.
// Each ends once, all that was taken is given back, and the suite's own checks at the end of
// a case find nothing.
func nothingLeftTest(t *testing.T, s *suite) {
	bytes, msgs := messenger.NewThrottle("bytes", 1<<20), messenger.NewThrottle("messages", 8)
	server, held := s.throttled(t, bytes, msgs)
	gone := s.server(t, messenger.StatefulServer())
	nowhere := gone.Addrs()
	gone.stop(t)
	client := s.client(t, messenger.LosslessClient())
	idle, err := client.ConnectTo(messenger.EntityOSD, nowhere)
	require.NoError(t, err)
	const n = 40
	var sent, ended atomic.Int64
	for i := range n {
		for _, c := range []messenger.Connection{client.connect(t, server), idle, client.Loopback()} {
			m := dataPing(1000 * (i + 1))
			var once atomic.Bool
			m.OnComplete(func(error) {
				if once.Swap(true) {
					t.Error("completed twice")
				}
				ended.Add(1)
			})
			sent.Add(1)
			require.NoError(t, c.Send(m))
		}
	}
	eventually(t, "somebody waits", func() bool { return msgs.Waiting() > 0 && len(held) > 0 })
	kept := <-held
	client.stop(t)
	server.stop(t)
	require.Equal(t, sent.Load(), ended.Load())
	h := kept.Base().ReplyHook()
	kept.Base().Release()
	require.False(t, h.Held())
	for len(held) > 0 {
		(<-held).Base().Release()
	}
	require.Zero(t, bytes.InUse()+msgs.InUse())
	require.Zero(t, bytes.Waiting()+msgs.Waiting())
}

// recorder writes down what a dispatcher is called with: what comes by the dispatch
// goroutine, and what comes by others.
type recorder struct {
	fake
	lock         sync.Mutex
	queued, fast []string
}

func (r *recorder) note(list *[]string, format string, args ...any) {
	r.lock.Lock()
	defer r.lock.Unlock()
	*list = append(*list, fmt.Sprintf(format, args...))
}

func (r *recorder) count(list *[]string) int {
	r.lock.Lock()
	defer r.lock.Unlock()
	return len(*list)
}

func (r *recorder) Dispatch(m messenger.Message) bool {
	r.note(&r.queued, "dispatch %d", m.(*note).n)
	m.Base().Release()
	return true
}

func (r *recorder) FastDispatch(m messenger.Message) {
	r.note(&r.fast, "fast dispatch")
	m.Base().Release()
}

func (r *recorder) HandleFastConnect(c messenger.Connection) {
	if c != c.Messenger().Loopback() {
		r.note(&r.fast, "fast connect")
	}
}
func (r *recorder) HandleFastAccept(messenger.Connection) { r.note(&r.fast, "fast accept") }
func (r *recorder) HandleConnect(messenger.Connection)    { r.note(&r.queued, "connect") }
func (r *recorder) HandleAccept(messenger.Connection)     { r.note(&r.queued, "accept") }

func (r *recorder) HandleRemoteReset(messenger.Connection) { r.note(&r.queued, "remote reset") }

func (r *recorder) HandleReset(messenger.Connection) bool {
	r.note(&r.queued, "reset")
	return true
}

func (r *recorder) HandleRefused(messenger.Connection) bool {
	r.note(&r.queued, "refused")
	return true
}

// recorded starts a node whose first dispatcher is a recorder.
func (s *suite) recorded(t testing.TB, name messenger.EntityName, p messenger.Policy, bind bool) (*node, *recorder) {
	r := new(recorder)
	r.use(messenger.AuthNone{})
	idle := newFake()
	idle.slow = true
	return s.start(t, options{name: name, policy: p, bind: bind, dispatch: idle, before: func(m messenger.Messenger) {
		m.AddDispatcherHead(r)
	}}), r
}

// callbacksTest goes through a life of a lossless connection and looks at all callbacks of
// both sides: they are the same, and in the same order, whatever the transport.
func callbacksTest(t *testing.T, s *suite) {
	server, atServer := s.recorded(t, anOSD, messenger.StatefulServer(), true)
	client, atClient := s.recorded(t, aClient, messenger.LosslessClient(), false)
	c := client.connect(t, server)
	speak := func(n uint32, queued, fast int) messenger.Connection {
		require.NoError(t, c.Send(newNote(n, "")))
		require.NoError(t, c.Send(messages.NewPing()))
		eventually(t, "both", func() bool {
			return atServer.count(&atServer.queued) == queued && atServer.count(&atServer.fast) == fast
		})
		back := server.Find(client.Addrs()[0])
		require.NoError(t, back.Send(newNote(n, "")))
		return back
	}
	back := speak(1, 2, 2)
	eventually(t, "the answer", func() bool { return atClient.count(&atClient.queued) == 2 })
	back.MarkDown()
	eventually(t, "a new session", func() bool { return atClient.count(&atClient.queued) == 4 })
	speak(2, 4, 4)
	eventually(t, "the answer", func() bool { return atClient.count(&atClient.queued) == 5 })
	server.stop(t)
	eventually(t, "the refusal", func() bool { return atClient.count(&atClient.queued) == 6 })
	client.MarkDown(server.Addrs()[0])
	eventually(t, "the reset", func() bool { return atClient.count(&atClient.queued) == 7 })
	client.stop(t)

	require.Equal(t, []string{"fast accept", "fast dispatch", "fast accept", "fast dispatch"}, atServer.fast)
	require.Equal(t, []string{"fast connect", "fast connect"}, atClient.fast)
	require.Equal(t, []string{"accept", "dispatch 1", "accept", "dispatch 2", "reset"}, atServer.queued)
	require.Equal(t, []string{"connect", "dispatch 1", "remote reset", "connect", "dispatch 2", "refused", "reset"}, atClient.queued)
}

// ConnectionBudget is what an open and idle connection may cost of Go's memory, in bytes
// and with both of its ends, stacks of goroutines included.
const ConnectionBudget = 256 << 10

func connectionMemoryTest(t *testing.T, s *suite) {
	server, client := s.server(t, messenger.StatelessServer()), s.client(t, messenger.LossyClient())
	ping(t, client.connect(t, server), 1)
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers and pools have kept goes with the second
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	const n = 100
	before := inUse()
	var conns []messenger.Connection
	for range n {
		c, err := client.ConnectAnonymous(messenger.EntityOSD, server.Addrs())
		require.NoError(t, err)
		ping(t, c, 1)
		conns = append(conns, c)
	}
	each := (int64(inUse()) - int64(before)) / n
	runtime.KeepAlive(conns)
	t.Logf("%d bytes of Go's memory for both ends of a connection", each)
	require.Less(t, each, int64(ConnectionBudget))
}
