// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// authority is a monitor's side of the login, written from the description of the
// exchange. What it takes on trust in tests the real monitor's test does not.
type authority struct {
	t       testing.TB
	keys    Keyring
	none    bool
	secrets map[messenger.EntityType]CryptoKey // of the services

	name      EntityName
	challenge uint64
}

const (
	grantedID = 4711
	secretID  = 9
)

func encoded(f func(*messenger.Encoder)) []byte {
	var e messenger.Encoder
	f(&e)
	return e.Bytes()
}

func newAuthority(t testing.TB) *authority {
	return &authority{
		t:    t,
		keys: Keyring{{messenger.EntityClient, "admin"}: {Key: testKey(t, 50)}},
		secrets: map[messenger.EntityType]CryptoKey{
			messenger.EntityAuth: testKey(t, 100), messenger.EntityOSD: testKey(t, 120), messenger.EntityMgr: testKey(t, 140),
		},
	}
}

func (a *authority) refuse(no syscall.Errno) Reply { return Reply{Result: -int32(no)} }

// answer plays the monitor.
func (a *authority) answer(r Request) Reply {
	d := messenger.NewDecoder(r.Payload)
	if r.Protocol == messenger.AuthProtocolUnknown {
		return a.first(d)
	}
	switch d.Uint16() {
	case requestSessionKey:
		return a.login(d)
	case requestServiceTickets:
		return a.services(d)
	}
	return a.refuse(syscall.EINVAL)
}

func (a *authority) first(d *messenger.Decoder) Reply {
	require.EqualValues(a.t, 1, d.Uint8())
	offered := map[uint32]bool{}
	for range d.Count(4) {
		offered[d.Uint32()] = true
	}
	a.name = decodeName(d)
	id := d.Uint64()
	require.NoError(a.t, end("", d))
	if id == 0 {
		id = grantedID
	}
	switch {
	case a.none && offered[messenger.AuthProtocolNone]:
		return Reply{Protocol: messenger.AuthProtocolNone, GlobalID: id}
	case a.none || !offered[messenger.AuthProtocolCephx]:
		return a.refuse(syscall.EOPNOTSUPP)
	}
	a.challenge = 0x1122334455667788
	return Reply{Protocol: messenger.AuthProtocolCephx, GlobalID: id, Payload: encoded(func(e *messenger.Encoder) {
		e.Uint8(1)
		e.Uint64(a.challenge)
	})}
}

func (a *authority) login(d *messenger.Decoder) Reply {
	require.EqualValues(a.t, 3, d.Uint8())
	client, proof := d.Uint64(), d.Uint64()
	oldID, _ := decodeTicketBlob(d)
	services := messenger.EntityType(d.Uint32())
	require.False(a.t, d.Bool())
	require.NoError(a.t, end("", d))
	key, err := a.keys.Key(a.name)
	if err != nil || proof != loginProof(key, a.challenge, client) {
		return a.refuse(syscall.EACCES)
	}
	session := testKey(a.t, byte(messenger.EntityAuth))
	var old *CryptoKey
	if oldID != 0 {
		old = &session
	}
	return Reply{Protocol: messenger.AuthProtocolCephx, GlobalID: grantedID, Payload: encoded(func(e *messenger.Encoder) {
		e.Uint16(requestSessionKey)
		e.Int32(0)
		a.tickets(e, key, messenger.EntityAuth, old)
		if services != 0 {
			e.Blob(nil)
			e.Blob(encoded(func(e *messenger.Encoder) { a.tickets(e, session, services, nil) }))
		}
	})}
}

func (a *authority) services(d *messenger.Decoder) Reply {
	const request = 5
	authorizer := d.Raw(d.Len() - request)
	acceptor := (&Service{
		Type:          messenger.EntityAuth,
		Secret:        func(id uint64) (CryptoKey, bool) { return a.secrets[messenger.EntityAuth], id == secretID },
		SkipChallenge: true,
	}).NewAcceptor()
	if _, _, err := acceptor.Accept(authorizer); err != nil {
		return a.refuse(syscall.EPERM)
	}
	require.EqualValues(a.t, 1, d.Uint8())
	services := messenger.EntityType(d.Uint32())
	require.NoError(a.t, end("", d))
	return Reply{Protocol: messenger.AuthProtocolCephx, Payload: encoded(func(e *messenger.Encoder) {
		e.Uint16(requestServiceTickets)
		e.Int32(0)
		a.tickets(e, acceptor.Peer().SessionKey, services, nil)
	})}
}

// tickets encodes a list of tickets; the session key of each follows from its service.
func (a *authority) tickets(e *messenger.Encoder, key CryptoKey, services messenger.EntityType, old *CryptoKey) {
	var list []messenger.EntityType
	for s := range a.secrets {
		if services&s != 0 {
			list = append(list, s)
		}
	}
	e.Uint8(1)
	e.Uint32(uint32(len(list)))
	for _, s := range list {
		session := testKey(a.t, byte(s))
		t := NewTicket(s, secretID, a.secrets[s], &TicketInfo{
			Name: a.name, GlobalID: grantedID, Created: testTime, SessionKey: session, Caps: []byte("caps"),
		})
		e.Uint32(uint32(s))
		e.Uint8(1)
		e.Blob(key.seal(func(e *messenger.Encoder) { encodeSession(e, session) }))
		e.Bool(old != nil)
		blob := encoded(t.encodeBlob)
		if old != nil {
			blob = old.seal(func(e *messenger.Encoder) { e.Blob(encoded(t.encodeBlob)) })
		}
		e.Blob(blob)
	}
}

// encodeSession encodes what a monitor tells the holder of a ticket, good for an hour.
func encodeSession(e *messenger.Encoder, session CryptoKey) {
	e.Uint8(1)
	session.encode(e)
	e.Uint32(3600)
	e.Uint32(0)
}
