// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

var panels = []struct {
	title string
	value func(result) float64
}{
	{"IOPS", result.iops},
	{"latency p50 (us)", func(r result) float64 { return r.P50 }},
	{"latency p99 (us)", func(r result) float64 { return r.P99 }},
}

// draw draws IOPS and latency over the depth, a curve for each mode and block
// size.
func draw(rows []result, to string) error {
	if len(rows) == 0 {
		return fmt.Errorf("no results to draw")
	}
	format := strings.TrimPrefix(filepath.Ext(to), ".")
	canvas, err := vgdraw.NewFormattedCanvas(20*vg.Centimeter, 26*vg.Centimeter, format)
	if err != nil {
		return err
	}
	column := make([][]*plot.Plot, len(panels))
	for i, panel := range panels {
		p, err := drawPanel(rows, panel.title, panel.value)
		if err != nil {
			return err
		}
		column[i] = []*plot.Plot{p}
	}
	tiles := vgdraw.Tiles{Rows: len(panels), Cols: 1, PadY: vg.Centimeter,
		PadTop: vg.Centimeter, PadBottom: vg.Centimeter, PadLeft: vg.Centimeter, PadRight: vg.Centimeter}
	for i, c := range plot.Align(column, tiles, vgdraw.New(canvas)) {
		column[i][0].Draw(c[0])
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func drawPanel(rows []result, title string, value func(result) float64) (*plot.Plot, error) {
	p := plot.New()
	p.Add(plotter.NewGrid())
	p.X.Label.Text, p.Y.Label.Text = "depth", title
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size = font.Points(8)
	curves := map[string]plotter.XYs{}
	var names []string
	for _, r := range rows {
		v := value(r)
		if v <= 0 {
			continue // a logarithmic axis cannot show it
		}
		name := fmt.Sprintf("%s, %d B", r.Mode, r.Block)
		if _, ok := curves[name]; !ok {
			names = append(names, name)
		}
		curves[name] = append(curves[name], plotter.XY{X: float64(r.Depth), Y: v})
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("nothing to draw for %s", title)
	}
	for i, name := range names {
		line, dots, err := plotter.NewLinePoints(curves[name])
		if err != nil {
			return nil, err
		}
		line.Color, dots.Color = plotutil.Color(i), plotutil.Color(i)
		dots.Shape = plotutil.Shape(i)
		p.Add(line, dots)
		p.Legend.Add(name, line, dots)
	}
	// Room around the curves, also where there is one point only.
	p.X.Min, p.X.Max = p.X.Min/1.5, p.X.Max*1.5
	p.Y.Min, p.Y.Max = p.Y.Min/1.5, p.Y.Max*1.5
	return p, nil
}
