// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The benchmark builds and every case completes on the engine; how fast is
// nobody's business here.
func TestCasesComplete(t *testing.T) {
	t.Setenv("PKG_CONFIG_LIBDIR", t.TempDir()) // no libxio but the engine
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var out, log bytes.Buffer
	// Large messages at great depth take a gigabyte and show nothing new.
	only := regexp.MustCompile(`^32 B|^4 KiB|depth 1$|depth 16$|^one-way|^memory`)
	c := config{rounds: 1, seconds: 0.02, warm: 0.001, only: only, out: &out, log: &log}
	require.NoError(t, c.run(ctx), log.String())
	for _, r := range c.rows() {
		require.Contains(t, out.String(), "| "+r.name+" | ")
	}
}

func TestTable(t *testing.T) {
	speed := rate("speed", "x", 1, 2)
	size := memory("size", "x", "bytes", 4096, 1024)
	m := make(measured)
	for _, v := range []float64{10, 30, 20} {
		m.add(key{engineName, "x", "rate", "d"}, v)
		m.add(key{engineName, "x", "rate", "s"}, v*2)
		m.add(key{libxioName, "x", "rate", "dN"}, v)
	}
	m.add(key{engineName, "x", "bytes", "d"}, 2048)
	var out bytes.Buffer
	m.print(&out, []row{speed, size})
	require.Contains(t, out.String(), "| speed | 40 /s (s) | 20 /s (dN) | 2.00 | 1 x | 2 x | goal | 1.00 |")
	require.Contains(t, out.String(), "| size | 2 KiB (d) | - | - | 4 | 1 | floor | - |")
}
