// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// series is a kind of points, one for each of the names of a plot; 0 is none.
type series struct {
	name   string
	values []float64
	shape  draw.GlyphDrawer
	color  color.Color
}

// bar is a short upright line: a limit.
type bar struct{}

// DrawGlyph draws it.
func (bar) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, p vg.Point) {
	c.StrokeLine2(draw.LineStyle{Color: s.Color, Width: vg.Points(2)}, p.X, p.Y-s.Radius*1.5, p.X, p.Y+s.Radius*1.5)
}

var (
	blue   = color.RGBA{R: 0x1f, G: 0x5f, B: 0xb4, A: 0xff}
	orange = color.RGBA{R: 0xe0, G: 0x7b, B: 0x10, A: 0xff}
	red    = color.RGBA{R: 0xc0, G: 0x20, B: 0x20, A: 0xff}
	green  = color.RGBA{R: 0x20, G: 0x8a, B: 0x40, A: 0xff}
)

// plots draws rates and ratios of each table that has values, and returns the
// names of the files by table.
func (r *results) plots() (map[string][]string, error) {
	files := map[string][]string{}
	for _, t := range r.c.tables() {
		var lines []line
		for _, x := range t.rows {
			if l := r.measured.line(t.library, x); l.ok && x.metric == "rate" {
				lines = append(lines, l)
			}
		}
		if len(lines) == 0 {
			continue
		}
		slices.Reverse(lines) // the first shall be on top
		column := func(f func(line) float64) []float64 {
			v := make([]float64, len(lines))
			for i, l := range lines {
				v[i] = f(l)
			}
			return v
		}
		names := make([]string, len(lines))
		for i, l := range lines {
			names[i] = l.name
		}
		base := map[string]string{"C": "c", "C on libxio": "c-libxio", "rivals": "rivals"}[t.name]
		rates := []series{
			{t.ours, column(func(l line) float64 { return l.ours }), draw.CircleGlyph{}, blue},
			{t.theirs, column(func(l line) float64 { return l.theirs }), draw.BoxGlyph{}, orange},
		}
		ratios := []series{
			{"floor", column(func(l line) float64 { return l.limits.Floor }), bar{}, red},
			{"goal", column(func(l line) float64 { return l.limits.Goal }), bar{}, green},
			{"measured", column(func(l line) float64 { return l.value }), draw.CircleGlyph{}, blue},
		}
		for _, p := range []struct {
			file, title string
			series      []series
		}{
			{base + "-rate.svg", "requests per second", rates},
			{base + "-ratio.svg", fmt.Sprintf("rate of %s as a multiple of %s", t.ours, t.theirs), ratios},
		} {
			if err := savePlot(filepath.Join(r.c.out, p.file), t.title+": "+p.title, names, p.series); err != nil {
				return nil, err
			}
			files[t.name] = append(files[t.name], p.file)
		}
	}
	return files, nil
}

// legendLines is the place of the legend above the points, in lines of names.
const legendLines = 1.5

// savePlot writes a plot with a logarithmic axis of values and a line for each
// name.
func savePlot(file, title string, names []string, list []series) error {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding = vg.Points(8)
	p.NominalY(names...)
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = plot.LogTicks{Prec: -1}
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for _, s := range list {
		var points plotter.XYs
		for i, v := range s.values {
			if v > 0 {
				points = append(points, plotter.XY{X: v, Y: float64(i)})
			}
		}
		if len(points) == 0 {
			continue
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		scatter.GlyphStyle = draw.GlyphStyle{Color: s.color, Radius: vg.Points(4), Shape: s.shape}
		p.Add(scatter)
		p.Legend.Add(s.name, scatter)
	}
	const margin = 1.2
	p.X.Min, p.X.Max = p.X.Min/margin, p.X.Max*margin
	p.Y.Min, p.Y.Max = -0.5, float64(len(names))+legendLines
	height := vg.Centimeter * vg.Length(3+0.6*(float64(len(names))+legendLines))
	return p.Save(24*vg.Centimeter, height, file)
}
