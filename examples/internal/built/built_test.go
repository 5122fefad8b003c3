// SPDX-License-Identifier: Apache-2.0

package built

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

func TestProvider(t *testing.T) {
	require.Equal(t, xio.Engine().Provider, Provider())
}
