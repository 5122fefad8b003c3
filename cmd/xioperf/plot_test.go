// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"image"
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rowsFor makes results over sizes and depths whose figures are known.
func rowsFor(sizes, depths []int) []result {
	var rows []result
	for _, s := range sizes {
		for _, d := range depths {
			r := result{API: apiSend, Size: s, Depth: d, Connections: 1, Messages: 10, Rate: 1000, MBOut: float64(s) / 1000}
			r.Latency = percentiles{P50: float64(10 * d), P99: float64(20 * d), P999: float64(40 * d)}
			rows = append(rows, r)
		}
	}
	return rows
}

func writeCSV(t *testing.T, rows []result) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "results.csv")
	c, err := appendCSV[result](name)
	require.NoError(t, err)
	for i := range rows {
		require.NoError(t, c.add(&rows[i]))
	}
	require.NoError(t, c.close())
	return name
}

func drawn(t *testing.T, rows []result, format string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "plot."+format)
	runHere(t, "-plot", writeCSV(t, rows), "-o", to).ok(t)
	return to
}

// svgText reads an SVG file through and returns its texts and how many paths it
// has.
func svgText(t *testing.T, name string) (texts []string, paths int) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	d := xml.NewDecoder(f)
	inText := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts, paths
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			if paths == 0 && len(texts) == 0 && e.Name.Local == "svg" {
				require.Equal(t, "http://www.w3.org/2000/svg", e.Name.Space)
			}
			inText = e.Name.Local == "text"
			if e.Name.Local == "path" {
				paths++
			}
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				texts = append(texts, strings.TrimSpace(string(e)))
			}
		}
	}
}

func TestPlotSVG(t *testing.T) {
	texts, paths := svgText(t, drawn(t, rowsFor([]int{32, 4096, 65536}, []int{1, 16}), "svg"))
	for _, want := range []string{"message size (bytes)", "latency (us)", "messages per second", "32", "4k", "64k",
		"depth 1, p50", "depth 16, p99", "depth 16, p99.9", "depth 1", "depth 16"} {
		require.Contains(t, texts, want)
	}
	_, fewer := svgText(t, drawn(t, rowsFor([]int{32, 4096, 65536}, []int{1}), "svg"))
	require.Greater(t, paths, fewer, "the second depth is not drawn")
}

func TestPlotOverDepth(t *testing.T) {
	texts, _ := svgText(t, drawn(t, rowsFor([]int{32, 4096}, []int{1, 16, 64}), "svg"))
	require.Contains(t, texts, "depth")
	require.Contains(t, texts, "size 4k, p99")
}

func TestPlotPNG(t *testing.T) {
	f, err := os.Open(drawn(t, rowsFor([]int{32, 4096, 65536}, []int{1}), "png"))
	require.NoError(t, err)
	defer f.Close()
	img, format, err := image.Decode(f)
	require.NoError(t, err)
	require.Equal(t, "png", format)
	colours := map[[4]uint32]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, a := img.At(x, y).RGBA()
			colours[[4]uint32{r, g, b, a}] = true
		}
	}
	require.Greater(t, len(colours), 10, "next to nothing is drawn")
}

// What a logarithmic axis cannot show is left out, not a crash.
func TestPlotOddResults(t *testing.T) {
	drawn(t, rowsFor([]int{1}, []int{1}), "svg")
	drawn(t, rowsFor([]int{0, 1, 32}, []int{1}), "svg")
	drawn(t, rowsFor([]int{0}, []int{1}), "png")
	runHere(t, "-plot", writeCSV(t, []result{{}}), "-o", "x.svg").oneLine(t, exitFailed, "no results to draw")
}

func TestSeries(t *testing.T) {
	rows := rowsFor([]int{32, 4096, 65536}, []int{1, 16})
	again := rowsFor([]int{32}, []int{1})[0]
	again.Rate = 3000
	other := again
	other.API, other.Rate = apiCall, 500
	all := seriesOf(chooseAxis(rows), append(rows, again, other))
	require.Len(t, all, 3)
	require.Equal(t, "depth 1, api send", all[0].label)
	require.Equal(t, "depth 16, api send", all[1].label)
	require.Equal(t, "depth 1, api call", all[2].label)
	require.Len(t, all[0].points, 3)
	require.Equal(t, point{x: 32, p50: 10, p99: 20, p999: 40, rate: 2000, mb: 0.032}, all[0].points[0], "the median of both")
	require.Equal(t, 65536.0, all[0].points[2].x)
	require.Equal(t, 500.0, all[2].points[0].rate)
}

// What was measured can be drawn.
func TestMeasureAndPlot(t *testing.T) {
	dir := t.TempDir()
	csv, svg := filepath.Join(dir, "r.csv"), filepath.Join(dir, "r.svg")
	runHere(t, strings.Fields("-local -n 50 -warmup 0s -size 32,4k -depth 1,4 -api call -csv "+csv)...).ok(t)
	runHere(t, "-plot", csv, "-o", svg).ok(t)
	texts, _ := svgText(t, svg)
	require.Contains(t, texts, "depth 4, p99")
}
