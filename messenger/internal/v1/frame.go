// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/binary"

	"github.com/accelio/accelio-go/messenger"
)

const headerLen = messenger.MsgHeaderLen

// AppendAck appends the acknowledgement of all messages up to seq.
func AppendAck(b []byte, seq uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, uint8(TagAck)), seq)
}

// Stamp is the time in a keepalive, which its receiver sends back as it is.
type Stamp struct{ Sec, Nsec uint32 }

// AppendKeepalive2 appends a keepalive that is answered.
func AppendKeepalive2(b []byte, s Stamp) []byte { return appendStamp(b, TagKeepalive2, s) }

// AppendKeepalive2Ack appends the answer to a keepalive.
func AppendKeepalive2Ack(b []byte, s Stamp) []byte { return appendStamp(b, TagKeepalive2Ack, s) }

func appendStamp(b []byte, t Tag, s Stamp) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, uint8(t)), s.Sec)
	return binary.LittleEndian.AppendUint32(b, s.Nsec)
}

// Frame is what follows a tag of the stream.
type Frame struct {
	Tag    Tag
	Seq    uint64              // of TagAck
	Stamp  Stamp               // of TagKeepalive2 and TagKeepalive2Ack
	Header messenger.MsgHeader // of TagMsg; its CRC is not checked yet
}

// DecodeFrame reads the [Tag.Body] bytes after a tag. It fails with a
// [messenger.Fault] of reason ErrBadMessage for a tag that has no place in a stream.
func DecodeFrame(t Tag, b []byte) (Frame, error) {
	f := Frame{Tag: t}
	if !t.InStream() {
		return f, messenger.NewFault(messenger.ErrBadMessage, nil, t.String()+" in the stream")
	}
	d := messenger.NewDecoder(b)
	switch t {
	case TagMsg:
		f.Header.Decode(d)
	case TagAck:
		f.Seq = d.Uint64()
	case TagKeepalive2, TagKeepalive2Ack:
		f.Stamp = Stamp{d.Uint32(), d.Uint32()}
	}
	if d.Err() != nil {
		return f, messenger.NewFault(messenger.ErrBadMessage, d.Err(), t.String())
	}
	return f, nil
}
