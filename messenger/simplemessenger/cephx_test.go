// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/messenger/messages"
)

// TestCephx: entities that share a secret let each other in, sign, and check, in either
// form; one that has another secret gets in nowhere.
func TestCephx(t *testing.T) {
	secret, err := cephx.NewKey(nil, time.Now())
	require.NoError(t, err)
	other, err := cephx.NewKey(nil, time.Now())
	require.NoError(t, err)
	auth := func(key cephx.CryptoKey) messenger.Auth {
		return &cephx.Peers{Name: cephx.EntityName{Type: messenger.EntityMon, ID: "x"}, Secret: key}
	}
	for name, features := range map[string]messenger.Features{
		"new": messenger.DefaultFeatures,
		"old": messenger.DefaultFeatures &^ messenger.FeatureCephxV2,
	} {
		t.Run(name, func(t *testing.T) {
			a := startPeer(t, freePort(t), auth(secret), features, nil)
			b := startPeer(t, freePort(t), auth(secret), messenger.DefaultFeatures, nil)
			c, err := a.m.ConnectTo(messenger.EntityMon, b.m.Addrs())
			require.NoError(t, err)
			const n = 5
			for range n {
				require.NoError(t, c.Send(messages.NewDataPing("signed", 1)))
			}
			eventually(t, "messages", func() bool { return b.get(func() int { return b.types[messages.TypeDataPing] }) == n })
			require.Equal(t, n, b.get(func() int { return b.signed }))
			require.Equal(t, features.Has(messenger.FeatureCephxV2), c.Features().Has(messenger.FeatureCephxV2))
		})
	}
	for name, keys := range map[string][2]cephx.CryptoKey{"client": {other, secret}, "server": {secret, other}} {
		t.Run("wrong secret of the "+name, func(t *testing.T) {
			a := startPeer(t, freePort(t), auth(keys[0]), messenger.DefaultFeatures, nil)
			b := startPeer(t, freePort(t), auth(keys[1]), messenger.DefaultFeatures, nil)
			c, err := a.m.ConnectTo(messenger.EntityMon, b.m.Addrs())
			require.NoError(t, err)
			require.NoError(t, c.Send(messages.NewDataPing("nobody gets this", 1)))
			eventually(t, "refusal", func() bool { return c.Err() != nil })
			require.ErrorIs(t, c.Err(), messenger.ErrAuthorizer)
			require.Zero(t, b.get(func() int { return b.types[messages.TypeDataPing] + b.accepts }))
		})
	}
}
