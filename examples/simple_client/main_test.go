// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/pingpong"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server until the test ends, and gives its port.
func serve(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan messenger.AddrVec, 1), make(chan error, 1)
	go func() {
		ended <- pingpong.Serve(ctx, simplemessenger.New(pingpong.Config(true)), pingpong.Options{Addr: "127.0.0.1"},
			io.Discard, func(v messenger.AddrVec) { ready <- v })
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return strconv.Itoa(int((<-ready)[0].Port()))
}

func TestClient(t *testing.T) {
	port := serve(t)
	for _, load := range [][]string{{}, {"-dsize", "5000", "-nfrags", "3"}, {"-dfast"}} {
		var out bytes.Buffer
		args := append([]string{"-addr", "127.0.0.1", "-port", port, "-msgs", "10", "-duration", "50ms"}, load...)
		require.NoError(t, run(t.Context(), args, &out))
		require.Contains(t, out.String(), "connected to v1:127.0.0.1:"+port+"/0")
		require.Regexp(t, `(?m)^[1-9]\d* round trips in`, out.String())
	}
}

func TestCompare(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-compare", "-msgs", "8", "-dsize", "100", "-duration", "50ms", "-rounds", "2"}
	require.NoError(t, run(t.Context(), append(args, "-json"), &out))
	var all []comparison
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	require.Len(t, all, 2)
	for i, name := range []string{"SimpleMessenger", "XioMessenger"} {
		require.Equal(t, name, all[i].Messenger)
		require.Positive(t, all[i].Median)
		require.Len(t, all[i].Rates, 2)
	}
	out.Reset()
	require.NoError(t, run(t.Context(), args, &out))
	require.Contains(t, out.String(), "8 messages of 100 bytes go round, 2 turns of 50ms")
	require.Regexp(t, `XioMessenger has \d+\.\d\d times the rate of SimpleMessenger`, out.String())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, args, io.Discard), context.Canceled)
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"flag":   {[]string{"-colour"}, "colour"},
		"extra":  {[]string{"x"}, "too many"},
		"port":   {[]string{"-port", "70000"}, "port 70000"},
		"dsize":  {[]string{"-dsize", "-1"}, "negative"},
		"rounds": {[]string{"-compare", "-rounds", "0"}, "-rounds 0"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), c.args, &bytes.Buffer{}), c.want)
		})
	}
	var help bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, &help))
	require.Contains(t, help.String(), "-compare")
}
