// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

func FuzzKeyring(f *testing.F) {
	f.Add([]byte(keyringText))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKeyring(text)
		if err != nil {
			require.ErrorIs(t, err, ErrKeyring)
			return
		}
		for name, e := range k {
			require.True(t, e.Key.Valid(), "%v", name)
		}
	})
}

// raw encodes bytes as they are.
func raw(b []byte) func(*messenger.Encoder) {
	return func(e *messenger.Encoder) { e.Raw(b) }
}

// FuzzLogin lets a monitor say anything, also what only decrypts with the key.
func FuzzLogin(f *testing.F) {
	key := testKey(f, 50)
	session := encoded(func(e *messenger.Encoder) { encodeSession(e, testKey(f, 1)) })
	ticket := encoded(func(e *messenger.Encoder) {
		e.Bool(false)
		e.Blob(encoded((*Ticket)(nil).encodeBlob))
	})
	f.Add([]byte{1, 1, 2, 3, 4, 5, 6, 7, 8}, session, ticket)
	f.Fuzz(func(t *testing.T, challenge, inner, rest []byte) {
		l := NewLogin(LoginConfig{Key: key})
		l.Start()
		next, err := l.Reply(Reply{Protocol: messenger.AuthProtocolCephx, Payload: challenge})
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.NotNil(t, next)
		_, err = l.Reply(Reply{Protocol: messenger.AuthProtocolCephx, Payload: encoded(func(e *messenger.Encoder) {
			e.Uint16(requestSessionKey)
			e.Int32(0)
			e.Uint8(1)
			e.Uint32(1)
			e.Uint32(uint32(messenger.EntityAuth))
			e.Uint8(1)
			e.Blob(key.seal(raw(inner)))
			e.Raw(rest)
		})})
		require.Equal(t, err == nil, l.Done())
		if ticket, ok := l.Ticket(messenger.EntityAuth); l.Done() {
			require.True(t, ok && ticket.SessionKey.Valid())
		}
	})
}

// FuzzAuthorizer shows a service anything, also what only a holder of the keys makes.
func FuzzAuthorizer(f *testing.F) {
	a, s := both(f)
	secret, _ := s.Secret(SharedSecret)
	info := encoded(testInfo(f).encode)
	authorize := []byte{2, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8}
	f.Add(build(f, a, nil), info, authorize)
	f.Add([]byte{}, info[:40], authorize[:9])
	f.Fuzz(func(t *testing.T, outer, info, authorize []byte) {
		random := counter(0)
		s := &Service{Type: s.Type, Secret: s.Secret, Now: s.Now, Random: &random}
		check := func(b []byte) {
			acceptor := s.NewAcceptor()
			reply, challenge, err := acceptor.Accept(b)
			if err != nil {
				return
			}
			require.True(t, challenge)
			require.NotEmpty(t, reply)
			require.Nil(t, acceptor.Peer())
			if _, challenge, err = acceptor.Accept(b); err == nil {
				require.False(t, challenge)
				require.True(t, acceptor.Peer().SessionKey.Valid())
			}
		}
		check(outer)
		check(encoded(func(e *messenger.Encoder) {
			e.Uint8(1)
			e.Uint64(grantedID)
			e.Uint32(uint32(messenger.EntityOSD))
			e.Uint8(1)
			e.Uint64(SharedSecret)
			e.Blob(secret.seal(raw(info)))
			e.Blob(testKey(t, 30).seal(raw(authorize)))
		}))
	})
}

// FuzzAuthorizerReply lets a service answer anything.
func FuzzAuthorizerReply(f *testing.F) {
	a, s := both(f)
	s.SkipChallenge = true
	reply, _, err := s.NewAcceptor().Accept(build(f, a, nil))
	require.NoError(f, err)
	f.Add(reply, []byte{1, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, outer, inner []byte) {
		a, _ := both(t)
		sealed := a.ticket.SessionKey.seal(raw(inner))
		if a.Verify(encoded(func(e *messenger.Encoder) { e.Blob(sealed) })) == nil {
			d := messenger.NewDecoder(inner[1:])
			require.Equal(t, a.nonce+1, d.Uint64())
		}
		_ = a.Verify(outer)
		if _, err := a.Build(sealed); err == nil {
			require.True(t, a.challenged)
		}
	})
}
