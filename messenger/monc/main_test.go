// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; a test that reaches it has failed.
const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// newMessenger makes a messenger that is shut down when the test ends.
func newMessenger(t testing.TB, cfg messenger.Config) *simplemessenger.Messenger {
	cfg.Registry = messenger.NewRegistry()
	Register(cfg.Registry)
	m := simplemessenger.New(cfg)
	t.Cleanup(func() {
		m.Shutdown()
		m.Wait()
	})
	return m
}

// newClient makes a client over a messenger of its own, whose features may be limited.
func newClient(t testing.TB, cfg Config, features messenger.Features) *Client {
	t.Helper()
	m := newMessenger(t, messenger.Config{
		Name: messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum},
	})
	c, err := New(m, cfg)
	require.NoError(t, err)
	if features != 0 {
		p := messenger.LossyClient()
		p.FeaturesSupported = features
		require.NoError(t, m.SetPolicy(messenger.EntityMon, p))
	}
	require.NoError(t, m.Start())
	c.Start()
	t.Cleanup(c.Close)
	return c
}
