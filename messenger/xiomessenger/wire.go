// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// Tags of this project's handshake, which Ceph's messenger does not know and refuses.
const (
	tagConnect core.Tag = 0xa1
	tagReply   core.Tag = 0xa2
	tagSeq     core.Tag = 0xa3
)

const (
	// headerLen is the length of the header of a message's first datagram.
	headerLen = 217
	// keepaliveLen is that of a keepalive with a time.
	keepaliveLen = 9
	// handshakeMagic and handshakeVersion begin what follows the handshake's tags.
	handshakeMagic   = 0x6d78676f
	handshakeVersion = 1
	handshakeLen     = 1 + 4 + 1
	// maxHandshake bounds what a peer may say in one message of the handshake.
	maxHandshake = 64 << 10
)

func portText(p uint16) string { return strconv.Itoa(int(p)) }

// msgHeader is the header of a message's first datagram.
//
// Implements: XioMsgHdr, in its last form
type msgHeader struct {
	count    uint32 // of datagrams
	peerType messenger.EntityType
	addr     messenger.EntityAddr // in the oldest form
	hdr      messenger.MsgHeader
	footer   messenger.MsgFooter
}

func (h *msgHeader) append(b []byte) []byte {
	e := messenger.NewEncoder(b)
	e.Uint8(uint8(core.TagMsg))
	e.Uint32(h.count)
	e.Uint32(uint32(h.peerType))
	h.addr.EncodeLegacy(e)
	e.Uint64(h.hdr.Seq)
	e.Uint64(h.hdr.Tid)
	e.Uint16(uint16(h.hdr.Type))
	e.Uint16(h.hdr.Priority)
	e.Uint16(h.hdr.Version)
	e.Uint32(h.hdr.FrontLen)
	e.Uint32(h.hdr.MiddleLen)
	e.Uint32(h.hdr.DataLen)
	e.Uint16(h.hdr.DataOff)
	h.hdr.Src.Encode(e)
	e.Uint16(h.hdr.CompatVersion)
	e.Uint32(h.hdr.CRC)
	e.Uint32(h.footer.FrontCRC)
	e.Uint32(h.footer.MiddleCRC)
	e.Uint32(h.footer.DataCRC)
	e.Uint64(h.footer.Sig)
	e.Uint8(uint8(h.footer.Flags))
	return e.Bytes()
}

// addrOffset and addrEnd are where the header's address is. It is the same in all
// messages of a link, and of no use to a session, so it is looked at once.
const (
	addrOffset = 9
	addrEnd    = addrOffset + messenger.LegacyAddrLen
)

func (h *msgHeader) decode(b []byte, withAddr bool) error {
	if len(b) != headerLen {
		return messenger.NewFault(messenger.ErrBadMessage, nil, fmt.Sprintf("header of %d bytes", len(b)))
	}
	le := binary.LittleEndian
	h.count = le.Uint32(b[1:])
	h.peerType = messenger.EntityType(le.Uint32(b[5:]))
	if withAddr {
		d := messenger.NewDecoder(b[addrOffset:addrEnd])
		if h.addr.DecodeLegacy(d); d.Err() != nil {
			return messenger.NewFault(messenger.ErrBadMessage, d.Err(), "address")
		}
	}
	p := b[addrEnd:]
	h.hdr = messenger.MsgHeader{
		Seq:           le.Uint64(p[0:]),
		Tid:           le.Uint64(p[8:]),
		Type:          messenger.MsgType(le.Uint16(p[16:])),
		Priority:      le.Uint16(p[18:]),
		Version:       le.Uint16(p[20:]),
		FrontLen:      le.Uint32(p[22:]),
		MiddleLen:     le.Uint32(p[26:]),
		DataLen:       le.Uint32(p[30:]),
		DataOff:       le.Uint16(p[34:]),
		Src:           messenger.EntityName{Type: messenger.EntityType(p[36]), Num: int64(le.Uint64(p[37:]))},
		CompatVersion: le.Uint16(p[45:]),
		CRC:           le.Uint32(p[47:]),
	}
	h.footer = messenger.MsgFooter{
		FrontCRC:  le.Uint32(p[51:]),
		MiddleCRC: le.Uint32(p[55:]),
		DataCRC:   le.Uint32(p[59:]),
		Sig:       le.Uint64(p[63:]),
		Flags:     messenger.FooterFlags(p[71]),
	}
	return nil
}

