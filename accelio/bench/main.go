// SPDX-License-Identifier: Apache-2.0

// Command bench measures the embedded engine, as a C library, against a real
// libxio: one C program (csrc) written for libxio.h, linked once to each,
// the two run in turns.
//
//	go run ./accelio/bench                     # all cases, 7 rounds
//	go run ./accelio/bench -rounds 3 -case '32 B'
//	go run ./accelio/bench -list
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
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
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
		fmt.Fprintln(os.Stderr, "bench:", err)
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
	src, err := sources()
	if err != nil {
		return nil, err
	}
	prefix := c.engine
	if prefix == "" {
		prefix = filepath.Join(dir, "accelio")
		script := filepath.Join(src, "../../../scripts/build-accelio.sh")
		if err := command(ctx, script, "--prefix", prefix); err != nil {
			return nil, err
		}
	}
	flags, err := prefixFlags(prefix)
	if err != nil {
		return nil, err
	}
	libs := []library{{engineName, filepath.Join(dir, engineName), []string{"d", "s"}}}
	if err := compile(ctx, src, libs[0].program, flags); err != nil {
		return nil, err
	}
	switch {
	case c.libxio != "":
		flags, err = prefixFlags(c.libxio)
	case exec.CommandContext(ctx, "pkg-config", "--exists", "libxio").Run() == nil:
		flags, err = pkgConfigFlags(ctx)
	default:
		fmt.Fprintln(c.log, "no libxio is named by ACCELIO_PREFIX or known to pkg-config: measuring the engine alone")
		return libs, nil
	}
	if err != nil {
		return nil, err
	}
	libs = append(libs, library{libxioName, filepath.Join(dir, libxioName), []string{"d", "s", "dN", "sN"}})
	return libs, compile(ctx, src, libs[1].program, flags)
}

// sources finds the folder of the C program from anywhere in the module.
func sources() (string, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/accelio/accelio-go/accelio/bench").Output()
	if err != nil {
		return "", fmt.Errorf("the module's folder is not found: run it inside the module: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "csrc"), nil
}

func prefixFlags(prefix string) ([]string, error) {
	dirs, _ := filepath.Glob(filepath.Join(prefix, "lib", "*-linux-gnu*"))
	for _, dir := range append([]string{filepath.Join(prefix, "lib"), filepath.Join(prefix, "lib64")}, dirs...) {
		if _, err := os.Stat(filepath.Join(dir, "libxio.so")); err == nil {
			return []string{"-I" + filepath.Join(prefix, "include"), "-L" + dir, "-Wl,-rpath," + dir}, nil
		}
	}
	return nil, fmt.Errorf("no libxio.so under %s", prefix)
}

func pkgConfigFlags(ctx context.Context) ([]string, error) {
	flags, err := exec.CommandContext(ctx, "pkg-config", "--cflags", "--libs-only-L", "libxio").Output()
	if err != nil {
		return nil, err
	}
	dir, err := exec.CommandContext(ctx, "pkg-config", "--variable=libdir", "libxio").Output()
	if err != nil {
		return nil, err
	}
	return append(strings.Fields(string(flags)), "-Wl,-rpath,"+strings.TrimSpace(string(dir))), nil
}

func compile(ctx context.Context, src, program string, flags []string) error {
	files, err := filepath.Glob(filepath.Join(src, "*.c"))
	if err != nil {
		return err
	}
	cc := strings.Fields(os.Getenv("CC"))
	if len(cc) == 0 {
		cc = []string{"cc"}
	}
	args := slices.Concat(cc[1:], []string{"-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", program}, files, flags, []string{"-lxio", "-pthread"})
	return command(ctx, cc[0], args...)
}

// command runs a program whose output matters only when it fails.
func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
