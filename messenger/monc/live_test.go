// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/test/cephmon"
)

// required is the least that a real monitor wants of its clients.
const required messenger.Features = 0x0401020002040000

func configFor(m *cephmon.Monitor) Config {
	return Config{
		Mons: []messenger.EntityAddr{{Type: messenger.AddrLegacy, Addr: m.Addr}},
		Key:  m.Keyring[cephmon.Admin].Key,
	}
}

// A real monitor is understood with any set of features, each of which changes the
// bytes: with and without signatures' room, with each form of the monitor map.
func TestD5_RealMonitor(t *testing.T) {
	for name, o := range map[string]cephmon.Options{"none": {}, "cephx": {Cephx: true}, "IPv6": {IPv6: true}} {
		t.Run(name, func(t *testing.T) {
			m := cephmon.Start(t, o)
			for name, features := range map[string]messenger.Features{
				"all":   messenger.DefaultFeatures,
				"least": required,
				// With signatures this monitor wants the new ones of a client.
				"long":     required | messenger.FeatureNoSrcAddr | messenger.FeatureMsgAuth | messenger.FeatureCephxV2,
				"seq":      required | messenger.FeatureReconnectSeq,
				"monmap":   required | 1<<5 | 1<<15,
				"addr2":    required | 1<<5 | 1<<15 | messenger.FeatureMsgAddr2,
				"no acks":  required | 1<<57 | 1<<21,
				"keepaliv": required | messenger.FeatureKeepalive2,
			} {
				t.Run(name, func(t *testing.T) { talk(t, m, features) })
			}
		})
	}
}

func talk(t *testing.T, mon *cephmon.Monitor, features messenger.Features) {
	c := newClient(t, configFor(mon), features)
	ctx := testContext(t)
	require.NoError(t, c.Wait(ctx))
	require.NotZero(t, c.GlobalID())
	at, ok := c.Monitor()
	require.True(t, ok)
	require.Equal(t, mon.Addr, at.Addr)

	m, err := c.WaitMonMap(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, cephmon.FSID, m.FSID.String())
	require.Equal(t, []messenger.EntityAddr{{Type: messenger.AddrLegacy, Addr: mon.Addr}}, m.Addrs(messenger.AddrLegacy))

	u, err := c.Usage(ctx)
	require.NoError(t, err)
	require.Equal(t, Usage{}, u, "there is no storage")

	newest, oldest, err := c.Versions(ctx, "osdmap")
	require.NoError(t, err)
	require.NotZero(t, oldest)
	require.GreaterOrEqual(t, newest, oldest)

	o, err := c.Command(ctx, `{"prefix": "status", "format": "json"}`)
	require.NoError(t, err)
	var status struct{ FSID string }
	require.NoError(t, json.Unmarshal(o.Data, &status))
	require.Equal(t, cephmon.FSID, status.FSID)

	_, err = c.Command(ctx, `{"prefix": "no such command"}`)
	var refused *CommandError
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, syscall.EINVAL)
	require.NotEmpty(t, refused.Status)
	_, err = c.Command(ctx, `{"prefix": `)
	require.ErrorContains(t, err, "no JSON")

	text, err := c.Ping(ctx)
	require.NoError(t, err)
	var health struct {
		MonStatus struct{ State string } `json:"mon_status"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &health))
	require.Equal(t, "leader", health.MonStatus.State)
}

// A wrong key, and a method that the monitor does not have, are told as such, and do
// not keep a client that knows better from trying again.
func TestRealMonitorRefuses(t *testing.T) {
	m := cephmon.Start(t, cephmon.Options{Cephx: true})
	wrong, err := cephx.NewKey(nil, time.Now())
	require.NoError(t, err)
	cfg := configFor(m)
	cfg.Key = wrong
	require.ErrorIs(t, newClient(t, cfg, 0).Wait(testContext(t)), cephx.ErrRefused)
	cfg.Key = cephx.CryptoKey{}
	require.ErrorIs(t, newClient(t, cfg, 0).Wait(testContext(t)), cephx.ErrMethod)
	cfg = configFor(m)
	cfg.Name = cephx.EntityName{Type: messenger.EntityClient, ID: "nobody"}
	require.ErrorIs(t, newClient(t, cfg, 0).Wait(testContext(t)), cephx.ErrRefused)
}

// The monitor goes away and comes back: the client is the same to it as before, its
// subscription goes on, and a request that was asked in between is answered.
func TestRealMonitorRestarts(t *testing.T) {
	for name, kill := range map[string]bool{"stopped": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			m := cephmon.Start(t, cephmon.Options{Cephx: true})
			var epoch atomic.Uint64 // the newest OSD map
			cfg := configFor(m)
			cfg.Backoff = 10 * time.Millisecond
			var c *Client
			cfg.Handle = func(msg messenger.Message) {
				if m, ok := msg.(*Map); ok && m.Type() == TypeOSDMap {
					e := newestOSDMap(t, m.Payload)
					c.Got("osdmap", e)
					epoch.Store(e)
				}
			}
			c = newClient(t, cfg, 0)
			ctx := testContext(t)
			require.NoError(t, c.Wait(ctx))
			id := c.GlobalID()
			c.Subscribe("osdmap", Sub{})
			eventually(t, "first map", func() bool { return epoch.Load() > 0 })

			if kill {
				m.Kill()
			} else {
				m.Stop()
			}
			eventually(t, "loss", func() bool { _, ok := c.Monitor(); return !ok })
			answered := make(chan error, 1)
			go func() {
				_, err := c.Usage(ctx)
				answered <- err
			}()
			m.Run()
			require.NoError(t, <-answered)
			require.Equal(t, id, c.GlobalID())

			// A new map, of which only a subscription tells.
			before, _, err := c.Versions(ctx, "osdmap")
			require.NoError(t, err)
			_, err = c.Command(ctx, `{"prefix": "osd set", "key": "noout"}`)
			require.NoError(t, err)
			eventually(t, "a map by the renewed subscription", func() bool { return epoch.Load() > before })
		})
	}
}

// newestOSDMap is the highest epoch among the maps that a message carries.
func newestOSDMap(t testing.TB, payload []byte) (newest uint64) {
	d := messenger.NewDecoder(payload)
	d.Raw(len(UUID{}))
	for range 2 { // changes, then whole maps
		for range d.Count(8) {
			newest = max(newest, uint64(d.Uint32()))
			d.Blob()
		}
	}
	if d.Err() != nil {
		t.Error(d.Err())
	}
	return newest
}

// Ceph's own client takes us for a monitor: it connects, logs in, reads the map, and
// has a command carried out.
func TestRealClient(t *testing.T) {
	cephmon.Need(t, "ceph")
	f := startFakeMon(t)
	var asked []string
	f.carry = func(cmd string) string {
		asked = append(asked, cmd)
		if strings.Contains(cmd, "get_command_descriptions") {
			return `{"cmd000": {"sig": ["fsid"], "help": "the cluster", "module": "mon", "perm": "r", "flags": 0}}`
		}
		return "answered by Go"
	}
	conf := filepath.Join(t.TempDir(), "ceph.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, `[global]
fsid = %v
mon host = v1:%v
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
`, UUID{7}, f.addr.Addr), 0o600))
	out, err := exec.CommandContext(testContext(t), "ceph", "-c", conf, "fsid").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "answered by Go")
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Contains(t, asked, `{"prefix": "fsid"}`)
	require.NotZero(t, f.logins)
	require.Contains(t, f.subs[0], "monmap")
}
