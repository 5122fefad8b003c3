// SPDX-License-Identifier: Apache-2.0

// Package messages holds the messages that test programs of messengers use.
package messages

import "github.com/accelio/accelio-go/messenger"

// Types of the messages here.
//
// Implements: CEPH_MSG_PING, MSG_DATA_PING, MSG_NOP
const (
	TypePing     messenger.MsgType = 2
	TypeDataPing messenger.MsgType = 0x602
	TypeNop      messenger.MsgType = 0x607
)

// Register adds all of them to a registry.
func Register(r *messenger.Registry) {
	r.Register(1, func() messenger.Message { return NewPing() })
	r.Register(1, func() messenger.Message { return NewDataPing("", 0) })
	r.Register(1, func() messenger.Message { return NewNop(0) })
}

// Ping is a message without fields. Some peers put text into the payload, which is
// kept.
//
// Implements: MPing
type Ping struct {
	messenger.MsgBase
	Payload []byte
}

// NewPing makes an empty ping.
func NewPing() *Ping {
	m := new(Ping)
	m.Init(TypePing, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *Ping) EncodePayload(e *messenger.Encoder, _ messenger.Features) { e.Raw(m.Payload) }

// DecodePayload implements messenger.Message.
func (m *Ping) DecodePayload(d *messenger.Decoder) {
	m.Payload = append([]byte(nil), d.Raw(d.Len())...)
}

// DataPing is a ping with a tag and a counter, and any data.
//
// Implements: MDataPing
type DataPing struct {
	messenger.MsgBase
	Tag     string
	Counter uint32
}

// NewDataPing makes a ping without data.
func NewDataPing(tag string, counter uint32) *DataPing {
	m := &DataPing{Tag: tag, Counter: counter}
	m.Init(TypeDataPing, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *DataPing) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.String(m.Tag)
	e.Uint32(m.Counter)
}

// DecodePayload implements messenger.Message.
func (m *DataPing) DecodePayload(d *messenger.Decoder) {
	m.Tag = d.String()
	m.Counter = d.Uint32()
}

// Nop means nothing.
//
// Implements: MNop
type Nop struct {
	messenger.MsgBase
	Tag uint32
}

// NewNop makes one.
func NewNop(tag uint32) *Nop {
	m := &Nop{Tag: tag}
	m.Init(TypeNop, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *Nop) EncodePayload(e *messenger.Encoder, _ messenger.Features) { e.Uint32(m.Tag) }

// DecodePayload implements messenger.Message.
func (m *Nop) DecodePayload(d *messenger.Decoder) { m.Tag = d.Uint32() }
