// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// Transport is how the messengers of the tests speak to one another, and Place where they
// bind. XIO_TEST_URI names others, over RDMA for one; test/rdma does.
var Transport, Place = func() (string, string) {
	u, err := url.Parse(os.Getenv("XIO_TEST_URI"))
	if err != nil || u.Host == "" {
		return "tcp", "xio:127.0.0.1:0"
	}
	return u.Scheme, "xio:" + u.Host
}()

// place is Place as an address.
func place(t testing.TB) messenger.EntityAddr {
	t.Helper()
	a, err := messenger.ParseEntityAddr(Place)
	require.NoError(t, err)
	return a
}
