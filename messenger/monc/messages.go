// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"bytes"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// Types of the messages here.
//
// Implements: CEPH_MSG_*, MSG_MON_*
const (
	TypeMonMap             messenger.MsgType = 4
	TypeMonGetMap          messenger.MsgType = 5
	TypeStatfs             messenger.MsgType = 13
	TypeStatfsReply        messenger.MsgType = 14
	TypeMonSubscribe       messenger.MsgType = 15
	TypeMonSubscribeAck    messenger.MsgType = 16
	TypeAuth               messenger.MsgType = 17
	TypeAuthReply          messenger.MsgType = 18
	TypeMonGetVersion      messenger.MsgType = 19
	TypeMonGetVersionReply messenger.MsgType = 20
	TypeOSDMap             messenger.MsgType = 41
	TypeMonCommand         messenger.MsgType = 50
	TypeMonCommandAck      messenger.MsgType = 51
	TypeConfig             messenger.MsgType = 62
	TypeMonProbe           messenger.MsgType = 67
)

// Register adds to a registry what monitors send and what is sent to them.
func Register(r *messenger.Registry) {
	messages.Register(r)
	for _, f := range []func() messenger.Message{
		func() messenger.Message { return NewAuth() },
		func() messenger.Message { return NewAuthReply() },
		func() messenger.Message { return NewMonGetMap() },
		func() messenger.Message { return NewMonMapMessage(nil) },
		func() messenger.Message { return NewMonSubscribe() },
		func() messenger.Message { return NewMonSubscribeAck() },
		func() messenger.Message { return NewStatfs(UUID{}) },
		func() messenger.Message { return NewStatfsReply() },
		func() messenger.Message { return NewMonGetVersion("") },
		func() messenger.Message { return NewMonGetVersionReply() },
		func() messenger.Message { return NewMonCommand(UUID{}) },
		func() messenger.Message { return NewMonCommandAck() },
		func() messenger.Message { return NewMap(TypeOSDMap, 4) },
		func() messenger.Message { return NewMap(TypeConfig, 1) },
		func() messenger.Message { return NewMap(TypeMonProbe, 8) },
	} {
		r.Register(1, f)
	}
}

// paxos is what messages begin with that may be handed from monitor to monitor.
//
// Implements: PaxosServiceMessage
type paxos struct {
	version uint64
	mon     int16
	monTid  uint64
}

// noMon stands for no monitor.
const noMon = -1

func (p *paxos) encode(e *messenger.Encoder) {
	e.Uint64(p.version)
	e.Int16(p.mon)
	e.Uint64(p.monTid)
}

func (p *paxos) decode(d *messenger.Decoder) {
	p.version, p.mon, p.monTid = d.Uint64(), d.Int16(), d.Uint64()
}

// Auth is a step of a client's login.
//
// Implements: MAuth
type Auth struct {
	messenger.MsgBase
	paxos
	Protocol    uint32
	Payload     []byte
	MonMapEpoch uint32 // of the map that the client has; 0: none
}

// NewAuth makes an empty step.
func NewAuth() *Auth {
	m := &Auth{paxos: paxos{mon: noMon}}
	m.Init(TypeAuth, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *Auth) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	m.paxos.encode(e)
	e.Uint32(m.Protocol)
	e.Blob(m.Payload)
	e.Uint32(m.MonMapEpoch)
}

// DecodePayload implements messenger.Message.
func (m *Auth) DecodePayload(d *messenger.Decoder) {
	m.paxos.decode(d)
	m.Protocol = d.Uint32()
	m.Payload = bytes.Clone(d.Blob())
	m.MonMapEpoch = d.Uint32()
}

// AuthReply is a monitor's answer to an Auth.
//
// Implements: MAuthReply
type AuthReply struct {
	messenger.MsgBase
	Protocol uint32
	Result   int32
	GlobalID uint64
	Payload  []byte
	Text     string
}

// NewAuthReply makes an empty answer.
func NewAuthReply() *AuthReply {
	m := new(AuthReply)
	m.Init(TypeAuthReply, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *AuthReply) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Uint32(m.Protocol)
	e.Int32(m.Result)
	e.Uint64(m.GlobalID)
	e.Blob(m.Payload)
	e.String(m.Text)
}

// DecodePayload implements messenger.Message.
func (m *AuthReply) DecodePayload(d *messenger.Decoder) {
	m.Protocol = d.Uint32()
	m.Result = d.Int32()
	m.GlobalID = d.Uint64()
	m.Payload = bytes.Clone(d.Blob())
	m.Text = d.String()
}

// MonGetMap asks for the monitor map.
//
// Implements: MMonGetMap
type MonGetMap struct{ messenger.MsgBase }

// NewMonGetMap makes the request.
func NewMonGetMap() *MonGetMap {
	m := new(MonGetMap)
	m.Init(TypeMonGetMap, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonGetMap) EncodePayload(*messenger.Encoder, messenger.Features) {}

// DecodePayload implements messenger.Message.
func (m *MonGetMap) DecodePayload(*messenger.Decoder) {}

// MonMapMessage carries the monitor map; [DecodeMonMap] reads it.
//
// Implements: MMonMap
type MonMapMessage struct {
	messenger.MsgBase
	Map []byte
}

// NewMonMapMessage makes a message with an encoded map.
func NewMonMapMessage(b []byte) *MonMapMessage {
	m := &MonMapMessage{Map: b}
	m.Init(TypeMonMap, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonMapMessage) EncodePayload(e *messenger.Encoder, _ messenger.Features) { e.Blob(m.Map) }

// DecodePayload implements messenger.Message.
func (m *MonMapMessage) DecodePayload(d *messenger.Decoder) { m.Map = bytes.Clone(d.Blob()) }

// Map is a message with something that this package has no use for beyond handing it
// on: an OSD map, a configuration, a monitor's probe.
//
// Implements: MOSDMap, MConfig, MMonProbe
type Map struct {
	messenger.MsgBase
	Payload []byte
}

// NewMap makes an empty message of such a type.
func NewMap(t messenger.MsgType, version uint16) *Map {
	m := new(Map)
	m.Init(t, version, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *Map) EncodePayload(e *messenger.Encoder, _ messenger.Features) { e.Raw(m.Payload) }

// DecodePayload implements messenger.Message.
func (m *Map) DecodePayload(d *messenger.Decoder) { m.Payload = bytes.Clone(d.Raw(d.Len())) }
