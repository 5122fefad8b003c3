// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/examples/internal/circulate"
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1", "-port", "0"}, w)
		w.CloseWithError(err)
		ended <- err
	}()
	lines := make(chan string, 10) // more than there will be
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	at, ok := strings.CutPrefix(<-lines, "listen to ")
	require.True(t, ok)
	a, err := messenger.ParseEntityAddr(at)
	require.NoError(t, err)
	const trips = 70000 // the count is shown after 65536
	res, err := circulate.Load{Messages: 100, RoundTrips: trips}.Run(ctx, simplemessenger.New(circulate.Config(1)), a)
	require.NoError(t, err)
	require.EqualValues(t, trips, res.RoundTrips)
	require.Regexp(t, `^65536 messages, \d+ ns$`, <-lines)
	stop()
	require.Equal(t, "70000 messages", <-lines)
	require.Empty(t, <-lines)
	require.NoError(t, <-ended)
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-port", "70000"}, {"-port", "x"}, {"extra"}, {"-addr", "no.such.host.invalid"}} {
		require.Error(t, run(t.Context(), args, io.Discard), args)
	}
	var help bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, &help))
	require.Contains(t, help.String(), "-port number")
}
