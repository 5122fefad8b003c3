// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/messenger/internal/v1"
	"github.com/accelio/accelio-go/messenger/monc"
	"github.com/accelio/accelio-go/test/cephmon"
)

const (
	patience   = 60 * time.Second
	monProto   = 15
	maxMessage = 1 << 20
	// required is the least that a monitor of this kind wants of its clients.
	required messenger.Features = 0x0401020002040000
)

// client is a client of a monitor without any session machinery: one step after the
// other, as the protocol's description has them.
type client struct {
	t     testing.TB
	w     *v1.Wire
	i     v1.Integrity
	types *messenger.Registry
	src   messenger.EntityName
	seq   uint64
}

func dial(t testing.TB, m *cephmon.Monitor, offer messenger.Features) *client {
	t.Helper()
	conn, err := net.Dial("tcp", m.Addr.String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	c := &client{
		t: t, w: v1.NewWire(conn), types: messenger.NewRegistry(),
		src: messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum},
	}
	monc.Register(c.types)

	hello, err := c.w.ReadAcceptorHello()
	require.NoError(t, err)
	require.Equal(t, messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: m.Addr}, hello.Own)
	require.Equal(t, conn.LocalAddr().String(), hello.Peer.Addr.String())
	own := v1.ConnectorHello{Own: messenger.EntityAddr{Nonce: 4711}}
	require.NoError(t, c.w.Write(own.Append(nil)))
	require.NoError(t, c.w.WriteConnect(v1.Connect{
		Features: offer, HostType: messenger.EntityClient, GlobalSeq: 1, ProtoVersion: monProto, Lossy: true,
	}, nil))
	r, authorizer, err := c.w.ReadReply()
	require.NoError(t, err)
	require.Empty(t, authorizer)
	require.True(t, r.Lossy)
	require.EqualValues(t, 1, r.ConnectSeq)
	c.i = v1.Integrity{Features: offer & r.Features, HeaderCRC: true, DataCRC: true}
	if offer.Has(messenger.FeatureReconnectSeq) {
		require.Equal(t, v1.TagSeq, r.Tag)
		seq, err := c.w.ReadSeq()
		require.NoError(t, err)
		require.Zero(t, seq)
		require.NoError(t, c.w.WriteSeq(0))
	} else {
		require.Equal(t, v1.TagReady, r.Tag)
	}
	return c
}

func (c *client) send(m messenger.Message) {
	c.t.Helper()
	var e messenger.Encoder
	m.EncodePayload(&e, c.i.Features)
	h := m.Base().Header()
	c.seq++
	h.Seq, h.Src, h.Priority = c.seq, c.src, messenger.PriorityDefault
	require.NoError(c.t, c.w.WriteMessage(&h, &v1.Sections{Front: e.Bytes()}, &c.i))
}

// frame reads one frame of the stream that has to be of a kind.
func (c *client) frame(tag v1.Tag) v1.Frame {
	c.t.Helper()
	f, err := c.w.ReadFrame()
	require.NoError(c.t, err)
	require.Equal(c.t, tag, f.Tag)
	return f
}

// receive reads messages up to the next of a type.
func receive[M messenger.Message](c *client) M {
	c.t.Helper()
	for {
		f := c.frame(v1.TagMsg)
		require.NoError(c.t, c.i.CheckHeader(&f.Header))
		require.NoError(c.t, v1.Acceptable(&f.Header, maxMessage))
		s, footer, err := c.w.ReadMessage(&f.Header, &c.i)
		require.NoError(c.t, err)
		m, err := c.types.New(&f.Header)
		require.NoError(c.t, err)
		var data []messenger.Buffer
		for _, p := range s.Data {
			data = append(data, messenger.BytesBuffer(p))
		}
		m.Base().SetReceived(f.Header, footer, s.Middle, data)
		d := messenger.NewDecoder(s.Front)
		m.DecodePayload(d)
		require.NoError(c.t, d.Err())
		require.Zero(c.t, d.Len(), "type %d not read to its end", f.Header.Type)
		if m, ok := m.(M); ok {
			return m
		}
	}
}

func (c *client) login(l *cephx.Login) error {
	c.t.Helper()
	for r := l.Start(); ; {
		m := monc.NewAuth()
		m.Protocol, m.Payload = r.Protocol, r.Payload
		c.send(m)
		a := receive[*monc.AuthReply](c)
		next, err := l.Reply(cephx.Reply{Protocol: a.Protocol, Result: a.Result, GlobalID: a.GlobalID, Payload: a.Payload})
		if err != nil {
			return err
		}
		if next == nil {
			c.src.Num = int64(l.GlobalID())
			return nil
		}
		r = *next
	}
}

