// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests can fail: what checks the bytes sees a wrong one.
func TestPattern(t *testing.T) {
	b := make([]byte, 21)
	fill(b, 1, saltRequestHeader)
	require.NoError(t, check(b, 21, 1, saltRequestHeader))
	require.Error(t, check(b, 21, 2, saltRequestHeader))
	require.Error(t, check(b, 21, 1, saltRequestData))
	require.Error(t, check(b[:20], 21, 1, saltRequestHeader))
	b[20] ^= 1
	require.ErrorContains(t, check(b, 21, 1, saltRequestHeader), "at the end")
	b[20] ^= 1
	b[9] ^= 1
	require.ErrorContains(t, check(b, 21, 1, saltRequestHeader), "offset 8")
	n, whole := number([]byte{1}, nil)
	require.True(t, n == 1 && !whole)
	n, whole = number([]byte{1}, []byte(strings.Repeat("\x02", 8)))
	require.True(t, n == 0x0202020202020202 && whole)
}
