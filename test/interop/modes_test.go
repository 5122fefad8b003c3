// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// The client decides about the streams, by an option of the process: all tests
// of a Go client run again in a process that has it.
func TestSingleStream(t *testing.T) {
	if mode != "" {
		t.Skip("this is that process")
	}
	again(t, modeSingle, "^TestGoClient")
}

// idle is longer than a peer with one-second probes lives without answers.
const idle = "idle=2600"

// A connection that nobody uses stays up under the peer's probes: with values of
// one second and one probe, 2 s without an answer would end it.
func TestKeepalive(t *testing.T) {
	if testing.Short() {
		t.Skip("short: no waiting for probes")
	}
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		svc := newService(plain)
		s := listen(t, xio.ListenConfig{}, svc)
		cli := k.start(t, "client", port(s.URI()), plain.args(), "keepalive=1", idle, "count=5", "close=1")
		srv := k.start(t, "server", plain.args(), "keepalive=1", idle)
		c := dial(t, xio.Dialer{}, srv.uri())

		srv.expect("idle-over")
		require.NoError(t, plain.run(testContext(t), c, 5, 1))
		require.NoError(t, c.Close())
		require.Equal(t, uint64(5), cli.end()["responses"])
		require.Equal(t, uint64(5), srv.end()["answered"])
		require.False(t, cli.said("event error"))
		require.False(t, srv.said("event error"))
		svc.require(t, 5)
	})
}

// The same with probes from this side too, and a peer that answers none.
func TestProbes(t *testing.T) {
	if mode != "" {
		t.Skip("this is that process")
	}
	if testing.Short() {
		t.Skip("short: no waiting for probes")
	}
	again(t, modeProbe, "^(TestKeepalive|TestFrozenPeer)$")
}

func TestFrozenPeer(t *testing.T) {
	if mode != modeProbe {
		t.Skip("runs as part of TestProbes")
	}
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		p := k.start(t, "server", plain.args())
		c := dial(t, xio.Dialer{}, p.uri())
		require.NoError(t, plain.send(testContext(t), c, 0))
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
		calls := plain.start(testContext(t), c, 4)
		calls.wg.Wait()
		awaitClosed(t, "the connection's end", c.Done())
		requireTyped(t, c.Err(), xio.ErrTimeout)
		for _, err := range calls.errs {
			requireTyped(t, err, xio.ErrMsgFlushed, xio.ErrTimeout)
		}
		require.NoError(t, c.Close())
		p.kill()
	})
}

// million is how many messages the long run sends.
func million() uint64 {
	if os.Getenv("ACCELIO_LONG") != "" {
		return 1_000_000
	}
	if testing.Short() {
		return 2_000
	}
	return 20_000
}

// rate reports a run in a line of its own.
func rate(t *testing.T, who, stream string, k peerKind, count uint64, took time.Duration) {
	t.Logf("RATE %s, %s, peer=%s: %d verified requests and responses in %.2f s, %.0f/s",
		who, stream, k.Name, count, took.Seconds(), float64(count)/took.Seconds())
}

func TestGoClientMillion(t *testing.T) {
	stream := "dual"
	if mode == modeSingle {
		stream = "single"
	}
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		count := million()
		p := k.start(t, "server", plain.args(), fmt.Sprintf("count=%d", count))
		c := dial(t, xio.Dialer{}, p.uri())
		ctx := t.Context()
		begin := time.Now()
		require.NoError(t, plain.run(ctx, c, count, 256))
		rate(t, "Go client, C server", stream, k, count, time.Since(begin))
		require.NoError(t, c.Close())
		r := p.end()
		require.Equal(t, count, r["received"])
		require.Equal(t, count, r["answered"])
	})
}

func TestGoServerMillion(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			t.Run(stream, func(t *testing.T) {
				leakCheck(t)
				count := million()
				svc := newService(plain)
				s := listen(t, xio.ListenConfig{}, svc)
				p := k.start(t, "client", port(s.URI()), plain.args(), "depth=256", "close=1",
					fmt.Sprintf("count=%d", count), streamArg(stream))
				p.expect("accepted")
				begin := time.Now()
				p.expectWithin("all-ended", 9*patience)
				rate(t, "C client, Go server", stream, k, count, time.Since(begin))
				require.Equal(t, count, p.end()["responses"])
				svc.require(t, count)
			})
		}
	})
}
