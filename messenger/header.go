// SPDX-License-Identifier: Apache-2.0

package messenger

import "encoding/binary"

// MsgType is the type of a message.
type MsgType uint16

// Lengths of encoded headers and footers, in bytes.
const (
	MsgHeaderLen    = 53
	MsgFooterLen    = 21 // with FeatureMsgAuth
	MsgFooterOldLen = 13
)

// MsgHeader is the header of a message. Callers set what MsgBase's setters set;
// the rest belongs to the messenger.
//
// Implements: ceph_msg_header
type MsgHeader struct {
	Seq           uint64 // of the session; 0 before the messenger has numbered it
	Tid           uint64 // of the application, end to end
	Type          MsgType
	Priority      uint16
	Version       uint16
	FrontLen      uint32 // bytes
	MiddleLen     uint32
	DataLen       uint32
	DataOff       uint16 // its low 12 bits are the data's offset in a page
	Src           EntityName
	CompatVersion uint16
	Reserved      uint16
	CRC           uint32 // of everything before
}

// Append appends the header with its CRC as it is set.
func (h *MsgHeader) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(h.appendSummed(b), h.CRC)
}

// appendSummed appends what the CRC is of.
func (h *MsgHeader) appendSummed(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, h.Seq)
	b = le.AppendUint64(b, h.Tid)
	b = le.AppendUint16(b, uint16(h.Type))
	b = le.AppendUint16(b, h.Priority)
	b = le.AppendUint16(b, h.Version)
	b = le.AppendUint32(b, h.FrontLen)
	b = le.AppendUint32(b, h.MiddleLen)
	b = le.AppendUint32(b, h.DataLen)
	b = le.AppendUint16(b, h.DataOff)
	b = append(b, uint8(h.Src.Type))
	b = le.AppendUint64(b, uint64(h.Src.Num))
	b = le.AppendUint16(b, h.CompatVersion)
	return le.AppendUint16(b, h.Reserved)
}

// Decode reads a header; it does not check the CRC.
func (h *MsgHeader) Decode(d *Decoder) {
	h.Seq = d.Uint64()
	h.Tid = d.Uint64()
	h.Type = MsgType(d.Uint16())
	h.Priority = d.Uint16()
	h.Version = d.Uint16()
	h.FrontLen = d.Uint32()
	h.MiddleLen = d.Uint32()
	h.DataLen = d.Uint32()
	h.DataOff = d.Uint16()
	h.Src.Decode(d)
	h.CompatVersion = d.Uint16()
	h.Reserved = d.Uint16()
	h.CRC = d.Uint32()
}

// Sum is what the CRC should be. scratch is memory to work in, of MsgHeaderLen bytes,
// or nil.
func (h *MsgHeader) Sum(scratch []byte) uint32 {
	if cap(scratch) < MsgHeaderLen {
		scratch = make([]byte, 0, MsgHeaderLen)
	}
	return CRC32C(0, h.appendSummed(scratch[:0]))
}

// Size is the length of the message's three sections together, in bytes.
func (h *MsgHeader) Size() int64 {
	return int64(h.FrontLen) + int64(h.MiddleLen) + int64(h.DataLen)
}

// FooterFlags says how a message was sent.
type FooterFlags uint8

// Flags of a footer.
const (
	FooterComplete FooterFlags = 1 // the sender did not give up on the way
	FooterNoCRC    FooterFlags = 2 // the data has no CRC
	FooterSigned   FooterFlags = 4
)

// MsgFooter is the footer of a message.
//
// Implements: ceph_msg_footer
type MsgFooter struct {
	Sig                          uint64
	FrontCRC, MiddleCRC, DataCRC uint32
	Flags                        FooterFlags
}

// Append appends the footer in the form of a session with these features.
func (f *MsgFooter) Append(b []byte, session Features) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, f.FrontCRC)
	b = le.AppendUint32(b, f.MiddleCRC)
	b = le.AppendUint32(b, f.DataCRC)
	if session.Has(FeatureMsgAuth) {
		b = le.AppendUint64(b, f.Sig)
	}
	return append(b, uint8(f.Flags))
}

// Decode reads a footer in the form of a session with these features.
func (f *MsgFooter) Decode(d *Decoder, session Features) {
	*f = MsgFooter{FrontCRC: d.Uint32(), MiddleCRC: d.Uint32(), DataCRC: d.Uint32()}
	if session.Has(FeatureMsgAuth) {
		f.Sig = d.Uint64()
	}
	f.Flags = FooterFlags(d.Uint8())
}

// FooterLen is the length of a footer in a session with these features.
func FooterLen(session Features) int {
	if session.Has(FeatureMsgAuth) {
		return MsgFooterLen
	}
	return MsgFooterOldLen
}
