// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"fmt"
	"slices"
	"strings"
)

// AddrVec is the addresses of one entity, most preferred first. Their types say
// which wire protocols it speaks.
//
// Implements: entity_addrvec_t
type AddrVec []EntityAddr

// maxAddrs bounds how many addresses a peer may say an entity has.
const maxAddrs = 64

// Find is the first address of a type.
func (v AddrVec) Find(t AddrType) (EntityAddr, bool) {
	for _, a := range v {
		if a.Type == t {
			return a, true
		}
	}
	return EntityAddr{}, false
}

// Contains says whether a is among the addresses.
func (v AddrVec) Contains(a EntityAddr) bool { return slices.Contains(v, a) }

// String is the text form: one address, or several in brackets.
func (v AddrVec) String() string {
	if len(v) == 1 {
		return v[0].String()
	}
	s := make([]string, len(v))
	for i, a := range v {
		s[i] = a.String()
	}
	return "[" + strings.Join(s, ",") + "]"
}

// ParseAddrVec reads the text form.
func ParseAddrVec(s string) (AddrVec, error) {
	list := s
	if after, ok := strings.CutSuffix(s, "]"); ok { // no single address ends so
		if list, ok = strings.CutPrefix(after, "["); !ok {
			return nil, fmt.Errorf("messenger: addresses %q: no opening bracket", s)
		}
	}
	if list == "" {
		return nil, nil
	}
	var v AddrVec
	for part := range strings.SplitSeq(list, ",") {
		a, err := ParseEntityAddr(part)
		if err != nil {
			return nil, err
		}
		v = append(v, a)
	}
	return v, nil
}

// Encode appends the addresses as a peer with these features reads them. One
// without [FeatureMsgAddr2] gets the msgr v1 address alone, or else the first.
func (v AddrVec) Encode(e *Encoder, peer Features) {
	if !peer.Has(FeatureMsgAddr2) {
		a, ok := v.Find(AddrLegacy)
		if !ok && len(v) > 0 {
			a = v[0]
		}
		a.EncodeLegacy(e)
		return
	}
	e.Uint8(markerVec)
	e.Uint32(uint32(len(v)))
	for _, a := range v {
		a.Encode(e, peer)
	}
}

// Decode reads addresses, or a single one in either form.
func (v *AddrVec) Decode(d *Decoder) {
	*v = nil
	if m := d.Peek(); m == markerLegacy || m == markerAddr {
		var a EntityAddr
		a.Decode(d)
		if d.Err() == nil {
			*v = AddrVec{a}
		}
		return
	}
	if m := d.Uint8(); m != markerVec {
		d.Fail(ErrValue, fmt.Sprintf("address marker %d", m))
		return
	}
	n := d.Count(1 + 6 + 12)
	if n > maxAddrs {
		d.Fail(ErrValue, fmt.Sprintf("%d addresses", n))
		return
	}
	for range n {
		var a EntityAddr
		a.Decode(d)
		if d.Err() != nil {
			*v = nil
			return
		}
		*v = append(*v, a)
	}
}
