// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

const keyringText = `# made for a test
[client.admin]
	key = AQAA8VNliBMAABAAAgMEBQYHCAkKCwwNDg8QEQ==
	auid = 0
	caps mds = "allow *"
	caps_mon = "allow r, allow command \"status\""

; another
[mon.]
key=AQAA8VNliBMAABAACwwNDg8QERITFBUWFxgZGg==
`

func TestKeyring(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring")
	require.NoError(t, os.WriteFile(path, []byte(keyringText), 0o600))
	k, err := LoadKeyring(path)
	require.NoError(t, err)
	require.Equal(t, Keyring{
		{messenger.EntityClient, "admin"}: {testKey(t, 1), map[string]string{"mds": "allow *", "mon": `allow r, allow command \"status\"`}},
		{messenger.EntityMon, ""}:         {testKey(t, 10), map[string]string{}},
	}, k)

	again, err := ParseKeyring(k.Text())
	require.NoError(t, err)
	require.Equal(t, k, again)

	key, err := k.Key(EntityName{messenger.EntityMon, ""})
	require.NoError(t, err)
	require.Equal(t, testKey(t, 10), key)
	_, err = k.Key(EntityName{messenger.EntityMon, "x"})
	require.ErrorIs(t, err, ErrNoKey)
	_, err = LoadKeyring(path + "x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, err, ErrKeyring)
}

func TestBadKeyring(t *testing.T) {
	const good = "AQAA8VNliBMAABAAAgMEBQYHCAkKCwwNDg8QEQ=="
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"no section":     {"key = " + good, ErrMalformed},
		"no bracket":     {"[client.admin\n", ErrMalformed},
		"no name":        {"[admin]\nkey = " + good, ErrMalformed},
		"unknown type":   {"[cat.tom]\nkey = " + good, ErrMalformed},
		"no value":       {"[client.a]\nkey " + good, ErrMalformed},
		"no key":         {"[client.a]\ncaps mon = \"allow r\"\n[client.b]\nkey = " + good, ErrNoKey},
		"no key at end":  {"[client.a]\n", ErrNoKey},
		"twice":          {"[client.a]\nkey = " + good + "\n[client.a]\nkey = " + good, ErrKeyring},
		"setting":        {"[client.a]\nkey = " + good + "\ncolour = red", ErrMalformed},
		"not base64":     {"[client.a]\nkey = ?", ErrKey},
		"short":          {"[client.a]\nkey = AQAA8VNliBMAABAAAgMEBQYHCA==", ErrKey},
		"long":           {"[client.a]\nkey = AQAA8VNliBMAABAAAgMEBQYHCAkKCwwNDg8QERES", ErrKey},
		"type":           {"[client.a]\nkey = AgAA8VNliBMAABAAAgMEBQYHCAkKCwwNDg8QEQ==", ErrKey},
		"size of secret": {"[client.a]\nkey = AQAA8VNliBMAAA8AAgMEBQYHCAkKCwwNDg8Q", ErrKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKeyring([]byte(c.text))
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, ErrKeyring)
			require.NotContains(t, err.Error(), good)
		})
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	k := testKey(t, 1)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "key of 2023-11-14T22:13:20Z", fmt.Sprintf(format, k))
	}
	require.Equal(t, "no key", CryptoKey{}.String())
}

func TestNames(t *testing.T) {
	for _, s := range []string{"mon.", "client.admin", "client.a.b", "osd.3", "mds.x", "mgr.y", "auth.z"} {
		n, err := ParseEntityName(s)
		require.NoError(t, err)
		require.Equal(t, s, n.String())
	}
	_, err := ParseEntityName("admin")
	require.ErrorIs(t, err, ErrMalformed)
	require.Equal(t, "type77.a", EntityName{77, "a"}.String())
}
