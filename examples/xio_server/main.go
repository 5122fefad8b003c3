// SPDX-License-Identifier: Apache-2.0

// Xio_server is an Accelio server that answers every request, by default with
// the data of the request. It shows how to listen, to answer on the driver
// without a copy, to watch clients come and go, and to close in good order.
//
// It is a port of Accelio's C hello_world server and takes its positional
// arguments; clients may be xio_client, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, it
// echoes (-reply=hello answers with the C program's text), it serves several
// clients at a time, and it goes on after a client has left unless the run is
// finite.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_server answers the requests of Accelio clients, by default with the data they
carry. Ctrl-C ends it cleanly, a second one at once.

It prints "listen to URI" when clients can come; with -port 0 the URI has the
port that was picked.`
	sample = "xio_server -addr 127.0.0.1 -port 0 -finite"
)

// printEvery is after how many requests one of them is shown, as the C program
// does.
const printEvery = 4_000_000

type options struct {
	*app.Target
	n          uint64
	reply      string
	workers    int
	maxClients int
	json       bool
}

func main() { app.Main("xio_server", run) }

func run(ctx context.Context, args []string) error {
	o, help, err := parse(args, os.Stdout)
	if err != nil || help {
		return err
	}
	// What goes wrong is told once, by this program; XIO_TRACE=1 to 5 in the
	// environment lets the library speak as well.
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	s := newServer(o, os.Stdout)
	s.bar = app.StartProgress("serving", 0, s.responder.Requests.Load)
	if err := s.listen(); err != nil {
		s.bar.Stop()
		return err
	}
	interrupted := s.wait(ctx)
	s.bar.Stop()
	closeErr := s.srv.Close()
	if err := s.report(interrupted); err != nil {
		return err
	}
	return closeErr
}

func parse(args []string, w io.Writer) (o *options, help bool, err error) {
	fs := flag.NewFlagSet("xio_server", flag.ContinueOnError)
	o = &options{Target: app.NewTarget(fs, true, "`bytes` of data in a -reply=hello answer; 0: the text's own length", 0)}
	fs.Uint64Var(&o.n, "n", 0, fmt.Sprintf("end after `count` requests; 0: no bound (with -finite: %d)", app.FiniteRequests))
	fs.StringVar(&o.reply, "reply", "echo", "what to answer, as `kind`: echo (the request's data) or hello (the C program's text)")
	fs.IntVar(&o.workers, "workers", 0, "goroutines that answer, up to 4096; 0: answer on the driver, which is fastest")
	fs.IntVar(&o.maxClients, "max-clients", 0, "connections at a time, more are rejected; 0: 10000")
	fs.BoolVar(&o.json, "json", false, "print one JSON object per line: when listening, and at the end")
	fs.Lookup("finite").Usage = "finite run: end when the last client has left, or after -n requests"
	if help, err = app.ParseFlags(fs, o.Target, args, w, intro, sample); err != nil || help {
		return o, help, err
	}
	if o.Finite && o.n == 0 {
		o.n = app.FiniteRequests
	}
	switch {
	case o.reply != "echo" && o.reply != "hello":
		err = app.Usagef("-reply is echo or hello, not %q", o.reply)
	case o.Size < 0 || o.Size > xio.MaxMessage:
		err = app.Usagef("message size %d is not within 0 to %d", o.Size, xio.MaxMessage)
	case o.workers < 0 || o.workers > 4096:
		err = app.Usagef("-workers %d is not within 0 to 4096", o.workers)
	case o.maxClients < 0:
		err = app.Usagef("-max-clients %d is negative", o.maxClients)
	}
	return o, false, err
}

// server is the listener and what it counts.
type server struct {
	o         *options
	srv       *xio.Server
	responder app.Responder

	enough chan struct{} // closed at the n-th request
	left   chan struct{} // closed when the last client of a finite run has left

	first, last atomic.Int64 // times of requests, in ns since began
	began       time.Time
	bar         *app.Progress

	mu      sync.Mutex // output lines and present
	out     io.Writer
	present int
	gone    bool // left is closed
}

func newServer(o *options, out io.Writer) *server {
	s := &server{
		o:      o,
		out:    out,
		enough: make(chan struct{}),
		left:   make(chan struct{}),
		began:  time.Now(),
	}
	if o.reply == "hello" {
		s.responder.Text = []byte(app.ResponseData)
		if o.Size > 0 {
			s.responder.Text = make([]byte, o.Size)
			copy(s.responder.Text, app.ResponseData)
		}
	}
	s.responder.Seen = s.seen
	return s
}

func (s *server) listen() error {
	l := xio.ListenConfig{
		Inline:         s.o.workers == 0,
		Workers:        s.o.workers,
		MaxConnections: s.o.maxClients,
		OnConnect:      s.connected,
		OnDisconnect:   s.disconnected,
	}
	srv, err := l.Listen(s.o.URI, &s.responder)
	if err != nil {
		return err
	}
	s.srv = srv
	if s.o.json {
		return s.print(map[string]any{"event": "listen", "uri": srv.URI(), "engine": app.RunningEngine()})
	}
	return s.print("engine: %s\nlisten to %s\n", xio.Engine(), srv.URI())
}

// print writes a line: a JSON object, or a format with its arguments.
func (s *server) print(what any, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar.Clear()
	if f, ok := what.(string); ok {
		_, err := fmt.Fprintf(s.out, f, args...)
		return err
	}
	return json.NewEncoder(s.out).Encode(what)
}

// seen runs before each answer.
func (s *server) seen(n uint64, req *xio.Request) {
	now := int64(time.Since(s.began))
	if n == 1 {
		s.first.Store(now)
	}
	s.last.Store(now)
	if n%printEvery == 0 && !s.o.json {
		_ = s.print("message header : [%d] - %s\nmessage data: [%d][0][%d] - %s\n",
			n, app.Text(req.Header()), n, req.Len(), app.Text(req.Data()))
	}
	if n == s.o.n {
		close(s.enough)
	}
}

func (s *server) connected(c *xio.Connection) {
	s.mu.Lock()
	s.present++
	s.mu.Unlock()
	if !s.o.json {
		_ = s.print("session event: new connection. peer: %s, uri: %s\n", c.RemoteAddr(), c.URI())
	}
}

func (s *server) disconnected(c *xio.Connection, why error) {
	if !s.o.json {
		reason := "closed"
		var e *xio.Error
		if errors.As(why, &e) {
			reason = e.Code.String()
		}
		_ = s.print("session event: connection teardown. peer: %s, reason: %s\n", c.RemoteAddr(), reason)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present--
	if s.o.Finite && s.present == 0 && !s.gone {
		s.gone = true
		close(s.left)
	}
}

// wait returns when the run is over.
func (s *server) wait(ctx context.Context) (interrupted bool) {
	select {
	case <-ctx.Done():
		return true
	case <-s.enough:
	case <-s.left:
	}
	return false
}

// results is what the server ends with, and the JSON output.
type results struct {
	Event       string  `json:"event"`
	Requests    uint64  `json:"requests"`
	Failed      uint64  `json:"failed"`
	BytesIn     uint64  `json:"bytes_in"`
	BytesOut    uint64  `json:"bytes_out"`
	Clients     uint64  `json:"clients"`
	Rejected    uint64  `json:"rejected"`
	Seconds     float64 `json:"seconds"` // from the first request to the last
	Rate        float64 `json:"requests_per_second"`
	Interrupted bool    `json:"interrupted"`
}

func (s *server) report(interrupted bool) error {
	st := s.srv.Stats()
	r := results{
		Event:       "end",
		Requests:    s.responder.Requests.Load(),
		Failed:      s.responder.Failed.Load(),
		BytesIn:     s.responder.BytesIn.Load(),
		BytesOut:    s.responder.BytesOut.Load(),
		Clients:     st.Accepted,
		Rejected:    st.Rejected,
		Seconds:     time.Duration(s.last.Load() - s.first.Load()).Seconds(),
		Interrupted: interrupted,
	}
	if r.Seconds > 0 {
		r.Rate = float64(r.Requests) / r.Seconds
	}
	if s.o.json {
		return s.print(r)
	}
	return s.print("exit signaled\nrequests: %d answered, %d failed, %d bytes in, %d bytes out, %.0f requests/s while they came\nclients:  %d served, %d rejected\n",
		r.Requests, r.Failed, r.BytesIn, r.BytesOut, r.Rate, r.Clients, r.Rejected)
}
