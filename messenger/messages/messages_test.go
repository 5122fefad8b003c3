// SPDX-License-Identifier: Apache-2.0

package messages

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

func TestR19_DataPingsOfAnySizeAndPieces(t *testing.T) {
	for _, c := range []struct{ size, n, want int }{
		{1, 1, 32}, {33, 1, 40}, {100, 3, 40}, {1000, 1, 1000}, {1024, 1, 4096}, {4096, 1, 4096}, {4097, 1, 8192}, {9000, 2, 8192},
	} {
		require.Equal(t, c.want, FragmentSize(c.size, c.n), "%d in %d", c.size, c.n)
	}
	b := make([]byte, FragmentSize(100, 1))
	FillFragment(b, "tag", 7, 2)
	require.Equal(t, "tag\x00", string(b[:4]))
	require.NoError(t, CheckFragment(b, 7, 2))
	require.ErrorIs(t, CheckFragment(b, 7, 1), errFragment)
	require.ErrorIs(t, CheckFragment(b, 8, 2), errFragment)
	require.ErrorIs(t, CheckFragment(b[:31], 7, 2), errFragment)
	FillFragment(b[:32], "a tag that has no room", 1, 1)
	require.NoError(t, CheckFragment(b[:32], 1, 1))
}

func TestMessagesRoundTrip(t *testing.T) {
	r := messenger.NewRegistry()
	Register(r)
	ping := NewPing()
	ping.Payload = []byte(`{"health":"ok"}`)
	for _, m := range []messenger.Message{ping, NewDataPing("tag", 7), NewNop(9)} {
		var e messenger.Encoder
		m.EncodePayload(&e, messenger.DefaultFeatures)
		h := m.Base().Header()
		got, err := r.New(&h)
		require.NoError(t, err)
		d := messenger.NewDecoder(e.Bytes())
		got.DecodePayload(d)
		require.NoError(t, d.Err())
		require.Zero(t, d.Len())
		require.Equal(t, m, got)
	}
}
