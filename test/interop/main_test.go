// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
	"github.com/accelio/accelio-go/xio/cgo"
)

// mode is how this process runs the library. The settings are the process's, so
// a test that needs others starts the test program again.
var mode = os.Getenv("ACCELIO_INTEROP_MODE")

const (
	modeSingle = "single" // Go clients use one socket per connection
	modeProbe  = "probe"  // keepalive probes after a second
)

// patience bounds every wait; a test that reaches it has failed.
var patience = func() time.Duration {
	factor, err := strconv.Atoi(os.Getenv("XIO_TEST_PATIENCE"))
	if err != nil || factor < 1 {
		factor = 1
	}
	return time.Duration(factor) * 30 * time.Second
}()

func TestMain(m *testing.M) {
	o := xio.LibraryOptions{SingleStream: mode == modeSingle}
	if mode == modeProbe {
		o.Keepalive = xio.Keepalive{Time: time.Second, Interval: time.Second, Probes: 2}
	}
	if err := xio.Init(o); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := removePeers(); err != nil {
			fmt.Println(err)
			code = 1
		}
		os.Exit(code)
	}))
}

// again runs this test program's tests of the given names in another mode.
func again(t *testing.T, mode, pattern string) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	args := []string{"-test.v", "-test.run=" + pattern, "-test.timeout=" + (9 * patience).String()}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "ACCELIO_INTEROP_MODE="+mode, peersEnv+"="+describePeers(t))
	out, err := cmd.CombinedOutput()
	text := string(out)
	for line := range strings.Lines(text) {
		if strings.Contains(line, "RATE ") || strings.Contains(line, "not run:") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text[max(0, len(text)-30000):])
	}
	require.Contains(t, text, "--- PASS:")
	t.Logf("%s: %d tests passed", mode, strings.Count(text, "--- PASS:"))
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// footprint is what a test must leave as it found it.
type footprint struct {
	handles, buffers int64
	fds              int
}

func measure(t testing.TB) footprint {
	d, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return footprint{cgo.Handles(), pool.Default().Stats().Buffers, len(d)}
}

// leakCheck makes the test fail if keys, buffers, descriptors, or goroutines are
// left at its end.
func leakCheck(t *testing.T) {
	t.Helper()
	goroutines := goleak.IgnoreCurrent()
	before := measure(t)
	t.Cleanup(func() {
		now := measure(t)
		for end := time.Now().Add(patience); now != before && time.Now().Before(end); time.Sleep(time.Millisecond) {
			now = measure(t)
		}
		if now != before {
			t.Errorf("left behind: before %+v, after %+v", before, now)
		}
		goleak.VerifyNone(t, goroutines)
	})
}

// awaitClosed fails the test if the channel does not get its end in time.
func awaitClosed(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
	}
}

// await takes a value from a channel or fails the test.
func await[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never happened: %s", what)
		panic("not reached")
	}
}
