// SPDX-License-Identifier: Apache-2.0

// Xioperf measures Accelio connections: rate, throughput and latency over
// message sizes and queue depths, between two machines, two processes or within
// one. It also runs for hours with random traffic and says whether anything was
// lost, duplicated, damaged or reordered, and whether memory grew.
//
// Everything is measured as a user of package xio would see it. With -rate the
// latency of a message counts from the time it was due, not from the time it
// could be sent, so a slow answer shows in all messages that had to wait for it.
package main

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

const program = "xioperf"

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
	exitForced = 130
)

// stdio is what a run reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitForced)
	}()
	os.Exit(run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run is the program. The end of ctx asks for a clean end with the results so
// far. It returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(std.out, help())
	} else if err == nil {
		err = o.do(ctx, std)
	}
	return exitCode(std.err, err)
}

func (o *options) do(ctx context.Context, std stdio) error {
	if o.mode == modePlot {
		return plotFile(o.plot, o.out)
	}
	// What goes wrong is told once, by this program; XIO_TRACE=1 to 5 in the
	// environment lets the library speak as well.
	err := xio.Init(xio.LibraryOptions{
		SingleStream:     o.single,
		DisableKeepalive: o.noKeepalive,
		LogLevel:         xio.LogFatal,
	})
	if err != nil {
		return err
	}
	switch o.mode {
	case modeServer:
		return runServer(ctx, o, std)
	case modeSoak:
		return runSoak(ctx, o, std)
	}
	return runBench(ctx, o, std)
}

// usageError is a wrong command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// exitCode tells an error on one line.
func exitCode(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(w, "%s: %s (%s -h explains)\n", program, text, program)
		return exitUsage
	}
	fmt.Fprintf(w, "%s: %s\n", program, text)
	return exitFailed
}
