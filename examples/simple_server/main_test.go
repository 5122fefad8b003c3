// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer // read after the end
	ready, ended := make(chan messenger.AddrVec, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1", "-port", "0"}, &out, func(v messenger.AddrVec) { ready <- v })
	}()
	a := (<-ready)[0]
	require.Equal(t, messenger.AddrLegacy, a.Type)
	require.Zero(t, a.Nonce, "clients dial it without knowing one")
	r, err := pingpong.Circulate(ctx, simplemessenger.New(pingpong.Config(false)), pingpong.Options{
		Addr: "127.0.0.1", Port: int(a.Port()), Msgs: 10, Size: 1000, Frags: 2, Duration: 100 * time.Millisecond,
	}, nil, io.Discard)
	require.NoError(t, err)
	require.NotZero(t, r.RoundTrips)
	stop()
	require.NoError(t, <-ended)
	require.Contains(t, out.String(), "listening at "+a.String())
	require.Regexp(t, `\d+ messages, \d+ bytes of data`, out.String())
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-port", "70000"}, {"-port", "x"}, {"extra"}, {"-addr", "no.such.host.invalid"}} {
		require.Error(t, run(t.Context(), args, io.Discard, nil), args)
	}
	var help bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, &help, nil))
	require.Contains(t, help.String(), "-port port")
}
