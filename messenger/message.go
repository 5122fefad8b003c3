// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"sync"
	"sync/atomic"
	"time"
)

// Message is one message: fields of its own type, which travel encoded in the
// front, and what all messages have, which is in its [MsgBase]. A type embeds
// MsgBase and adds the encoding of its fields:
//
//	type MStatus struct {
//		messenger.MsgBase
//		Text string
//	}
//
// # Ownership
//
// A message is counted, and starts with one reference. Sending hands the sender's
// reference over: until the completion has run the messenger reads the message, and
// nobody may change it. A dispatcher that takes a received message owns the one
// reference and must Release it: that is what gives receive memory and throttles
// back.
type Message interface {
	// Base is the part that all messages share.
	Base() *MsgBase
	// EncodePayload appends the fields for a peer with these features. It may
	// be called again when the message is sent again, so it must not consume
	// anything. It may set the base's Version and CompatVersion.
	EncodePayload(e *Encoder, peer Features)
	// DecodePayload reads the fields; the base's header says which version.
	// What it keeps must be copies.
	DecodePayload(d *Decoder)
}

// MsgBase is what all messages share. One goroutine at a time, except for Retain,
// Release and Connection.
//
// Implements: Message
type MsgBase struct {
	header MsgHeader
	footer MsgFooter
	middle []byte
	data   []Buffer

	conn   atomic.Pointer[ConnRef]
	stamps stamps
	refs   atomic.Int32 // references but one; -1 has been released

	received bool
	reply    ReplyHook // of a received message, once it has one

	mu       sync.Mutex
	complete func(error) // all that were added, in order
	release  func()

	// Most messages have one buffer at most, and need no allocation for it.
	bytes     BytesBuffer
	oneBuffer [1]Buffer
}

// Stamps are the times of a received message.
type Stamps struct {
	Recv         time.Time // its first byte was read
	Throttle     time.Time // it was let through the throttles
	RecvComplete time.Time // its last byte was read
	Dispatch     time.Time // it was handed to a dispatcher
}

// stamps are Stamps in half the room: the first, and how long after it the others were;
// a dispatch of 0 has not been.
type stamps struct {
	recv                             time.Time
	throttle, recvComplete, dispatch time.Duration
}

func (s *stamps) times() Stamps {
	if s.recv.IsZero() {
		return Stamps{}
	}
	t := Stamps{Recv: s.recv, Throttle: s.recv.Add(s.throttle), RecvComplete: s.recv.Add(s.recvComplete)}
	if s.dispatch != 0 {
		t.Dispatch = s.recv.Add(s.dispatch)
	}
	return t
}

// Base returns b: types that embed MsgBase get it from here.
func (b *MsgBase) Base() *MsgBase { return b }

// Init sets the type and versions of a new message; constructors of message types
// call it. A compat of zero means version.
func (b *MsgBase) Init(t MsgType, version, compat uint16) {
	b.header.Type, b.header.Version, b.header.CompatVersion = t, version, compat
}

// Header is the header; of a message to be sent it is complete once it is sent.
func (b *MsgBase) Header() MsgHeader { return b.header }

// Footer is the footer of a received message.
func (b *MsgBase) Footer() MsgFooter { return b.footer }

// Type is the message's type.
func (b *MsgBase) Type() MsgType { return b.header.Type }

// Seq is the message's number in its session, once there is one.
func (b *MsgBase) Seq() uint64 { return b.header.Seq }

// Tid is the application's transaction number.
func (b *MsgBase) Tid() uint64 { return b.header.Tid }

// SetTid sets the transaction number. It means nothing to the messenger.
func (b *MsgBase) SetTid(tid uint64) { b.header.Tid = tid }

// Priority is the message's priority, 0 for the messenger's default.
func (b *MsgBase) Priority() int { return int(b.header.Priority) }

// SetPriority sets the priority, 0 to 255.
func (b *MsgBase) SetPriority(p int) { b.header.Priority = uint16(min(max(p, 0), PriorityHighest)) }

// SetVersion sets the version of the payload and the oldest that a reader must know.
func (b *MsgBase) SetVersion(version, compat uint16) {
	b.header.Version, b.header.CompatVersion = version, compat
}

