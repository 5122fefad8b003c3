// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every case completes, its answers are verified, and tables, values and plots
// are written; how fast is nobody's business here. A value of a library that is
// there must not be missing.
func TestCasesComplete(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var log bytes.Buffer
	c := config{rounds: 1, seconds: 30 * time.Millisecond, warm: 10 * time.Millisecond, only: regexp.MustCompile(""),
		libxio: os.Getenv("ACCELIO_PREFIX"), out: t.TempDir(), log: &log}
	require.NoError(t, c.run(ctx), &log)
	t.Log(log.String())

	page, err := os.ReadFile(filepath.Join(c.out, "README.md"))
	require.NoError(t, err)
	values := readValues(t, filepath.Join(c.out, "results.csv"))
	withoutLibxio := strings.Contains(log.String(), libxioName+" is not run")
	withoutZeroMQ := strings.Contains(log.String(), "zmq is not run")
	for _, tb := range c.tables() {
		require.Contains(t, string(page), "## "+tb.title+"\n")
		if tb.library == libxioName && withoutLibxio {
			continue
		}
		for _, r := range tb.rows {
			require.Contains(t, string(page), "| "+r.name+" | ")
			if r.theirs == "zmq" && withoutZeroMQ || r.metric == "server_allocs" || r.metric == "allocs" {
				continue // a short run has too few requests for the server's allocations
			}
			require.Contains(t, values, key{tb.library, r.cs, r.ours, r.metric}, r.name)
			require.Contains(t, values, key{tb.library, r.cs, r.theirs, r.metric}, r.name)
		}
		for _, what := range []string{"-rate.svg", "-ratio.svg"} {
			require.Contains(t, string(page), what)
		}
	}
	plots, err := filepath.Glob(filepath.Join(c.out, "*.svg"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(plots), 4)
}

func readValues(t *testing.T, name string) map[key]string {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	values := map[key]string{}
	for _, r := range rows[1:] {
		for i, metric := range rows[0][4:] {
			if v := r[4+i]; v != "" {
				values[key{r[1], r[2], r[3], metric}] = v
			}
		}
	}
	return values
}

func TestTable(t *testing.T) {
	m := make(measured)
	for _, v := range []float64{10, 30, 20} {
		m[key{engineName, "x", inGo, "rate"}] = append(m[key{engineName, "x", inGo, "rate"}], v*2)
		m[key{engineName, "x", inC, "rate"}] = append(m[key{engineName, "x", inC, "rate"}], v)
	}
	m[key{engineName, "x", inGo, "allocs"}] = []float64{0.25}
	tb := table{"C", "title", engineName, "Go", "C", []row{
		rate("speed", "x", inGo, inC, 1, 2),
		rate("left out", "x", inGo, "zmq", 1, 2),
		rowsInC()[len(rowsInC())-1],
	}}
	tb.rows[2].cs, tb.rows[2].metric = "x", "allocs"
	var out bytes.Buffer
	tb.print(&out, m, map[string]string{"zmq": "why"})
	require.Contains(t, out.String(), "| speed | 40 /s | 20 /s | 2.00 | 1 x | 2 x | goal |\n")
	require.Contains(t, out.String(), "| left out | | not run: why | | | | |\n")
	require.Contains(t, out.String(), "| 0.250 | - | - | 0.005 | 0.005 | MISSED |\n")
	out.Reset()
	tb.print(&out, m, map[string]string{engineName: "why"})
	require.Contains(t, out.String(), "Not run: why.\n")
}

// Only what a selected row needs is run, and all of that.
func TestSelection(t *testing.T) {
	c := config{only: regexp.MustCompile(`^gRPC unary, 32 B, depth 1$|^ZeroMQ|^Call, 32 B, 16`)}
	p := &programs{libs: []library{{name: engineName}}, without: map[string]string{"zmq": "why"}}
	var got []string
	for _, w := range c.work(p) {
		for _, who := range w.contenders {
			got = append(got, w.benchCase.name+": "+who.name)
		}
	}
	require.Equal(t, []string{
		"client, 32 B, depth 16: C", "client, 32 B, depth 16: Go Call",
		"pair, 32 B, depth 1: xio", "pair, 32 B, depth 1: grpc-unary",
	}, got)
}

// A server that ends is an error that says so, not a client that waits.
func TestServerEnds(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755))
		return path
	}
	l := library{c: script("c", "echo port=1 pid=1; echo broken >&2; exit 3"), peer: script("peer", "exec sleep 1000")}
	_, err := l.run(t.Context(), &config{bound: canBind()}, contender{server: process{inC: true}})
	require.ErrorContains(t, err, "exit status 3\nbroken")
	l.c = script("silent", "exit 0")
	_, err = l.run(t.Context(), &config{bound: canBind()}, contender{server: process{inC: true}})
	require.ErrorContains(t, err, "it prints no port")
}
