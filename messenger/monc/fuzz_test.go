// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

func FuzzMonMap(f *testing.F) {
	for _, b := range testMaps(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMonMap(b)
		if err != nil {
			var d *messenger.DecodeError
			require.ErrorAs(t, err, &d)
			return
		}
		require.LessOrEqual(t, len(m.Mons), len(b))
		require.NotEmpty(t, m.String())
	})
}

// FuzzMessages decodes anything as any message of monitors; what can be decoded is
// encoded and decoded again to the same.
func FuzzMessages(f *testing.F) {
	for _, m := range samples() {
		h := m.Base().Header()
		f.Add(uint16(h.Type), h.Version, encode(m))
	}
	f.Fuzz(func(t *testing.T, typ, version uint16, b []byte) {
		h := messenger.MsgHeader{Type: messenger.MsgType(typ), Version: version, CompatVersion: 1}
		m, _, err := decode(h, b)
		if err != nil {
			return
		}
		again := encode(m)
		m2, _, err := decode(h, again)
		require.NoError(t, err)
		require.Equal(t, again, encode(m2))
	})
}
