// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger/cephx"
	"github.com/accelio/accelio-go/test/cephmon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRealCluster(t *testing.T) {
	for name, o := range map[string]cephmon.Options{"none": {}, "cephx": {Cephx: true}} {
		t.Run(name, func(t *testing.T) {
			mon := cephmon.Start(t, o)
			flags := []string{"-mon", mon.Addr.String()}
			if o.Cephx {
				flags = append(flags, "-keyring", mon.KeyringPath)
			}
			ask := func(args ...string) (string, error) {
				var out bytes.Buffer
				err := run(t.Context(), append(append([]string(nil), flags...), args...), &out)
				return out.String(), err
			}
			out, err := ask()
			require.NoError(t, err)
			require.Contains(t, out, "cluster:   "+cephmon.FSID)
			require.Contains(t, out, "monmap:    e1: 1 mons at {a=v1:"+mon.Addr.String()+"/0}")

			out, err = ask("-json", "-n", "2")
			require.NoError(t, err)
			var ping pingResults
			require.NoError(t, json.Unmarshal([]byte(out), &ping))
			require.Equal(t, cephmon.FSID, ping.FSID)
			require.Len(t, ping.Seconds, 2)
			require.NotZero(t, ping.GlobalID)
			require.Contains(t, string(ping.Answer), "mon_status")

			out, err = ask("statfs")
			require.NoError(t, err)
			require.Contains(t, out, "objects:   0")
			out, err = ask("-json", "statfs")
			require.NoError(t, err)
			require.JSONEq(t, `{"kb": 0, "kb_used": 0, "kb_avail": 0, "num_objects": 0}`, out)

			out, err = ask("status")
			require.NoError(t, err)
			var status struct{ FSID string }
			require.NoError(t, json.Unmarshal([]byte(out), &status))
			require.Equal(t, cephmon.FSID, status.FSID)

			out, err = ask("command", `{"prefix": "fsid"}`)
			require.NoError(t, err)
			require.Equal(t, cephmon.FSID+"\n", out)
			_, err = ask("command", `{"prefix": "no such command"}`)
			require.ErrorIs(t, err, syscall.EINVAL)

			if o.Cephx {
				flags = flags[:2]
				_, err = ask()
				require.ErrorIs(t, err, cephx.ErrMethod)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "keyring")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"action":      {[]string{"dance"}, "neither"},
		"no command":  {[]string{"command"}, "which command"},
		"bad command": {[]string{"command", "status"}, "no JSON"},
		"too many":    {[]string{"statfs", "now"}, "too many"},
		"name":        {[]string{"-name", "admin"}, "no entity"},
		"address":     {[]string{"-mon", "127.0.0.1:x"}, "no address"},
		"xio":         {[]string{"-mon", "xio:127.0.0.1:1"}, "no address"},
		"count":       {[]string{"-n", "0"}, "not positive"},
		"flag":        {[]string{"-colour"}, "colour"},
		"no keyring":  {[]string{"-keyring", empty + "x"}, "no such file"},
		"no key":      {[]string{"-keyring", empty}, "no such key"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), c.args, &bytes.Buffer{}), c.want)
		})
	}
	var help bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-h"}, &help))
	require.Contains(t, help.String(), "-keyring file")
	a, err := address("::1")
	require.NoError(t, err)
	require.Equal(t, "v1:[::1]:6789/0", a.String())
}
