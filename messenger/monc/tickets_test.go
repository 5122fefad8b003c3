// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/test/cephmon"
)

const services = messenger.EntityOSD | messenger.EntityMgr

// startAuthMon starts a monitor with cephx, and a client that wants tickets.
func startAuthMon(t *testing.T, own, others time.Duration) (*fakeMon, *Client) {
	m := startFakeMon(t)
	m.set(func() { m.auth = newFakeAuth(t, own, others) })
	cfg := hasty(m)
	cfg.Key, cfg.Services = m.auth.key, services
	return m, newClient(t, cfg, 0)
}

// ticket is the client's present one.
func ticket(c *Client, service messenger.EntityType) *cephx.Ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		return nil
	}
	t, _ := c.last.Ticket(service)
	return t
}

// Tickets of services are renewed before they expire, again and again, in the session that
// there is.
func TestTicketsAreRenewed(t *testing.T) {
	m, c := startAuthMon(t, time.Hour, 200*time.Millisecond)
	_, err := c.Authorizer(messenger.EntityOSD)
	if err != nil { // the login may have been faster
		require.ErrorIs(t, err, cephx.ErrNoTicket)
	}
	require.NoError(t, c.Wait(testContext(t)))
	seen := map[string]bool{}
	eventually(t, "several tickets", func() bool {
		for _, s := range []messenger.EntityType{messenger.EntityOSD, messenger.EntityMgr} {
			if now := ticket(c, s); now != nil {
				seen[now.SessionKey.Text()] = true
			}
		}
		return len(seen) >= 8
	})
	m.set(func() {
		require.Equal(t, 1, m.auth.logins)
		require.GreaterOrEqual(t, len(m.auth.renewals), 3)
		for _, asked := range m.auth.renewals {
			require.NotZero(t, asked&services)
			require.Zero(t, asked&^services, "nothing else")
		}
	})
	_, err = c.Authorizer(messenger.EntityMDS)
	require.ErrorIs(t, err, cephx.ErrNoTicket, "nobody wanted one")
}

// A connection of the client's messenger to a service shows the ticket.
func TestServicesAreShownTheTicket(t *testing.T) {
	_, c := startAuthMon(t, time.Hour, time.Hour)
	require.NoError(t, c.Wait(testContext(t)))
	a, err := c.Authorizer(messenger.EntityOSD)
	require.NoError(t, err)
	want, err := a.Build(nil)
	require.NoError(t, err)
	shown := (&dispatcher{c: c}).GetAuthorizer(messenger.EntityOSD, false)
	require.Equal(t, messenger.AuthProtocolCephx, shown.Protocol())
	got, err := shown.Build(nil)
	require.NoError(t, err)
	const nonceAndSum = 40 // what differs from one authorizer to the next
	require.Equal(t, want[:len(want)-nonceAndSum], got[:len(got)-nonceAndSum])
	require.Nil(t, (&dispatcher{c: c}).GetAuthorizer(messenger.EntityMon, false))
	require.Nil(t, (&dispatcher{c: c}).GetAuthorizer(messenger.EntityMDS, false))
}

// A ticket that a service does not take is replaced at once.
func TestRefusedTicketIsReplaced(t *testing.T) {
	m, c := startAuthMon(t, time.Hour, time.Hour)
	require.NoError(t, c.Wait(testContext(t)))
	first := ticket(c, messenger.EntityOSD)
	require.NotNil(t, (&dispatcher{c: c}).GetAuthorizer(messenger.EntityOSD, true))
	eventually(t, "another ticket", func() bool { return ticket(c, messenger.EntityOSD).SessionKey != first.SessionKey })
	m.set(func() { require.Equal(t, []messenger.EntityType{messenger.EntityOSD}, m.auth.renewals) })
	_, err := c.Usage(testContext(t))
	require.NoError(t, err)
}

// The client's own ticket comes with another login, as the same client; and so do all
// tickets when the monitor does not renew them, whether it says so or not.
func TestAnotherLoginForTickets(t *testing.T) {
	for name, c := range map[string]struct {
		own, others time.Duration
		change      func(*fakeAuth)
	}{
		"own ticket": {100 * time.Millisecond, time.Hour, func(*fakeAuth) {}},
		"refused":    {time.Hour, 100 * time.Millisecond, func(a *fakeAuth) { a.refuse = true }},
		"silent":     {time.Hour, 100 * time.Millisecond, func(a *fakeAuth) { a.silent = true }},
	} {
		t.Run(name, func(t *testing.T) {
			m, client := startAuthMon(t, c.own, c.others)
			m.set(func() { c.change(m.auth) })
			require.NoError(t, client.Wait(testContext(t)))
			id := client.GlobalID()
			first := ticket(client, messenger.EntityOSD)
			eventually(t, "more logins", func() bool {
				m.mu.Lock()
				defer m.mu.Unlock()
				return m.auth.logins >= 3
			})
			eventually(t, "another ticket", func() bool {
				now := ticket(client, messenger.EntityOSD)
				return now != nil && now.SessionKey != first.SessionKey
			})
			u, err := client.Usage(testContext(t))
			require.NoError(t, err, "callers notice nothing")
			require.EqualValues(t, 42, u.KB)
			require.Equal(t, id, client.GlobalID())
		})
	}
}

// A monitor whose tickets have expired when they come is not asked without a pause.
func TestTicketsThatHardlyLast(t *testing.T) {
	m := startFakeMon(t)
	m.set(func() { m.auth = newFakeAuth(t, time.Hour, time.Nanosecond) })
	cfg := hasty(m)
	cfg.Key, cfg.Services, cfg.Backoff = m.auth.key, services, time.Hour
	c := newClient(t, cfg, 0)
	require.NoError(t, c.Wait(testContext(t)))
	_, err := c.Usage(testContext(t))
	require.NoError(t, err)
	_, err = c.Authorizer(messenger.EntityOSD)
	require.ErrorIs(t, err, cephx.ErrExpired)
	m.set(func() { require.Empty(t, m.auth.renewals) })
}

// A real monitor renews tickets within a session.
func TestRealMonitorRenewsTickets(t *testing.T) {
	mon := cephmon.Start(t, cephmon.Options{Cephx: true})
	admin := newClient(t, configFor(mon), 0)
	ctx := testContext(t)
	_, err := admin.Command(ctx, `{"prefix": "config set", "who": "mon", "name": "auth_service_ticket_ttl", "value": "2"}`)
	require.NoError(t, err)
	cfg := configFor(mon)
	cfg.Services = services
	var c *Client
	// The setting takes effect a moment after the command.
	eventually(t, "short tickets", func() bool {
		c = newClient(t, cfg, 0)
		require.NoError(t, c.Wait(ctx))
		now := ticket(c, messenger.EntityOSD)
		return now != nil && time.Until(now.Expires) < time.Minute
	})
	at, _ := c.Monitor()
	seen := map[string]bool{}
	eventually(t, "several tickets", func() bool {
		seen[ticket(c, messenger.EntityOSD).SessionKey.Text()] = true
		return len(seen) >= 3
	})
	now, ok := c.Monitor()
	require.True(t, ok)
	require.Equal(t, at, now)
	_, err = c.Authorizer(messenger.EntityMgr)
	require.NoError(t, err)
}