// The protocol's pieces, put together in the simplest way, are what a real monitor
// speaks: with and without authentication, and with any set of features.
func TestRealMonitor(t *testing.T) {
	for name, o := range map[string]cephmon.Options{"none": {}, "cephx": {Cephx: true}} {
		t.Run(name, func(t *testing.T) {
			m := cephmon.Start(t, o)
			config := cephx.LoginConfig{Key: m.Keyring[cephmon.Admin].Key, Services: messenger.EntityMgr | messenger.EntityOSD}
			for name, offer := range map[string]messenger.Features{
				"all":   messenger.DefaultFeatures,
				"least": required,
				// With signatures this monitor wants the new ones of a client.
				"long":    required | messenger.FeatureNoSrcAddr | messenger.FeatureMsgAuth | messenger.FeatureCephxV2,
				"seq":     required | messenger.FeatureReconnectSeq,
				"monmap5": required | 1<<5 | 1<<15,
				"addr2":   required | 1<<5 | 1<<15 | messenger.FeatureMsgAddr2,
			} {
				t.Run(name, func(t *testing.T) { converse(t, m, config, offer) })
			}
		})
	}
}

func converse(t *testing.T, mon *cephmon.Monitor, config cephx.LoginConfig, offer messenger.Features) {
	c := dial(t, mon, offer)
	c.send(monc.NewMonGetMap()) // without a login nobody answers
	require.NoError(t, c.w.Write(v1.AppendKeepalive2(nil, v1.Stamp{Sec: 5, Nsec: 6})))
	require.Equal(t, v1.Stamp{Sec: 5, Nsec: 6}, c.frame(v1.TagKeepalive2Ack).Stamp)

	l := cephx.NewLogin(config)
	require.NoError(t, c.login(l))
	require.NotZero(t, l.GlobalID())

	monmap, err := monc.DecodeMonMap(receive[*monc.MonMapMessage](c).Map)
	require.NoError(t, err)
	require.Equal(t, cephmon.FSID, monmap.FSID.String())
	require.Equal(t, []messenger.EntityAddr{{Type: messenger.AddrLegacy, Addr: mon.Addr}}, monmap.Addrs(messenger.AddrLegacy))

	c.send(monc.NewStatfs(monmap.FSID))
	require.Equal(t, monmap.FSID, receive[*monc.StatfsReply](c).FSID)

	c.send(monc.NewMonCommand(monmap.FSID, `{"prefix": "status", "format": "json"}`))
	ack := receive[*monc.MonCommandAck](c)
	require.Zero(t, ack.Result, ack.Status)
	var status struct{ FSID string }
	require.NoError(t, json.Unmarshal(ack.Data(), &status))
	require.Equal(t, cephmon.FSID, status.FSID)

	if config.Key.Valid() {
		renewTickets(t, c, l)
	}
}

func renewTickets(t *testing.T, c *client, l *cephx.Login) {
	_, ok := l.Ticket(messenger.EntityMgr)
	require.True(t, ok, "asked for with the login")
	_, ok = l.Ticket(messenger.EntityMDS)
	require.False(t, ok)
	r, err := l.Renew(messenger.EntityMDS)
	require.NoError(t, err)
	m := monc.NewAuth()
	m.Protocol, m.Payload = r.Protocol, r.Payload
	c.send(m)
	a := receive[*monc.AuthReply](c)
	next, err := l.Reply(cephx.Reply{Protocol: a.Protocol, Result: a.Result, GlobalID: a.GlobalID, Payload: a.Payload})
	require.NoError(t, err)
	require.Nil(t, next)
	_, ok = l.Ticket(messenger.EntityMDS)
	require.True(t, ok)
}

// A wrong key, and a method that the monitor does not have, are told as such.
func TestRealMonitorRefuses(t *testing.T) {
	m := cephmon.Start(t, cephmon.Options{Cephx: true})
	wrong, err := cephx.NewKey(nil, time.Now())
	require.NoError(t, err)
	require.ErrorIs(t, dial(t, m, messenger.DefaultFeatures).login(cephx.NewLogin(cephx.LoginConfig{Key: wrong})), cephx.ErrRefused)
	require.ErrorIs(t, dial(t, m, messenger.DefaultFeatures).login(cephx.NewLogin(cephx.LoginConfig{})), cephx.ErrMethod)
}
