// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"io"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

const (
	requestSessionKey     = 0x0100
	requestServiceTickets = 0x0200

	firstVersion = 1
	// loginVersion is the form from which a monitor does not drop the connection at
	// the first request after the login.
	loginVersion         = 3
	ticketRequestVersion = 1
)

// LoginConfig says who logs in, and how.
type LoginConfig struct {
	// Name is who logs in. The zero value means client.admin.
	Name EntityName
	// Key is Name's secret. Without one only the method "none" is offered.
	Key CryptoKey
	// AllowNone offers the method "none" beside cephx. A monitor that prefers it then
	// needs not prove that it knows the key.
	AllowNone bool
	// Services is the set of services for which tickets are wanted, such as
	// EntityOSD|EntityMgr.
	Services messenger.EntityType
	// Previous is an earlier login of the same entity, nil if there is none. The new
	// one keeps its global ID, and proves with its ticket that it may.
	Previous *Login
	// Now tells the time from which tickets count. Nil means time.Now.
	Now func() time.Time
	// Random is where challenges and nonces come from. Nil means the system's.
	Random io.Reader
}

// Request is what an MAuth message carries.
type Request struct {
	Protocol uint32
	Payload  []byte
}

// Reply is what an MAuthReply message carries.
type Reply struct {
	Protocol uint32
	Result   int32 // 0 or a negative errno
	GlobalID uint64
	Payload  []byte
}

type loginState int

const (
	loginFirst loginState = iota
	loginChallenged
	loginRenewing
	loginDone
	loginFailed
)

// Login is a client's side of the authentication with a monitor: send what
// [Login.Start] gives, hand each reply to [Login.Reply] and send what that gives, until
// it gives nothing. One goroutine at a time.
type Login struct {
	c        LoginConfig
	state    loginState
	method   uint32
	globalID uint64
	tickets  map[messenger.EntityType]*Ticket
}

// NewLogin prepares a login.
func NewLogin(c LoginConfig) *Login {
	if c.Name == (EntityName{}) {
		c.Name = EntityName{messenger.EntityClient, "admin"}
	}
	l := &Login{c: c, tickets: map[messenger.EntityType]*Ticket{}}
	if p := c.Previous; p != nil {
		l.globalID = p.globalID
		for service, t := range p.tickets {
			l.tickets[service] = t
		}
		l.c.Previous = nil
	}
	return l
}

// Start is the first request.
func (l *Login) Start() Request {
	var methods []uint32
	if !l.c.Key.Valid() || l.c.AllowNone {
		methods = append(methods, messenger.AuthProtocolNone)
	}
	if l.c.Key.Valid() {
		methods = append(methods, messenger.AuthProtocolCephx)
	}
	var e messenger.Encoder
	e.Uint8(firstVersion)
	e.Uint32(uint32(len(methods)))
	for _, m := range methods {
		e.Uint32(m)
	}
	l.c.Name.encode(&e)
	e.Uint64(l.globalID)
	l.state = loginFirst
	return Request{messenger.AuthProtocolUnknown, e.Bytes()}
}

// Reply takes the monitor's answer and gives the next request, nil if there is none:
// then the login is complete. After an error it is over.
func (l *Login) Reply(r Reply) (*Request, error) {
	next, err := l.reply(r)
	if err != nil {
		l.state = loginFailed
	}
	return next, err
}

func (l *Login) reply(r Reply) (*Request, error) {
	const op = "login"
	if l.state == loginDone || l.state == loginFailed {
		return nil, fail(op, ErrUnexpected)
	}
	if r.Result < 0 {
		no := syscall.Errno(-int64(r.Result))
		if no == syscall.EOPNOTSUPP {
			return nil, &Error{Op: op, Reason: ErrMethod, Errno: no}
		}
		return nil, &Error{Op: op, Reason: ErrRefused, Errno: no}
	}
	if r.GlobalID != 0 {
		l.globalID = r.GlobalID
	}
	switch {
	case l.state == loginFirst:
		return l.chosen(r)
	case r.Protocol != messenger.AuthProtocolCephx:
		return nil, fail(op, ErrUnexpected)
	case l.state == loginChallenged:
		return nil, l.sessionKey(r.Payload)
	default:
		return nil, l.serviceTickets(r.Payload)
	}
}

// chosen goes on with the method that the monitor chose.
func (l *Login) chosen(r Reply) (*Request, error) {
	const op = "login"
	key := l.c.Key
	switch {
	case r.Protocol == messenger.AuthProtocolNone && (!key.Valid() || l.c.AllowNone):
		l.method, l.state = messenger.AuthProtocolNone, loginDone
		return nil, nil
	case r.Protocol != messenger.AuthProtocolCephx || !key.Valid():
		return nil, fail(op, ErrMethod)
	}
	l.method = messenger.AuthProtocolCephx
	d := messenger.NewDecoder(r.Payload)
	d.Uint8()
	server := d.Uint64()
	if err := end(op, d); err != nil {
		return nil, err
	}
	client, err := randomU64(op, l.c.Random)
	if err != nil {
		return nil, err
	}
	var e messenger.Encoder
	e.Uint16(requestSessionKey)
	e.Uint8(loginVersion)
	e.Uint64(client)
	e.Uint64(loginProof(key, server, client))
	l.tickets[messenger.EntityAuth].encodeBlob(&e)
	e.Uint32(uint32(l.c.Services))
	e.Bool(false) // the old ticket is here if there is one
	l.state = loginChallenged
	return &Request{messenger.AuthProtocolCephx, e.Bytes()}, nil
}

