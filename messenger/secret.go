// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// SharedSecret is the Auth of entities that all know one secret. Each side proves to
// the other that it does, without showing it, and messages are signed with a key that
// only the two have. It needs [FeatureMsgAuth] for the signatures.
//
// A signature covers the sums of a message, its lengths and its number, as Ceph's does.
// It keeps out who does not know the secret and cannot change a message without
// changing its sums; it does not encrypt.
type SharedSecret struct{ key []byte }

// errSecret is all that a peer with another secret is worth.
var errSecret = errors.New("the peer does not know the secret")

const secretNonce = 16

// NewSharedSecret makes one of a key of at least 16 bytes.
func NewSharedSecret(key []byte) (*SharedSecret, error) {
	if len(key) < 16 {
		return nil, errors.New("messenger: a shared secret has at least 16 bytes")
	}
	return &SharedSecret{append([]byte(nil), key...)}, nil
}

// mac is what a side proves, or agrees upon, for a purpose.
func (s *SharedSecret) mac(purpose string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(purpose))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Authorizer implements Auth.
func (s *SharedSecret) Authorizer(EntityName, EntityType, bool) Authorizer {
	a := &secretAuthorizer{s: s}
	rand.Read(a.mine[:])
	return a
}

// Verifier implements Auth.
func (s *SharedSecret) Verifier(_ EntityType, protocol uint32) AuthVerifier {
	if protocol != AuthProtocolSecret {
		return nil
	}
	v := &secretVerifier{s: s}
	rand.Read(v.mine[:])
	return v
}

// secretAuthorizer is the connecting side: it shows a nonce, and when it has got the
// other side's, that it knows the secret.
type secretAuthorizer struct {
	s            *SharedSecret
	mine, theirs [secretNonce]byte
}

func (a *secretAuthorizer) Protocol() uint32 { return AuthProtocolSecret }

func (a *secretAuthorizer) Build(challenge []byte) ([]byte, error) {
	if challenge == nil {
		return a.mine[:], nil
	}
	if len(challenge) != secretNonce {
		return nil, errSecret
	}
	copy(a.theirs[:], challenge)
	return append(a.mine[:len(a.mine):len(a.mine)], a.s.mac("connect", a.mine[:], a.theirs[:])...), nil
}

func (a *secretAuthorizer) Verify(reply []byte) error {
	if !hmac.Equal(reply, a.s.mac("accept", a.mine[:], a.theirs[:])) {
		return errSecret
	}
	return nil
}

func (a *secretAuthorizer) Signer(uint64) SignFunc {
	return signer(a.s.mac("session", a.mine[:], a.theirs[:]))
}

// secretVerifier is the accepting side.
type secretVerifier struct {
	s            *SharedSecret
	mine, theirs [secretNonce]byte
}

func (v *secretVerifier) Accept(authorizer []byte) ([]byte, bool, error) {
	if len(authorizer) < secretNonce {
		return nil, false, errSecret
	}
	copy(v.theirs[:], authorizer)
	proof := authorizer[secretNonce:]
	if len(proof) == 0 {
		return v.mine[:], true, nil
	}
	if !hmac.Equal(proof, v.s.mac("connect", v.theirs[:], v.mine[:])) {
		return nil, false, errSecret
	}
	return v.s.mac("accept", v.theirs[:], v.mine[:]), false, nil
}

func (v *secretVerifier) Signer(uint64) SignFunc {
	return signer(v.s.mac("session", v.theirs[:], v.mine[:]))
}

func signer(key []byte) SignFunc {
	return func(covered *[8]uint32) uint64 {
		h := hmac.New(sha256.New, key)
		var b [32]byte
		for i, c := range covered {
			binary.LittleEndian.PutUint32(b[4*i:], c)
		}
		h.Write(b[:])
		return binary.LittleEndian.Uint64(h.Sum(nil))
	}
}
