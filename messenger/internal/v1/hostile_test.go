// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/messenger/messages"
)

// rawPeer is a socket to a messenger, on which a test writes what it likes.
type rawPeer struct {
	net.Conn
	t testing.TB
}

// dialRaw goes through the opening exchange as an entity with a nonce of its own, and
// gives the answer to its connect.
func dialRaw(t testing.TB, e *end, c core.Connect) (*rawPeer, core.Reply) {
	t.Helper()
	p := greetRaw(t, e, messenger.EntityAddr{Nonce: rawNonce.Add(1)})
	return p, p.connect(c)
}

var rawNonce atomic.Uint32

// greetRaw goes through the exchange of banners as the entity at an address.
func greetRaw(t testing.TB, e *end, own messenger.EntityAddr) *rawPeer {
	t.Helper()
	conn, err := net.Dial("tcp", e.m.Addrs()[0].Addr.String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	p := &rawPeer{conn, t}
	p.read(acceptorHelloLen)
	p.write((&connectorHello{own}).append(nil))
	return p
}

// connect asks for a session, as a client unless c says otherwise.
func (p *rawPeer) connect(c core.Connect) core.Reply {
	p.t.Helper()
	if c.Self.Name.Type == 0 {
		c.Self.Name.Type = messenger.EntityClient
	}
	c.ProtocolVersion = messenger.CephProtocolVersion(c.Self.Name.Type, messenger.EntityOSD)
	p.write(appendConnect(nil, &c))
	r, n, err := decodeReply(p.read(replyLen))
	require.NoError(p.t, err)
	r.Authorizer = p.read(n)
	if r.Tag == core.TagSeq {
		r.InSeq = binary.LittleEndian.Uint64(p.read(8))
	}
	return r
}

func (p *rawPeer) write(b []byte) {
	p.t.Helper()
	_, err := p.Write(b)
	require.NoError(p.t, err)
}

func (p *rawPeer) read(n int) []byte {
	p.t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(p, b)
	require.NoError(p.t, err)
	return b
}

// closed waits for the other side to close, and gives what it said before.
func (p *rawPeer) closed() []byte {
	p.t.Helper()
	b, err := io.ReadAll(p)
	if err != nil { // closed with something of ours unread
		require.ErrorContains(p.t, err, "reset by peer")
	}
	return b
}

// ping is the bytes of a data ping.
func ping(seq uint64, counter uint32, session messenger.Features) []byte {
	var front messenger.Encoder
	front.String("raw")
	front.Uint32(counter)
	data := []byte("some data")
	f := &core.Frame{
		Header: messenger.MsgHeader{
			Seq: seq, Type: messages.TypeDataPing, Priority: messenger.PriorityDefault, Version: 1, CompatVersion: 1,
			FrontLen: uint32(front.Len()), DataLen: uint32(len(data)),
		},
		Footer: messenger.MsgFooter{
			Flags:    messenger.FooterComplete,
			FrontCRC: messenger.CRC32C(0, front.Bytes()), DataCRC: messenger.CRC32C(0, data),
		},
		Front: front.Bytes(), Data: []messenger.Buffer{messenger.BytesBuffer(data)},
	}
	f.Header.CRC = f.Header.Sum(nil)
	return bytes.Join(appendFrame(nil, f, session), nil)
}

func startServer(t testing.TB, p messenger.Policy) *end {
	t.Helper()
	e := newEnd(t, messenger.EntityOSD, p, nil, Options{})
	e.start(t, true)
	t.Cleanup(e.stop)
	return e
}

// Every bit of a message is guarded: a peer that changes one loses its connection, and
// nothing of it is dispatched. Only what nobody looks at may change.
func TestFlippedBits(t *testing.T) {
	for name, offered := range map[string]messenger.Features{"long": messenger.FeatureMsgAuth, "short": 0} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, messenger.StatelessServer())
			good := ping(1, 1, offered)
			flags := len(good) - 1
			sig := flags
			if offered.Has(messenger.FeatureMsgAuth) {
				sig = flags - 8
			}
			for bit := range 8 * len(good) {
				if testing.Short() && bit%5 != 0 {
					continue
				}
				bad := bytes.Clone(good)
				bad[bit/8] ^= 1 << (bit % 8)
				p, r := dialRaw(t, s, core.Connect{Features: offered})
				require.Equal(t, core.TagReady, r.Tag)
				before := len(s.received())
				p.write(bad)
				if harmless := bit/8 >= sig && bit != 8*flags; harmless {
					eventually(t, "message", func() bool { return len(s.received()) == before+1 })
				} else {
					p.write([]byte{uint8(core.TagClose)}) // where a length has shrunk
					p.closed()
					require.Len(t, s.received(), before, "bit %d of byte %d", bit%8, bit/8)
				}
				p.Close()
			}
		})
	}
}

// Whoever is not of our kind is closed, and costs nobody else anything.
func TestStrangers(t *testing.T) {
	s := newEnd(t, messenger.EntityOSD, messenger.StatelessServer(), nil, Options{})
	s.start(t, true)
	defer s.stop()
	friend, _ := dialRaw(t, s, core.Connect{})
	place := s.m.Addrs()[0].Addr.String()
	hello := (&connectorHello{messenger.EntityAddr{Nonce: 1}}).append(nil)
	for name, b := range map[string][]byte{
		"v2":        []byte("ceph v2\n\x10\x00"),
		"http":      []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"zeros":     make([]byte, 1000),
		"address":   append([]byte(banner), bytes.Repeat([]byte{0xff}, messenger.LegacyAddrLen)...),
		"authorize": append(hello, bytes.Repeat([]byte{0xff}, connectLen)...),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", place)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			p := &rawPeer{conn, t}
			p.write(b)
			require.LessOrEqual(t, len(p.closed()), acceptorHelloLen)
		})
	}
	friend.write(ping(1, 7, 0))
	eventually(t, "the friend's message", func() bool { return len(s.received()) == 1 })
}

