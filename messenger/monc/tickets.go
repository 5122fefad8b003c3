// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"errors"
	"math"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
)

// errRenewal: the ticket that proves who the client is comes with a login, and with
// nothing else.
var errRenewal = errors.New("monc: the session's own ticket has to be renewed")

// errNoRenewal: the monitor owes an answer for too long.
var errNoRenewal = errors.New("monc: tickets are not renewed")

// services are the services for which there may be tickets, one bit each.
func (c *Client) services() []messenger.EntityType {
	var list []messenger.EntityType
	for bit := messenger.EntityType(1); bit != 0; bit <<= 1 {
		if c.cfg.Services&bit != 0 {
			list = append(list, bit)
		}
	}
	return list
}

// renewal is how long the tickets of a session need no renewal. Under mu.
func (c *Client) renewal(s *session) time.Duration {
	next := time.Duration(math.MaxInt64)
	for _, service := range append(c.services(), messenger.EntityAuth) {
		if t, ok := s.login.Ticket(service); ok && !t.RenewAfter.IsZero() {
			next = min(next, time.Until(t.RenewAfter))
		}
	}
	// A monitor whose tickets hardly last is not asked without end.
	return max(next, c.cfg.Backoff)
}

// renew asks for new tickets in place of those that have grown old, and says when to look
// again, whatever comes. An error ends the session: another login is needed.
func (c *Client) renew(s *session) (next time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.login.Done() {
		return 0, errNoRenewal
	}
	now := time.Now()
	old := func(service messenger.EntityType) bool {
		t, ok := s.login.Ticket(service)
		return ok && !t.RenewAfter.IsZero() && !now.Before(t.RenewAfter)
	}
	if old(messenger.EntityAuth) {
		return 0, errRenewal
	}
	var due messenger.EntityType
	for _, service := range c.services() {
		if old(service) {
			due |= service
		}
	}
	if due == 0 {
		return c.renewal(s), nil
	}
	r, err := s.login.Renew(due)
	if err != nil {
		return 0, err
	}
	s.auth(r)
	return c.cfg.HuntTimeout, nil
}

// renewed takes the answer to renew. Under mu.
func (s *session) renewed(r cephx.Reply) {
	if _, err := s.login.Reply(r); err != nil {
		s.end(err)
		return
	}
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// Authorizer makes an authorizer for one connection to a service of Config.Services, of the
// ticket that the client has and keeps valid. Its error matches [cephx.ErrNoTicket], also
// before the first login, or [cephx.ErrExpired] where no monitor could be asked for long.
//
// Connections of the client's own messenger to such services get theirs by themselves.
func (c *Client) Authorizer(service messenger.EntityType) (*cephx.Authorizer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return nil, &cephx.Error{Op: "authorize", Reason: cephx.ErrNoTicket}
	}
	return c.last.Authorizer(service)
}

// refusedTicket asks for another ticket in place of one that a service did not take. The next
// attempt to connect to it shows that.
func (c *Client) refusedTicket(service messenger.EntityType) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.cur
	if s == nil || !s.open || !s.login.Done() {
		return // a login brings one, or an answer that is on its way
	}
	if r, err := s.login.Renew(service); err == nil {
		s.auth(r)
	}
}

// GetAuthorizer shows the client's ticket to a service.
func (d *dispatcher) GetAuthorizer(peer messenger.EntityType, forceNew bool) messenger.Authorizer {
	if d.c.cfg.Services&peer == 0 {
		return nil
	}
	if forceNew {
		d.c.refusedTicket(peer)
	}
	a, err := d.c.Authorizer(peer)
	if err != nil {
		d.c.cfg.Logger.Warn("monc: no authorizer", "service", peer, "error", err)
		return nil
	}
	return a
}
