// SPDX-License-Identifier: Apache-2.0

// Xio_client sends requests to an Accelio server, checks the answers and
// measures rate and latency. It shows how to dial, to keep many requests in
// flight with Connection.Send, to send large data without a copy from package
// pool, and to drain before closing.
//
// It is a port of Accelio's C hello_world client and takes its positional
// arguments; the server may be xio_server, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, the
// message size is the size of what is sent (the C program sends its text
// whatever the size), what comes back is verified, and failures show in the
// exit code.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_client sends requests to an Accelio server and verifies the answers. Ctrl-C
ends the run cleanly, a second one at once.`
	sample = "xio_client -local -n 200000 -size 4096 -file README.md"
)

// maxInFlight bounds the data of all requests in flight, in bytes.
const maxInFlight = 1 << 30

type options struct {
	*app.Target
	local    bool
	n        uint64
	duration time.Duration
	header   int
	depth    int
	file     string
	verify   string
	single   bool
	timeout  time.Duration
	json     bool
}

func main() { app.Main("xio_client", run) }

func run(ctx context.Context, args []string) error {
	o, help, err := parse(args, os.Stdout)
	if err != nil || help {
		return err
	}
	// What goes wrong is told once, by this program; XIO_TRACE=1 to 5 in the
	// environment lets the library speak as well.
	if err := xio.Init(xio.LibraryOptions{SingleStream: o.single, LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	if o.local {
		srv, err := (&xio.ListenConfig{Inline: true}).Listen("tcp://127.0.0.1:0", &app.Responder{})
		if err != nil {
			return err
		}
		defer srv.Close()
		o.URI = srv.URI()
	}
	src, err := o.source()
	if err != nil {
		return err
	}
	defer src.Close()

	c, err := o.connect(ctx, src)
	if err != nil {
		return err
	}
	total := o.n
	if total == 0 {
		total = src.Requests()
	}
	bar := app.StartProgress("sending", total, c.answered.Load)
	runErr := c.run(ctx)
	bar.Stop()
	closeErr := c.close()
	if err := c.report(os.Stdout, ctx.Err() != nil); err != nil {
		return err
	}
	if runErr != nil {
		return runErr
	}
	return closeErr
}

func parse(args []string, w io.Writer) (o *options, help bool, err error) {
	fs := flag.NewFlagSet("xio_client", flag.ContinueOnError)
	o = &options{Target: app.NewTarget(fs, false, "request data in `bytes`, 1 to 64 MiB", 32)}
	fs.BoolVar(&o.local, "local", false, "start an echo server in this process and use it")
	fs.Uint64Var(&o.n, "n", 0, fmt.Sprintf("end after `count` requests; 0: run until Ctrl-C (with -finite: %d, with -file: once through the file)", app.FiniteRequests))
	fs.DurationVar(&o.duration, "duration", 0, "end after this `time`, for example 10s")
	fs.IntVar(&o.header, "header", len(app.RequestHeader), fmt.Sprintf("request header in `bytes`, 0 to %d", xio.MaxHeader))
	fs.IntVar(&o.depth, "depth", 0, "requests in flight, up to 4096; 0: 64, or as many as fit in 1 GiB")
	fs.StringVar(&o.file, "file", "", "send the file at `PATH`, -size bytes a request; with -n or -duration over and over")
	fs.StringVar(&o.verify, "verify", "auto", "`mode`: auto, echo or none; auto finds out whether the server echoes and, if it does, or if -file or -local is given, compares every answer with its request")
	fs.BoolVar(&o.single, "single", false, "one TCP socket for the connection in place of two")
	fs.DurationVar(&o.timeout, "timeout", 10*time.Second, "longest `wait` for the connection, and for an answer")
	fs.BoolVar(&o.json, "json", false, "print the results as JSON, and nothing else")
	if help, err = app.ParseFlags(fs, o.Target, args, w, intro, sample); err != nil || help {
		return o, help, err
	}
	if o.Finite && o.n == 0 {
		o.n = app.FiniteRequests
	}
	if o.depth == 0 {
		o.depth = max(1, min(64, maxInFlight/max(o.Size, 1)))
	}
	switch {
	case o.Size < 1 || o.Size > xio.MaxMessage:
		err = app.Usagef("message size %d is not within 1 to %d", o.Size, xio.MaxMessage)
	case o.header < 0 || o.header > xio.MaxHeader:
		err = app.Usagef("header size %d is not within 0 to %d", o.header, xio.MaxHeader)
	case o.Size+o.header > xio.MaxMessage:
		err = app.Usagef("message and header are more than %d bytes together", xio.MaxMessage)
	case o.depth < 1 || o.depth > 4096:
		err = app.Usagef("depth %d is not within 1 to 4096", o.depth)
	case o.Size*o.depth > maxInFlight:
		err = app.Usagef("%d requests of %d bytes in flight are more than 1 GiB: use a smaller -depth", o.depth, o.Size)
	case o.verify != verifyAuto && o.verify != verifyEcho && o.verify != verifyNone:
		err = app.Usagef("-verify is auto, echo or none, not %q", o.verify)
	case o.timeout <= 0:
		err = app.Usagef("-timeout %v is not positive", o.timeout)
	case o.duration < 0:
		err = app.Usagef("-duration %v is negative", o.duration)
	}
	if o.verify == verifyAuto && (o.file != "" || o.local) {
		o.verify = verifyEcho
	}
	return o, false, err
}

func (o *options) source() (source, error) {
	if o.file != "" {
		return openFile(o.file, o.Size, o.n > 0 || o.duration > 0)
	}
	return newPattern(o.Size), nil
}

// results is what a run ends with, and the JSON output.
type results struct {
	Program     string          `json:"program"`
	Engine      app.Engine      `json:"engine"`
	URI         string          `json:"uri"`
	Depth       int             `json:"depth"`
	Size        int             `json:"size"`
	HeaderSize  int             `json:"header_size"`
	Requests    uint64          `json:"requests"`
	Verified    uint64          `json:"verified"`
	ServerEchos *bool           `json:"server_echoes"` // null: not looked at
	BytesOut    uint64          `json:"bytes_out"`
	BytesIn     uint64          `json:"bytes_in"`
	Seconds     float64         `json:"seconds"`
	Rate        float64         `json:"requests_per_second"`
	MBOut       float64         `json:"mb_per_second_out"`
	MBIn        float64         `json:"mb_per_second_in"`
	Latency     app.Percentiles `json:"latency_us"`
	Interrupted bool            `json:"interrupted"`
	File        *fileResults    `json:"file,omitempty"`
}

type fileResults struct {
	Path      string `json:"path"`
	BytesRead uint64 `json:"bytes_read"`
	CRCRead   string `json:"crc32c_read"`
	BytesEcho uint64 `json:"bytes_echoed"`
	CRCEcho   string `json:"crc32c_echoed"`
	Identical bool   `json:"identical"`
}

// report prints the results.
func (c *client) report(w io.Writer, interrupted bool) error {
	r := c.results()
	r.Interrupted = interrupted
	if c.o.json {
		return json.NewEncoder(w).Encode(r)
	}
	if interrupted {
		fmt.Fprintln(w, "exit signaled")
	}
	verified := "not verified"
	switch {
	case r.ServerEchos != nil && !*r.ServerEchos:
		verified = "not verified: the server answers with data of its own"
	case r.Verified > 0 || r.ServerEchos != nil:
		verified = fmt.Sprintf("%d verified", r.Verified)
	}
	fmt.Fprintf(w, "engine:   %s\n", xio.Engine())
	fmt.Fprintf(w, "requests: %d in %.3f s, %s\n", r.Requests, r.Seconds, verified)
	fmt.Fprintf(w, "rate:     %.0f requests/s, %.1f MB/s out, %.1f MB/s in (%d bytes, depth %d)\n",
		r.Rate, r.MBOut, r.MBIn, r.Size, r.Depth)
	fmt.Fprintf(w, "latency:  %s\n", r.Latency)
	if f := r.File; f != nil {
		same := "identical"
		if !f.Identical {
			same = "NOT identical"
		}
		fmt.Fprintf(w, "file:     %s: %d bytes sent, CRC32C %s; %d bytes echoed, CRC32C %s: %s\n",
			f.Path, f.BytesRead, f.CRCRead, f.BytesEcho, f.CRCEcho, same)
	}
	_, err := fmt.Fprintln(w, "good bye")
	return err
}
