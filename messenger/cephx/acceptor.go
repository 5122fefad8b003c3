// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"io"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// Service checks the authorizers that are shown to one service. It is not changed
// after first use and may be shared by any number of connections.
type Service struct {
	// Type is the service's entity type, such as [messenger.EntityOSD].
	Type messenger.EntityType
	// Secret is the service's secret with that ID, false if there is none. It may be
	// called from any goroutine.
	Secret func(id uint64) (CryptoKey, bool)
	// SkipChallenge accepts an authorizer without a challenge, as services did once.
	// Who has overheard one can show it again then.
	SkipChallenge bool
	// Now tells the time by which tickets expire. Nil means time.Now.
	Now func() time.Time
	// Random is where challenges come from. Nil means the system's.
	Random io.Reader
}

// Acceptor is a Service's side of one connection, a [messenger.AuthVerifier]. One
// goroutine at a time.
type Acceptor struct {
	service    *Service
	challenged bool
	challenge  uint64
	peer       *TicketInfo
}

// NewAcceptor begins with one connection.
func (s *Service) NewAcceptor() *Acceptor { return &Acceptor{service: s} }

// Accept checks an authorizer. At first it gives a challenge; what the peer shows then
// must answer it. After that reply is the proof for the peer that this service knows
// the session key, and [Acceptor.Peer] is who it is. An error means that the peer is
// not let in.
func (a *Acceptor) Accept(authorizer []byte) (reply []byte, challenge bool, err error) {
	const op = "authorizer"
	a.peer = nil
	info, sealed, err := a.readTicket(op, authorizer)
	if err != nil {
		return nil, false, err
	}
	key := info.SessionKey
	d, err := key.open(op, sealed)
	if err != nil {
		return nil, false, err
	}
	version, nonce := d.Uint8(), d.Uint64()
	var answered bool
	var answer uint64
	if version >= 2 {
		answered, answer = d.Bool(), d.Uint64()
	}
	if d.Err() != nil {
		return nil, false, malformed(op, d)
	}
	if !a.challenged && !a.service.SkipChallenge {
		if a.challenge, err = randomU64(op, a.service.Random); err != nil {
			return nil, false, err
		}
		a.challenged = true
		return key.seal(func(e *messenger.Encoder) {
			e.Uint8(challengeVersion)
			e.Uint64(a.challenge)
		}), true, nil
	}
	if a.challenged && (!answered || answer != a.challenge+1) {
		return nil, false, fail(op, ErrProof)
	}
	a.peer = info
	var e messenger.Encoder
	e.Blob(key.seal(func(e *messenger.Encoder) {
		e.Uint8(replyVersion)
		e.Uint64(nonce + 1)
	}))
	return e.Bytes(), false, nil
}

// readTicket reads the ticket in an authorizer, and what is encrypted with its
// session key.
func (a *Acceptor) readTicket(op string, authorizer []byte) (info *TicketInfo, sealed []byte, err error) {
	d := messenger.NewDecoder(authorizer)
	d.Uint8()
	globalID, service := d.Uint64(), messenger.EntityType(d.Uint32())
	secretID, blob := decodeTicketBlob(d)
	sealed = d.Blob()
	if err := end(op, d); err != nil {
		return nil, nil, err
	}
	if service != a.service.Type {
		return nil, nil, fail(op, ErrService)
	}
	secret, ok := a.service.Secret(secretID)
	if !ok {
		return nil, nil, fail(op, ErrNoKey)
	}
	if d, err = secret.open(op, blob); err != nil {
		return nil, nil, err
	}
	info = decodeTicketInfo(d)
	switch {
	case d.Err() != nil:
		return nil, nil, malformed(op, d)
	case info.GlobalID != globalID:
		return nil, nil, fail(op, ErrProof)
	case !info.Expires.IsZero() && a.service.now().After(info.Expires):
		return nil, nil, fail(op, ErrExpired)
	}
	return info, sealed, nil
}

// Peer is who was accepted, nil before.
func (a *Acceptor) Peer() *TicketInfo { return a.peer }

// Signer signs messages of the session in the form for its features; nil if they do
// not include signatures, or if nobody was accepted.
func (a *Acceptor) Signer(features uint64) messenger.SignFunc {
	if a.peer == nil {
		return nil
	}
	return signer(a.peer.SessionKey, features)
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
