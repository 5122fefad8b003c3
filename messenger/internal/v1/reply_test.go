// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// rawListener is a place where a test answers as it likes.
type rawListener struct {
	t    testing.TB
	l    net.Listener
	addr messenger.EntityAddr
}

func listenRaw(t testing.TB, nonce uint32) *rawListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return &rawListener{t, l, messenger.EntityAddr{
		Type: messenger.AddrLegacy, Nonce: nonce, Addr: netip.MustParseAddrPort(l.Addr().String()),
	}}
}

func (l *rawListener) accept() *rawPeer {
	l.t.Helper()
	conn, err := l.l.Accept()
	require.NoError(l.t, err)
	l.t.Cleanup(func() { conn.Close() })
	require.NoError(l.t, conn.SetDeadline(time.Now().Add(patience)))
	return &rawPeer{conn, l.t}
}

// greet exchanges banners as an entity at an address.
func (l *rawListener) greet(own messenger.EntityAddr) *rawPeer {
	l.t.Helper()
	p := l.accept()
	hello := acceptorHello{own, messenger.EntityAddr{Addr: netip.MustParseAddrPort(p.RemoteAddr().String())}}
	p.write(hello.append(nil))
	p.read(connectorHelloLen)
	return p
}

// asked reads the next connect.
func (p *rawPeer) asked() core.Connect {
	p.t.Helper()
	c, n, err := decodeConnect(p.read(connectLen))
	require.NoError(p.t, err)
	c.Authorizer = p.read(n)
	return c
}

func (p *rawPeer) answer(r core.Reply) {
	p.t.Helper()
	p.write(appendReply(nil, &r))
}

// startClient makes a messenger that connects to l.
func startClient(t *testing.T, l *rawListener, p messenger.Policy) (*end, messenger.Connection) {
	t.Helper()
	e := newEnd(t, messenger.EntityClient, p, nil, Options{})
	e.start(t, false)
	t.Cleanup(e.stop)
	c, err := e.m.ConnectTo(messenger.EntityOSD, messenger.AddrVec{l.addr})
	require.NoError(t, err)
	return e, c
}

// What a messenger does with each kind of answer to its connect.
func TestReplies(t *testing.T) {
	l := listenRaw(t, 9)
	e, c := startClient(t, l, messenger.LosslessClient())
	send(t, c, 1, 1, 0)
	p := l.greet(l.addr)
	first := p.asked()
	require.Equal(t, messenger.EntityClient, first.Self.Name.Type)
	require.EqualValues(t, 24, first.ProtocolVersion)
	require.Equal(t, messenger.AuthProtocolNone, first.AuthorizerProtocol)
	require.Zero(t, first.ConnectSeq)
	require.False(t, first.Lossy)
	require.Equal(t, messenger.DefaultFeatures, first.Features)

	p.answer(core.Reply{Tag: core.TagRetryGlobal, GlobalSeq: 500})
	require.EqualValues(t, 501, p.asked().GlobalSeq)
	p.answer(core.Reply{Tag: core.TagRetrySession, ConnectSeq: 7})
	second := p.asked()
	require.EqualValues(t, 7, second.ConnectSeq)
	require.Greater(t, second.GlobalSeq, uint32(501))
	p.answer(core.Reply{Tag: core.TagBadAuthorizer})
	p.asked() // once more, with a new one
	p.answer(core.Reply{Tag: core.TagResetSession})
	require.Zero(t, p.asked().ConnectSeq)
	eventually(t, "remote reset", func() bool { remote, _ := e.reset(); return remote == 1 })

	send(t, c, 2, 1, 0)
	p.answer(core.Reply{
		Tag: core.TagSeq, Features: messenger.FeatureReconnectSeq | 1, GlobalSeq: 3, ConnectSeq: 1,
	})
	require.Equal(t, make([]byte, 8), p.read(8), "it has nothing of ours")
	require.EqualValues(t, 1, p.message(), "what was sent before the reset is gone")
	require.Equal(t, messenger.FeatureReconnectSeq|1, c.Features()&(messenger.FeatureReconnectSeq|1))
	require.False(t, c.Policy().Lossy)

	// The link breaks, and the session goes on where it was.
	p.write(ping(1, 5, 0))
	eventually(t, "message", func() bool { return len(e.received()) == 1 })
	p.Close()
	p = l.greet(l.addr)
	require.EqualValues(t, 1+1, p.asked().ConnectSeq)
	p.answer(core.Reply{Tag: core.TagSeq, Features: messenger.FeatureReconnectSeq, ConnectSeq: 3, InSeq: 0, Lossy: true})
	require.Equal(t, []byte{1, 0, 0, 0, 0, 0, 0, 0}, p.read(8), "it has one of ours")
	require.EqualValues(t, 1, p.message(), "what was not acknowledged comes again")
	require.True(t, c.Policy().Lossy, "the acceptor decides")
}

// Answers that end an attempt, with the reason that stands in the connection.
func TestBadReplies(t *testing.T) {
	ready := core.Reply{Tag: core.TagReady, Features: messenger.DefaultFeatures, ConnectSeq: 1}
	wrongSeq, required := ready, ready
	wrongSeq.ConnectSeq = 2
	required.Features = 0
	for name, c := range map[string]struct {
		replies []core.Reply
		want    error
	}{
		"features":            {[]core.Reply{{Tag: core.TagFeatures, Features: 1 << 40}}, messenger.ErrFeatures},
		"protocol":            {[]core.Reply{{Tag: core.TagBadProtoVer, ProtocolVersion: 25}}, messenger.ErrProtocol},
		"authorizer twice":    {[]core.Reply{{Tag: core.TagBadAuthorizer}, {Tag: core.TagBadAuthorizer}}, messenger.ErrAuthorizer},
		"retry with less":     {[]core.Reply{{Tag: core.TagRetrySession, ConnectSeq: 0}}, messenger.ErrBadHandshake},
		"unknown tag":         {[]core.Reply{{Tag: 77}}, messenger.ErrBadHandshake},
		"tag of the stream":   {[]core.Reply{{Tag: core.TagMsg}}, messenger.ErrBadHandshake},
		"another connect_seq": {[]core.Reply{wrongSeq}, messenger.ErrBadHandshake},
		"missing features":    {[]core.Reply{required}, messenger.ErrFeatures},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenRaw(t, 9)
			policy := messenger.LossyClient()
			policy.FeaturesRequired = 1
			_, conn := startClient(t, l, policy)
			p := l.greet(l.addr)
			for _, r := range c.replies {
				p.asked()
				p.answer(r)
			}
			p.closed()
			eventually(t, "error", func() bool { return conn.Err() != nil })
			require.ErrorIs(t, conn.Err(), c.want)
			require.False(t, conn.IsConnected())
		})
	}
	t.Run("wait", func(t *testing.T) {
		l := listenRaw(t, 9)
		_, conn := startClient(t, l, messenger.LosslessPeer())
		p := l.greet(l.addr)
		p.asked()
		p.answer(core.Reply{Tag: core.TagWait})
		p.closed()
		eventually(t, "state", func() bool { return conn.State() == messenger.ConnWait })
	})
	t.Run("somebody else", func(t *testing.T) {
		l := listenRaw(t, 9)
		_, conn := startClient(t, l, messenger.LossyClient())
		other := l.addr
		other.Nonce++
		p := l.greet(other)
		p.asked()
		p.answer(ready)
		p.closed()
		eventually(t, "error", func() bool { return conn.Err() != nil })
		require.ErrorIs(t, conn.Err(), messenger.ErrWrongPeer)
	})
}
