// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"fmt"

	"github.com/accelio/accelio-go/messenger"
)

// Banner opens the protocol in both directions.
const Banner = "ceph v027"

// bannerV2 is how the second version of the protocol begins.
const bannerV2 = "ceph v2\n"

// Lengths of what each side says first, in bytes.
const (
	AcceptorHelloLen  = len(Banner) + 2*messenger.LegacyAddrLen
	ConnectorHelloLen = len(Banner) + messenger.LegacyAddrLen
)

// AcceptorHello is what an acceptor says first: its own address, and the connector's
// as its socket shows it.
type AcceptorHello struct {
	Own, Peer messenger.EntityAddr
}

// Append appends banner and addresses.
func (h *AcceptorHello) Append(b []byte) []byte {
	e := messenger.NewEncoder(append(b, Banner...))
	h.Own.EncodeLegacy(e)
	h.Peer.EncodeLegacy(e)
	return e.Bytes()
}

// Decode reads [AcceptorHelloLen] bytes. Its error is a [messenger.Fault] with the
// reason ErrBadHandshake.
func (h *AcceptorHello) Decode(b []byte) error {
	d, err := afterBanner(b)
	if err != nil {
		return err
	}
	h.Own.DecodeLegacy(d)
	h.Peer.DecodeLegacy(d)
	return handshake(d)
}

// ConnectorHello is what a connector says first: its own address, without an IP as
// long as it knows none.
type ConnectorHello struct {
	Own messenger.EntityAddr
}

// Append appends banner and address.
func (h *ConnectorHello) Append(b []byte) []byte {
	e := messenger.NewEncoder(append(b, Banner...))
	h.Own.EncodeLegacy(e)
	return e.Bytes()
}

// Decode reads [ConnectorHelloLen] bytes; its error is as that of AcceptorHello.
func (h *ConnectorHello) Decode(b []byte) error {
	d, err := afterBanner(b)
	if err != nil {
		return err
	}
	h.Own.DecodeLegacy(d)
	return handshake(d)
}

// CheckBanner looks at the first bytes of a peer, as many as have arrived, so that a
// stranger is known before the rest of a hello is waited for.
func CheckBanner(b []byte) error {
	n := min(len(b), len(Banner))
	if bytes.Equal(b[:n], []byte(Banner)[:n]) {
		return nil
	}
	text := fmt.Sprintf("banner %q", b[:n])
	if bytes.HasPrefix(b, []byte(bannerV2)) {
		text = "the peer speaks msgr v2"
	}
	return messenger.NewFault(messenger.ErrBadHandshake, nil, text)
}

func afterBanner(b []byte) (*messenger.Decoder, error) {
	if err := CheckBanner(b); err != nil {
		return nil, err
	}
	d := messenger.NewDecoder(b)
	d.Raw(len(Banner))
	return d, nil
}

// handshake is the fault of something that could not be decoded, or was too long.
func handshake(d *messenger.Decoder) error {
	if d.Err() == nil && d.Len() > 0 {
		d.Fail(messenger.ErrValue, fmt.Sprintf("%d bytes too many", d.Len()))
	}
	if d.Err() != nil {
		return messenger.NewFault(messenger.ErrBadHandshake, d.Err(), "")
	}
	return nil
}
