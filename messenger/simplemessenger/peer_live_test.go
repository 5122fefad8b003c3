// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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
func startPeer(t testing.TB, at netip.AddrPort, auth messenger.Auth, features messenger.Features, faults messenger.Injector) *peer {
	t.Helper()
	r := messenger.NewRegistry()
	monc.Register(r)
	p := &peer{types: map[messenger.MsgType]int{}}
	p.m = simplemessenger.New(messenger.Config{
		Name:       messenger.EntityName{Type: messenger.EntityMon, Num: 1},
		FixedNonce: true, // as monitors have it
		Registry:   r,
		Auth:       auth,
		Injector:   faults,
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

// peerAuth is what monitors show each other.
func peerAuth(t testing.TB, mon *cephmon.Monitor) messenger.Auth {
	name := cephx.EntityName{Type: messenger.EntityMon}
	if len(mon.Keyring) == 0 {
		return messenger.AuthNone{}
	}
	secret, err := mon.Keyring.Key(name)
	require.NoError(t, err)
	return &cephx.Peers{Name: name, Secret: secret}
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
			p := startPeer(t, at, peerAuth(t, mon), c.features, nil)
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

// faults fails about one of so many operations on a socket, once it is switched on.
type faults struct {
	every int64
	on    atomic.Bool
	n     atomic.Int64
	hit   atomic.Int64
}

var errFault = errors.New("injected")

func (f *faults) SocketOp(context.Context) error {
	if !f.on.Load() || f.n.Add(1)%f.every != 0 {
		return nil
	}
	f.hit.Add(1)
	return errFault
}

// The link to a real monitor breaks again and again, on our side and in the middle of
// anything: the monitor gets each ping once, and each of its answers arrives once.
func TestRealMonitorLosesNothing(t *testing.T) {
	for name, o := range map[string]cephmon.Options{"none": {}, "cephx": {Cephx: true}} {
		t.Run(name, func(t *testing.T) {
			at := freePort(t)
			o.Peers = map[string]netip.AddrPort{"b": at}
			mon := cephmon.Start(t, o)
			f := &faults{every: 23}
			p := startPeer(t, at, peerAuth(t, mon), messenger.DefaultFeatures, f)
			eventually(t, "probe", func() bool { return p.get(func() int { return p.types[monc.TypeMonProbe] }) > 0 })
			conn, err := p.m.ConnectTo(messenger.EntityMon, messenger.AddrVec{{Type: messenger.AddrLegacy, Addr: mon.Addr}})
			require.NoError(t, err)
			f.on.Store(true)
			answered := func() int { return p.get(func() int { return len(p.pings) }) }
			// At least so many pings, and breaks.
			const pings, breaks = 300, 8
			n := 0
			for ; n < pings || f.hit.Load() < breaks; n++ {
				require.NoError(t, conn.Send(messages.NewPing()))
				if n%3 == 0 { // so that there are writes and reads in plenty
					eventually(t, "answers", func() bool { return answered() >= n-20 })
				}
			}
			f.on.Store(false)
			eventually(t, "all answers", func() bool { return answered() >= n })
			// One more: what was there twice would be there by then.
			require.NoError(t, conn.Send(messages.NewPing()))
			eventually(t, "last answer", func() bool { return answered() > n })
			p.mu.Lock()
			defer p.mu.Unlock()
			require.Len(t, p.pings, n+1)
			require.Zero(t, p.resets+p.remoteResets)
		})
	}
}

// A real monitor that was restarted has forgotten the session: we are told, and a new
// one serves as the old one did, on the same connection.
func TestRealMonitorForgets(t *testing.T) {
	at := freePort(t)
	mon := cephmon.Start(t, cephmon.Options{Peers: map[string]netip.AddrPort{"b": at}})
	p := startPeer(t, at, messenger.AuthNone{}, messenger.DefaultFeatures, nil)
	eventually(t, "probe", func() bool { return p.get(func() int { return p.types[monc.TypeMonProbe] }) > 0 })
	conn, err := p.m.ConnectTo(messenger.EntityMon, messenger.AddrVec{{Type: messenger.AddrLegacy, Addr: mon.Addr}})
	require.NoError(t, err)
	mon.Kill()
	eventually(t, "loss", func() bool { return !conn.IsConnected() })
	mon.Run()
	// What is sent before we are told goes with the session that is gone.
	eventually(t, "answer", func() bool {
		if p.get(func() int { return p.remoteResets }) == 0 {
			return false
		}
		if conn.Send(messages.NewPing()) != nil {
			return false
		}
		return p.get(func() int { return len(p.pings) }) > 0
	})
	require.Zero(t, p.get(func() int { return p.resets }))
	require.Same(t, conn, p.m.Find(messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: mon.Addr}))
}
