// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func secret(t testing.TB, key string) *SharedSecret {
	s, err := NewSharedSecret([]byte(key))
	require.NoError(t, err)
	return s
}

func TestSharedSecret(t *testing.T) {
	a := secret(t, "0123456789abcdef").Authorizer(EntityName{}, EntityOSD, false)
	v := secret(t, "0123456789abcdef").Verifier(EntityOSD, AuthProtocolSecret)
	first, err := a.Build(nil)
	require.NoError(t, err)
	challenge, more, err := v.Accept(first)
	require.NoError(t, err)
	require.True(t, more)
	second, err := a.Build(challenge)
	require.NoError(t, err)
	reply, more, err := v.Accept(second)
	require.NoError(t, err)
	require.False(t, more)
	require.NoError(t, a.Verify(reply))
	covered := &[8]uint32{1, 2, 3, 4, 5, 6, 7, 8}
	sig := a.Signer(0)(covered)
	require.Equal(t, sig, v.Signer(0)(covered))
	covered[7]++
	require.NotEqual(t, sig, v.Signer(0)(covered))

	// Nothing of it serves for another attempt.
	other := secret(t, "0123456789abcdef").Verifier(EntityOSD, AuthProtocolSecret)
	_, _, err = other.Accept(second)
	require.ErrorIs(t, err, errSecret)
	require.ErrorIs(t, a.Verify(reply[:31]), errSecret)
}

func TestSharedSecretsDiffer(t *testing.T) {
	a := secret(t, "0123456789abcdef").Authorizer(EntityName{}, EntityOSD, false)
	v := secret(t, "0123456789abcdeF").Verifier(EntityOSD, AuthProtocolSecret)
	first, _ := a.Build(nil)
	challenge, _, _ := v.Accept(first)
	second, _ := a.Build(challenge)
	_, _, err := v.Accept(second)
	require.ErrorIs(t, err, errSecret)
	_, _, err = v.Accept(nil)
	require.ErrorIs(t, err, errSecret)
	_, err = a.Build([]byte{1})
	require.ErrorIs(t, err, errSecret)
	require.Nil(t, secret(t, "0123456789abcdef").Verifier(EntityOSD, AuthProtocolNone))
	_, err = NewSharedSecret([]byte("short"))
	require.Error(t, err)
}
