// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// testMaps are maps as a real monitor sent them to clients with various features.
func testMaps(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/monmap-*")
	require.NoError(t, err)
	require.Len(t, files, 4)
	maps := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		maps[f[len("testdata/monmap-"):]] = b
	}
	return maps
}

func TestMonMap(t *testing.T) {
	for form, b := range testMaps(t) {
		t.Run(form, func(t *testing.T) {
			m, err := DecodeMonMap(b)
			require.NoError(t, err)
			require.Equal(t, "11111111-2222-3333-4444-555555555555", m.FSID.String())
			require.EqualValues(t, 1, m.Epoch)
			require.Equal(t, 2026, m.Created.UTC().Year())
			require.Equal(t, m.Created, m.LastChanged)
			require.Len(t, m.Mons, 1)
			mon := m.Mons[0]
			require.Len(t, mon.Addrs, 1)
			require.Equal(t, messenger.AddrLegacy, mon.Addrs[0].Type)
			require.True(t, mon.Addrs[0].Addr.Addr().IsLoopback())
			require.NotZero(t, mon.Addrs[0].Port())
			require.Equal(t, []messenger.EntityAddr{mon.Addrs[0]}, m.Addrs(messenger.AddrLegacy))
			require.Empty(t, m.Addrs(messenger.AddrXio))
			if form == "oldest" {
				require.Equal(t, "noname-a", mon.Name)
				require.Zero(t, m.PersistentFeatures)
			} else {
				require.Equal(t, "a", mon.Name)
				require.EqualValues(t, 0xff, m.PersistentFeatures)
			}
			if form == "v9" {
				require.EqualValues(t, 16, m.MinRelease)
			} else {
				require.Zero(t, m.MinRelease)
			}
			require.Contains(t, m.String(), "e1: 1 mons at {"+mon.Name+"=v1:127.0.0.1:")

			for n := range b {
				_, err := DecodeMonMap(b[:n])
				require.Error(t, err, "cut at %d", n)
			}
		})
	}
}

// encodeMonMap makes a map of the last form without what this package does not read.
func encodeMonMap(m *MonMap) []byte {
	var e messenger.Encoder
	e.Struct(monMapMinRelease, monMapOnlyInfos, func() {
		e.Raw(m.FSID[:])
		e.Uint32(m.Epoch)
		e.Time(m.LastChanged)
		e.Time(m.Created)
		for _, f := range []uint64{m.PersistentFeatures, m.OptionalFeatures} {
			e.Struct(1, 1, func() { e.Uint64(f) })
		}
		e.Uint32(uint32(len(m.Mons)))
		for i := range m.Mons { // in any order: their ranks follow
			mon := m.Mons[len(m.Mons)-1-i]
			e.String(mon.Name)
			e.Struct(monInfoKnown, 1, func() {
				e.String(mon.Name)
				mon.Addrs.Encode(&e, messenger.DefaultFeatures)
				e.Uint16(mon.Priority)
				e.Uint16(mon.Weight)
				e.Uint32(uint32(len(mon.Location)))
				for k, v := range mon.Location {
					e.String(k)
					e.String(v)
				}
			})
		}
		e.Uint32(uint32(len(m.Mons)))
		for _, mon := range m.Mons {
			e.String(mon.Name)
		}
		e.Uint8(m.MinRelease)
	})
	return e.Bytes()
}

func TestMonMapOfMany(t *testing.T) {
	want := &MonMap{FSID: UUID{1, 2}, Epoch: 7, MinRelease: 16, OptionalFeatures: 1, Mons: []MonInfo{
		{Name: "c", Priority: 3, Weight: 10, Location: map[string]string{"rack": "r1"}},
		{Name: "a", Location: map[string]string{}},
		{Name: "b", Location: map[string]string{}},
	}}
	for i := range want.Mons {
		for _, s := range []string{"v1:10.0.0.1:6789/0", "xio:10.0.0.1:6790/0"} {
			a, err := messenger.ParseEntityAddr(s)
			require.NoError(t, err)
			want.Mons[i].Addrs = append(want.Mons[i].Addrs, a.WithPort(a.Port()+uint16(10*i)))
		}
	}
	got, err := DecodeMonMap(encodeMonMap(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Len(t, got.Addrs(messenger.AddrXio), 3)
}

func TestUUID(t *testing.T) {
	const text = "01234567-89ab-cdef-0123-456789abcdef"
	u, err := ParseUUID(text)
	require.NoError(t, err)
	require.Equal(t, text, u.String())
	for _, bad := range []string{"", text[1:], text + "0", "g" + text[1:]} {
		_, err := ParseUUID(bad)
		require.Error(t, err)
	}
}
