// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"

	"github.com/accelio/accelio-go/messenger"
)

// Integrity makes and checks the sums and signatures of one session's messages. It is
// safe for concurrent use once it is set.
type Integrity struct {
	Features  messenger.Features // of the session
	HeaderCRC bool               // header, front and middle have a CRC
	DataCRC   bool               // the data has one
	Sign      messenger.SignFunc // nil: messages are not signed
}

// Sections are the three parts of a message. The data may lie in pieces.
type Sections struct {
	Front, Middle []byte
	Data          [][]byte
}

func (s *Sections) dataLen() (n int) {
	for _, p := range s.Data {
		n += len(p)
	}
	return n
}

func (s *Sections) dataCRC() (crc uint32) {
	for _, p := range s.Data {
		crc = messenger.CRC32C(crc, p)
	}
	return crc
}

// Seal fills in the lengths and the CRC of a header that is complete otherwise, and
// makes the footer.
func (i *Integrity) Seal(h *messenger.MsgHeader, s *Sections) messenger.MsgFooter {
	f := messenger.MsgFooter{Flags: messenger.FooterComplete}
	h.FrontLen, h.MiddleLen, h.DataLen = uint32(len(s.Front)), uint32(len(s.Middle)), uint32(s.dataLen())
	if i.HeaderCRC {
		h.CRC = h.Sum()
		f.FrontCRC, f.MiddleCRC = messenger.CRC32C(0, s.Front), messenger.CRC32C(0, s.Middle)
	}
	if i.DataCRC {
		f.DataCRC = s.dataCRC()
	} else {
		f.Flags |= messenger.FooterNoCRC
	}
	if i.signs() {
		f.Flags |= messenger.FooterSigned
		f.Sig = i.signature(h, &f)
	}
	return f
}

// CheckHeader compares a header with its CRC, before its lengths are believed. It
// fails with a [messenger.Fault] of reason ErrBadCRC.
func (i *Integrity) CheckHeader(h *messenger.MsgHeader) error {
	if i.HeaderCRC && h.CRC != h.Sum() {
		return badCRC("header", h)
	}
	return nil
}

// Check compares what arrived with the footer. It fails with a [messenger.Fault]: of
// reason ErrBadMessage if the sender did not send all, ErrBadCRC or ErrBadSignature.
func (i *Integrity) Check(h *messenger.MsgHeader, s *Sections, f *messenger.MsgFooter) error {
	switch {
	case f.Flags&messenger.FooterComplete == 0:
		return messenger.NewFault(messenger.ErrBadMessage, nil, fmt.Sprintf("message %d is not complete", h.Seq))
	case i.HeaderCRC && f.FrontCRC != messenger.CRC32C(0, s.Front):
		return badCRC("front", h)
	case i.HeaderCRC && f.MiddleCRC != messenger.CRC32C(0, s.Middle):
		return badCRC("middle", h)
	case i.DataCRC && f.Flags&messenger.FooterNoCRC == 0 && f.DataCRC != s.dataCRC():
		return badCRC("data", h)
	case i.signs() && (f.Flags&messenger.FooterSigned == 0 || f.Sig != i.signature(h, f)):
		return messenger.NewFault(messenger.ErrBadSignature, nil, fmt.Sprintf("message %d", h.Seq))
	}
	return nil
}

func (i *Integrity) signs() bool {
	return i.Sign != nil && i.Features.Has(messenger.FeatureMsgAuth)
}

func (i *Integrity) signature(h *messenger.MsgHeader, f *messenger.MsgFooter) uint64 {
	return i.Sign(&[8]uint32{
		h.CRC, f.FrontCRC, h.FrontLen, f.MiddleCRC, h.MiddleLen, f.DataCRC, h.DataLen, uint32(h.Seq),
	})
}

func badCRC(part string, h *messenger.MsgHeader) error {
	return messenger.NewFault(messenger.ErrBadCRC, nil, fmt.Sprintf("%s of message %d", part, h.Seq))
}
