// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"maps"
	"slices"

	"github.com/accelio/accelio-go/messenger"
)

// Sub is one subscription: from which version on, and whether once or for ever.
type Sub struct {
	Start   uint64
	OneTime bool
}

const flagOneTime = 1

// MonSubscribe subscribes to maps by name: "monmap", "osdmap", "config", …
//
// Implements: MMonSubscribe
type MonSubscribe struct {
	messenger.MsgBase
	What     map[string]Sub
	Hostname string
}

const (
	subscribeVersion      = 3
	subscribeWithHostname = 3
)

// NewMonSubscribe makes an empty request.
func NewMonSubscribe() *MonSubscribe {
	m := &MonSubscribe{What: map[string]Sub{}}
	m.Init(TypeMonSubscribe, subscribeVersion, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonSubscribe) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Uint32(uint32(len(m.What)))
	for _, name := range slices.Sorted(maps.Keys(m.What)) {
		s := m.What[name]
		e.String(name)
		e.Uint64(s.Start)
		e.Bool(s.OneTime)
	}
	e.String(m.Hostname)
}

// DecodePayload implements messenger.Message.
func (m *MonSubscribe) DecodePayload(d *messenger.Decoder) {
	const leastItem = 4 + 8 + 1
	for range d.Count(leastItem) {
		name := d.String()
		m.What[name] = Sub{d.Uint64(), d.Uint8()&flagOneTime != 0}
	}
	if m.Header().Version >= subscribeWithHostname {
		m.Hostname = d.String()
	}
}

// MonSubscribeAck says how long subscriptions last. Newer monitors do not send it.
//
// Implements: MMonSubscribeAck
type MonSubscribeAck struct {
	messenger.MsgBase
	Interval uint32 // seconds
	FSID     UUID
}

// NewMonSubscribeAck makes an empty answer.
func NewMonSubscribeAck() *MonSubscribeAck {
	m := new(MonSubscribeAck)
	m.Init(TypeMonSubscribeAck, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonSubscribeAck) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Uint32(m.Interval)
	e.Raw(m.FSID[:])
}

// DecodePayload implements messenger.Message.
func (m *MonSubscribeAck) DecodePayload(d *messenger.Decoder) {
	m.Interval = d.Uint32()
	m.FSID.decode(d)
}

// Statfs asks how full the cluster is.
//
// Implements: MStatfs
type Statfs struct {
	messenger.MsgBase
	paxos
	FSID UUID
	Pool *int64 // nil: all of them
}

const statfsVersion = 2

// NewStatfs makes the request for a whole cluster.
func NewStatfs(fsid UUID) *Statfs {
	m := &Statfs{paxos: paxos{mon: noMon}, FSID: fsid}
	m.Init(TypeStatfs, statfsVersion, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *Statfs) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	m.paxos.encode(e)
	e.Raw(m.FSID[:])
	e.Bool(m.Pool != nil)
	if m.Pool != nil {
		e.Int64(*m.Pool)
	}
}

// DecodePayload implements messenger.Message.
func (m *Statfs) DecodePayload(d *messenger.Decoder) {
	m.paxos.decode(d)
	m.FSID.decode(d)
	if m.Header().Version >= statfsVersion && d.Bool() {
		pool := d.Int64()
		m.Pool = &pool
	}
}

// Usage is how full a cluster is.
//
// Implements: ceph_statfs
type Usage struct {
	KB        uint64 `json:"kb"` // 1024 bytes each, raw
	KBUsed    uint64 `json:"kb_used"`
	KBAvail   uint64 `json:"kb_avail"`
	NumObject uint64 `json:"num_objects"`
}

// StatfsReply answers a Statfs.
//
// Implements: MStatfsReply
type StatfsReply struct {
	messenger.MsgBase
	FSID    UUID
	Version uint64
	Usage   Usage
}