// Source is who sent a received message.
func (b *MsgBase) Source() EntityName { return b.header.Src }

// Connection is where the message came from, or where it was sent last; nil before
// that.
func (b *MsgBase) Connection() Connection {
	if r := b.conn.Load(); r != nil {
		return r.c
	}
	return nil
}

// Stamps are the times of a received message.
func (b *MsgBase) Stamps() Stamps { return b.stamps.times() }

// Middle is the second section, rarely used.
func (b *MsgBase) Middle() []byte { return b.middle }

// SetMiddle sets the second section, which belongs to the messenger from Send to
// the completion.
func (b *MsgBase) SetMiddle(p []byte) { b.middle = p }

// DataLen is the length of the data in bytes.
func (b *MsgBase) DataLen() int {
	n := 0
	for _, d := range b.data {
		n += len(d.Bytes())
	}
	return n
}

// Data is the data in one piece: where it lies if that is one piece, else a copy.
// Of a received message it is valid until Release.
func (b *MsgBase) Data() []byte {
	switch len(b.data) {
	case 0:
		return nil
	case 1:
		return b.data[0].Bytes()
	}
	p := make([]byte, 0, b.DataLen())
	for _, d := range b.data {
		p = append(p, d.Bytes()...)
	}
	return p
}

// Buffers is the data as it lies in memory. Who retains one of them keeps it beyond
// the message's Release, and with it the room that the peer may fill: copy what is
// to be stored for long.
func (b *MsgBase) Buffers() []Buffer { return b.data }

// DetachData is the data as Go memory that outlives the message.
func (b *MsgBase) DetachData() []byte {
	p := make([]byte, 0, b.DataLen())
	for _, d := range b.data {
		p = append(p, d.Bytes()...)
	}
	return p
}

// SetData sets the data to Go memory, which belongs to the messenger from Send to
// the completion. A messenger that sends from pooled memory copies it once.
func (b *MsgBase) SetData(p []byte) {
	b.dropData()
	switch {
	case len(p) == 0:
	case b.bytes == nil:
		b.bytes = p
		b.data = append(b.oneBuffer[:0], &b.bytes)
	default: // somebody may have the former as a Buffer
		b.data = append(b.data, BytesBuffer(p))
	}
}

// AddBuffer adds counted memory to the data, without a copy. One reference of the
// buffer becomes the message's.
func (b *MsgBase) AddBuffer(buf Buffer) {
	if b.data == nil {
		b.data = b.oneBuffer[:0]
	}
	b.data = append(b.data, buf)
}

// SetDataOff sets the offset in a page that the receiver should place the data at.
func (b *MsgBase) SetDataOff(off int) { b.header.DataOff = uint16(off & 0xfff) }

func (b *MsgBase) dropData() {
	for i, d := range b.data {
		d.Release()
		b.data[i] = nil
	}
	b.data = b.data[:0]
}

// OnComplete adds a function that is called exactly once when the messenger is done
// with a message that was sent: with nil when the peer's messenger has it (under a
// lossy policy: when it has gone out), or with the reason why it will not be
// delivered. It says nothing about what the peer's application does. The function
// must not block, and may be called before Send returns.
//
// Implements: Message::CompletionHook
func (b *MsgBase) OnComplete(f func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if first := b.complete; first != nil {
		b.complete = func(err error) {
			first(err)
			f(err)
		}
		return
	}
	b.complete = f
}

// Retain adds a reference.
func (b *MsgBase) Retain() {
	if b.refs.Add(1) <= 0 {
		panic("messenger: retain of a released message")
	}
}

// Released says that the last reference is gone.
func (b *MsgBase) Released() bool { return b.refs.Load() < 0 }

// Release drops a reference. The last one returns the data's memory, and what a
// received message holds of throttles and of the transport. A release too many
// panics.
func (b *MsgBase) Release() {
	switch n := b.refs.Add(-1); {
	case n >= 0:
		return
	case n < -1:
		panic("messenger: message released more often than retained")
	}
	b.mu.Lock()
	release := b.release
	b.release = nil
	b.mu.Unlock()
	b.dropData()
	if release != nil {
		release()
	}
}
