// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

// row is a line of a table: a metric of ours, as a multiple of theirs, or by
// itself where nobody else's is named. Floor and goal are of that.
type row struct {
	name   string
	cs     string // name of a case
	metric string
	unit   string
	ours   string // contenders
	theirs string
	limits measure.Limits
}

// table belongs to one library.
type table struct {
	name    string
	title   string
	library string
	ours    string // column heads
	theirs  string
	rows    []row
}

// tables are the selected rows.
func (c *config) tables() []table {
	list := []table{
		{"C", "Against C, on the embedded engine", engineName, "Go", "C", rowsInC()},
		{"C on libxio", "Against C, on libxio", libxioName, "Go", "C", rowsInC()},
		{"rivals", "Against others, on the embedded engine", engineName, "xio", "other", rivalRows()},
	}
	for i := range list {
		list[i].rows = slices.DeleteFunc(list[i].rows, func(r row) bool { return !c.only.MatchString(r.name) })
	}
	return slices.DeleteFunc(list, func(t table) bool { return len(t.rows) == 0 })
}

func rate(name, cs, ours, theirs string, floor, goal float64) row {
	return row{name, cs, "rate", "/s", ours, theirs, measure.Limits{Floor: floor, Goal: goal}}
}

func rowsInC() []row {
	var rows []row
	for _, l := range cLoads {
		floor, goal, how := 0.85, 0.95, ""
		switch {
		case l.size > 8<<10:
			floor, goal, how = 0.9, 0.97, ", no copy"
		case l.depth == 1:
			floor, goal = 0.9, 0.97
		case l.depth == 16:
			floor, goal = 0.8, 0.9
		}
		rows = append(rows, rate("event API, "+l.String()+how, clientName(l), inGo, inC, floor, goal))
	}
	for i, n := range callDepths {
		limits := [][2]float64{{0.9, 1.5}, {0.6, 0.8}, {0.6, 0.85}}[i]
		rows = append(rows, rate(callName(n), clientName(load{32, n}), inGoCalls, inC, limits[0], limits[1]))
	}
	for _, l := range serverLoads {
		rows = append(rows, rate("server, "+l.String(), serverName(l), inGo, inC, 0.85, 0.95))
	}

	cpu := func(name, cs, metric, ours string) {
		limits := measure.Limits{Floor: 1.5, Goal: 1.15, Lower: true}
		if ours == inGoCalls {
			limits = measure.Limits{Lower: true} // C has no such thing to be measured by
		}
		rows = append(rows, row{"CPU a request, " + name, cs, metric, "us", ours, inC, limits})
	}
	for _, l := range []load{{32, 1}, {32, 64}, {4 << 10, 64}, {64 << 10, 16}} {
		cpu("event API, "+l.String(), clientName(l), "cpu_client_us", inGo)
	}
	for _, n := range callDepths {
		cpu(callName(n), clientName(load{32, n}), "cpu_client_us", inGoCalls)
	}
	for _, l := range serverLoads {
		cpu("server, "+l.String(), serverName(l), "cpu_server_us", inGo)
	}

	// The runtime's own few are not a message's: what rounds to no allocation
	// in a hundred messages is none.
	allocs := func(name, cs, metric, ours string) {
		rows = append(rows, row{"allocations a message, " + name, cs, metric, "", ours, "", measure.Limits{Floor: 0.005, Goal: 0.005, Lower: true}})
	}
	for _, l := range []load{{32, 64}, {64 << 10, 16}} {
		allocs("event API, "+l.String(), clientName(l), "allocs", inGo)
	}
	for _, n := range callDepths {
		allocs(callName(n), clientName(load{32, n}), "allocs", inGoCalls)
	}
	allocs("server, "+serverLoads[0].String(), serverName(serverLoads[0]), "server_allocs", inGo)
	return rows
}

func callName(n int) string {
	if n == 1 {
		return "Call, 32 B, 1 goroutine"
	}
	return fmt.Sprintf("Call, 32 B, %d goroutines", n)
}

// rivalLimits are floors and goals in the order of rivalLoads.
var rivalLimits = map[string]struct{ floors, goals [4]float64 }{
	"grpc-unary":  {[4]float64{1.2, 4, 5, 3.8}, [4]float64{1.4, 8, 8, 5}},
	"grpc-stream": {[4]float64{1, 1.4, 1.8, 2.3}, [4]float64{1.15, 2.4, 2.7, 3}},
	"netrpc":      {[4]float64{1, 2.5, 4, 1.6}, [4]float64{1.1, 5, 7, 2.2}},
	"mangos":      {[4]float64{1, 3, 2.5, 1.5}, [4]float64{1.1, 6, 4, 2}},
	"zmq":         {[4]float64{1.4, 1.3, 3, 2.9}, [4]float64{1.6, 2.1, 4.5, 3.8}},
	"tcp":         {[4]float64{0.95, 0.5, 0.6, 1}, [4]float64{1, 0.8, 0.9, 1.3}},
}

func rivalRows() []row {
	var rows []row
	for _, r := range rivals {
		for i, l := range rivalLoads {
			limits := rivalLimits[r.name]
			rows = append(rows, rate(r.title+", "+l.String(), rivalName(l), ours, r.name, limits.floors[i], limits.goals[i]))
		}
	}
	return rows
}

// key names a value.
type key struct {
	library, cs, contender, metric string
}

// measured has the value of each round.
type measured map[key][]float64

// line is a row with its values: medians over the rounds.
type line struct {
	row
	ours, theirs float64
	ok           bool    // ours is there, and theirs if it is wanted
	value        float64 // the ratio, or ours
}

func (m measured) line(library string, r row) line {
	l := line{row: r}
	mine := m[key{library, r.cs, r.ours, r.metric}]
	if len(mine) == 0 {
		return l
	}
	l.ours = measure.Median(mine)
	if r.theirs == "" {
		l.value, l.ok = l.ours, true
		return l
	}
	if other := m[key{library, r.cs, r.theirs, r.metric}]; len(other) > 0 {
		l.theirs = measure.Median(other)
		l.value, l.ok = l.ours/l.theirs, true
	}
	return l
}

// print writes the table as markdown; without says why values are missing.
func (t table) print(w io.Writer, m measured, without map[string]string) {
	fmt.Fprintf(w, "## %s\n\n", t.title)
	if why := without[t.library]; why != "" {
		fmt.Fprintf(w, "Not run: %s.\n\n", why)
		return
	}
	fmt.Fprintf(w, "| case | %s | %s | %s / %s | floor | goal | reached |\n", t.ours, t.theirs, t.ours, t.theirs)
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, r := range t.rows {
		l := m.line(t.library, r)
		if why := without[r.theirs]; why != "" {
			fmt.Fprintf(w, "| %s | | not run: %s | | | | |\n", r.name, why)
			continue
		}
		theirs, ratio := "-", "-"
		if r.theirs != "" {
			theirs, ratio = show(l.theirs, r.unit), fmt.Sprintf("%.2f", l.value)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", r.name, show(l.ours, r.unit), theirs, ratio,
			r.limit(r.limits.Floor), r.limit(r.limits.Goal), r.limits.Verdict(l.value))
	}
	fmt.Fprintln(w)
}

func (r row) limit(v float64) string {
	switch {
	case v == 0:
		return "-"
	case r.theirs == "":
		return fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprintf("%.4g x", v)
}

func show(v float64, unit string) string {
	if unit == "" {
		return fmt.Sprintf("%.3f", v)
	}
	return measure.Short(v) + " " + unit
}
