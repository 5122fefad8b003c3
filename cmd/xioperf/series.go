// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// axis is what a plot may be over.
type axis struct {
	name  string
	value func(*result) float64
	text  func(x float64) string
}

var axes = []axis{
	{"message size (bytes)", func(r *result) float64 { return float64(r.Size) }, func(x float64) string { return sizeText(int(x)) }},
	{"depth", func(r *result) float64 { return float64(r.Depth) }, number},
	{"messages per second wanted", func(r *result) float64 { return r.TargetRate }, number},
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// properties are what tells series apart, where it differs between rows.
var properties = []struct {
	name  string
	value func(*result) string
}{
	{"size", func(r *result) string { return sizeText(r.Size) }},
	{"depth", func(r *result) string { return strconv.Itoa(r.Depth) }},
	{"rate", func(r *result) string { return number(r.TargetRate) }},
	{"", func(r *result) string { return r.Kind }},
	{"api", func(r *result) string { return r.API }},
	{"data", func(r *result) string { return r.Buffers }},
	{"connections", func(r *result) string { return strconv.Itoa(r.Connections) }},
	{"sessions", func(r *result) string { return strconv.Itoa(r.Sessions) }},
	{"contexts", func(r *result) string { return strconv.Itoa(r.Contexts) }},
	{"goroutines", senders},
	{"server", serverText},
	{"", func(r *result) string { return r.Role }},
	{"streams", func(r *result) string { return strconv.Itoa(r.Streams) }},
	{"keepalive", func(r *result) string { return strconv.FormatBool(r.Keepalive) }},
	{"header", func(r *result) string { return strconv.Itoa(r.Header) }},
	{"", func(r *result) string { return r.Transport }},
	{"", func(r *result) string { return r.Engine + " " + r.Version }},
	{"", func(r *result) string { return r.Go }},
	{"", func(r *result) string { return r.Kernel }},
	{"", func(r *result) string { return r.Machine }},
	{"CPUs", func(r *result) string { return strconv.Itoa(r.CPUs) }},
	{"version", func(r *result) string { return r.Program }},
}

// senders is the number of goroutines, unless it only follows from the depth.
func senders(r *result) string {
	if r.API == apiCall && r.Goroutines == r.Depth*r.Connections {
		return "one per message"
	}
	return strconv.Itoa(r.Goroutines)
}

// series is a line of a plot.
type series struct {
	label  string
	points []point
}

// point is the medians of all measurements at one place of the axis.
type point struct {
	x                        float64
	p50, p99, p999, rate, mb float64
}

// chooseAxis takes what has the most values; the first in case of a tie.
func chooseAxis(rows []result) axis {
	best, most := axes[0], 0
	for _, a := range axes {
		if n := len(valuesOn(a, rows)); n > most {
			best, most = a, n
		}
	}
	return best
}

// valuesOn are the places on an axis, in order.
func valuesOn(a axis, rows []result) []float64 {
	var xs []float64
	for i := range rows {
		xs = append(xs, a.value(&rows[i]))
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}

// seriesOf groups rows by all that differs between them beside the axis.
func seriesOf(a axis, rows []result) []series {
	label := labeller(a, rows)
	groups := map[string]map[float64][]*result{}
	var order []string
	for i := range rows {
		r := &rows[i]
		l := label(r)
		if groups[l] == nil {
			groups[l] = map[float64][]*result{}
			order = append(order, l)
		}
		x := a.value(r)
		groups[l][x] = append(groups[l][x], r)
	}
	var all []series
	for _, l := range order {
		s := series{label: l}
		for x, rs := range groups[l] {
			s.points = append(s.points, pointOf(x, rs))
		}
		slices.SortFunc(s.points, func(p, q point) int { return cmp.Compare(p.x, q.x) })
		all = append(all, s)
	}
	return all
}

// labeller makes the function that names a row's series.
func labeller(a axis, rows []result) func(*result) string {
	var differ []int
	for i, p := range properties {
		for j := range rows {
			if p.value(&rows[j]) != p.value(&rows[0]) && !sameAsAxis(i, a) {
				differ = append(differ, i)
				break
			}
		}
	}
	return func(r *result) string {
		var parts []string
		for _, i := range differ {
			p := properties[i]
			parts = append(parts, strings.TrimSpace(p.name+" "+p.value(r)))
		}
		return strings.Join(parts, ", ")
	}
}

// sameAsAxis says that a property is the axis: the first ones are the axes.
func sameAsAxis(i int, a axis) bool { return i < len(axes) && axes[i].name == a.name }

func pointOf(x float64, rs []*result) point {
	m := func(value func(*result) float64) float64 {
		var all []float64
		for _, r := range rs {
			all = append(all, value(r))
		}
		return median(all)
	}
	return point{
		x:    x,
		p50:  m(func(r *result) float64 { return r.Latency.P50 }),
		p99:  m(func(r *result) float64 { return r.Latency.P99 }),
		p999: m(func(r *result) float64 { return r.Latency.P999 }),
		rate: m(func(r *result) float64 { return r.Rate }),
		mb:   m(func(r *result) float64 { return r.MBOut }),
	}
}

// median of a list that is not empty; it sorts the list.
func median(list []float64) float64 {
	slices.Sort(list)
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}