// After the handshake a peer that breaks a rule of the stream is closed.
func TestBrokenRules(t *testing.T) {
	s := startServer(t, messenger.StatelessServer())
	huge := messenger.MsgHeader{Seq: 1, Type: messages.TypePing, Version: 1, CompatVersion: 1, DataLen: 1<<32 - 1}
	huge.CRC = huge.Sum(nil)
	unknown := messenger.MsgHeader{Seq: 1, Type: 999, Version: 1, CompatVersion: 1}
	unknown.CRC = unknown.Sum(nil)
	short := messenger.MsgHeader{Seq: 1, Type: messages.TypeDataPing, Version: 1, CompatVersion: 1}
	short.CRC = short.Sum(nil)
	footer := make([]byte, messenger.MsgFooterOldLen)
	footer[len(footer)-1] = byte(messenger.FooterComplete)
	message := func(h messenger.MsgHeader) []byte { return append(h.Append([]byte{uint8(core.TagMsg)}), footer...) }
	for name, b := range map[string][]byte{
		"tag":          {99},
		"reply tag":    {uint8(core.TagReady)},
		"close":        {uint8(core.TagClose)},
		"huge":         message(huge),
		"unknown type": message(unknown),
		"undecodable":  message(short),
		"not sent":     appendAck(nil, 5),
		"banner again": []byte(banner),
		"header":       append([]byte{uint8(core.TagMsg)}, bytes.Repeat([]byte{1}, messenger.MsgHeaderLen)...),
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := dialRaw(t, s, core.Connect{})
			p.write(b)
			p.closed()
			require.Empty(t, s.received())
		})
	}
}

// What the stream has beside messages, to the byte.
func TestStream(t *testing.T) {
	s := startServer(t, messenger.StatelessServer())
	p, r := dialRaw(t, s, core.Connect{Features: messenger.FeatureKeepalive2, ConnectSeq: 5, GlobalSeq: 9})
	require.Equal(t, core.TagReady, r.Tag)
	require.True(t, r.Lossy, "the server decides")
	require.EqualValues(t, 6, r.ConnectSeq, "a lossy server looks at no session")
	require.Equal(t, messenger.DefaultFeatures, r.Features)
	p.write([]byte{uint8(core.TagKeepalive)})
	p.write(appendAck(nil, 0))
	p.write([]byte{14, 1, 2, 3, 4, 5, 6, 7, 0})
	require.Equal(t, []byte{15, 1, 2, 3, 4, 5, 6, 7, 0}, p.read(9))

	// A gap is taken, a message that was there already is not.
	p.write(ping(1000, 1, 0))
	p.write(ping(1002, 2, 0))
	p.write(ping(1002, 3, 0))
	p.write(ping(1003, 4, 0))
	eventually(t, "messages", func() bool { return len(s.received()) == 3 })
	require.Equal(t, []uint32{1, 2, 4}, s.received())

	// A lossy session has no acknowledgements: the next thing is our message.
	s.mu.Lock()
	back := s.accepted
	s.mu.Unlock()
	require.NoError(t, back.Send(messages.NewPing()))
	require.EqualValues(t, core.TagMsg, p.read(1)[0])
	p.read(messenger.MsgHeaderLen + messenger.MsgFooterOldLen)
	back.SendKeepalive()
	stamp := p.read(9)
	require.EqualValues(t, core.TagKeepalive2, stamp[0])
	p.write(append([]byte{uint8(core.TagKeepalive2Ack)}, stamp[1:]...))
	eventually(t, "answer", func() bool { return !back.LastKeepaliveAck().IsZero() })
	sec := binary.LittleEndian.Uint32(stamp[1:])
	require.EqualValues(t, sec, back.LastKeepaliveAck().Unix())
}

// A peer without the newer keepalive gets the older one, and a lossless one acks.
func TestOldStream(t *testing.T) {
	s := startServer(t, messenger.StatefulServer())
	p, r := dialRaw(t, s, core.Connect{})
	require.Equal(t, core.TagReady, r.Tag)
	require.False(t, r.Lossy)
	p.write(ping(1, 1, 0))
	require.Equal(t, appendAck(nil, 1), p.read(9))
	eventually(t, "accept", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.accepted != nil })
	s.mu.Lock()
	back := s.accepted
	s.mu.Unlock()
	back.SendKeepalive()
	require.Equal(t, []byte{uint8(core.TagKeepalive)}, p.read(1))

	settled := make(chan error, 1)
	m := messages.NewPing()
	m.OnComplete(func(err error) { settled <- err })
	require.NoError(t, back.Send(m))
	p.read(1 + messenger.MsgHeaderLen + messenger.MsgFooterOldLen)
	select {
	case <-settled:
		t.Fatal("delivered before it was acknowledged")
	case <-time.After(time.Millisecond):
	}
	p.write(appendAck(nil, 1))
	require.NoError(t, <-settled)
}

// failing makes every operation on a socket fail.
type failing struct{}

func (failing) SocketOp(context.Context) error { return io.ErrClosedPipe }

func TestInjectedFailures(t *testing.T) {
	s := startServer(t, messenger.StatelessServer())
	e := newEnd(t, messenger.EntityClient, messenger.LossyClient(), nil, Options{Injector: failing{}})
	e.start(t, false)
	defer e.stop()
	c, err := e.m.ConnectTo(messenger.EntityOSD, s.m.Addrs())
	require.NoError(t, err)
	eventually(t, "failure", func() bool { return c.Err() != nil })
	require.ErrorIs(t, c.Err(), messenger.ErrInjected)
	require.False(t, c.IsConnected())
}
