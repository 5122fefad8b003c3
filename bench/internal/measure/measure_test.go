// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerdict(t *testing.T) {
	higher := Limits{Floor: 1, Goal: 2}
	lower := Limits{Floor: 2, Goal: 1, Lower: true}
	for _, x := range []struct {
		l    Limits
		v    float64
		want string
	}{
		{higher, 0.99, "MISSED"}, {higher, 1, "floor"}, {higher, 2, "goal"},
		{lower, 2.01, "MISSED"}, {lower, 2, "floor"}, {lower, 1, "goal"},
		{Limits{Goal: 2, Lower: true}, 3, "-"},
	} {
		require.Equal(t, x.want, x.l.Verdict(x.v))
	}
}

func TestValues(t *testing.T) {
	v, err := Values([]byte("rate=12.5 n=3\nmore=-1\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"rate": 12.5, "n": 3, "more": -1}, v)
	_, err = Values([]byte("rate"))
	require.ErrorContains(t, err, `"rate" is not a value`)
	require.Equal(t, 2.0, Median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, Median([]float64{4, 1, 2, 3}))
	require.Equal(t, "0.123", Short(0.1234))
	require.Equal(t, "12346", Short(12345.6))
}

func TestOutput(t *testing.T) {
	out, err := Output(t.Context(), "sh", "-c", "echo a=1")
	require.NoError(t, err)
	require.Equal(t, "a=1\n", string(out))
	_, err = Output(t.Context(), "sh", "-c", "echo why >&2; exit 4")
	require.ErrorContains(t, err, "exit status 4\nwhy")
}

func TestFindLibxio(t *testing.T) {
	t.Setenv("PKG_CONFIG_LIBDIR", t.TempDir())
	_, found, err := FindLibxio(context.Background(), "")
	require.NoError(t, err)
	require.False(t, found)

	prefix := t.TempDir()
	_, _, err = FindLibxio(t.Context(), prefix)
	require.ErrorContains(t, err, "no libxio.so under "+prefix)
	lib := filepath.Join(prefix, "lib64")
	require.NoError(t, os.Mkdir(lib, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(lib, "libxio.so"), nil, 0o644))
	f, found, err := FindLibxio(t.Context(), prefix)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, Flags{[]string{"-I" + prefix + "/include"}, []string{"-L" + lib, "-Wl,-rpath," + lib}}, f)
}
