// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBadCommandLines(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"-bogus", "bogus"},
		{"here", "argument too many"},
		{"-size 4q", `"4q" is not a number`},
		{"-size 64,", `"" is not a number`},
		{"-size 65m", "-size 68157440"},
		{"-size -1", `"-1" is not a number`},
		{"-size 0 -buffers", "no use for -buffers"},
		{"-size 64m -header 1", "and header"},
		{"-header 257", "-header 257"},
		{"-depth 0", "-depth 0"},
		{"-depth 1,2049", "-depth 2049"},
		{"-depth x", `"x" is not a number`},
		{"-connections 0", "-connections 0"},
		{"-connections 2 -contexts 3", "-contexts 3"},
		{"-contexts -1", "-contexts -1"},
		{"-connections 2 -goroutines 1", "without a sender"},
		{"-goroutines -1", "-goroutines -1"},
		{"-receipt", "-receipt is for -oneway"},
		{"-one-session -connections 2 -contexts 1", "a context for each"},
		{"-portals 2", "-portals is the server's"},
		{"-server -portals 65", "-portals 65"},
		{"-api rpc", `not "rpc"`},
		{"-rate -5", "-rate -5"},
		{"-rate NaN", "-rate NaN"},
		{"-warmup -1s", "-warmup -1s"},
		{"-duration -1s", "-duration -1s"},
		{"-duration 0", "no second measurement"},
		{"-timeout 0s", "-timeout 0s"},
		{"-local -spawn", "exclude each other"},
		{"-local -uri tcp://127.0.0.1:1", "-uri is not for -local"},
		{"-spawn -port 1", "-port is not for -local and -spawn"},
		{"-workers 2", "-workers is the server's"},
		{"-local -workers 5000", "-workers 5000"},
		{"-uri tcp://127.0.0.1:1 -port 2", "both say where to go"},
		{"-port 0", `-port "0"`},
		{"-port x", `-port "x"`},
		{"-addr= -port 1", "-addr is empty"},
		{"-server -port 65536", `-port "65536"`},
		{"-server -local", "-local is not for -server"},
		{"-server -depth 2", "-depth is not for -server"},
		{"-server -soak 1s", "-soak is not for -server"},
		{"-soak 0s", "-soak 0s"},
		{"-soak 1s -rate 5", "-rate is not for -soak"},
		{"-soak 1s -depth 1,2", "one -depth"},
		{"-soak 1s -connections 1000", "in flight"},
		{"-seed 3", "-seed is not for a benchmark"},
		{"-plot x.csv", "needs -o"},
		{"-o x.svg", "needs -plot"},
		{"-plot x.csv -o x.pdf", ".svg nor in .png"},
		{"-plot x.csv -o x.svg -local", "-local is not for -plot"},
		{"-size 1m -depth 1024", "in flight"},
		{"-size 1m -depth 512", "use -buffers"},
	} {
		t.Run(c.args, func(t *testing.T) {
			f := runHere(t, strings.Fields(c.args)...)
			f.oneLine(t, exitUsage, c.says)
			require.Empty(t, f.out)
		})
	}
}

func TestHelp(t *testing.T) {
	f := runHere(t, "-h").ok(t)
	for _, s := range []string{"-duration", "(default 5s)", "(default 32,4k,64k,1m)", "(default 16)", sampleLine} {
		require.Contains(t, f.out, s)
	}
	for name := range flagNames() {
		require.Contains(t, f.out, "  -"+name, "a flag without help")
	}
	// The sample line is a command line.
	for line := range strings.SplitSeq(sampleLine, "&&") {
		_, err := parse(strings.Fields(line)[1:])
		require.NoError(t, err)
	}
}

func flagNames() map[string]mode {
	_, usedIn := new(options).flagSet()
	return usedIn
}

func TestDefaults(t *testing.T) {
	o, err := parse(nil)
	require.NoError(t, err)
	require.Equal(t, modeBench, o.mode)
	require.Equal(t, "tcp://127.0.0.1:1234", o.uri)
	require.Equal(t, []int{32, 4096, 65536, 1 << 20}, o.sizes.list)
	require.Equal(t, 5*time.Second, o.duration)

	o, err = parse(strings.Fields("-n 5 -connections 3 -addr ::1 -port 7"))
	require.NoError(t, err)
	require.Zero(t, o.duration, "a count is enough")
	require.Equal(t, 3, o.contexts, "one for each connection")
	require.Equal(t, "tcp://[::1]:7", o.uri)

	o, err = parse(strings.Fields("-soak 1m -local"))
	require.NoError(t, err)
	require.Equal(t, soakConnections, o.connections)
	require.Equal(t, []int{soakDepth}, o.depths.list)

	o, err = parse(strings.Fields("-uri rdma://10.0.0.1:7"))
	require.NoError(t, err)
	require.Equal(t, "rdma", o.transport)
}

func TestSizes(t *testing.T) {
	for text, n := range map[string]int{"0": 0, "1": 1, "1023": 1023, "4k": 4096, "4K": 4096, "3m": 3 << 20, "64M": 64 << 20} {
		got, err := parseSize(text)
		require.NoError(t, err)
		require.Equal(t, n, got)
		back, err := parseSize(sizeText(n))
		require.NoError(t, err)
		require.Equal(t, n, back)
	}
	for _, text := range []string{"", "k", "-1", "1.5k", "4kb", "4 k", "9999999999", "4096m"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
}
