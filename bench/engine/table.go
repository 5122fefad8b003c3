// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

// row is a line of the table: a metric of a case. Floor and goal are multiples
// of libxio's value, or values of the engine's own when absolute is set; zero
// is no demand.
type row struct {
	name     string
	cs       string // key of cases
	metric   string
	unit     string
	scale    float64 // of the values shown
	lower    bool    // is better
	absolute bool
	floor    float64
	goal     float64
}

func rate(name, cs string, floor, goal float64) row {
	return row{name: name, cs: cs, metric: "rate", unit: "/s", scale: 1, floor: floor, goal: goal}
}

func cpu(name, cs string, floor, goal float64) row {
	return row{name: name, cs: cs, metric: "cpu_us", unit: "us", scale: 1, lower: true, floor: floor, goal: goal}
}

func tail(name, cs string, floor, goal float64) row {
	return row{name: name, cs: cs, metric: "p999_us", unit: "us", scale: 1, lower: true, absolute: true, floor: floor, goal: goal}
}

func memory(name, cs, metric string, floor, goal float64) row {
	return row{name: name, cs: cs, metric: metric, unit: "KiB", scale: 1. / 1024, lower: true, absolute: true, floor: floor, goal: goal}
}

var table = []row{
	rate("32 B, depth 1, blocking", "32/1", 0.97, 1),
	cpu("32 B, depth 1, blocking: CPU a request", "32/1", 0.9, 0),
	{name: "32 B, depth 1, blocking: system calls a request and side", cs: "syscalls", metric: "calls", scale: 1, lower: true, absolute: true, goal: 3},
	rate("32 B, depth 1, both sides polling", "32/1poll", 1.6, 2),
	rate("32 B, depth 16", "32/16", 1.3, 1.7),
	rate("32 B, depth 64", "32/64", 2, 2.8),
	rate("32 B, depth 256", "32/256", 3, 5),
	rate("4 KiB, depth 1", "4K/1", 0, 0),
	rate("4 KiB, depth 16", "4K/16", 1.2, 1.6),
	rate("4 KiB, depth 64", "4K/64", 1.5, 3),
	rate("4 KiB, depth 256", "4K/256", 1.3, 2),
	rate("64 KiB, depth 1", "64K/1", 1, 1.1),
	rate("64 KiB, depth 16", "64K/16", 1, 1.1),
	rate("64 KiB, depth 64", "64K/64", 1, 1.1),
	rate("64 KiB, depth 256", "64K/256", 1, 1.1),
	rate("1 MiB, depth 1", "1M/1", 1, 1.1),
	rate("1 MiB, depth 16", "1M/16", 1, 1.1),
	rate("1 MiB, depth 64", "1M/64", 1, 1.1),
	rate("1 MiB, depth 256", "1M/256", 1, 1.1),
	rate("one-way 32 B", "oneway", 3, 5),
	cpu("32 B, depth 64: CPU a request", "32/64", 0.5, 0.2),
	tail("32 B, depth 64: p99.9", "32/64", 2000, 300),
	tail("32 B, depth 256: p99.9", "32/256", 2000, 300),
	memory("memory of a server with 1 connection", "connections", "rss_1", 0, 0),
	memory("memory per further accepted connection, 1 to 100", "connections", "each_first", 64<<10, 16<<10),
	memory("memory per further accepted connection, 100 to 1000", "connections", "each_later", 64<<10, 16<<10),
	memory("memory per context with a connection", "contexts", "each", 1<<20, 256<<10),
}

// casesOf are the cases that the rows need, each once and in their order.
func casesOf(rows []row) []string {
	var names []string
	for _, r := range rows {
		if !slices.Contains(names, r.cs) {
			names = append(names, r.cs)
		}
	}
	return names
}

// key names a value: of a library, in a case, with a set of options.
type key struct {
	library, cs, metric, set string
}

// measured has the value of each round.
type measured map[key][]float64

func (m measured) add(k key, v float64) {
	m[k] = append(m[k], v)
}

// best is the best median of all sets of options, and the set.
func (m measured) best(library string, r row) (value float64, set string, ok bool) {
	for _, o := range optionSets {
		v := m[key{library, r.cs, r.metric, o.name}]
		if len(v) == 0 {
			continue
		}
		if x := measure.Median(v); !ok || (x < value) == r.lower && x != value {
			value, set, ok = x, o.name, true
		}
	}
	return value, set, ok
}

func (r row) verdict(v float64) string {
	return measure.Limits{Floor: r.floor, Goal: r.goal, Lower: r.lower}.Verdict(v)
}

func (r row) limit(v float64) string {
	switch {
	case v == 0:
		return "-"
	case r.absolute:
		return fmt.Sprintf("%.4g", v*r.scale)
	default:
		return fmt.Sprintf("%.4g x", v)
	}
}

func (r row) show(v float64, set string, ok bool) string {
	if !ok {
		return "-"
	}
	text := measure.Short(v * r.scale)
	if r.unit != "" {
		text += " " + r.unit
	}
	return text + " (" + set + ")"
}

// print writes the table as markdown. The last column is the ratio when the
// engine has its default options.
func (m measured) print(w io.Writer, rows []row) {
	fmt.Fprintln(w, "| case | engine | libxio | engine / libxio | floor | goal | reached | ratio, engine's defaults |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		ours, set, ok := m.best(engineName, r)
		theirs, theirSet, both := m.best(libxioName, r)
		ratio, plain, reached := "-", "-", "-"
		if ok && both {
			ratio = fmt.Sprintf("%.2f", ours/theirs)
			plain = fmt.Sprintf("%.2f", measure.Median(m[key{engineName, r.cs, r.metric, "d"}])/theirs)
		}
		if ok && r.absolute {
			reached = r.verdict(ours)
		} else if ok && both {
			reached = r.verdict(ours / theirs)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.name, r.show(ours, set, ok),
			r.show(theirs, theirSet, both), ratio, r.limit(r.floor), r.limit(r.goal), reached, plain)
	}
}
