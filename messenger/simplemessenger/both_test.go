// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
)

// echo answers data pings, and notes by which kind of address they came and went.
type echo struct {
	messenger.BaseDispatcher
	reply bool

	mu   sync.Mutex
	seen []messenger.AddrType
}

func (e *echo) Dispatch(m messenger.Message) bool {
	p, ok := m.(*messages.DataPing)
	if !ok {
		return false
	}
	e.mu.Lock()
	e.seen = append(e.seen, p.Connection().PeerAddr().Type)
	e.mu.Unlock()
	if e.reply {
		r := messages.NewDataPing(p.Tag, p.Counter)
		r.SetData(p.DetachData())
		_ = p.Connection().Messenger().SendReply(p, r)
	}
	p.Release()
	return true
}

func (e *echo) got() []messenger.AddrType {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]messenger.AddrType(nil), e.seen...)
}

// entity is one dispatcher over both messengers.
type entity struct {
	d      *echo
	simple *simplemessenger.Messenger
	xio    messenger.Messenger
}

func newEntity(t testing.TB, name messenger.EntityName, p messenger.Policy, bind bool) *entity {
	t.Helper()
	r := messenger.NewRegistry()
	messages.Register(r)
	cfg := messenger.Config{Name: name, Registry: r, Auth: messenger.AuthNone{}}
	e := &entity{d: &echo{reply: bind}, simple: simplemessenger.New(cfg)}
	xio, err := xiomessenger.New(cfg, xiomessenger.Options{})
	require.NoError(t, err)
	e.xio = xio
	for _, m := range e.both() {
		require.NoError(t, m.SetDefaultPolicy(p))
		m.AddDispatcherTail(e.d)
		if bind {
			at, err := messenger.ParseEntityAddr(m.AddrType().String() + ":127.0.0.1:0")
			require.NoError(t, err)
			require.NoError(t, m.Bind(at))
		}
		t.Cleanup(func() {
			m.Shutdown()
			m.Wait()
		})
	}
	if bind { // each tells of the other
		xio.SetOtherAddrs(e.simple.Addrs())
		e.simple.SetOtherAddrs(xio.Addrs()[:1])
	}
	for _, m := range e.both() {
		require.NoError(t, m.Start())
	}
	return e
}

func (e *entity) both() []messenger.Messenger { return []messenger.Messenger{e.simple, e.xio} }

// connect takes the first address that one of the entity's messengers can reach.
func (e *entity) connect(t testing.TB, peer messenger.EntityType, addrs messenger.AddrVec) messenger.Connection {
	t.Helper()
	for _, a := range addrs {
		for _, m := range e.both() {
			if m.AddrType() == a.Type {
				c, err := m.ConnectTo(peer, addrs)
				require.NoError(t, err)
				return c
			}
		}
	}
	t.Fatalf("no messenger for %v", addrs)
	return nil
}

// TestBothAtOnce: an entity is reached over TCP and over xio at once, by the address
// that a peer prefers and can use; the dispatchers see no other difference.
func TestBothAtOnce(t *testing.T) {
	server := newEntity(t, messenger.EntityName{Type: messenger.EntityOSD, Num: 3}, messenger.StatefulServer(), true)
	client := newEntity(t, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, messenger.LosslessClient(), false)
	addrs := server.simple.Addrs()
	require.Len(t, addrs, 2)
	v1, xio := addrs[0], addrs[1]
	require.Equal(t, messenger.AddrLegacy, v1.Type)
	require.Equal(t, messenger.AddrXio, xio.Type)

	overTCP := client.connect(t, messenger.EntityOSD, messenger.AddrVec{v1, xio})
	overXio := client.connect(t, messenger.EntityOSD, messenger.AddrVec{xio, v1})
	msgr2 := messenger.EntityAddr{Type: messenger.AddrMsgr2, Addr: v1.Addr}
	require.Same(t, overXio, client.connect(t, messenger.EntityOSD, messenger.AddrVec{msgr2, xio, v1}), "what nobody speaks is passed over")
	require.NotSame(t, overTCP, overXio)
	_, err := client.simple.ConnectTo(messenger.EntityOSD, messenger.AddrVec{xio})
	require.ErrorIs(t, err, messenger.ErrAddr)
	_, err = client.xio.ConnectTo(messenger.EntityOSD, messenger.AddrVec{v1})
	require.ErrorIs(t, err, messenger.ErrAddr)

	const n = 20
	for i := range uint32(n) {
		for _, c := range []messenger.Connection{overTCP, overXio} {
			m := messages.NewDataPing("both", i)
			m.SetData(make([]byte, 1000*i))
			require.NoError(t, c.Send(m))
		}
	}
	eventually(t, "answers", func() bool { return len(client.d.got()) == 2*n })
	for _, e := range []*entity{server, client} {
		count := map[messenger.AddrType]int{}
		for _, typ := range e.d.got() {
			count[typ]++
		}
		require.Equal(t, map[messenger.AddrType]int{messenger.AddrLegacy: n, messenger.AddrXio: n}, count)
	}
}
