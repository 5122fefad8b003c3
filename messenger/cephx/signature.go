// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"encoding/binary"

	"github.com/accelio/accelio-go/messenger"
)

// signer makes the signatures of one session. With the feature CEPHX_V2 they cover
// everything; the form before covers, by a mistake that became the protocol, no more
// than the first three bytes of the header's checksum.
//
// Implements:
//
//	class CephxSessionHandler
func signer(key CryptoKey, features uint64) messenger.SignFunc {
	f := messenger.Features(features)
	switch {
	case !f.Has(messenger.FeatureMsgAuth):
		return nil
	case f.Has(messenger.FeatureCephxV2):
		return func(covered *[8]uint32) uint64 { return signNew(key, covered) }
	}
	return func(covered *[8]uint32) uint64 { return signOld(key, covered) }
}

func signNew(key CryptoKey, covered *[8]uint32) uint64 {
	var e messenger.Encoder
	for _, v := range covered {
		e.Uint32(v)
	}
	le, c := binary.LittleEndian, key.encrypt(e.Bytes())
	return le.Uint64(c) ^ le.Uint64(c[8:]) ^ le.Uint64(c[16:]) ^ le.Uint64(c[24:])
}

func signOld(key CryptoKey, covered *[8]uint32) uint64 {
	const bytesCovered = 16
	header, front, middle, data := covered[0], covered[1], covered[3], covered[5]
	c := key.seal(func(e *messenger.Encoder) {
		for _, v := range [...]uint32{bytesCovered, header, front, middle, data} {
			e.Uint32(v)
		}
	})
	return binary.LittleEndian.Uint64(c)
}
