// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTime = time.Unix(1700000000, 5000).UTC()

// counter is a source of bytes that are known.
type counter byte

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		*c++
		b[i] = byte(*c)
	}
	return len(b), nil
}

// testKey is the same key for the same number.
func testKey(t testing.TB, n byte) CryptoKey {
	t.Helper()
	c := counter(n)
	k, err := NewKey(&c, testTime)
	require.NoError(t, err)
	return k
}
