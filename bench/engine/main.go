// SPDX-License-Identifier: Apache-2.0

// Command engine measures the embedded engine, as a C library, against a real
// libxio: one C program (../csrc) written for libxio.h, linked once to each,
// the two run in turns.
//
//	cd bench && go run ./engine                # all cases, 7 rounds
//	go run ./engine -rounds 3 -case '32 B'
//	go run ./engine -list
//
// The engine is built and installed by scripts/build-accelio.sh into a
// temporary folder. The real libxio is the one that -libxio or ACCELIO_PREFIX
// names, or that pkg-config knows; without one only the engine is measured. It
// must be an optimised build to be a fair rival. System calls are counted with
// strace, where there is one.
//
// In each round every case runs once with each set of options: two sockets or
// one for a connection, and for libxio Nagle's algorithm on or off besides (the
// engine always has it off). The table compares the best set of each side, by
// the median over the rounds, and names it: d is two sockets (the default), s is
// one, N is TCP_NO_DELAY. Both processes of a run use the same library and
// options. The machine should have nothing else to do.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

// config is what the command line says.
type config struct {
	rounds  int
	seconds float64
	warm    float64
	only    *regexp.Regexp
	libxio  string // prefix; empty: pkg-config, or none
	engine  string // prefix; empty: build it
	out     io.Writer
	log     io.Writer
}

func main() {
	c := config{out: os.Stdout, log: os.Stderr}
	flag.IntVar(&c.rounds, "rounds", 7, "rounds; the table shows medians")
	flag.Float64Var(&c.seconds, "seconds", 0.6, "time measured in each run")
	flag.Float64Var(&c.warm, "warm", 0.15, "time before that in each run")
	flag.StringVar(&c.libxio, "libxio", os.Getenv("ACCELIO_PREFIX"), "where a real libxio is installed (default $ACCELIO_PREFIX, then pkg-config)")
	flag.StringVar(&c.engine, "engine", "", "where the engine is installed (default: it is built)")
	only := flag.String("case", "", "regular expression: only rows with such a name")
	list := flag.Bool("list", false, "print the names of the rows and end")
	flag.Parse()
	var err error
	if c.only, err = regexp.Compile(*only); err != nil || flag.NArg() > 0 || c.rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if *list {
		for _, r := range c.rows() {
			fmt.Println(r.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		stop()
		os.Exit(1)
	}
}

// rows are the selected rows of the table.
func (c *config) rows() []row {
	return slices.DeleteFunc(slices.Clone(table), func(r row) bool {
		return !c.only.MatchString(r.name)
	})
}

// run builds, measures and prints.
func (c *config) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "xiobench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	libs, err := c.build(ctx, dir)
	if err != nil {
		return err
	}
	rows := c.rows()
	results := make(measured)
	for round := range c.rounds {
		began := time.Now()
		if round%2 == 1 { // neither side always comes first
			libs = []library{libs[len(libs)-1], libs[0]}[:len(libs)]
		}
		for _, cs := range casesOf(rows) {
			if err := c.runCase(ctx, results, libs, cs, round); err != nil {
				return err
			}
		}
		fmt.Fprintf(c.log, "round %d of %d: %.0f s\n", round+1, c.rounds, time.Since(began).Seconds())
	}
	results.print(c.out, rows)
	return nil
}

func (c *config) runCase(ctx context.Context, results measured, libs []library, cs string, round int) error {
	k := cases[cs]
	if k.rounds > 0 && round >= k.rounds {
		return nil
	}
	for set := range optionSets { // pairs run side by side
		for _, l := range libs {
			if !slices.Contains(l.sets, optionSets[set].name) {
				continue
			}
			values, err := k.run(ctx, c, l, append(slices.Clone(k.args), optionSets[set].args...))
			if err != nil {
				return fmt.Errorf("%s, %s: %w", l.name, cs, err)
			}
			for metric, v := range values {
				results.add(key{l.name, cs, metric, optionSets[set].name}, v)
			}
		}
	}
	return nil
}

// library is a build of the C program.
type library struct {
	name    string
	program string
	sets    []string // of options that are tried
}

const (
	engineName = "engine"
	libxioName = "libxio"
)

// build makes the C program once for each library; the engine comes first.
func (c *config) build(ctx context.Context, dir string) ([]library, error) {
	prefix := c.engine
	if prefix == "" {
		prefix = filepath.Join(dir, "accelio")
		if err := measure.InstallEngine(ctx, prefix); err != nil {
			return nil, err
		}
	}
	flags, err := measure.PrefixFlags(prefix)
	if err != nil {
		return nil, err
	}
	libs := []library{{engineName, filepath.Join(dir, engineName), []string{"d", "s"}}}
	if err := measure.CompileC(ctx, libs[0].program, flags); err != nil {
		return nil, err
	}
	flags, found, err := measure.FindLibxio(ctx, c.libxio)
	if err != nil {
		return nil, err
	}
	if !found {
		fmt.Fprintln(c.log, "no libxio is named by ACCELIO_PREFIX or known to pkg-config: measuring the engine alone")
		return libs, nil
	}
	libs = append(libs, library{libxioName, filepath.Join(dir, libxioName), []string{"d", "s", "dN", "sN"}})
	return libs, measure.CompileC(ctx, libs[1].program, flags)
}
