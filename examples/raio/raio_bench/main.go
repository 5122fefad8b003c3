// SPDX-License-Identifier: Apache-2.0

// Raio_bench measures operations per second and latency of an R-AIO server by
// block size and depth, and draws what it has measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `raio_bench measures an R-AIO server, in C or Go. FILE is written
tcp://host:port/path, with the path below the server's root; for a C server, which has
no root, tcp://host:port//path. The path //dev/null is a store without a disk.

Modes that write destroy what is in the file. Each measurement is of one mode, block
size and depth, in turns. With -plot and without FILE it draws an earlier CSV.`
	sample = "raio_bench -b 4096,65536 -depth 1,32 -csv out.csv -plot out.png tcp://127.0.0.1:2061/disk.img"
)

func main() { app.Main("raio_bench", run) }

// A result is one line of output, and of CSV.
type result struct {
	Mode    string
	Block   int
	Depth   int
	Ops     uint64
	Seconds float64
	app.Percentiles
}

func (r result) iops() float64 {
	if r.Seconds <= 0 {
		return 0
	}
	return float64(r.Ops) / r.Seconds
}

type options struct {
	modes     []string
	blocks    []int
	depths    []int
	duration  time.Duration
	rounds    int
	direct    bool
	csv, plot string
	uri, path string
}

func run(ctx context.Context, args []string) error {
	o, help, err := parse(args)
	if err != nil || help {
		return err
	}
	if o.uri == "" {
		rows, err := readCSV(o.csv)
		if err != nil {
			return err
		}
		return draw(rows, o.plot)
	}
	if err := raio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	rows, err := o.measure(ctx)
	if err != nil {
		return err
	}
	if o.csv != "" {
		if err := writeCSV(o.csv, rows); err != nil {
			return err
		}
	}
	if o.plot != "" {
		return draw(rows, o.plot)
	}
	return nil
}

func (o *options) measure(ctx context.Context) ([]result, error) {
	c, err := raio.Dial(ctx, o.uri, raio.Options{Depth: slices.Max(o.depths), MaxIO: slices.Max(o.blocks)})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	access := os.O_RDONLY
	if slices.ContainsFunc(o.modes, func(m string) bool { return strings.HasSuffix(m, "write") }) {
		access = os.O_RDWR
	}
	if o.direct {
		access |= directFlag
	}
	f, err := c.Open(ctx, o.path, access)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat(ctx)
	if err != nil {
		return nil, err
	}
	var rows []result
	for range o.rounds {
		for _, mode := range o.modes {
			for _, block := range o.blocks {
				for _, depth := range o.depths {
					r, err := load{c: c, f: f, size: st.Size, mode: mode, block: block, depth: depth}.run(ctx, o.duration)
					if err != nil {
						return rows, fmt.Errorf("%s, %d bytes, depth %d: %w", mode, block, depth, err)
					}
					if ctx.Err() != nil {
						return rows, nil
					}
					rows = append(rows, r)
					fmt.Printf("%-9s %8d B, depth %4d: %9.0f IOPS, %9.1f MB/s, %s\n",
						mode, block, depth, r.iops(), r.iops()*float64(block)/1e6, r.Percentiles)
				}
			}
		}
	}
	return rows, nil
}

var modes = []string{"randread", "read", "randwrite", "write"}

func parse(args []string) (o *options, help bool, err error) {
	o = &options{}
	fs := flag.NewFlagSet("raio_bench", flag.ContinueOnError)
	mode := fs.String("mode", "randread", "`modes`: "+strings.Join(modes, ", "))
	blocks := fs.String("b", "4096", "block `sizes` in bytes; a C server takes up to 524288")
	depths := fs.String("depth", "32", "operations in flight, a `list`")
	fs.DurationVar(&o.duration, "duration", 3*time.Second, "`time` of each measurement")
	fs.IntVar(&o.rounds, "rounds", 1, "measure all of it so many `times`")
	fs.BoolVar(&o.direct, "direct", false, "open the file with O_DIRECT")
	fs.StringVar(&o.csv, "csv", "", "write the results to the `file`")
	fs.StringVar(&o.plot, "plot", "", "draw the results into the `file`, .png, .svg or .pdf")
	n := 1
	if slices.Contains(args, "-from") {
		n = 0
	}
	from := fs.String("from", "", "measure nothing, draw the results in this CSV `file`")
	help, err = app.ParseArgs(fs, args, os.Stdout, intro, "[flags] FILE", sample, n)
	if err != nil || help {
		return o, help, err
	}
	if n == 0 {
		o.csv = *from
		if o.csv == "" || o.plot == "" {
			err = app.Usagef("-from needs a CSV file, and -plot")
		}
		return o, false, err
	}
	o.modes = strings.Split(*mode, ",")
	for _, m := range o.modes {
		if !slices.Contains(modes, m) {
			return o, false, app.Usagef("mode %q is none of %s", m, strings.Join(modes, ", "))
		}
	}
	if o.blocks, err = list("block size", *blocks, xio.MaxMessage-xio.MaxHeader); err != nil {
		return o, false, err
	}
	if o.depths, err = list("depth", *depths, 2048); err != nil {
		return o, false, err
	}
	scheme, rest, ok := strings.Cut(fs.Arg(0), "://")
	host, path, ok2 := strings.Cut(rest, "/")
	switch {
	case !ok || !ok2 || path == "":
		err = app.Usagef("%q is not tcp://host:port/path", fs.Arg(0))
	case o.duration <= 0 || o.rounds < 1:
		err = app.Usagef("nothing to measure")
	case slices.Max(o.blocks)*slices.Max(o.depths) > 1<<30:
		err = app.Usagef("more than 1 GiB in flight")
	}
	o.uri, o.path = scheme+"://"+host, path
	return o, false, err
}

func list(what, text string, most int) ([]int, error) {
	var l []int
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > min(most, math.MaxInt32) {
			return nil, app.Usagef("%s %q is not within 1 to %d", what, s, most)
		}
		l = append(l, n)
	}
	return l, nil
}
