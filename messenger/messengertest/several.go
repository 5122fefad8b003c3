// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// several is one run of the cases about messengers of several kinds.
type several struct{ hs []Harness }

var severalCases = []struct {
	name string
	run  func(*several, *testing.T)
}{
	{"C3_SimpleMsgr2Test", (*several).simple},
	{"R10_TwoProtocolsOnOnePort", (*several).onePort},
	{"R11_R12_TheFirstCommonType", (*several).common},
	{"R20_OneCodec", (*several).codec},
}

// RunSeveral runs the cases about an entity that has messengers of several kinds, which
// the harnesses make: two at least, for different types of addresses.
func RunSeveral(t *testing.T, hs ...Harness) {
	s := &several{hs}
	for _, c := range severalCases {
		t.Run(c.name, func(t *testing.T) {
			for _, h := range hs {
				if h.Leaks != nil {
					t.Cleanup(func() { h.Leaks(t) })
				}
			}
			c.run(s, t)
		})
	}
}

// entity is one entity with a messenger of each kind, and one dispatcher.
type entity struct {
	messenger.Messengers
	nodes []*node
	d     *fake
}

// entity starts one. Its dispatcher does what prepare says.
func (s *several) entity(t testing.TB, name messenger.EntityName, p messenger.Policy, bind bool, prepare func(*fake)) *entity {
	t.Helper()
	e := &entity{d: newFake()}
	if prepare != nil {
		prepare(e.d)
	}
	var at []messenger.EntityAddr
	for _, h := range s.hs {
		n := h.start(t, options{name: name, policy: p, dispatch: e.d, noStart: true})
		e.nodes, e.Messengers = append(e.nodes, n), append(e.Messengers, n.Messenger)
		a, err := messenger.ParseEntityAddr(h.Bind)
		require.NoError(t, err)
		at = append(at, a)
	}
	if bind {
		require.NoError(t, e.Bind(at...))
	}
	require.NoError(t, e.Start())
	return e
}

// preferring is addresses with those of a type first.
func preferring(v messenger.AddrVec, t messenger.AddrType) messenger.AddrVec {
	var first, rest messenger.AddrVec
	for _, a := range v {
		if a.Type == t {
			first = append(first, a)
		} else {
			rest = append(rest, a)
		}
	}
	return append(first, rest...)
}

// simple does the steps of C1 over each of the addresses of an entity that has several.
func (s *several) simple(t *testing.T) {
	server := s.entity(t, anOSD, messenger.StatelessServer(), true, func(d *fake) { d.echo = true })
	client := s.entity(t, aClient, messenger.LossyClient(), false, nil)
	require.Len(t, server.Addrs(), len(s.hs))
	for i, n := range client.nodes {
		simpleSteps(t, server.nodes[i], n, func() messenger.Connection {
			server.Announce()
			c, err := client.ConnectTo(messenger.EntityOSD, preferring(server.Addrs(), n.AddrType()))
			require.NoError(t, err)
			require.Equal(t, n.AddrType(), c.PeerAddr().Type)
			return c
		})
	}
}

// onePort dials an entity by another protocol than the one it speaks at that place. The
// time that a handshake may take is far beyond the test's, so that it must fail at once,
// unless a transport cannot.
func (s *several) onePort(t *testing.T) {
	for _, hs := range s.hs {
		server := hs.start(t, options{name: anOSD, policy: messenger.StatelessServer(), bind: true})
		for _, hc := range s.hs {
			trusting := hs.Trusting || hc.Trusting
			client := hc.start(t, options{name: aClient, policy: messenger.LossyClient(), config: func(c *messenger.Config) {
				if c.HandshakeTimeout = time.Hour; trusting {
					c.HandshakeTimeout = time.Second
				}
			}})
			if client.AddrType() == server.AddrType() {
				continue
			}
			a := server.Addrs()[0]
			a.Type = client.AddrType()
			c, err := client.ConnectTo(messenger.EntityOSD, messenger.AddrVec{a})
			require.NoError(t, err)
			eventually(t, "a fault", func() bool { return c.Err() != nil })
			var f *messenger.Fault
			require.ErrorAs(t, c.Err(), &f)
			if !trusting {
				require.NotErrorIs(t, c.Err(), messenger.ErrTimeout)
			}
			t.Logf("%v to a port of %v: %v", client.AddrType(), server.AddrType(), c.Err())
			require.False(t, c.IsConnected())
			require.Zero(t, server.d.accepts.Load())
		}
		// Nobody else has noticed.
		client := hs.start(t, options{name: aClient, policy: messenger.LossyClient()})
		server.d.echo = true
		ping(t, client.connect(t, server), 1)
	}
}

