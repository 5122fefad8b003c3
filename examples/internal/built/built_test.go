// SPDX-License-Identifier: Apache-2.0

package built

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/xio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProvider(t *testing.T) {
	require.Equal(t, xio.Engine().Provider, Provider())
}
