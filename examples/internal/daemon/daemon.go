// SPDX-License-Identifier: Apache-2.0

// Package daemon is what the daemons among the example programs share: going to
// the background, the pid file, the log and the signals.
package daemon

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

// Daemon is what a daemon runs with.
type Daemon struct {
	URI      string
	Interval time.Duration // of a client, between its requests

	name    string
	log     logger
	pidFile string
	fork    bool
	debug   bool
}

// Infof writes a line to the log.
func (d *Daemon) Infof(format string, args ...any) { d.log.info(fmt.Sprintf(format, args...)) }

// Main runs a daemon and exits. serve is called, and called again after SIGHUP;
// its context ends when a signal asks for that. An error of serve ends the
// daemon.
func Main(name, what string, server bool, serve func(context.Context, *Daemon) error) {
	app.Main(name, func(ctx context.Context, args []string) error {
		d, done, err := parse(name, what, server, args, os.Stdout)
		if err != nil || done {
			return err
		}
		if d.fork && !inBackground() {
			return detach(d.pidFile)
		}
		return d.run(ctx, serve)
	})
}

func (d *Daemon) run(ctx context.Context, serve func(context.Context, *Daemon) error) error {
	d.log = newLogger(d.name, d.fork)
	defer d.log.close()
	release, err := writePID(d.pidFile)
	// Whoever started a daemon learns whether it runs.
	report(err)
	if err != nil {
		return err
	}
	defer release()
	level := xio.LogFatal
	if d.debug {
		level = xio.LogInfo
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: level}); err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for ctx.Err() == nil {
		if err := d.round(ctx, hup, serve); err != nil {
			d.Infof("%v", err)
			return err
		}
	}
	d.Infof("exit signaled")
	return nil
}

// round serves until SIGHUP or the end.
func (d *Daemon) round(ctx context.Context, hup <-chan os.Signal, serve func(context.Context, *Daemon) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- serve(ctx, d) }()
	select {
	case <-hup:
		d.Infof("restart signaled")
		cancel()
		return <-done
	case err := <-done:
		return err
	}
}

// parse reads the command line. done says that there is no more to do.
func parse(name, what string, server bool, args []string, w io.Writer) (d *Daemon, done bool, err error) {
	d = &Daemon{name: name}
	fs := app.Flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	var addr, transport string
	var port int
	var foreground, version bool
	fs.Text(&addr, "a", "addr", "127.0.0.1", "use the specified IP `address`")
	fs.Number(&port, "p", "port", 2061, "use the specified `port`")
	fs.Text(&transport, "r", "trans", "tcp", "`transport` type (rdma or tcp)")
	fs.Yes(&d.debug, "d", "debug", "debug mode: don't fork, log to standard output, the library too")
	fs.Yes(&foreground, "n", "nofork", "don't fork to the background, log to standard output")
	fs.Yes(&version, "V", "version", "print the version and exit")
	fs.StringVar(&d.pidFile, "pidfile", filepath.Join(os.TempDir(), name+".pid"), "where the process id is kept")
	if !server {
		fs.DurationVar(&d.Interval, "i", 100*time.Millisecond, "pause between requests, for example 1s")
	}
	help, err := app.ParseOnly(fs.FlagSet, args, w, name+" "+what+" as a daemon. SIGTERM ends it, SIGHUP makes it begin anew.",
		name+" -n -a 127.0.0.1 -p 2061 -r tcp")
	if err != nil || help {
		return d, help, err
	}
	minPort := 1
	if server {
		minPort = 0
	}
	switch {
	case version:
		_, err := fmt.Fprintln(w, xio.Engine())
		return d, true, err
	case port < minPort || port > 65535:
		return d, false, app.Usagef("port %d is not within %d to 65535", port, minPort)
	case transport != "tcp" && transport != "rdma":
		return d, false, app.Usagef("transport %q is neither tcp nor rdma", transport)
	case d.Interval < 0:
		return d, false, app.Usagef("-i %v is negative", d.Interval)
	}
	d.fork = !d.debug && !foreground
	d.URI = transport + "://" + net.JoinHostPort(addr, strconv.Itoa(port))
	return d, false, nil
}
