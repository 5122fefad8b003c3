// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/xio"
)

// target is a server that counts what it is given.
type target struct {
	*XioMessenger
	messenger.BaseDispatcher
	got atomic.Int64
}

func (d *target) Dispatch(m messenger.Message) bool {
	d.got.Add(1)
	m.Base().Release()
	return true
}

func newTarget(t testing.TB, p messenger.Policy, change func(*messenger.Config), o Options) *target {
	reg := messenger.NewRegistry()
	messages.Register(reg)
	cfg := messenger.Config{Name: messenger.EntityName{Type: messenger.EntityOSD}, Registry: reg, Auth: messenger.AuthNone{}}
	if change != nil {
		change(&cfg)
	}
	o.PortalThreads, o.TransportType = 1, Transport
	x, err := New(cfg, o)
	require.NoError(t, err)
	d := &target{XioMessenger: x}
	require.NoError(t, x.SetDefaultPolicy(p))
	x.AddDispatcherTail(d)
	a := place(t)
	require.NoError(t, x.Bind(a))
	require.NoError(t, x.Start())
	t.Cleanup(func() {
		x.Shutdown()
		x.Wait()
		require.Zero(t, LiveHooks())
	})
	return d
}

// peer is a bare xio client that says what it likes.
type peer struct {
	t       testing.TB
	conn    *xio.Connection
	replies chan *core.Reply
	nonce   uint32
}

var nonces atomic.Uint32

func (d *target) peer(t testing.TB) *peer {
	p := &peer{t: t, replies: make(chan *core.Reply, 16), nonce: nonces.Add(1)}
	dialer := xio.Dialer{Inline: true, OnMsg: func(m *xio.OneWay) {
		if h := m.Header(); len(h) > 0 && core.Tag(h[0]) == tagReply {
			r, err := decodeReply(m.Data())
			require.NoError(t, err)
			p.replies <- r
		}
	}}
	c, err := dialer.Dial(context.Background(), Transport+"://"+d.Addrs()[0].Addr.String())
	require.NoError(t, err)
	p.conn = c
	t.Cleanup(func() { c.Close() })
	return p
}

func (p *peer) send(header, data []byte) {
	_ = p.conn.SendMsg(context.Background(), &xio.Message{Header: header, Data: data}, nil)
}

func (p *peer) connectMessage() *core.Connect {
	return &core.Connect{
		Self: core.Identity{
			Name: messenger.EntityName{Type: messenger.EntityClient, Num: 1},
			Addr: messenger.EntityAddr{Type: messenger.AddrXio, Nonce: p.nonce},
		},
		Features: messenger.DefaultFeatures, GlobalSeq: 1,
		ProtocolVersion: messenger.CephProtocolVersion(messenger.EntityClient, messenger.EntityOSD),
	}
}

// open does what an honest peer does until messages may flow.
func (p *peer) open() *peer {
	p.send(appendHandshake(nil, tagConnect), encodeConnect(p.connectMessage()))
	r := <-p.replies
	if r.Tag == core.TagSeq {
		p.send(appendHandshake(nil, tagSeq), encodeSeq(0))
	} else {
		require.Equal(p.t, core.TagReady, r.Tag)
	}
	return p
}

// ended waits for the server to hang up.
func (p *peer) ended(what string) {
	p.t.Helper()
	select {
	case <-p.conn.Done():
	case <-time.After(20 * time.Second):
		p.t.Fatal("the server does not mind " + what)
	}
}

