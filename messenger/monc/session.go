// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"errors"
	"fmt"
	"maps"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
)

// monMapName is the subscription to the monitor map.
const monMapName = "monmap"

// session is the client's time with one monitor. The client's mutex guards it.
type session struct {
	c     *Client
	conn  messenger.Connection
	login *cephx.Login
	open  bool          // logged in, and caught up with what was asked for
	in    chan error    // gets one value: nil when logged in, else why not
	lost  chan error    // gets one value when it is over
	fresh chan struct{} // gets a value when tickets have been renewed
}

// begin connects to a monitor and sends the first message.
func (c *Client) begin(addr messenger.EntityAddr) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn, err := c.m.ConnectTo(messenger.EntityMon, messenger.AddrVec{addr})
	if err != nil {
		return nil, err
	}
	s := &session{
		c: c, conn: conn,
		in:    make(chan error, 1),
		lost:  make(chan error, 1),
		fresh: make(chan struct{}, 1),
		login: cephx.NewLogin(cephx.LoginConfig{
			Name: c.cfg.Name, Key: c.cfg.Key, AllowNone: c.cfg.AllowNone,
			Services: c.cfg.Services, Previous: c.last,
		}),
	}
	c.cur = s
	s.auth(s.login.Start())
	return s, nil
}

// auth sends a step of the login.
func (s *session) auth(r cephx.Request) {
	m := NewAuth()
	m.Protocol, m.Payload = r.Protocol, r.Payload
	if s.c.monmap != nil {
		m.MonMapEpoch = s.c.monmap.Epoch
	}
	s.send(m)
}

// send hands a message to the connection. That it is lost, or the queue full, is
// noticed as the loss of the session.
func (s *session) send(m messenger.Message) {
	if err := s.conn.Send(m); err != nil {
		s.end(err)
	}
}

// end says that the session is over.
func (s *session) end(why error) {
	select {
	case s.lost <- why:
	default:
	}
}

// authReply takes the monitor's answer to a step of the login, or to a request for tickets.
func (s *session) authReply(m *AuthReply) {
	r := cephx.Reply{Protocol: m.Protocol, Result: m.Result, GlobalID: m.GlobalID, Payload: m.Payload}
	switch {
	case s.login.Done():
		return // a monitor that answers twice
	case s.open:
		s.renewed(r)
		return
	}
	next, err := s.login.Reply(r)
	switch {
	case err != nil:
		if m.Text != "" {
			err = fmt.Errorf("%w (%s)", err, m.Text)
		}
		s.loggedIn(err)
	case next != nil:
		s.auth(*next)
	default:
		s.loggedIn(nil)
	}
}

// loggedIn says how the login went. The first time counts: a monitor may go on answering.
func (s *session) loggedIn(err error) {
	select {
	case s.in <- err:
	default:
	}
}

// subscribe asks for maps.
func (s *session) subscribe(what map[string]Sub) {
	m := NewMonSubscribe()
	m.What = what
	s.send(m)
}

// opened catches up with what was asked for while there was no session.
func (c *Client) openedSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = s.login
	s.open = true
	close(c.opened)
	subs := maps.Clone(c.subs)
	start := uint64(0)
	if c.monmap != nil {
		start = uint64(c.monmap.Epoch) + 1
	}
	subs[monMapName] = Sub{Start: start}
	s.subscribe(subs)
	for _, r := range c.pending {
		s.send(r.build())
	}
	for r := range c.pings {
		s.send(r.build())
	}
}

// finish ends a session.
func (c *Client) finish(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.conn.MarkDown()
	if s.open {
		c.opened = make(chan struct{})
	}
	s.open = false
	if c.cur == s {
		c.cur = nil
	}
}

// refused takes note of why a monitor did not let the client in.
func (c *Client) refused(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var auth *cephx.Error
	if errors.As(err, &auth) {
		c.last = nil // the former login may be why
	}
}

// inVain reports a round of all monitors, none of which let the client in.
func (c *Client) inVain(err error) {
	c.cfg.Logger.Warn("monc: no monitor", "error", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.tried)
	c.tried = make(chan struct{})
}
