// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/accelio/accelio-go/bench/internal/measure"
)

// optionSet is a way to set the library's options.
type optionSet struct {
	name string
	args []string
}

var optionSets = []optionSet{
	{"d", nil},
	{"s", []string{"-S"}},
	{"dN", []string{"-N"}},
	{"sN", []string{"-S", "-N"}},
}

// benchCase is one way to run the C program; it gives values by metric.
type benchCase struct {
	args   []string
	rounds int // at most; 0: no limit
	run    func(ctx context.Context, c *config, l library, args []string) (map[string]float64, error)
}

func request(size, depth int, more ...string) benchCase {
	return benchCase{
		args: append([]string{"request", "-s", strconv.Itoa(size), "-d", strconv.Itoa(depth)}, more...),
		run:  timed,
	}
}

// cases by the name that rows use. Memory and system calls hardly vary, so a
// few rounds of them are enough.
var cases = map[string]benchCase{
	"32/1":     request(32, 1),
	"32/1poll": request(32, 1, "-p", "-C"),
	"32/16":    request(32, 16),
	"32/64":    request(32, 64),
	"32/256":   request(32, 256),
	"4K/1":     request(4<<10, 1),
	"4K/16":    request(4<<10, 16),
	"4K/64":    request(4<<10, 64),
	"4K/256":   request(4<<10, 256),
	"64K/1":    request(64<<10, 1),
	"64K/16":   request(64<<10, 16),
	"64K/64":   request(64<<10, 64),
	"64K/256":  request(64<<10, 256),
	"1M/1":     request(1<<20, 1),
	"1M/16":    request(1<<20, 16),
	"1M/64":    request(1<<20, 64),
	"1M/256":   request(1<<20, 256),
	"oneway":   {args: []string{"oneway", "-d", "256"}, run: timed},
	"syscalls": {args: []string{"request"}, rounds: 1, run: systemCalls},
	"connections": {args: []string{"connections", "-c", "1000"}, rounds: 3,
		run: plain},
	"contexts": {args: []string{"contexts", "-c", "16"}, rounds: 3, run: plain},
}

// timed runs for the time that the command line says.
func timed(ctx context.Context, c *config, l library, args []string) (map[string]float64, error) {
	return plain(ctx, c, l, append(args, "-t", fmt.Sprint(c.seconds), "-w", fmt.Sprint(c.warm)))
}

func plain(ctx context.Context, _ *config, l library, args []string) (map[string]float64, error) {
	out, err := measure.Output(ctx, l.program, args...)
	if err != nil {
		return nil, err
	}
	return measure.Values(out)
}

// systemCalls takes the difference of a short run and a long one, so that
// what comes before and after the requests does not count.
func systemCalls(ctx context.Context, _ *config, l library, args []string) (map[string]float64, error) {
	const short, long = 1000, 6000
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, nil
	}
	few, err := countCalls(ctx, l, append(args, "-n", strconv.Itoa(short)))
	if err != nil {
		return nil, err
	}
	many, err := countCalls(ctx, l, append(args, "-n", strconv.Itoa(long)))
	if err != nil {
		return nil, err
	}
	calls := float64(many-few) / (long - short) / 2 // two processes
	// The start differs by a few calls from run to run.
	return map[string]float64{"calls": math.Round(calls*100) / 100}, nil
}

func countCalls(ctx context.Context, l library, args []string) (int, error) {
	f, err := os.CreateTemp("", "xiobench-calls")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := measure.Output(ctx, "strace", append([]string{"-f", "-qq", "-c", "-U", "name,calls", "-o", f.Name(), l.program}, args...)...); err != nil {
		return 0, err
	}
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); len(words) == 2 && words[0] == "total" {
			return strconv.Atoi(words[1])
		}
	}
	return 0, errors.New("strace printed no total")
}