// message is an honest message's header and content.
func message(seq uint64, front, data string) (*msgHeader, []byte) {
	h := &msgHeader{count: 1, peerType: messenger.EntityClient, hdr: messenger.MsgHeader{
		Seq: seq, Type: messages.TypePing, Priority: messenger.PriorityDefault, Version: 1, CompatVersion: 1,
		FrontLen: uint32(len(front)), DataLen: uint32(len(data)), Src: messenger.EntityName{Type: messenger.EntityClient, Num: 1},
	}}
	h.hdr.CRC = h.hdr.Sum(nil)
	h.footer = messenger.MsgFooter{FrontCRC: messenger.CRC32C(0, []byte(front)), DataCRC: messenger.CRC32C(0, []byte(data)), Flags: messenger.FooterComplete}
	return h, []byte(front + data)
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// D6: a bit in every byte of header and footer that counts.
func TestD6_EveryDamagedByteCostsTheConnection(t *testing.T) {
	d := newTarget(t, messenger.StatelessServer(), nil, Options{})
	h, body := message(1, "front", "data")
	good := h.append(nil)
	damage := func(what string, header, body []byte) {
		p := d.peer(t).open()
		p.send(header, body)
		p.ended(what)
		p.conn.Close()
	}
	for i := addrEnd; i < headerLen; i++ {
		if i >= headerLen-9 && i < headerLen-1 {
			continue // the signature, which nobody looks at without an authorizer
		}
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		if i == headerLen-1 {
			bad[i] &^= byte(messenger.FooterComplete)
		}
		damage(fmt.Sprintf("byte %d", i), bad, body)
	}
	for i := range body {
		bad := append([]byte(nil), body...)
		bad[i] ^= 0x80
		damage(fmt.Sprintf("content byte %d", i), good, bad)
	}
	require.Zero(t, d.got.Load(), "nothing of it is dispatched")
	p := d.peer(t).open()
	p.send(good, body)
	eventually(t, "the good one", func() bool { return d.got.Load() == 1 })
}

func TestHostileDatagrams(t *testing.T) {
	d := newTarget(t, messenger.StatelessServer(), func(c *messenger.Config) { c.MaxMessage = 1 << 20 }, Options{})
	with := func(change func(*msgHeader)) func(*peer) {
		return func(p *peer) {
			h, body := message(1, "front", "data")
			change(h)
			h.hdr.CRC = h.hdr.Sum(nil)
			p.open().send(h.append(nil), body)
		}
	}
	whole, body := message(1, "front", "data")
	for name, bad := range map[string]func(*peer){
		"no datagrams":          with(func(h *msgHeader) { h.count = 0 }),
		"more than bytes":       with(func(h *msgHeader) { h.count = 10 }),
		"four billion":          with(func(h *msgHeader) { h.count = 1<<32 - 1 }),
		"too long":              with(func(h *msgHeader) { h.hdr.FrontLen = 4 }),
		"too short":             with(func(h *msgHeader) { h.hdr.FrontLen = 6 }),
		"more than allowed":     with(func(h *msgHeader) { h.hdr.DataLen = 2 << 20 }),
		"lengths that overflow": with(func(h *msgHeader) { h.hdr.FrontLen, h.hdr.MiddleLen, h.hdr.DataLen = 1<<32-1, 1<<32-1, 1<<32-1 }),
		"unknown type":          with(func(h *msgHeader) { h.hdr.Type = 999 }),
		"too new":               with(func(h *msgHeader) { h.hdr.CompatVersion = 2 }),
		"priority":              with(func(h *msgHeader) { h.hdr.Priority = 256 }),
		"incomplete":            with(func(h *msgHeader) { h.footer.Flags = 0 }),
		"a header inside a message": func(p *peer) {
			h := *whole
			h.count = 2
			p.open().send(h.append(nil), body[:4])
			p.send(whole.append(nil), body)
		},
		"more inside than announced": func(p *peer) {
			h := *whole
			h.count = 3
			p.open().send(h.append(nil), body)
			p.send(nil, body)
		},
		"a trailer without a message": func(p *peer) { p.open().send(nil, body) },
		"short header":                func(p *peer) { p.open().send(whole.append(nil)[:200], body) },
		"unknown tag":                 func(p *peer) { p.open().send([]byte{99}, nil) },
		"keepalive with data":         func(p *peer) { p.open().send(appendKeepalive(nil, core.TagKeepalive2, time.Now()), body) },
		"keepalive too short":         func(p *peer) { p.open().send([]byte{14, 1}, nil) },
		"handshake when open":         func(p *peer) { p.open().send(appendHandshake(nil, tagConnect), encodeConnect(p.connectMessage())) },
		"a message first":             func(p *peer) { p.send(whole.append(nil), body) },
		"a trailer first":             func(p *peer) { p.send(nil, body) },
		"another magic": func(p *peer) {
			h := appendHandshake(nil, tagConnect)
			binary.LittleEndian.PutUint32(h[1:], 7)
			p.send(h, encodeConnect(p.connectMessage()))
		},
		"another version": func(p *peer) {
			h := appendHandshake(nil, tagConnect)
			h[5] = 2
			p.send(h, encodeConnect(p.connectMessage()))
		},
		"reply first":     func(p *peer) { p.send(appendHandshake(nil, tagReply), encodeReply(&core.Reply{})) },
		"seq first":       func(p *peer) { p.send(appendHandshake(nil, tagSeq), encodeSeq(1)) },
		"cut connect":     func(p *peer) { p.send(appendHandshake(nil, tagConnect), encodeConnect(p.connectMessage())[:20]) },
		"large handshake": func(p *peer) { p.send(appendHandshake(nil, tagConnect), make([]byte, maxHandshake+1)) },
		"flood of handshakes": func(p *peer) {
			for range 100 {
				p.send(appendHandshake(nil, tagConnect), encodeConnect(p.connectMessage()))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := d.peer(t)
			bad(p)
			p.ended(name)
		})
	}
	require.Zero(t, d.got.Load())
	eventually(t, "no link left", func() bool { return len(d.Links()) == 0 })
	require.Zero(t, d.DispatchQueueLen())
	p := d.peer(t).open()
	p.send(whole.append(nil), body)
	eventually(t, "the server still serves", func() bool { return d.got.Load() == 1 })
}

// D7: a number that has been is dropped, one that leaves some out is a lie, and the
// first may be any.
func TestD7_SequenceNumbers(t *testing.T) {
	d := newTarget(t, messenger.StatefulServer(), nil, Options{})
	p := d.peer(t).open()
	for _, seq := range []uint64{1000, 1000, 999, 1, 1001, 1001} {
		h, body := message(seq, "front", "data")
		p.send(h.append(nil), body)
	}
	eventually(t, "two new ones", func() bool { return d.got.Load() == 2 })
	h, body := message(1003, "front", "data")
	p.send(h.append(nil), body)
	p.ended("a gap")
	require.Equal(t, int64(2), d.got.Load())
}

// A peer that says it has received more than was ever sent.
func TestHostileSeq(t *testing.T) {
	d := newTarget(t, messenger.StatefulServer(), nil, Options{})
	p := d.peer(t)
	p.send(appendHandshake(nil, tagConnect), encodeConnect(p.connectMessage()))
	require.Equal(t, core.TagSeq, (<-p.replies).Tag)
	p.send(appendHandshake(nil, tagSeq), encodeSeq(5))
	p.ended("a number from the future")
	eventually(t, "no connection left", func() bool { return len(d.Connections()) == 0 })
}

// What is told to those who may not come in.
func TestD1_Replies(t *testing.T) {
	d := newTarget(t, messenger.StatefulServer(), nil, Options{})
	ask := func(p *peer, change func(*core.Connect)) *core.Reply {
		c := p.connectMessage()
		change(c)
		p.send(appendHandshake(nil, tagConnect), encodeConnect(c))
		select {
		case r := <-p.replies:
			return r
		case <-time.After(20 * time.Second):
			t.Fatal("no reply")
			return nil
		}
	}
	r := ask(d.peer(t), func(c *core.Connect) { c.ProtocolVersion++ })
	require.Equal(t, core.TagBadProtoVer, r.Tag)
	require.Equal(t, uint32(24), r.ProtocolVersion)
	p := d.peer(t)
	r = ask(p, func(c *core.Connect) { c.AuthorizerProtocol = 77 })
	require.Equal(t, core.TagBadAuthorizer, r.Tag)
	// Rows of the accept decision table.
	r = ask(p, func(c *core.Connect) { c.ConnectSeq = 3 })
	require.Equal(t, core.TagResetSession, r.Tag, "row 1")
	r = ask(p, func(c *core.Connect) { c.GlobalSeq = 10 })
	require.Equal(t, core.TagSeq, r.Tag, "row 2")
	require.Equal(t, uint32(1), r.ConnectSeq)
	require.False(t, r.Lossy)
	p.send(appendHandshake(nil, tagSeq), encodeSeq(0))
	eventually(t, "open", func() bool { return len(d.Connections()) == 1 && d.Connections()[0].IsConnected() })

	again := d.peer(t)
	again.nonce = p.nonce
	r = ask(again, func(c *core.Connect) { c.GlobalSeq = 9 })
	require.Equal(t, core.TagRetryGlobal, r.Tag, "row 4")
	require.Equal(t, uint32(10), r.GlobalSeq)
	r = ask(again, func(c *core.Connect) { c.GlobalSeq, c.ConnectSeq = 11, 1 })
	require.Equal(t, core.TagRetrySession, r.Tag, "row 8")
	require.Equal(t, uint32(2), r.ConnectSeq)
	r = ask(again, func(c *core.Connect) { c.GlobalSeq, c.ConnectSeq = 12, 2 })
	require.Equal(t, core.TagSeq, r.Tag, "row 11")
	require.Equal(t, uint32(3), r.ConnectSeq)
	again.send(appendHandshake(nil, tagSeq), encodeSeq(0))
	p.ended("being replaced")
	eventually(t, "open again", func() bool { return d.Connections()[0].IsConnected() })

	anew := d.peer(t)
	anew.nonce = p.nonce
	r = ask(anew, func(c *core.Connect) { c.GlobalSeq = 13 })
	require.Equal(t, core.TagReady, r.Tag, "row 6")
	require.Equal(t, uint32(1), r.ConnectSeq)
	again.ended("being replaced")
}

// D11: whoever is no xio client, and whoever says nothing.
func TestD11_GarbageAndSilence(t *testing.T) {
	d := newTarget(t, messenger.StatelessServer(), func(c *messenger.Config) {
		c.HandshakeTimeout = 300 * time.Millisecond
		c.MaxHalfOpen = 4
	}, Options{})
	garbage := []string{"ceph v2\n\x10\x00", "ceph v027", "GET / HTTP/1.0\r\n\r\n", "cep", ""}
	if Transport != "tcp" {
		garbage = nil // a bare socket speaks no RDMA
	}
	for _, s := range garbage {
		c, err := net.Dial("tcp", d.Addrs()[0].Addr.String())
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Write([]byte(s))
		require.NoError(t, err)
	}
	var silent []*peer
	for range 8 {
		silent = append(silent, d.peer(t))
	}
	h, body := message(1, "", "")
	p := d.peer(t).open()
	p.send(h.append(nil), body)
	eventually(t, "an honest peer among them", func() bool { return d.got.Load() == 1 })
	for _, s := range silent {
		s.ended("silence")
	}
	eventually(t, "only the honest one is left", func() bool { return len(d.Links()) == 1 })
}

func TestCephCompat(t *testing.T) {
	d := newTarget(t, messenger.StatelessServer(), nil, Options{CephCompat: true})
	// As Ceph's messenger: no handshake, and a header whose CRC is not right.
	p := d.peer(t)
	h, body := message(1, "front", "data")
	h.addr, _ = messenger.ParseEntityAddr("v1:127.0.0.1:0/77")
	h.hdr.CRC++
	p.send(h.append(nil), body)
	eventually(t, "its message", func() bool { return d.got.Load() == 1 })
	c := d.Connections()[0]
	require.Equal(t, messenger.EntityClient, c.PeerType())
	require.Equal(t, messenger.EntityName{Type: messenger.EntityClient, Num: 1}, c.PeerName())
	require.Equal(t, uint32(77), c.PeerAddr().Nonce)
	require.True(t, c.Policy().Lossy)
	require.False(t, c.Features().Has(messenger.FeatureKeepalive2))
	// Content is checked all the same.
	h, _ = message(2, "front", "data")
	p.send(h.append(nil), []byte("frontdatA"))
	p.ended("a bad sum")
	// Ours would have the other side know the handshake.
	p = d.peer(t)
	p.send(appendHandshake(nil, tagConnect), encodeConnect(p.connectMessage()))
	p.ended("a handshake")
	require.Equal(t, int64(1), d.got.Load())
}
