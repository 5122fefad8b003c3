// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/examples/raio/server"
	"github.com/accelio/accelio-go/xio"
)

func TestMain(m *testing.M) {
	// As the program does, before the tests' server.
	if err := raio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func serve(t *testing.T, write bool) (uri, dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), make([]byte, 1<<20), 0o644))
	s, err := server.Listen("tcp://127.0.0.1:0", server.Config{Root: dir, Write: write})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.URI(), dir
}

func TestMeasureAndDraw(t *testing.T) {
	uri, dir := serve(t, true)
	csv, png := filepath.Join(dir, "out.csv"), filepath.Join(dir, "out.png")
	require.NoError(t, run(context.Background(), []string{
		"-mode", "randread,read,randwrite,write", "-b", "4096,100000", "-depth", "1,8", "-duration", "20ms",
		"-csv", csv, "-plot", png, uri + "/file"}))
	rows, err := readCSV(csv)
	require.NoError(t, err)
	require.Len(t, rows, 4*2*2)
	for _, r := range rows {
		require.NotZero(t, r.Ops)
		require.Positive(t, r.iops())
		require.Positive(t, r.P50)
		require.LessOrEqual(t, r.P50, r.P99)
		require.LessOrEqual(t, r.P99, r.Max)
	}
	require.Equal(t, "randread", rows[0].Mode)
	require.Equal(t, 100000, rows[15].Block)
	require.Equal(t, 8, rows[15].Depth)

	again := filepath.Join(dir, "again.png")
	require.NoError(t, run(context.Background(), []string{"-from", csv, "-plot", again}))
	for _, name := range []string{png, again} {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		c, format, err := image.DecodeConfig(f)
		require.NoError(t, err)
		require.Equal(t, "png", format)
		require.Greater(t, c.Height, 500)
	}
	st, err := os.Stat(filepath.Join(dir, "file"))
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, st.Size(), "the file has grown")
}

func TestFailures(t *testing.T) {
	uri, dir := serve(t, false)
	notCSV := filepath.Join(dir, "file")
	for _, c := range []struct {
		contains string
		args     []string
	}{
		{"no such file", []string{uri + "/none"}},
		{"read-only", []string{"-mode", "write", uri + "/file"}},
		{"smaller than a block", []string{"-b", "2000000", uri + "/file"}},
		{"mode", []string{"-mode", "sideways", uri + "/file"}},
		{"block size", []string{"-b", "0", uri + "/file"}},
		{"depth", []string{"-depth", "9999", uri + "/file"}},
		{"1 GiB", []string{"-b", "60000000", "-depth", "100", uri + "/file"}},
		{"nothing to measure", []string{"-duration", "0s", uri + "/file"}},
		{"host:port/path", []string{"file"}},
		{"missing", nil},
		{"-from needs", []string{"-from", ""}},
		{"no results", []string{"-from", notCSV, "-plot", filepath.Join(dir, "p.png")}},
	} {
		require.ErrorContains(t, run(context.Background(), c.args), c.contains, "%v", c.args)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, run(ctx, []string{uri + "/file"}))
}
