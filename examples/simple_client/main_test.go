// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/examples/internal/circulate"
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server until the test ends, and gives its port.
func serve(t *testing.T, m messenger.Messenger, d *circulate.Dispatcher) messenger.EntityAddr {
	t.Helper()
	at, err := messenger.ParseEntityAddr("v1:127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	listening, ended := make(chan messenger.EntityAddr, 1), make(chan error, 1)
	go func() {
		ended <- circulate.Serve(ctx, m, d, at, func(a messenger.EntityAddr) { listening <- a })
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return <-listening
}

func TestRoundTrips(t *testing.T) {
	for _, size := range []string{"0", "5000"} {
		d := circulate.NewDispatcher(nil)
		a := serve(t, simplemessenger.New(circulate.Config(0)), d)
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{
			"-addr", "127.0.0.1", "-port", portOf(a), "-msgs", "10", "-dsize", size, "-n", "2000", "-json",
		}, &out))
		var r circulate.Result
		require.NoError(t, json.Unmarshal(out.Bytes(), &r))
		require.EqualValues(t, 2000, r.RoundTrips)
		require.EqualValues(t, 2000, d.Count())
		require.Positive(t, r.Rate())
	}
}

func portOf(a messenger.EntityAddr) string {
	return strconv.Itoa(int(a.Port()))
}

// The client stops when it is told to, and says why it could not go on.
func TestEnds(t *testing.T) {
	m := simplemessenger.New(circulate.Config(0))
	a := serve(t, m, circulate.NewDispatcher(nil))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := circulate.Load{Messages: 1}.Run(ctx, simplemessenger.New(circulate.Config(1)), a)
	require.NoError(t, err)

	lost := make(chan error, 1)
	go func() {
		_, err := circulate.Load{Messages: 1}.Run(t.Context(), simplemessenger.New(circulate.Config(2)), a)
		lost <- err
	}()
	require.Eventually(t, func() bool { return len(m.Connections()) > 0 }, time.Minute, time.Millisecond)
	m.MarkDownAll()
	require.ErrorIs(t, <-lost, messenger.ErrClosed)
}

// A peer that is no test program loses its connection.
func TestStranger(t *testing.T) {
	a := serve(t, simplemessenger.New(circulate.Config(0)), circulate.NewDispatcher(nil))
	m := simplemessenger.New(circulate.Config(1))
	require.NoError(t, m.SetDefaultPolicy(messenger.LossyClient()))
	reset := &resets{seen: make(chan struct{}, 1)}
	m.AddDispatcherTail(reset)
	require.NoError(t, m.Start())
	defer end(m)
	c, err := m.ConnectTo(messenger.EntityMon, messenger.AddrVec{a})
	require.NoError(t, err)
	require.NoError(t, c.Send(messages.NewNop(1)))
	<-reset.seen
}

type resets struct {
	messenger.BaseDispatcher
	seen chan struct{}
}

func (r *resets) HandleReset(messenger.Connection) bool { r.seen <- struct{}{}; return true }

func TestCompare(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-compare", "-msgs", "8", "-dsize", "100", "-n", "500", "-rounds", "2"}
	require.NoError(t, run(t.Context(), append(args, "-json"), &out))
	var all []comparison
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	require.Len(t, all, 2)
	for i, name := range []string{"SimpleMessenger", "XioMessenger"} {
		require.Equal(t, name, all[i].Messenger)
		require.Positive(t, all[i].Median)
		require.Len(t, all[i].Turns, 2)
		for _, r := range all[i].Turns {
			require.EqualValues(t, 500, r.RoundTrips)
		}
	}
	out.Reset()
	require.NoError(t, run(t.Context(), args, &out))
	require.Contains(t, out.String(), "8 messages of 100 bytes, 500 round trips, 2 turns\nSimpleMessenger ")
	require.Regexp(t, `XioMessenger has \d+\.\d\d times the rate of SimpleMessenger`, out.String())
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"flag":   {[]string{"-colour"}, "colour"},
		"extra":  {[]string{"x"}, "too many"},
		"port":   {[]string{"-port", "0"}, "port 0"},
		"msgs":   {[]string{"-msgs", "0"}, "-msgs 0"},
		"dsize":  {[]string{"-dsize", "-1"}, "-dsize -1"},
		"total":  {[]string{"-dsize", "67108864", "-msgs", "100"}, "more than 1 GiB"},
		"n":      {[]string{"-n", "7"}, "less than one round"},
		"rounds": {[]string{"-compare", "-rounds", "0"}, "-rounds 0"},
		"host":   {[]string{"-addr", "no.such.host.invalid"}, "-addr"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), c.args, &bytes.Buffer{}), c.want)
		})
	}
	var help bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, &help))
	require.Contains(t, help.String(), "-compare")
}
