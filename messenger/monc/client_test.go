// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// hasty is a client that gives up soon on a monitor.
func hasty(mons ...*fakeMon) Config {
	c := Config{HuntTimeout: 300 * time.Millisecond, Backoff: time.Millisecond}
	for _, m := range mons {
		c.Mons = append(c.Mons, m.addr)
	}
	return c
}

// waitFor waits until the client is with a monitor.
func waitFor(t testing.TB, c *Client, m *fakeMon) {
	t.Helper()
	eventually(t, "session", func() bool {
		at, ok := c.Monitor()
		return ok && at == m.addr
	})
}

func TestNobodyThere(t *testing.T) {
	mute := startFakeMon(t)
	mute.mute = true
	nobody := &fakeMon{addr: messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: closedPort(t)}}
	err := newClient(t, hasty(nobody, mute), 0).Wait(testContext(t))
	require.ErrorIs(t, err, messenger.ErrRefused)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestHunt(t *testing.T) {
	mute, good := startFakeMon(t), startFakeMon(t)
	mute.mute = true
	nobody := &fakeMon{addr: messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: closedPort(t)}}
	c := newClient(t, hasty(nobody, mute, good), 0)
	waitFor(t, c, good)
	require.NotZero(t, mute.get(&mute.logins))
	require.EqualValues(t, 4711, c.GlobalID())
}

// closedPort is a place where nobody listens.
func closedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// A request that one monitor took with it is asked of the next one, and so are
// subscriptions.
func TestRequestsMove(t *testing.T) {
	first, second := startFakeMon(t), startFakeMon(t)
	first.idle = true
	c := newClient(t, hasty(first, second), 0)
	c.Subscribe("osdmap", Sub{Start: 5})
	c.Subscribe("config", Sub{Start: 1, OneTime: true})
	c.Subscribe("mdsmap", Sub{})
	c.Unsubscribe("mdsmap")
	waitFor(t, c, first)
	c.Got("osdmap", 4) // older than what is wanted
	c.Got("osdmap", 9)
	c.Got("config", 1)
	usage := make(chan Usage, 1)
	go func() {
		u, err := c.Usage(testContext(t))
		if err != nil {
			t.Error(err)
		}
		usage <- u
	}()
	eventually(t, "question", func() bool { return first.get(&first.asked) == 1 })
	first.m.Shutdown()
	require.EqualValues(t, 42, (<-usage).KB)
	waitFor(t, c, second)
	require.Equal(t, 1, second.get(&second.asked))

	require.Contains(t, first.subs[0], "monmap")
	delete(first.subs[0], "monmap") // from which epoch on depends on what came first
	require.Equal(t, []map[string]Sub{{"osdmap": {Start: 5}, "config": {Start: 1, OneTime: true}}}, first.subs)
	eventually(t, "subscription", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return len(second.subs) > 0
	})
	require.Equal(t, map[string]Sub{"monmap": {Start: 2}, "osdmap": {Start: 10}}, second.subs[0])
	c.Subscribe("mgrmap", Sub{Start: 3})
	eventually(t, "subscription at once", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return len(second.subs) == 2
	})
	require.Equal(t, map[string]Sub{"mgrmap": {Start: 3}}, second.subs[1])
}

// A monitor whose host is gone closes nothing: only its silence tells.
func TestSilentMonitor(t *testing.T) {
	first, second := startFakeMon(t), startFakeMon(t)
	cfg := hasty(first, second)
	cfg.PingInterval, cfg.PingTimeout = 5*time.Millisecond, 100*time.Millisecond
	c := newClient(t, cfg, 0)
	waitFor(t, c, first)
	first.set(func() { first.frozen = true })
	waitFor(t, c, second)
}

// Monitors that are only in the map are found as well.
func TestLearnedMonitor(t *testing.T) {
	first, second := startFakeMon(t), startFakeMon(t)
	first.monmap = encodeMonMap(&MonMap{Epoch: 3, Mons: []MonInfo{{Name: "b", Addrs: messenger.AddrVec{second.addr}}}})
	c := newClient(t, hasty(first), 0)
	m, err := c.WaitMonMap(testContext(t), 3)
	require.NoError(t, err)
	require.Equal(t, "b", m.Mons[0].Name)
	first.m.Shutdown()
	waitFor(t, c, second)
	require.EqualValues(t, 3, c.MonMap().Epoch, "the map of a monitor that has fallen behind is not taken")
}

// A monitor that answers a login again and again holds nobody up.
func TestMonitorThatBabbles(t *testing.T) {
	bad, good := startFakeMon(t), startFakeMon(t)
	bad.babble = 8
	waitFor(t, newClient(t, hasty(bad, good), 0), good)
	require.NotZero(t, bad.get(&bad.logins))
}

func TestBadMap(t *testing.T) {
	bad, good := startFakeMon(t), startFakeMon(t)
	bad.monmap = []byte{9, 6, 255, 255, 255, 255}
	c := newClient(t, hasty(bad, good), 0)
	eventually(t, "the other monitor", func() bool {
		bad.mu.Lock()
		defer bad.mu.Unlock()
		// After a loss the round begins anew; the bad one has to go.
		if bad.logins > 1 && !bad.mute {
			bad.mute = true
		}
		at, ok := c.Monitor()
		return ok && at == good.addr
	})
}

func TestClose(t *testing.T) {
	m := startFakeMon(t)
	m.idle = true
	c := newClient(t, hasty(m), 0)
	waitFor(t, c, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Usage(ctx)
	require.ErrorIs(t, err, context.Canceled)
	const calls = 4
	ended := make(chan error, calls)
	go func() { _, err := c.Usage(t.Context()); ended <- err }()
	go func() { _, err := c.Ping(t.Context()); ended <- err }()
	go func() { _, err := c.WaitMonMap(t.Context(), 100); ended <- err }()
	go func() { _, err := c.Command(t.Context(), `{}`); ended <- err }()
	eventually(t, "question", func() bool { return m.get(&m.asked) > 0 })
	c.Close()
	c.Close()
	for range calls {
		require.ErrorIs(t, <-ended, ErrClosed)
	}
	_, err = c.Usage(t.Context())
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, c.Wait(t.Context()), ErrClosed)
}

func TestNew(t *testing.T) {
	m := newMessenger(t, messenger.Config{Name: messenger.EntityName{Type: messenger.EntityClient}})
	_, err := New(m, Config{})
	require.ErrorIs(t, err, ErrNoAddress)
	xio := messenger.EntityAddr{Type: messenger.AddrXio}
	_, err = New(m, Config{Mons: []messenger.EntityAddr{xio}})
	require.ErrorIs(t, err, ErrNoAddress)
	require.NoError(t, m.Start())
	xio.Type = messenger.AddrLegacy
	_, err = New(m, Config{Mons: []messenger.EntityAddr{xio}})
	require.ErrorIs(t, err, messenger.ErrStarted)
	require.False(t, errors.Is(err, ErrNoAddress))
}
