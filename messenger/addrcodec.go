// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
)

// LegacyAddrLen is the length of an address in the oldest form, in bytes.
const LegacyAddrLen = 136

const (
	familyIPv4     = 2
	familyIPv6     = 10
	sockaddrInLen  = 16
	sockaddrIn6Len = 28
	storageLen     = LegacyAddrLen - 8
)

// sockaddr families are in host order in the newer form and big-endian in the
// oldest.
type familyOrder interface {
	Uint16([]byte) uint16
	AppendUint16([]byte, uint16) []byte
}

// encodeSockaddr appends 16 bytes for IPv4, 28 for IPv6, none for nothing.
func (a EntityAddr) encodeSockaddr(e *Encoder, family familyOrder) {
	ip := a.Addr.Addr()
	if !ip.IsValid() {
		if a.Port() == 0 {
			return
		}
		ip = netip.IPv4Unspecified()
	}
	if ip.Is4() {
		e.b = family.AppendUint16(e.b, familyIPv4)
		e.b = binary.BigEndian.AppendUint16(e.b, a.Port())
		b := ip.As4()
		e.Raw(b[:])
		e.Zero(8)
		return
	}
	e.b = family.AppendUint16(e.b, familyIPv6)
	e.b = binary.BigEndian.AppendUint16(e.b, a.Port())
	e.Zero(4)
	b := ip.As16()
	e.Raw(b[:])
	scope, err := strconv.ParseUint(ip.Zone(), 10, 32)
	if err != nil {
		scope = 0 // a zone's name means something on its own machine only
	}
	e.Uint32(uint32(scope))
}

// decodeSockaddr reads the place from a sockaddr of whatever room it has.
func (a *EntityAddr) decodeSockaddr(d *Decoder, b []byte, family familyOrder) {
	if len(b) == 0 {
		return
	}
	if len(b) < sockaddrInLen {
		d.Fail(ErrValue, fmt.Sprintf("sockaddr of %d bytes", len(b)))
		return
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch f := family.Uint16(b); f {
	case 0:
		a.Addr = netip.AddrPortFrom(netip.Addr{}, port)
	case familyIPv4:
		a.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case familyIPv6:
		if len(b) < sockaddrIn6Len {
			d.Fail(ErrValue, fmt.Sprintf("IPv6 sockaddr of %d bytes", len(b)))
			return
		}
		ip := netip.AddrFrom16([16]byte(b[8:24]))
		if scope := binary.LittleEndian.Uint32(b[24:]); scope != 0 {
			ip = ip.WithZone(strconv.FormatUint(uint64(scope), 10))
		}
		a.Addr = netip.AddrPortFrom(ip, port)
	default:
		d.Fail(ErrValue, fmt.Sprintf("address family %d", f))
	}
}

// EncodeLegacy appends the oldest form, [LegacyAddrLen] bytes. It has no type.
func (a EntityAddr) EncodeLegacy(e *Encoder) {
	e.Uint32(0)
	e.Uint32(a.Nonce)
	at := e.Len()
	a.encodeSockaddr(e, binary.BigEndian)
	e.Zero(storageLen - (e.Len() - at))
}

// DecodeLegacy reads the oldest form. The address is of msgr v1 then.
func (a *EntityAddr) DecodeLegacy(d *Decoder) {
	*a = EntityAddr{Type: AddrLegacy}
	if t := d.Uint32(); t != 0 {
		d.Fail(ErrValue, fmt.Sprintf("type %d in an address without one", t))
		return
	}
	a.Nonce = d.Uint32()
	if b := d.Raw(storageLen); b != nil {
		a.decodeSockaddr(d, b, binary.BigEndian)
	}
}

const (
	markerLegacy = 0
	markerAddr   = 1
	markerVec    = 2
)

// Encode appends the address as a peer with these features reads it: in the newer
// form, or in the oldest to one without [FeatureMsgAddr2].
func (a EntityAddr) Encode(e *Encoder, peer Features) {
	if !peer.Has(FeatureMsgAddr2) {
		a.EncodeLegacy(e)
		return
	}
	if a.Type == AddrAny && !peer.Has(FeatureServerNautilus) {
		a.Type = AddrLegacy
	}
	e.Uint8(markerAddr)
	e.Struct(1, 1, func() {
		e.Uint32(uint32(a.Type))
		e.Uint32(a.Nonce)
		at := e.Len()
		e.Uint32(0)
		a.encodeSockaddr(e, binary.LittleEndian)
		binary.LittleEndian.PutUint32(e.b[at:], uint32(e.Len()-at-4))
	})
}

// Decode reads an address in either form.
func (a *EntityAddr) Decode(d *Decoder) {
	if d.Peek() == markerLegacy {
		a.DecodeLegacy(d)
		return
	}
	*a = EntityAddr{}
	if m := d.Uint8(); m != markerAddr {
		d.Fail(ErrValue, fmt.Sprintf("address marker %d", m))
		return
	}
	d.Struct(1, func(uint8) {
		a.Type = AddrType(d.Uint32())
		a.Nonce = d.Uint32()
		if b := d.Blob(); b != nil {
			a.decodeSockaddr(d, b, binary.LittleEndian)
		}
	})
}
