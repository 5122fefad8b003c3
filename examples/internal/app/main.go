// SPDX-License-Identifier: Apache-2.0

// Package app is what the example programs share: arguments, signals, exit
// codes, progress and figures.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/accelio/accelio-go/xio"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
	exitForced = 130
)

// Main runs a program and exits: with 0, or with one line on standard error and
// another code. The context of run ends at the first SIGINT or SIGTERM, which
// asks for a clean end; the second one ends the process at once.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitForced)
	}()
	os.Exit(report(os.Stderr, name, run(ctx, os.Args[1:])))
}

func report(w io.Writer, name string, err error) int {
	if err == nil {
		return 0
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if isUsage(err) {
		fmt.Fprintf(w, "%s: %s (%s -h explains)\n", name, text, name)
		return exitUsage
	}
	fmt.Fprintf(w, "%s: %s\n", name, text)
	return exitFailed
}

// ParseFlags parses the command line into t. help says that -h was given, which
// has been answered on w.
func ParseFlags(fs *flag.FlagSet, t *Target, args []string, w io.Writer, intro, sample string) (help bool, err error) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err = t.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(w, Help(fs, intro, sample))
		return true, err
	}
	if err != nil && !isUsage(err) {
		err = Usagef("%v", err)
	}
	return false, err
}

// Engine describes the library for the JSON output.
type Engine struct {
	Provider string `json:"provider"`
	Version  string `json:"version"`
	Linkage  string `json:"linkage"`
}

// RunningEngine is the library this program runs on.
func RunningEngine() Engine { return Engine(xio.Engine()) }

// ParseOnly parses a command line of flags alone. help says that -h was given,
// which has been answered on w.
func ParseOnly(fs *flag.FlagSet, args []string, w io.Writer, intro, sample string) (help bool, err error) {
	return ParseArgs(fs, args, w, intro, "[flags]", sample, 0)
}

// ParseArgs parses a command line of flags and, behind them, n arguments.
func ParseArgs(fs *flag.FlagSet, args []string, w io.Writer, intro, synopsis, sample string, n int) (help bool, err error) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err = fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err = io.WriteString(w, HelpFor(fs, intro, synopsis, sample))
		return true, err
	case err != nil:
		return false, Usagef("%v", err)
	case fs.NArg() > n:
		return false, Usagef("%q is one argument too many", fs.Arg(n))
	case fs.NArg() < n:
		return false, Usagef("%d arguments are missing", n-fs.NArg())
	}
	return false, nil
}
