// SPDX-License-Identifier: Apache-2.0

package rdma

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/xio"
)

// anywhere is where servers listen.
var anywhere = os.Getenv("XIO_TEST_URI")

// patience bounds every wait. The machine may be an emulated one.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(poorEnv) != "" {
		os.Exit(poor())
	}
	fmt.Println("engine:", xio.Engine(), "servers:", anywhere)
	goleak.VerifyTestMain(m)
}

func needsRDMA(t *testing.T) {
	t.Helper()
	if !strings.HasPrefix(anywhere, "rdma:") {
		t.Skip("not run: no RDMA here, see test/rdma/run")
	}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

var echo = xio.HandlerFunc(func(r *xio.Request) {
	r.Reply(&xio.Message{Header: r.Header(), Data: r.Data()})
})

func pair(t *testing.T, d xio.Dialer) (*xio.Server, *xio.Connection) {
	t.Helper()
	s, err := xio.Listen(anywhere, echo)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	d.Timeout = patience
	c, err := d.Dial(testContext(t), s.URI())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.True(t, c.RDMA())
	return s, c
}
