// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"crypto/rand"
	"encoding/binary"
	"io"

	"github.com/accelio/accelio-go/messenger"
)

const (
	authorizerVersion = 1
	authorizeVersion  = 2
	challengeVersion  = 1
	replyVersion      = 1
)

// randomU64 reads a number from random; nil means the system's.
func randomU64(op string, random io.Reader) (uint64, error) {
	if random == nil {
		random = rand.Reader
	}
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return 0, &Error{Op: op, Reason: ErrUnexpected, Err: err}
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// Authorizer shows a ticket to a service and checks that the service could read it. It
// is a [messenger.Authorizer], good for one connection. One goroutine at a time.
//
// Implements:
//
//	struct CephXAuthorizer
//	struct CephXAuthorize
type Authorizer struct {
	ticket     *Ticket
	globalID   uint64
	nonce      uint64
	challenged bool
	challenge  uint64
}

// NewAuthorizer makes an authorizer of a ticket for its holder, who has the given
// global ID. Its nonce comes from random; nil means the system's.
func NewAuthorizer(t *Ticket, globalID uint64, random io.Reader) (*Authorizer, error) {
	nonce, err := randomU64("authorize", random)
	if err != nil {
		return nil, err
	}
	return &Authorizer{ticket: t, globalID: globalID, nonce: nonce}, nil
}

// Protocol is [messenger.AuthProtocolCephx].
func (a *Authorizer) Protocol() uint32 { return messenger.AuthProtocolCephx }

// Build gives what to show to the service: at first for a nil challenge, then for the
// one that the service sent. A second challenge is an error that matches
// [ErrUnexpected]: a peer that goes on asking could keep a connection busy for ever.
func (a *Authorizer) Build(challenge []byte) ([]byte, error) {
	if challenge != nil {
		if err := a.take(challenge); err != nil {
			return nil, err
		}
	}
	var e messenger.Encoder
	e.Uint8(authorizerVersion)
	e.Uint64(a.globalID)
	e.Uint32(uint32(a.ticket.Service))
	a.ticket.encodeBlob(&e)
	e.Blob(a.ticket.SessionKey.seal(func(e *messenger.Encoder) {
		e.Uint8(authorizeVersion)
		e.Uint64(a.nonce)
		e.Bool(a.challenged)
		e.Uint64(a.challenge)
	}))
	return e.Bytes(), nil
}

func (a *Authorizer) take(challenge []byte) error {
	const op = "challenge"
	if a.challenged {
		return fail(op, ErrUnexpected)
	}
	d, err := a.ticket.SessionKey.open(op, challenge)
	if err != nil {
		return err
	}
	d.Uint8()
	c := d.Uint64()
	if d.Err() != nil {
		return malformed(op, d)
	}
	a.challenged, a.challenge = true, c+1
	return nil
}

// Verify checks the service's last reply. An error that matches [ErrProof] or
// [ErrDecrypt] says that the service does not know the session key.
func (a *Authorizer) Verify(reply []byte) error {
	const op = "authorizer reply"
	outer := messenger.NewDecoder(reply)
	sealed := outer.Blob()
	if err := end(op, outer); err != nil {
		return err
	}
	d, err := a.ticket.SessionKey.open(op, sealed)
	if err != nil {
		return err
	}
	d.Uint8()
	answer := d.Uint64()
	if d.Err() != nil {
		return malformed(op, d)
	}
	if answer != a.nonce+1 {
		return fail(op, ErrProof)
	}
	return nil
}

// Signer signs messages of the session in the form for its features; nil if they do
// not include signatures.
func (a *Authorizer) Signer(features uint64) messenger.SignFunc {
	return signer(a.ticket.SessionKey, features)
}
