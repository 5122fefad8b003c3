// SPDX-License-Identifier: Apache-2.0

// Raio_server serves the files and block devices below a directory to R-AIO
// clients.
//
// It is a port of Accelio's C raio_server and takes its arguments; clients may be
// programs on package raio or on C's libraio. It differs from the C program on
// purpose: it serves a directory and nothing outside of it, and only for reading
// unless -rw is given; the default transport is tcp; a request that makes no
// sense gets an errno, where the C server leaves it without an answer or
// crashes; memory follows use; and portals take free ports.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/raio/server"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `raio_server serves the files and block devices below a directory to R-AIO clients,
for reading unless -rw is given. Paths of clients are relative to the directory;
those with "..", absolute ones, and symbolic links are refused. Ctrl-C ends it
cleanly, a second one at once.

It prints "listen to URI" when clients can come; with -p 0 the URI has the port
that was picked.`
	sample = "raio_server -root /srv/images -a 127.0.0.1 -p 2061"
)

func main() { app.Main("raio_server", run) }

type options struct {
	addr, transport, mask string
	port, threads         int
	finite, extra         bool
	cfg                   server.Config
}

func run(ctx context.Context, args []string) error {
	o, help, err := parse(args, os.Stdout)
	if err != nil || help {
		return err
	}
	cpus, err := maskCPUs(o.mask)
	if err != nil {
		return err
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	drive := xio.DriveAuto
	if o.extra {
		drive = xio.DriveBusy
	}
	l := &o.cfg.Listen
	l.Portals = o.threads
	l.PortalContext = func(i int) (*xio.Context, error) {
		c := xio.ContextOptions{Drive: drive}
		if len(cpus) > 0 {
			c.CPUs = []int{cpus[i%len(cpus)]}
		}
		return xio.NewContext(c)
	}
	clients := app.NewClients(l, o.finite, 0)
	srv, err := server.Listen(o.transport+"://"+net.JoinHostPort(o.addr, strconv.Itoa(o.port)), o.cfg)
	if err != nil {
		return err
	}
	fmt.Printf("listen to %s\n", srv.URI())
	clients.Wait(ctx)
	err = srv.Close()
	st := srv.Stats()
	fmt.Printf("exit signaled\nrequests: %d, %d of them failed; %d bytes read, %d bytes written\n",
		st.Requests, st.Failed, st.BytesOut, st.BytesIn)
	return err
}

func parse(args []string, w io.Writer) (o *options, help bool, err error) {
	o = &options{}
	fs := app.Flags{FlagSet: flag.NewFlagSet("raio_server", flag.ContinueOnError)}
	fs.Text(&o.addr, "a", "addr", "127.0.0.1", "server ip `address`")
	fs.Number(&o.port, "p", "port", 2061, "server `port`")
	fs.Text(&o.mask, "c", "cpumask", "", "processors of the threads, a `mask` like 0x3; none: any")
	fs.Yes(&o.finite, "f", "finite", "end when the last client has left")
	fs.Text(&o.transport, "t", "transport", "tcp", "rdma or tcp; the embedded engine has tcp")
	fs.Yes(&o.extra, "e", "extra-perf", "never sleep: soonest answers, one processor for each thread")
	fs.Number(&o.threads, "n", "threads", 1, "`threads` that clients are spread over, 1 to 64")
	fs.StringVar(&o.cfg.Root, "root", "", "`directory` to serve (needed)")
	fs.BoolVar(&o.cfg.Write, "rw", false, "let clients write, create and truncate")
	fs.BoolVar(&o.cfg.Direct, "direct", false, "past the page cache (O_DIRECT) where file and filesystem allow it")
	fs.BoolVar(&o.cfg.NoRing, "noring", false, "do that without io_uring")
	fs.IntVar(&o.cfg.Workers, "workers", 0, "operations of a client that may wait on goroutines; 0: 32")
	if help, err = app.ParseOnly(fs.FlagSet, args, w, intro, sample); err != nil || help {
		return o, help, err
	}
	switch {
	case o.cfg.Root == "":
		err = app.Usagef("-root is missing: the directory to serve")
	case o.port < 0 || o.port > 65535:
		err = app.Usagef("port %d is not within 0 to 65535", o.port)
	case o.threads < 1 || o.threads > 64:
		err = app.Usagef("%d threads are not within 1 to 64", o.threads)
	case o.cfg.Workers < 0:
		err = app.Usagef("%d workers", o.cfg.Workers)
	case o.transport != "tcp" && o.transport != "rdma":
		err = app.Usagef("transport %q is neither tcp nor rdma", o.transport)
	}
	return o, false, err
}

// maskCPUs are the numbers of the bits that are set in a mask.
func maskCPUs(mask string) ([]int, error) {
	if mask == "" {
		return nil, nil
	}
	bits, err := strconv.ParseUint(mask, 0, 64)
	if err != nil || bits == 0 {
		return nil, app.Usagef("cpumask %q is not a mask like 0x3", mask)
	}
	var cpus []int
	for i := range 64 {
		if bits>>i&1 != 0 {
			cpus = append(cpus, i)
		}
	}
	return cpus, nil
}
