// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// Peers authenticates entities that share one secret to each other, as the monitors of
// a cluster do: each makes its own tickets. It is a [messenger.Auth]; do not change it
// after first use.
type Peers struct {
	// Name is who this side says it is.
	Name EntityName
	// Secret is what all of them have.
	Secret CryptoKey
	// Validity is how long a ticket is good for. Zero means an hour: it is used at
	// once, but clocks differ.
	Validity time.Duration
	// SkipChallenge is as in [Service].
	SkipChallenge bool
	// Now is as in [Service].
	Now func() time.Time
}

var _ messenger.Auth = (*Peers)(nil)

// Authorizer implements messenger.Auth. It is nil only if the system has no randomness.
func (p *Peers) Authorizer(_ messenger.EntityName, peer messenger.EntityType, _ bool) messenger.Authorizer {
	s := p.service()
	now, validity := s.now(), p.Validity
	if validity == 0 {
		validity = time.Hour
	}
	session, err := NewKey(nil, now)
	if err != nil {
		return nil
	}
	a, err := NewAuthorizer(NewTicket(peer, SharedSecret, p.Secret, &TicketInfo{
		Name: p.Name, Created: now, Expires: now.Add(validity), SessionKey: session,
	}), 0, nil)
	if err != nil {
		return nil
	}
	return a
}

// Verifier implements messenger.Auth.
func (p *Peers) Verifier(_ messenger.EntityType, protocol uint32) messenger.AuthVerifier {
	if protocol != messenger.AuthProtocolCephx {
		return nil
	}
	return p.service().NewAcceptor()
}

func (p *Peers) service() *Service {
	return &Service{
		Type:          p.Name.Type,
		Secret:        func(id uint64) (CryptoKey, bool) { return p.Secret, id == SharedSecret },
		SkipChallenge: p.SkipChallenge,
		Now:           p.Now,
	}
}
