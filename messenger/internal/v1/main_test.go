// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/messenger/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; a test that reaches it has failed.
const patience = 60 * time.Second

// eventually waits for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// end is a messenger that notes the counters of the data pings it gets.
type end struct {
	messenger.BaseDispatcher
	m *core.Messenger

	mu           sync.Mutex
	got          []uint32
	accepted     messenger.Connection
	accepts      int
	resets       int
	remoteResets int
	onAccept     func(messenger.Connection) // for the first one
}

func newEnd(t testing.TB, typ messenger.EntityType, p messenger.Policy, wrap func(net.Conn) net.Conn, o Options) *end {
	t.Helper()
	r := messenger.NewRegistry()
	messages.Register(r)
	tr := NewTransport(o)
	tr.wrap = wrap
	e := &end{}
	e.m = core.New(messenger.Config{
		Name: messenger.EntityName{Type: typ, Num: 1}, Registry: r, Auth: messenger.AuthNone{},
		InitialBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond, Injector: o.Injector,
	}, tr, nil)
	require.NoError(t, e.m.SetDefaultPolicy(p))
	e.m.AddDispatcherTail(e)
	return e
}

func (e *end) start(t testing.TB, bind bool) {
	t.Helper()
	if bind {
		require.NoError(t, e.m.Bind(addr(t, "v1:127.0.0.1:0")))
	}
	require.NoError(t, e.m.Start())
}

func (e *end) stop() {
	e.m.Shutdown()
	e.m.Wait()
}

func (e *end) Dispatch(m messenger.Message) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := m.(*messages.DataPing); ok {
		e.got = append(e.got, p.Counter)
	}
	m.Base().Release()
	return true
}

func (e *end) HandleAccept(c messenger.Connection) {
	e.mu.Lock()
	first := e.accepted == nil
	e.accepted = c
	e.accepts++
	e.mu.Unlock()
	if first && e.onAccept != nil {
		e.onAccept(c)
	}
}

func (e *end) HandleReset(messenger.Connection) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.resets++
	return true
}

func (e *end) HandleRemoteReset(messenger.Connection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remoteResets++
}

func (e *end) received() []uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]uint32(nil), e.got...)
}

// send sends data pings with the numbers from first on.
func send(t testing.TB, c messenger.Connection, first, n uint32, size int) {
	t.Helper()
	for i := range n {
		m := messages.NewDataPing("cut", first+i)
		m.SetData(make([]byte, size))
		if err := c.Send(m); err != nil {
			t.Error(err)
		}
	}
}
