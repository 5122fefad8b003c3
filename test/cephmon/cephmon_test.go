// SPDX-License-Identifier: Apache-2.0

package cephmon

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMonitor(t *testing.T) {
	for name, o := range map[string]Options{"none": {}, "cephx": {Cephx: true}, "IPv6": {IPv6: true}} {
		t.Run(name, func(t *testing.T) {
			var m *Monitor
			t.Run("run", func(t *testing.T) {
				m = Start(t, o)
				state, err := m.State()
				require.NoError(t, err)
				require.Equal(t, "leader", state)
				m.Kill()
				_, err = m.State()
				require.Error(t, err)
				m.Run()
			})
			if m == nil {
				t.SkipNow() // the test inside says why
			}
			require.Nil(t, m.exit, "still running")
			require.NoDirExists(t, m.dir)
			_, err := os.Stat(m.Conf)
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}
