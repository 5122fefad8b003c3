// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bytes"
	"fmt"

	"github.com/accelio/accelio-go/messenger"
)

// banner opens the protocol in both directions.
const banner = "ceph v027"

// bannerV2 is how the second version of the protocol begins.
const bannerV2 = "ceph v2\n"

// Lengths of what each side says first, in bytes.
const (
	acceptorHelloLen  = len(banner) + 2*messenger.LegacyAddrLen
	connectorHelloLen = len(banner) + messenger.LegacyAddrLen
)

// acceptorHello is what an acceptor says first: its own address, and the connector's as
// its socket shows it.
type acceptorHello struct {
	own, peer messenger.EntityAddr
}

func (h *acceptorHello) append(b []byte) []byte {
	e := messenger.NewEncoder(append(b, banner...))
	h.own.EncodeLegacy(e)
	h.peer.EncodeLegacy(e)
	return e.Bytes()
}

// decode reads acceptorHelloLen bytes.
func (h *acceptorHello) decode(b []byte) error {
	d, err := afterBanner(b)
	if err != nil {
		return err
	}
	h.own.DecodeLegacy(d)
	h.peer.DecodeLegacy(d)
	return handshake(d)
}

// connectorHello is what a connector says first: its own address, without an IP as long
// as it knows none.
type connectorHello struct {
	own messenger.EntityAddr
}

func (h *connectorHello) append(b []byte) []byte {
	e := messenger.NewEncoder(append(b, banner...))
	h.own.EncodeLegacy(e)
	return e.Bytes()
}

// decode reads connectorHelloLen bytes.
func (h *connectorHello) decode(b []byte) error {
	d, err := afterBanner(b)
	if err != nil {
		return err
	}
	h.own.DecodeLegacy(d)
	return handshake(d)
}

// checkBanner looks at the first bytes of a peer, so that a stranger is known before
// the rest of a hello is waited for.
func checkBanner(b []byte) error {
	if bytes.HasPrefix(b, []byte(banner)) {
		return nil
	}
	text := fmt.Sprintf("banner %q", b[:min(len(b), len(banner))])
	if bytes.HasPrefix(b, []byte(bannerV2)) {
		text = "the peer speaks msgr v2"
	}
	return messenger.NewFault(messenger.ErrBadHandshake, nil, text)
}

func afterBanner(b []byte) (*messenger.Decoder, error) {
	if err := checkBanner(b); err != nil {
		return nil, err
	}
	return messenger.NewDecoder(b[len(banner):]), nil
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
