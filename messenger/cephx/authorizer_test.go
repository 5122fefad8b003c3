// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

var (
	_ messenger.Authorizer   = (*Authorizer)(nil)
	_ messenger.AuthVerifier = (*Acceptor)(nil)
)

func testInfo(t testing.TB) *TicketInfo {
	return &TicketInfo{
		Name: EntityName{messenger.EntityClient, "admin"}, GlobalID: grantedID, Created: testTime,
		Expires: testTime.Add(time.Hour), AllowAll: true, Caps: []byte("allow *"), SessionKey: testKey(t, 30),
	}
}

// both is an authorizer and the service it is for.
func both(t testing.TB) (*Authorizer, *Service) {
	t.Helper()
	secret := testKey(t, 20)
	random := counter(0)
	a, err := NewAuthorizer(NewTicket(messenger.EntityOSD, SharedSecret, secret, testInfo(t)), grantedID, &random)
	require.NoError(t, err)
	return a, &Service{
		Type:   messenger.EntityOSD,
		Secret: func(id uint64) (CryptoKey, bool) { return secret, id == SharedSecret },
		Now:    func() time.Time { return testTime.Add(time.Hour) },
		Random: &random,
	}
}

func build(t testing.TB, a *Authorizer, challenge []byte) []byte {
	t.Helper()
	b, err := a.Build(challenge)
	require.NoError(t, err)
	return b
}

func TestAuthorizer(t *testing.T) {
	for _, skip := range []bool{false, true} {
		a, s := both(t)
		s.SkipChallenge = skip
		acceptor := s.NewAcceptor()
		reply, challenge, err := acceptor.Accept(build(t, a, nil))
		require.NoError(t, err)
		require.Equal(t, !skip, challenge)
		if challenge {
			require.Nil(t, acceptor.Peer(), "not before the challenge is answered")
			require.Nil(t, acceptor.Signer(^uint64(0)))
			second := build(t, a, reply)
			_, err := a.Build(reply)
			require.ErrorIs(t, err, ErrUnexpected)
			reply, challenge, err = acceptor.Accept(second)
			require.NoError(t, err)
			require.False(t, challenge)
		}
		require.Equal(t, testInfo(t), acceptor.Peer())
		require.NoError(t, a.Verify(reply))
		for _, f := range []messenger.Features{messenger.FeatureMsgAuth, messenger.FeatureMsgAuth | messenger.FeatureCephxV2} {
			m := &[8]uint32{1, 2, 3, 4, 5, 6, 7, 8}
			require.Equal(t, a.Signer(uint64(f))(m), acceptor.Signer(uint64(f))(m))
		}
	}
}

func TestRefusedAuthorizer(t *testing.T) {
	t.Run("replayed", func(t *testing.T) {
		a, s := both(t)
		reply, _, err := s.NewAcceptor().Accept(build(t, a, nil))
		require.NoError(t, err)
		overheard := build(t, a, reply)

		acceptor := s.NewAcceptor()
		_, challenge, err := acceptor.Accept(overheard)
		require.NoError(t, err)
		require.True(t, challenge, "asked again")
		_, _, err = acceptor.Accept(overheard)
		require.ErrorIs(t, err, ErrProof)
		require.Nil(t, acceptor.Peer())
	})
	t.Run("challenge not answered", func(t *testing.T) {
		a, s := both(t)
		acceptor := s.NewAcceptor()
		_, _, err := acceptor.Accept(build(t, a, nil))
		require.NoError(t, err)
		_, _, err = acceptor.Accept(build(t, a, nil))
		require.ErrorIs(t, err, ErrProof)
	})
	for name, c := range map[string]struct {
		change func(*Authorizer, *Service)
		want   error
	}{
		"another service": {func(_ *Authorizer, s *Service) { s.Type = messenger.EntityMDS }, ErrService},
		"another secret": {func(_ *Authorizer, s *Service) {
			s.Secret = func(uint64) (CryptoKey, bool) { return testKey(t, 21), true }
		}, ErrDecrypt},
		"no secret":   {func(a *Authorizer, _ *Service) { a.ticket.secretID = 3 }, ErrNoKey},
		"expired":     {func(_ *Authorizer, s *Service) { s.Now = func() time.Time { return testTime.Add(time.Hour + 1) } }, ErrExpired},
		"other's":     {func(a *Authorizer, _ *Service) { a.globalID++ }, ErrProof},
		"session key": {func(a *Authorizer, _ *Service) { a.ticket.SessionKey = testKey(t, 31) }, ErrDecrypt},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := both(t)
			c.change(a, s)
			_, challenge, err := s.NewAcceptor().Accept(build(t, a, nil))
			require.ErrorIs(t, err, c.want)
			require.False(t, challenge)
		})
	}
}