// loginProof folds both challenges, encrypted, into one number. The length before the
// ciphertext is part of it.
func loginProof(key CryptoKey, server, client uint64) uint64 {
	var e messenger.Encoder
	e.Blob(key.seal(func(e *messenger.Encoder) {
		e.Uint64(server)
		e.Uint64(client)
	}))
	d := messenger.NewDecoder(e.Bytes())
	var proof uint64
	for d.Len() >= 8 {
		proof ^= d.Uint64()
	}
	return proof
}

// header reads the head of an answer to a request of the given kind.
func header(op string, d *messenger.Decoder, kind uint16) error {
	got, status := d.Uint16(), d.Int32()
	switch {
	case d.Err() != nil:
		return malformed(op, d)
	case got != kind:
		return fail(op, ErrUnexpected)
	case status < 0:
		return &Error{Op: op, Reason: ErrRefused, Errno: syscall.Errno(-int64(status))}
	}
	return nil
}

// sessionKey reads the answer with which the monitor proves that it knows the key:
// the session's key encrypted with it.
func (l *Login) sessionKey(b []byte) error {
	const op = "login"
	d := messenger.NewDecoder(b)
	if err := header(op, d, requestSessionKey); err != nil {
		return err
	}
	tickets, err := decodeTickets(op, d, l.c.Key, l.tickets, l.now())
	if err != nil {
		return err
	}
	l.keep(tickets)
	auth := l.tickets[messenger.EntityAuth]
	if len(tickets) == 0 || auth == nil {
		return fail(op, ErrNoTicket)
	}
	if d.Len() > 0 { // a secret for another protocol, then the tickets asked for
		d.Blob()
		extra := messenger.NewDecoder(d.Blob())
		if d.Err() != nil {
			return malformed(op, d)
		}
		if extra.Len() > 0 {
			if tickets, err = decodeTickets(op, extra, auth.SessionKey, l.tickets, l.now()); err != nil {
				return err
			}
			l.keep(tickets)
		}
	}
	l.state = loginDone
	return nil
}

// Renew asks for tickets of a set of services, after the login and on its connection.
// It works with cephx only: its error matches [ErrNoTicket] otherwise, and
// [ErrUnexpected] while the login is not complete.
func (l *Login) Renew(services messenger.EntityType) (Request, error) {
	const op = "tickets"
	if l.state != loginDone {
		return Request{}, fail(op, ErrUnexpected)
	}
	a, err := l.Authorizer(messenger.EntityAuth)
	if err != nil {
		return Request{}, err
	}
	authorizer, err := a.Build(nil)
	if err != nil {
		return Request{}, err
	}
	var e messenger.Encoder
	e.Uint16(requestServiceTickets)
	e.Raw(authorizer)
	e.Uint8(ticketRequestVersion)
	e.Uint32(uint32(services))
	l.state = loginRenewing
	return Request{messenger.AuthProtocolCephx, e.Bytes()}, nil
}

func (l *Login) serviceTickets(b []byte) error {
	const op = "tickets"
	d := messenger.NewDecoder(b)
	if err := header(op, d, requestServiceTickets); err != nil {
		return err
	}
	tickets, err := decodeTickets(op, d, l.tickets[messenger.EntityAuth].SessionKey, l.tickets, l.now())
	if err != nil {
		return err
	}
	l.keep(tickets)
	l.state = loginDone
	return nil
}

func (l *Login) keep(tickets []*Ticket) {
	for _, t := range tickets {
		l.tickets[t.Service] = t
	}
}

// Done says that the login is complete.
func (l *Login) Done() bool { return l.state == loginDone }

// Method is the method that the monitor chose, [messenger.AuthProtocolUnknown] before it did.
func (l *Login) Method() uint32 { return l.method }

// GlobalID is the number by which the cluster knows this client, 0 before the monitor
// gave one.
func (l *Login) GlobalID() uint64 { return l.globalID }

// Ticket is the ticket for a service; false if there is none.
func (l *Login) Ticket(service messenger.EntityType) (*Ticket, bool) {
	t, ok := l.tickets[service]
	return t, ok
}

// Authorizer makes an authorizer for one connection to a service. Its error matches
// [ErrNoTicket] or [ErrExpired]: then ask for a ticket with [Login.Renew].
func (l *Login) Authorizer(service messenger.EntityType) (*Authorizer, error) {
	const op = "authorize"
	t := l.tickets[service]
	if t == nil {
		return nil, fail(op, ErrNoTicket)
	}
	if !t.Expires.IsZero() && l.now().After(t.Expires) {
		return nil, fail(op, ErrExpired)
	}
	return NewAuthorizer(t, l.globalID, l.c.Random)
}

func (l *Login) now() time.Time {
	if l.c.Now != nil {
		return l.c.Now()
	}
	return time.Now()
}
