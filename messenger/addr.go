// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// AddrType says which wire protocol an address speaks.
//
// Implements: entity_addr_t::type
type AddrType uint32

// Address types. Ceph never assigned one to its xio messenger; AddrXio is this
// project's own, and a peer that does not know it leaves the address alone.
const (
	AddrNone   AddrType = 0
	AddrLegacy AddrType = 1 // msgr v1
	AddrMsgr2  AddrType = 2 // msgr v2
	AddrAny    AddrType = 3
	AddrXio    AddrType = 88
)

var addrTypeNames = map[AddrType]string{
	AddrNone:   "none",
	AddrLegacy: "v1",
	AddrMsgr2:  "v2",
	AddrAny:    "any",
	AddrXio:    "xio",
}

// String is the prefix that addresses of the type have.
func (t AddrType) String() string {
	if s, ok := addrTypeNames[t]; ok {
		return s
	}
	return "type" + strconv.FormatUint(uint64(t), 10)
}

// EntityAddr is one address of one incarnation of an entity. The nonce tells
// incarnations at the same place apart. It is comparable; [EntityAddr.Compare] is
// Ceph's order.
//
// Implements: entity_addr_t
type EntityAddr struct {
	Type  AddrType
	Nonce uint32
	Addr  netip.AddrPort // the IP may be blank: invalid, 0.0.0.0 or ::
}

// NewEntityAddr makes an address of an IP and port in text form, "127.0.0.1:6789".
func NewEntityAddr(t AddrType, addrPort string, nonce uint32) (EntityAddr, error) {
	ap, err := netip.ParseAddrPort(addrPort)
	if err != nil {
		return EntityAddr{}, fmt.Errorf("messenger: %w", err)
	}
	return EntityAddr{Type: t, Nonce: nonce, Addr: ap}, nil
}

// Port is the port, 0 for an entity that does not listen.
func (a EntityAddr) Port() uint16 { return a.Addr.Port() }

// IsBlankIP says that the IP is not known yet.
func (a EntityAddr) IsBlankIP() bool {
	return !a.Addr.Addr().IsValid() || a.Addr.Addr().IsUnspecified()
}

// IsBlank says that the address names no place at all.
func (a EntityAddr) IsBlank() bool { return a.IsBlankIP() && a.Port() == 0 }

// WithIP is the address with another IP.
func (a EntityAddr) WithIP(ip netip.Addr) EntityAddr {
	a.Addr = netip.AddrPortFrom(ip.Unmap(), a.Port())
	return a
}

// WithPort is the address with another port.
func (a EntityAddr) WithPort(port uint16) EntityAddr {
	a.Addr = netip.AddrPortFrom(a.Addr.Addr(), port)
	return a
}

// ProbablyEquals says that both have the same port and nonce, and the same IP
// unless one of them is blank.
//
// Implements: entity_addr_t::probably_equals
func (a EntityAddr) ProbablyEquals(b EntityAddr) bool {
	return a.Port() == b.Port() && a.Nonce == b.Nonce &&
		(a.IsBlankIP() || b.IsBlankIP() || a.Addr.Addr() == b.Addr.Addr())
}

// Compare orders addresses as Ceph does, by the bytes of the structure in memory:
// the nonce thus counts by its lowest byte first. Races between two peers that
// connect to each other are decided by this order, so both must share it.
func (a EntityAddr) Compare(b EntityAddr) int {
	x, y := a.image(), b.image()
	return bytes.Compare(x[:], y[:])
}

// image is the structure as it lies in the memory of a little-endian machine.
func (a EntityAddr) image() (m [8 + sockaddrIn6Len]byte) {
	binary.LittleEndian.PutUint32(m[0:], uint32(a.Type))
	binary.LittleEndian.PutUint32(m[4:], a.Nonce)
	e := Encoder{b: m[8:8]}
	a.encodeSockaddr(&e, binary.LittleEndian)
	return m
}

// String is the text form, "v1:127.0.0.1:6789/17", with "-" for no address.
func (a EntityAddr) String() string {
	if !a.Addr.Addr().IsValid() && a.Port() == 0 {
		return fmt.Sprintf("%v:-/%d", a.Type, a.Nonce)
	}
	if !a.Addr.Addr().IsValid() {
		return fmt.Sprintf("%v::%d/%d", a.Type, a.Port(), a.Nonce)
	}
	return fmt.Sprintf("%v:%v/%d", a.Type, a.Addr, a.Nonce)
}

// ParseEntityAddr reads the text form, "[type:]ip:port[/nonce]". Without a type it
// is msgr v1, without a nonce 0.
func ParseEntityAddr(s string) (EntityAddr, error) {
	a := EntityAddr{Type: AddrLegacy}
	rest := s
	for t, name := range addrTypeNames {
		if after, ok := strings.CutPrefix(s, name+":"); ok {
			a.Type, rest = t, after
		}
	}
	if place, nonce, ok := strings.Cut(rest, "/"); ok {
		n, err := strconv.ParseUint(nonce, 10, 32)
		if err != nil {
			return EntityAddr{}, fmt.Errorf("messenger: address %q: bad nonce", s)
		}
		rest, a.Nonce = place, uint32(n)
	}
	switch {
	case rest == "-":
	case strings.HasPrefix(rest, ":"):
		port, err := strconv.ParseUint(rest[1:], 10, 16)
		if err != nil {
			return EntityAddr{}, fmt.Errorf("messenger: address %q: bad port", s)
		}
		a.Addr = netip.AddrPortFrom(netip.Addr{}, uint16(port))
	default:
		ap, err := netip.ParseAddrPort(rest)
		if err != nil {
			return EntityAddr{}, fmt.Errorf("messenger: address %q: %w", s, err)
		}
		a.Addr = ap
	}
	return a, nil
}
