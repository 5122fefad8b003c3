// SPDX-License-Identifier: Apache-2.0

package raio_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/server"
	"github.com/accelio/accelio-go/xio"
)

func TestMain(m *testing.M) {
	fmt.Println("engine:", xio.Engine())
	// What goes wrong is told by the tests.
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	// What Go's runtime and the library open once is no test's leak.
	if s, err := xio.Listen("tcp://127.0.0.1:0", nil); err == nil {
		s.Close()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		programs.remove()
		os.Exit(code)
	}))
}

// patience bounds every wait; a test that reaches it has failed.
var patience = func() time.Duration {
	factor, err := strconv.Atoi(os.Getenv("XIO_TEST_PATIENCE"))
	if err != nil || factor < 1 {
		factor = 1
	}
	return time.Duration(factor) * 60 * time.Second
}()

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve serves a new directory, which it returns. It checks that nothing is left
// behind.
func serve(t testing.TB, cfg server.Config) (*server.Server, string) {
	t.Helper()
	if cfg.Root == "" {
		cfg.Root = t.TempDir()
	}
	before := descriptors(t)
	s, err := server.Listen("tcp://127.0.0.1:0", cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		require.Eventually(t, func() bool { return descriptors(t) <= before }, patience, time.Millisecond, "descriptors are left")
	})
	return s, cfg.Root
}

func descriptors(t testing.TB) int {
	d, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(d)
}

func dial(t testing.TB, uri string, o raio.Options) *raio.Client {
	t.Helper()
	c, err := raio.Dial(testContext(t), uri, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func open(t testing.TB, c *raio.Client, name string, flags int) *raio.File {
	t.Helper()
	f, err := c.Open(testContext(t), name, flags)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() }) // a test may have closed it
	return f
}

// random makes a file of random bytes.
func random(t testing.TB, dir, name string, size int) []byte {
	t.Helper()
	b := make([]byte, size)
	_, err := rand.Read(b)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	return b
}
