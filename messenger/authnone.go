// SPDX-License-Identifier: Apache-2.0

package messenger

import "strconv"

// AuthNone is the Auth that believes everybody, in the form of Ceph's "none".
type AuthNone struct{}

// Authorizer says who this side is, without a proof.
func (AuthNone) Authorizer(self EntityName, _ EntityType, _ bool) Authorizer {
	return noneAuthorizer(self)
}

// Verifier accepts everybody, also a peer that shows nothing.
func (AuthNone) Verifier(_ EntityType, protocol uint32) AuthVerifier {
	if protocol != AuthProtocolNone && protocol != AuthProtocolUnknown {
		return nil
	}
	return noneVerifier(protocol)
}

type noneAuthorizer EntityName

func (a noneAuthorizer) Protocol() uint32 { return AuthProtocolNone }

func (a noneAuthorizer) Build([]byte) ([]byte, error) {
	var e Encoder
	e.Uint8(1)
	e.Uint32(uint32(a.Type))
	id := ""
	if a.Num != UnknownNum {
		id = strconv.FormatInt(a.Num, 10)
	}
	e.String(id)
	e.Uint64(0) // global id
	return e.Bytes(), nil
}

func (a noneAuthorizer) Verify([]byte) error             { return nil }
func (a noneAuthorizer) Signer(features uint64) SignFunc { return nil }

type noneVerifier uint32

func (v noneVerifier) Accept(authorizer []byte) ([]byte, bool, error) {
	if uint32(v) == AuthProtocolUnknown {
		return nil, false, nil
	}
	d := NewDecoder(authorizer)
	if d.Uint8() != 1 {
		d.Fail(ErrValue, "version of the authorizer")
	}
	d.Uint32()
	d.Blob()
	d.Uint64()
	return nil, false, d.Err()
}

func (v noneVerifier) Signer(uint64) SignFunc { return nil }
