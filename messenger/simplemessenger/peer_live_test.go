// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/messenger/monc"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
	"github.com/accelio/accelio-go/test/cephmon"
)

// peer is a monitor as far as the protocol goes: it listens, and counts what comes.
type peer struct {
	messenger.BaseDispatcher
	m *simplemessenger.Messenger

	mu           sync.Mutex
	types        map[messenger.MsgType]int
	signed       int // messages with a signature
	accepts      int
	connects     int
	resets       int
	remoteResets int
	pings        []string
	lastSeq      uint64
	outOfOrder   bool
	conn         messenger.Connection // accepted last
}

func (p *peer) Dispatch(m messenger.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.types[m.Base().Type()]++
	if m.Base().Footer().Flags&messenger.FooterSigned != 0 {
		p.signed++
	}
	if ping, ok := m.(*messages.Ping); ok {
		d := messenger.NewDecoder(ping.Payload)
		p.pings = append(p.pings, d.String())
	}
	m.Base().Release()
	return true
}

func (p *peer) HandleAccept(c messenger.Connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepts++
	p.conn = c
}

func (p *peer) HandleConnect(messenger.Connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connects++
}

func (p *peer) HandleReset(messenger.Connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resets++
	return false
}

func (p *peer) HandleRemoteReset(messenger.Connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remoteResets++
}

func (p *peer) get(f func() int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f()
}

// startPeer makes monitor b at a place that is free.
func startPeer(t testing.TB, at netip.AddrPort, auth messenger.Auth, features messenger.Features) *peer {
	t.Helper()
	r := messenger.NewRegistry()
	monc.Register(r)
	p := &peer{types: map[messenger.MsgType]int{}}
	p.m = simplemessenger.New(messenger.Config{
		Name:       messenger.EntityName{Type: messenger.EntityMon, Num: 1},
		FixedNonce: true, // as monitors have it
		Registry:   r,
		Auth:       auth,
	})
	policy := messenger.LosslessPeerReuse()
	policy.FeaturesSupported = features
	require.NoError(t, p.m.SetPolicy(messenger.EntityMon, policy))
	p.m.AddDispatcherTail(p)
	require.NoError(t, p.m.Bind(messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: at}))
	require.NoError(t, p.m.Start())
	t.Cleanup(func() {
		p.m.Shutdown()
		p.m.Wait()
	})
	return p
}

func freePort(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// A real monitor that finds us in its map dials us, and we are a peer to it: its
// probes arrive, and our ping is answered. With cephx everything is signed, in either
// form, and either side refuses what is not signed right.
func TestRealMonitorDialsUs(t *testing.T) {
	for name, c := range map[string]struct {
		cephx    bool
		features messenger.Features
	}{
		"none":           {false, messenger.DefaultFeatures},
		"cephx":          {true, messenger.DefaultFeatures},
		"old signatures": {true, messenger.DefaultFeatures &^ messenger.FeatureCephxV2},
	} {
		t.Run(name, func(t *testing.T) {
			at := freePort(t)
			mon := cephmon.Start(t, cephmon.Options{Cephx: c.cephx, Peers: map[string]netip.AddrPort{"b": at}})
			var auth messenger.Auth = messenger.AuthNone{}
			if c.cephx {
				secret, err := mon.Keyring.Key(cephx.EntityName{Type: messenger.EntityMon})
				require.NoError(t, err)
				auth = &cephx.Peers{Name: cephx.EntityName{Type: messenger.EntityMon}, Secret: secret}
			}
			p := startPeer(t, at, auth, c.features)
			eventually(t, "probes", func() bool { return p.get(func() int { return p.types[monc.TypeMonProbe] }) >= 2 })
			require.Equal(t, 1, p.get(func() int { return p.accepts }))

			conn, err := p.m.ConnectTo(messenger.EntityMon, messenger.AddrVec{{Type: messenger.AddrLegacy, Addr: mon.Addr}})
			require.NoError(t, err)
			require.Same(t, p.conn, conn, "the one that the monitor made")
			require.False(t, conn.Policy().Lossy)
			const n = 10
			for range n {
				require.NoError(t, conn.Send(messages.NewPing()))
			}
			eventually(t, "answers", func() bool { return p.get(func() int { return len(p.pings) }) == n })
			require.Contains(t, p.pings[0], "mon_status")
			conn.SendKeepalive()
			eventually(t, "keepalive", func() bool { return !conn.LastKeepaliveAck().IsZero() })

			p.mu.Lock()
			defer p.mu.Unlock()
			total := 0
			for _, k := range p.types {
				total += k
			}
			if c.cephx {
				require.Equal(t, total, p.signed)
			} else {
				require.Zero(t, p.signed)
			}
			require.Zero(t, p.resets+p.remoteResets+p.connects)
		})
	}
}
