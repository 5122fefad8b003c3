// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
	"github.com/accelio/accelio-go/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Server and client in one process, with pings and with data in pieces, and as Ceph's.
func TestCirculation(t *testing.T) {
	for name, c := range map[string]struct {
		o    pingpong.Options
		ceph bool
	}{
		"pings":       {o: pingpong.Options{Msgs: 50}},
		"data":        {o: pingpong.Options{Msgs: 8, Size: 10000, Frags: 3, Fast: true}},
		"without one": {o: pingpong.Options{Msgs: 8, Size: 100, Frags: 1}, ceph: true},
	} {
		t.Run(name, func(t *testing.T) {
			x := xiomessenger.Options{PortalThreads: 1, CephCompat: c.ceph}
			server, err := xiomessenger.New(pingpong.Config(true), x)
			require.NoError(t, err)
			ctx, stop := context.WithCancel(context.Background())
			ready := make(chan messenger.AddrVec, 1)
			served := make(chan error, 1)
			var out bytes.Buffer
			go func() {
				served <- pingpong.Serve(ctx, server, pingpong.Options{Addr: "127.0.0.1", Fast: c.o.Fast}, &out, func(v messenger.AddrVec) { ready <- v })
			}()
			at := <-ready
			o := c.o
			o.Addr, o.Port, o.Duration = "127.0.0.1", int(at[0].Port()), 100*time.Millisecond
			client, err := xiomessenger.New(pingpong.Config(false), x)
			require.NoError(t, err)
			r, err := pingpong.Circulate(context.Background(), client, o, pooled, new(bytes.Buffer))
			require.NoError(t, err)
			require.NotZero(t, r.RoundTrips)
			require.Equal(t, c.o.Size > 0, r.Bytes > 0)
			stop()
			require.NoError(t, <-served)
			require.Contains(t, out.String(), "listening at xio:127.0.0.1:")
			require.Zero(t, xiomessenger.LiveHooks())
			require.Zero(t, pool.Default().Stats().Buffers)
		})
	}
}

func TestBadOptions(t *testing.T) {
	for _, args := range []string{"-port 70000", "-msgs -1", "-dsize -1", "-nfrags 0 -dsize 1", "-msgs 1000000 -dsize 1000000", "-portals 99", "-nonsense"} {
		require.Error(t, run(context.Background(), strings.Fields(args)), args)
	}
}