// NewStatfsReply makes an empty answer.
func NewStatfsReply() *StatfsReply {
	m := new(StatfsReply)
	m.Init(TypeStatfsReply, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *StatfsReply) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Raw(m.FSID[:])
	for _, v := range [...]uint64{m.Version, m.Usage.KB, m.Usage.KBUsed, m.Usage.KBAvail, m.Usage.NumObject} {
		e.Uint64(v)
	}
}

// DecodePayload implements messenger.Message.
func (m *StatfsReply) DecodePayload(d *messenger.Decoder) {
	m.FSID.decode(d)
	m.Version = d.Uint64()
	m.Usage = Usage{d.Uint64(), d.Uint64(), d.Uint64(), d.Uint64()}
}

// MonGetVersion asks for the newest version of a map.
//
// Implements: MMonGetVersion
type MonGetVersion struct {
	messenger.MsgBase
	Handle uint64
	What   string
}

// NewMonGetVersion makes the request.
func NewMonGetVersion(what string) *MonGetVersion {
	m := &MonGetVersion{What: what}
	m.Init(TypeMonGetVersion, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonGetVersion) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Uint64(m.Handle)
	e.String(m.What)
}

// DecodePayload implements messenger.Message.
func (m *MonGetVersion) DecodePayload(d *messenger.Decoder) {
	m.Handle, m.What = d.Uint64(), d.String()
}

// MonGetVersionReply answers a MonGetVersion.
//
// Implements: MMonGetVersionReply
type MonGetVersionReply struct {
	messenger.MsgBase
	Handle         uint64
	Newest, Oldest uint64
}

const getVersionReplyVersion = 2

// NewMonGetVersionReply makes an empty answer.
func NewMonGetVersionReply() *MonGetVersionReply {
	m := new(MonGetVersionReply)
	m.Init(TypeMonGetVersionReply, getVersionReplyVersion, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonGetVersionReply) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Uint64(m.Handle)
	e.Uint64(m.Newest)
	e.Uint64(m.Oldest)
}

// DecodePayload implements messenger.Message.
func (m *MonGetVersionReply) DecodePayload(d *messenger.Decoder) {
	m.Handle, m.Newest = d.Uint64(), d.Uint64()
	if m.Header().Version >= getVersionReplyVersion {
		m.Oldest = d.Uint64()
	}
}

// MonCommand asks a monitor to do something, by one JSON object in text form. What a
// command needs beside that is the message's data.
//
// Implements: MMonCommand
type MonCommand struct {
	messenger.MsgBase
	paxos
	FSID UUID
	Cmd  []string
}

// NewMonCommand makes the request.
func NewMonCommand(fsid UUID, cmd ...string) *MonCommand {
	m := &MonCommand{paxos: paxos{mon: noMon}, FSID: fsid, Cmd: cmd}
	m.Init(TypeMonCommand, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonCommand) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	m.paxos.encode(e)
	e.Raw(m.FSID[:])
	e.Strings(m.Cmd)
}

// DecodePayload implements messenger.Message.
func (m *MonCommand) DecodePayload(d *messenger.Decoder) {
	m.paxos.decode(d)
	m.FSID.decode(d)
	m.Cmd = d.Strings()
}

// MonCommandAck answers a MonCommand; what the command printed is the message's data.
//
// Implements: MMonCommandAck
type MonCommandAck struct {
	messenger.MsgBase
	paxos
	Result int32  // 0 or a negative errno
	Status string // for people
	Cmd    []string
}

// NewMonCommandAck makes an empty answer.
func NewMonCommandAck() *MonCommandAck {
	m := &MonCommandAck{paxos: paxos{mon: noMon}}
	m.Init(TypeMonCommandAck, 1, 1)
	return m
}

// EncodePayload implements messenger.Message.
func (m *MonCommandAck) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	m.paxos.encode(e)
	e.Int32(m.Result)
	e.String(m.Status)
	e.Strings(m.Cmd)
}

// DecodePayload implements messenger.Message.
func (m *MonCommandAck) DecodePayload(d *messenger.Decoder) {
	m.paxos.decode(d)
	m.Result = d.Int32()
	m.Status = d.String()
	m.Cmd = d.Strings()
}