// common reaches an entity by each of its addresses at once, by the first one that a
// peer can use; the dispatchers see no other difference.
func (s *several) common(t *testing.T) {
	server := s.entity(t, anOSD, messenger.StatefulServer(), true, nil)
	client := s.entity(t, aClient, messenger.LosslessClient(), false, nil)
	addrs := server.nodes[0].Addrs()
	require.Equal(t, server.Addrs(), addrs, "each messenger knows of the others")
	unknown := messenger.EntityAddr{Type: messenger.AddrMsgr2, Addr: addrs[0].Addr}

	var conns []messenger.Connection
	for _, n := range client.nodes {
		typ := n.AddrType()
		v := preferring(addrs, typ)
		c, err := client.ConnectTo(messenger.EntityOSD, v)
		require.NoError(t, err)
		require.Same(t, n.Messenger, c.Messenger())
		require.Equal(t, typ, c.PeerAddr().Type)
		same, err := client.ConnectTo(messenger.EntityOSD, append(messenger.AddrVec{unknown}, v...))
		require.NoError(t, err)
		require.Same(t, c, same, "what nobody speaks is passed over")
		for _, other := range client.nodes {
			if other != n {
				_, err := other.ConnectTo(messenger.EntityOSD, v[:1])
				require.ErrorIs(t, err, messenger.ErrAddr)
			}
		}
		conns = append(conns, c)
	}
	_, err := client.ConnectTo(messenger.EntityOSD, messenger.AddrVec{unknown})
	require.ErrorIs(t, err, messenger.ErrAddr)
	require.ErrorIs(t, client.Bind(unknown), messenger.ErrAddr)
	lo, err := server.ConnectTo(messenger.EntityOSD, server.Addrs())
	require.NoError(t, err)
	require.Same(t, lo.Messenger().Loopback(), lo)

	const n = 20
	for i := range uint32(n) {
		for _, c := range conns {
			require.NoError(t, c.Send(newNote(i, "")))
		}
	}
	eventually(t, "all notes", func() bool { return len(server.d.got()) == n*len(conns) })
	count := map[messenger.AddrType]uint32{}
	for _, r := range server.d.got() {
		typ := r.conn.PeerAddr().Type
		require.Equal(t, count[typ], r.n)
		count[typ]++
	}
	require.Len(t, count, len(conns))
	for _, c := range conns {
		require.Equal(t, preferring(addrs, c.PeerAddr().Type), c.PeerAddrs())
	}
}

// codec sends one message over each kind of messenger: what its bytes are does not depend
// on which.
func (s *several) codec(t *testing.T) {
	type image struct {
		header messenger.MsgHeader
		footer messenger.MsgFooter
	}
	got := make(chan image, 1)
	server := s.entity(t, anOSD, messenger.StatelessServer(), true, func(d *fake) {
		d.onMessage = func(m messenger.Message) {
			h := m.Base().Header()
			h.Src.Num = 0
			got <- image{h, m.Base().Footer()}
			m.Base().Release()
		}
	})
	client := s.entity(t, aClient, messenger.LossyClient(), false, nil)
	var first *image
	for _, n := range client.nodes {
		c, err := n.ConnectTo(messenger.EntityOSD, server.Addrs())
		require.NoError(t, err)
		m := messages.NewDataPing("a tag", 7)
		m.SetTid(9)
		m.SetMiddle([]byte("middle"))
		m.SetData([]byte("some data"))
		m.SetDataOff(5)
		require.NoError(t, c.Send(m))
		in := <-got
		require.Equal(t, messenger.CRC32C(0, []byte("some data")), in.footer.DataCRC)
		if first == nil {
			first = &in
		}
		require.Equal(t, *first, in, "over %v", n.AddrType())
	}
}
