// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/monc"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
	"github.com/accelio/accelio-go/test/cephmon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; a test that reaches it has failed.
const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// client is a monitor's client over a messenger of its own.
func client(t testing.TB, mon *cephmon.Monitor, cfg monc.Config) *monc.Client {
	t.Helper()
	r := messenger.NewRegistry()
	monc.Register(r)
	m := simplemessenger.New(messenger.Config{
		Name:     messenger.EntityName{Type: messenger.EntityClient, Num: messenger.UnknownNum},
		Registry: r,
	})
	cfg.Mons = []messenger.EntityAddr{{Type: messenger.AddrLegacy, Addr: mon.Addr}}
	c, err := monc.New(m, cfg)
	require.NoError(t, err)
	require.NoError(t, m.Start())
	c.Start()
	t.Cleanup(func() {
		c.Close()
		m.Shutdown()
		m.Wait()
	})
	return c
}

func TestRealMonitor(t *testing.T) {
	for name, o := range map[string]cephmon.Options{"none": {}, "cephx": {Cephx: true}, "IPv6": {IPv6: true}} {
		t.Run(name, func(t *testing.T) {
			mon := cephmon.Start(t, o)
			c := client(t, mon, monc.Config{Key: mon.Keyring[cephmon.Admin].Key})
			ctx := testContext(t)
			require.NoError(t, c.Wait(ctx))
			require.NotZero(t, c.GlobalID())
			m, err := c.WaitMonMap(ctx, 1)
			require.NoError(t, err)
			require.Equal(t, cephmon.FSID, m.FSID.String())
			_, err = c.Usage(ctx)
			require.NoError(t, err)
			o, err := c.Command(ctx, `{"prefix": "status", "format": "json"}`)
			require.NoError(t, err)
			var status struct{ FSID string }
			require.NoError(t, json.Unmarshal(o.Data, &status))
			require.Equal(t, cephmon.FSID, status.FSID)
			text, err := c.Ping(ctx)
			require.NoError(t, err)
			require.True(t, json.Valid([]byte(text)), text)
		})
	}
}