// The service must know the session key, which it has from the ticket.
func TestFalseService(t *testing.T) {
	a, s := both(t)
	s.SkipChallenge = true
	good, _, err := s.NewAcceptor().Accept(build(t, a, nil))
	require.NoError(t, err)
	for name, reply := range map[string][]byte{
		"nothing":     {},
		"another key": {16, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		"our own":     build(t, a, nil),
		"cut":         good[:len(good)-1],
		"longer":      append(append([]byte(nil), good...), 0),
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, a.Verify(reply))
			_, err := a.Build(reply)
			require.Error(t, err)
		})
	}
	require.NoError(t, a.Verify(good))
	a.nonce++
	require.ErrorIs(t, a.Verify(good), ErrProof, "an answer to another connection")
}

// Whoever changes a byte of an authorizer does not become somebody else.
func TestChangedAuthorizer(t *testing.T) {
	a, s := both(t)
	s.SkipChallenge = true
	good := build(t, a, nil)
	for i := range good {
		_, _, err := s.NewAcceptor().Accept(good[:i])
		require.Error(t, err, "cut at %d", i)
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x40
		acceptor := s.NewAcceptor()
		reply, _, err := acceptor.Accept(bad)
		if err != nil {
			require.Nil(t, acceptor.Peer())
			continue
		}
		// The cipher has no checksum: a change may go unnoticed in a version, in the
		// caps, or in the nonce, and then the answer is not for this client.
		require.Equal(t, testInfo(t).Name, acceptor.Peer().Name, "byte %d", i)
		if i > 13 {
			require.True(t, a.Verify(reply) != nil || string(acceptor.Peer().Caps) != "allow *" ||
				!acceptor.Peer().Created.Equal(testTime), "byte %d", i)
		}
	}
}

func TestSigner(t *testing.T) {
	both := uint64(messenger.FeatureMsgAuth | messenger.FeatureCephxV2)
	old := uint64(messenger.FeatureMsgAuth)
	require.Nil(t, signer(testKey(t, 30), uint64(messenger.FeatureCephxV2)))
	base := [8]uint32{1, 2, 3, 4, 5, 6, 7, 8}
	require.NotEqual(t, signer(testKey(t, 30), old)(&base), signer(testKey(t, 30), both)(&base))
	for _, features := range []uint64{both, old} {
		sign := signer(testKey(t, 30), features)
		sig := sign(&base)
		require.Equal(t, sig, sign(&base))
		require.NotEqual(t, sig, signer(testKey(t, 31), features)(&base))
		for i := range base {
			changed := base
			changed[i]++
			// The old form sees the header's checksum alone.
			require.Equal(t, features == both || i == 0, sig != sign(&changed), "field %d", i)
		}
	}
}

func TestPeers(t *testing.T) {
	a := &Peers{Name: EntityName{messenger.EntityMon, "a"}, Secret: testKey(t, 1)}
	b := &Peers{Name: EntityName{messenger.EntityOSD, "b"}, Secret: testKey(t, 1), SkipChallenge: true}
	require.Nil(t, b.Verifier(messenger.EntityMon, messenger.AuthProtocolNone))
	try := func(from, to *Peers) error {
		authorizer := from.Authorizer(messenger.EntityName{}, to.Name.Type, false)
		verifier := to.Verifier(from.Name.Type, authorizer.Protocol())
		shown, err := authorizer.Build(nil)
		require.NoError(t, err)
		reply, challenge, err := verifier.Accept(shown)
		if err == nil && challenge {
			shown, err = authorizer.Build(reply)
			require.NoError(t, err)
			reply, _, err = verifier.Accept(shown)
		}
		if err == nil {
			require.Equal(t, from.Name, verifier.(*Acceptor).Peer().Name)
			err = authorizer.Verify(reply)
		}
		return err
	}
	require.NoError(t, try(a, b))
	require.NoError(t, try(b, a))
	stranger := &Peers{Name: b.Name, Secret: testKey(t, 2)}
	require.ErrorIs(t, try(stranger, a), ErrDecrypt)
	require.ErrorIs(t, try(a, stranger), ErrDecrypt)
	late := &Peers{Name: b.Name, Secret: b.Secret, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }}
	require.ErrorIs(t, try(a, late), ErrExpired)
}
