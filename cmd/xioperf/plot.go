// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Size of a drawing.
const (
	plotWidth  = 22 * vg.Centimeter
	plotHeight = 30 * vg.Centimeter
)

// plotFile draws the results in a CSV file.
func plotFile(from, to string) error {
	rows, err := readCSV[result](from)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r result) bool { return r.Messages == 0 })
	if len(rows) == 0 {
		return fmt.Errorf("%s has no results to draw", from)
	}
	canvas, err := draw.NewFormattedCanvas(plotWidth, plotHeight, plotFormat(to))
	if err != nil {
		return err
	}
	plots, err := plotsOf(rows)
	if err != nil {
		return err
	}
	column := make([][]*plot.Plot, len(plots))
	for i, p := range plots {
		column[i] = []*plot.Plot{p}
	}
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadTop: vg.Centimeter, PadBottom: vg.Centimeter,
		PadLeft: vg.Centimeter, PadRight: vg.Centimeter, PadY: vg.Centimeter}
	for i, c := range plot.Align(column, tiles, draw.New(canvas)) {
		plots[i].Draw(c[0])
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// curve is one figure of a series, and how it is drawn.
type curve struct {
	name  string
	value func(point) float64
}

var panels = []struct {
	title  string
	curves []curve
}{
	{"latency (us)", []curve{
		{"p50", func(p point) float64 { return p.p50 }},
		{"p99", func(p point) float64 { return p.p99 }},
		{"p99.9", func(p point) float64 { return p.p999 }},
	}},
	{"messages per second", []curve{{"", func(p point) float64 { return p.rate }}}},
	{"MB per second, sent", []curve{{"", func(p point) float64 { return p.mb }}}},
}

// plotsOf makes the panels of a drawing, top to bottom.
func plotsOf(rows []result) ([]*plot.Plot, error) {
	a := chooseAxis(rows)
	all := seriesOf(a, rows)
	ticks := ticksOf(a, rows)
	var plots []*plot.Plot
	for _, panel := range panels {
		p := plot.New()
		p.Add(plotter.NewGrid())
		p.X.Label.Text = a.name
		p.Y.Label.Text = panel.title
		p.Legend.Top = true
		p.Legend.Left = true
		p.Legend.Padding = vg.Points(2)
		p.Legend.TextStyle.Font.Size = font.Points(8)
		y := logAxis{&p.Y, math.Inf(1), 0}
		for i, s := range all {
			for j, c := range panel.curves {
				if err := addCurve(p, &y, i, j, s, c); err != nil {
					return nil, err
				}
			}
		}
		y.finish(plot.LogTicks{Prec: -1})
		x := logAxis{&p.X, math.Inf(1), 0}
		for _, t := range ticks {
			x.include(t.Value)
		}
		x.finish(ticks)
		plots = append(plots, p)
	}
	r := &rows[0]
	plots[0].Title.Text = fmt.Sprintf("%s %s, %s, %d CPUs", r.Engine, r.Version, r.Machine, r.CPUs)
	return plots, nil
}

// addCurve draws curve j of series i.
func addCurve(p *plot.Plot, y *logAxis, i, j int, s series, c curve) error {
	var xys plotter.XYs
	for _, at := range s.points {
		if v := c.value(at); v > 0 && at.x > 0 {
			xys = append(xys, plotter.XY{X: at.x, Y: v})
			y.include(v)
		}
	}
	if len(xys) == 0 {
		return nil // nothing that a logarithmic axis could show
	}
	line, dots, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	line.Color = plotutil.Color(i)
	line.Dashes = plotutil.Dashes(j)
	dots.Color = line.Color
	dots.Shape = plotutil.Shape(j)
	p.Add(line, dots)
	if name := joinWords(s.label, c.name); name != "" {
		p.Legend.Add(name, line, dots)
	}
	return nil
}

func joinWords(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

// ticksOf marks the places where there are measurements.
func ticksOf(a axis, rows []result) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, x := range valuesOn(a, rows) {
		if x > 0 {
			ticks = append(ticks, plot.Tick{Value: x, Label: a.text(x)})
		}
	}
	return ticks
}

// logAxis makes an axis logarithmic, with room around what it shows.
type logAxis struct {
	axis     *plot.Axis
	min, max float64
}

func (l *logAxis) include(v float64) {
	l.min, l.max = min(l.min, v), max(l.max, v)
}

func (l *logAxis) finish(ticks plot.Ticker) {
	if l.max == 0 {
		l.min, l.max = 1, 1
	}
	l.axis.Scale = plot.LogScale{}
	l.axis.Tick.Marker = ticks
	l.axis.Min, l.axis.Max = l.min/1.5, l.max*1.5
}
