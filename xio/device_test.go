// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sysfs writes files as the kernel would have them.
func sysfs(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text+"\n"), 0o600))
	}
	return root
}

// loopback is an address that this machine has, and the name of its network device.
func loopback(t *testing.T) (netip.Addr, string) {
	t.Helper()
	a := netip.MustParseAddr("127.0.0.1")
	name := interfaceOf(a)
	require.NotEmpty(t, name)
	i, err := net.InterfaceByName(name)
	require.NoError(t, err)
	require.NotZero(t, i.Flags&net.FlagLoopback)
	return a, name
}

func TestDeviceOfAddress(t *testing.T) {
	lo, netdev := loopback(t)
	two := map[string]string{"infiniband_verbs/uverbs0/ibdev": "mlx5_0", "infiniband_verbs/uverbs1/ibdev": "rxe0"}
	with := func(name, text string) map[string]string {
		m := map[string]string{name: text}
		for k, v := range two {
			m[k] = v
		}
		return m
	}
	for _, tc := range []struct {
		what  string
		files map[string]string
		want  string
	}{
		{"none", nil, ""},
		{"the only one", map[string]string{"infiniband_verbs/uverbs4/ibdev": "mlx5_0"}, "mlx5_0"},
		{"none of two", two, ""},
		{"by a port", with("infiniband/rxe0/ports/1/gid_attrs/ndevs/7", netdev), "rxe0"},
		{"by another's port", with("infiniband/rxe0/ports/1/gid_attrs/ndevs/7", "eth7"), ""},
		{"by the adapter", with("infiniband/mlx5_0/device/net/"+netdev+"/x", ""), "mlx5_0"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			table := deviceTable{sys: sysfs(t, tc.files)}
			for _, a := range []netip.Addr{lo, netip.AddrFrom16(lo.As16())} {
				table.learn(a)
				assert.Equal(t, tc.want, table.at[a].name)
				assert.Empty(t, table.lost(a))
			}
			assert.False(t, table.none())
		})
	}
}

// A device that has gone stays so for libxio, whatever comes in its place.
func TestDeviceGoes(t *testing.T) {
	lo, netdev := loopback(t)
	root := sysfs(t, map[string]string{
		"infiniband_verbs/uverbs0/ibdev":              "mlx5_0",
		"infiniband_verbs/uverbs1/ibdev":              "rxe0",
		"infiniband/rxe0/ports/1/gid_attrs/ndevs/0":   netdev,
		"infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0": "eth7",
	})
	table := deviceTable{sys: root}
	assert.Empty(t, table.lost(lo), "nobody asked for it")
	table.learn(lo)
	assert.Empty(t, table.lost(lo))

	is := filepath.Join(root, "infiniband_verbs/uverbs1/ibdev")
	require.NoError(t, os.WriteFile(is+"2", []byte("rxe0\n"), 0o600))
	require.NoError(t, os.Rename(is+"2", is))
	assert.Equal(t, "rxe0", table.lost(lo), "it is back, but not for libxio")
	assert.False(t, table.none())
	require.NoError(t, os.RemoveAll(filepath.Join(root, "infiniband_verbs/uverbs0")))
	assert.True(t, table.none())
}

// What cannot be looked at has not gone.
func TestDeviceUnreadable(t *testing.T) {
	lo, _ := loopback(t)
	root := sysfs(t, map[string]string{"infiniband_verbs/uverbs0/ibdev": "rxe0"})
	table := deviceTable{sys: root}
	table.learn(lo)
	place := filepath.Join(root, "infiniband_verbs")
	require.NoError(t, os.Rename(place, place+"2"))
	require.NoError(t, os.Symlink(place, place)) // an error of another kind
	assert.Empty(t, table.lost(lo))
	require.NoError(t, os.Remove(place))
	assert.Equal(t, "rxe0", table.lost(lo))
}
