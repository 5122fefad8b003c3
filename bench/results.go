// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"debug/buildinfo"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

// results are the values with what they were taken on.
type results struct {
	c        *config
	p        *programs
	measured measured
	runs     []values // in the order they were made
	machine  [][2]string
	began    time.Time
}

// values are what one run printed.
type values struct {
	round int
	key   // without a metric
	by    map[string]float64
}

func newResults(c *config, p *programs) *results {
	return &results{c: c, p: p, measured: make(measured), began: time.Now()}
}

// add keeps the values of one run.
func (r *results) add(round int, k key, by map[string]float64) {
	r.runs = append(r.runs, values{round, k, by})
	for k.metric = range by {
		r.measured[k] = append(r.measured[k], by[k.metric])
	}
}

// describe finds out what the values are taken on, before they are.
func (r *results) describe(ctx context.Context) error {
	note := func(name, value string) { r.machine = append(r.machine, [2]string{name, value}) }
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return err
	}
	note("date", r.began.UTC().Format("2006-01-02 15:04 MST"))
	note("processor", fmt.Sprintf("%s, %d CPUs", processor(), runtime.NumCPU()))
	note("kernel", unix.ByteSliceToString(uts.Sysname[:])+" "+unix.ByteSliceToString(uts.Release[:])+" "+unix.ByteSliceToString(uts.Machine[:]))
	note("load before", loadAverage())
	if out, err := measure.Output(ctx, "cc", "--version"); err == nil {
		line, _, _ := strings.Cut(string(out), "\n")
		note("C compiler", line)
	}
	info, err := buildinfo.ReadFile(r.p.libs[0].peer)
	if err != nil {
		return err
	}
	note("Go", info.GoVersion)
	if out, err := measure.Output(ctx, "git", "describe", "--always", "--dirty"); err == nil {
		note("revision", strings.TrimSpace(string(out)))
	}
	for _, m := range info.Deps {
		if slices.Contains(rivalModules, m.Path) {
			note(m.Path, m.Version)
		}
	}
	for _, l := range r.p.libs {
		out, err := measure.Output(ctx, l.peer, "versions")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(out)) {
			name, version, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if name == "xio" {
				name = "xio, " + l.name
			}
			note(name, version)
		}
	}
	return nil
}

// rivalModules are those whose versions matter.
var rivalModules = []string{"google.golang.org/grpc", "go.nanomsg.org/mangos/v3", "github.com/pebbe/zmq4"}

// loadAverage of the last 1, 5 and 15 minutes.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	words := strings.Fields(string(text))
	if err != nil || len(words) < 3 {
		return "unknown"
	}
	return strings.Join(words[:3], " ")
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// write writes everything into the folder.
func (r *results) write() error {
	r.machine = append(r.machine, [2]string{"load after", loadAverage()})
	if err := os.MkdirAll(r.c.out, 0o755); err != nil {
		return err
	}
	if err := r.file("results.csv", r.writeValues); err != nil {
		return err
	}
	plots, err := r.plots()
	if err != nil {
		return err
	}
	if err := r.file("README.md", func(w io.Writer) error { return r.writePage(w, plots) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.c.log, "written to %s\n", filepath.Join(r.c.out, "README.md"))
	return err
}

func (r *results) file(name string, write func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(r.c.out, name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}

func (r *results) writeValues(w io.Writer) error {
	metrics := map[string]bool{}
	for _, v := range r.runs {
		for name := range v.by {
			metrics[name] = true
		}
	}
	columns := slices.Sorted(maps.Keys(metrics))
	rows := [][]string{append([]string{"round", "library", "case", "contender"}, columns...)}
	for _, v := range r.runs {
		row := []string{strconv.Itoa(v.round + 1), v.library, v.cs, v.contender}
		for _, name := range columns {
			text := "" // not every program prints everything
			if x, ok := v.by[name]; ok {
				text = strconv.FormatFloat(x, 'f', -1, 64)
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func (r *results) writePage(w io.Writer, plots map[string][]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results of `bench`\n\nMedians of %d rounds; each run measured %v after %v. Loopback is not a network, and\nnumbers depend on the machine: the ratios are what counts. All values are in\n[results.csv](results.csv); `cd bench && %s` makes this folder anew.\n\n",
		r.c.rounds, r.c.seconds, r.c.warm, r.commandLine())
	b.WriteString("| | |\n|---|---|\n")
	for _, m := range r.machine {
		fmt.Fprintf(&b, "| %s | %s |\n", m[0], m[1])
	}
	sockets := "two sockets for a connection"
	if r.c.single {
		sockets = "one socket for a connection"
	}
	fmt.Fprintf(&b, "| Accelio's options | %s, in C and in Go |\n", sockets)
	processors := "as the kernel likes"
	if r.c.bound {
		processors = "a half for the server, a half for the client"
	}
	fmt.Fprintf(&b, "| processors | %s |\n\n", processors)
	for _, t := range r.c.tables() {
		t.print(&b, r.measured, r.p.without)
		for _, name := range plots[t.name] {
			fmt.Fprintf(&b, "![%s](%s)\n\n", strings.TrimSuffix(name, ".svg"), name)
		}
	}
	b.WriteString("## Commands\n\nEach run is a server and a client that gets the server's port and process.\n\n")
	seen := map[string]bool{}
	for _, k := range r.c.work(r.p) {
		for _, who := range k.contenders {
			line := fmt.Sprintf("- %s, %s: `%s`, `%s`\n", k.benchCase.name, who.name, who.server, who.client)
			if !seen[line] {
				seen[line] = true
				b.WriteString(line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the process as a command without paths.
func (p process) String() string {
	name := "peer"
	if p.inC {
		name = "xiobench"
	}
	return name + " " + strings.Join(p.args, " ")
}

// commandLine is how to get the like again, wherever libxio is.
func (r *results) commandLine() string {
	args := []string{"go", "run", ".", "-rounds", strconv.Itoa(r.c.rounds), "-seconds", r.c.seconds.String(), "-warm", r.c.warm.String()}
	if r.c.single {
		args = append(args, "-single")
	}
	if !r.c.bound {
		args = append(args, "-bind=false")
	}
	if only := r.c.only.String(); only != "" {
		args = append(args, "-case", "'"+only+"'")
	}
	return strings.Join(args, " ")
}