// appendKeepalive appends the header of a keepalive.
func appendKeepalive(b []byte, tag core.Tag, stamp time.Time) []byte {
	e := messenger.NewEncoder(b)
	e.Uint8(uint8(tag))
	e.Time(stamp)
	return e.Bytes()
}

// appendHandshake appends the header of a message of the handshake.
func appendHandshake(b []byte, tag core.Tag) []byte {
	e := messenger.NewEncoder(b)
	e.Uint8(uint8(tag))
	e.Uint32(handshakeMagic)
	e.Uint8(handshakeVersion)
	return e.Bytes()
}

func encodeIdentity(e *messenger.Encoder, id *core.Identity) {
	e.Uint32(uint32(id.Name.Type))
	e.Int64(id.Name.Num)
	id.Addr.Encode(e, messenger.DefaultFeatures)
	id.Addrs.Encode(e, messenger.DefaultFeatures)
}

func decodeIdentity(d *messenger.Decoder, id *core.Identity) {
	id.Name.Type = messenger.EntityType(d.Uint32())
	id.Name.Num = d.Int64()
	id.Addr.Decode(d)
	id.Addrs.Decode(d)
}

// lossyFlag is the flag of connect and reply.
//
// Implements: CEPH_MSG_CONNECT_LOSSY
const lossyFlag = 1

func encodeConnect(c *core.Connect) []byte {
	var e messenger.Encoder
	e.Struct(1, 1, func() {
		encodeIdentity(&e, &c.Self)
		e.Uint64(uint64(c.Features))
		e.Uint32(c.GlobalSeq)
		e.Uint32(c.ConnectSeq)
		e.Uint32(c.ProtocolVersion)
		e.Uint32(c.AuthorizerProtocol)
		e.Blob(c.Authorizer)
		e.Bool(c.Lossy)
		e.Uint64(c.Acked)
	})
	return e.Bytes()
}

func decodeConnect(b []byte) (*core.Connect, error) {
	c := new(core.Connect)
	d := messenger.NewDecoder(b)
	d.Struct(1, func(uint8) {
		decodeIdentity(d, &c.Self)
		c.Features = messenger.Features(d.Uint64())
		c.GlobalSeq = d.Uint32()
		c.ConnectSeq = d.Uint32()
		c.ProtocolVersion = d.Uint32()
		c.AuthorizerProtocol = d.Uint32()
		c.Authorizer = d.Blob()
		c.Lossy = d.Uint8()&lossyFlag != 0
		c.Acked = d.Uint64()
	})
	return c, handshakeError(d, "connect")
}

func encodeReply(r *core.Reply) []byte {
	var e messenger.Encoder
	e.Struct(1, 1, func() {
		e.Uint8(uint8(r.Tag))
		encodeIdentity(&e, &r.Self)
		r.Seen.Encode(&e, messenger.DefaultFeatures)
		e.Uint64(uint64(r.Features))
		e.Uint32(r.GlobalSeq)
		e.Uint32(r.ConnectSeq)
		e.Uint32(r.ProtocolVersion)
		e.Blob(r.Authorizer)
		e.Bool(r.Lossy)
		e.Uint64(r.InSeq)
		e.Uint64(r.Acked)
	})
	return e.Bytes()
}

func decodeReply(b []byte) (*core.Reply, error) {
	r := new(core.Reply)
	d := messenger.NewDecoder(b)
	d.Struct(1, func(uint8) {
		r.Tag = core.Tag(d.Uint8())
		decodeIdentity(d, &r.Self)
		r.Seen.Decode(d)
		r.Features = messenger.Features(d.Uint64())
		r.GlobalSeq = d.Uint32()
		r.ConnectSeq = d.Uint32()
		r.ProtocolVersion = d.Uint32()
		r.Authorizer = d.Blob()
		r.Lossy = d.Uint8()&lossyFlag != 0
		r.InSeq = d.Uint64()
		r.Acked = d.Uint64()
	})
	return r, handshakeError(d, "reply")
}

func encodeSeq(seq uint64) []byte { return binary.LittleEndian.AppendUint64(nil, seq) }

func decodeSeq(b []byte) (uint64, error) {
	d := messenger.NewDecoder(b)
	seq := d.Uint64()
	return seq, handshakeError(d, "seq")
}

func handshakeError(d *messenger.Decoder, what string) error {
	if err := d.Err(); err != nil {
		return messenger.NewFault(messenger.ErrBadHandshake, err, what)
	}
	return nil
}
