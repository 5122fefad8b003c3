// SPDX-License-Identifier: Apache-2.0

// Xio_mt_server is a server with portals: one listener that lets clients in, and
// four Contexts, each with a thread's worth of work, that serve them. It shows
// ListenConfig.Portals, and handlers that run on the portals' drivers.
//
// It is a port of Accelio's C xio_mt_server (hello_world_mt) and takes its
// arguments; clients may be xio_mt_client, its C counterpart, or any other. It
// differs from the C program on purpose: the default transport is tcp, the
// portals take free ports where the C program takes those behind its own, any
// number of clients may come, and a finite run ends when the last of them has
// left, and not in the middle of their messages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_mt_server answers requests on several threads: clients are spread over its
portals. Ctrl-C ends it cleanly, a second one at once.

It prints "listen to URI" when clients can come; with -port 0 the URI has the
port that was picked.`
	sample = "xio_mt_server 127.0.0.1 1234 tcp 1"
)

// printEvery is after how many requests of a thread one of them is shown, as
// the C program does.
const printEvery = 400_000

func main() { app.Main("xio_mt_server", run) }

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("xio_mt_server", flag.ContinueOnError)
	target := app.NewTarget(fs, true, "data of an answer in `bytes`", 0)
	n := fs.Uint64("n", 0, "end after this `count` of requests")
	threads := fs.Int("threads", 4, "how many `portals`, 1 to 64")
	if help, err := app.ParseFlags(fs, target, args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	if *threads < 1 || *threads > 64 {
		return app.Usagef("%d threads are not within 1 to 64", *threads)
	}
	if target.Size < 0 || target.Size > xio.MaxMessage-xio.MaxHeader {
		return app.Usagef("message size %d is not within 0 to %d", target.Size, xio.MaxMessage-xio.MaxHeader)
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	s := &server{data: make([]byte, target.Size)}
	// Every portal has a Context of its own, so handlers of different portals
	// run in parallel. They run inline: nothing is handed over.
	l := xio.ListenConfig{Portals: *threads, Inline: true, OnConnect: s.connected}
	s.clients = app.NewClients(&l, target.Finite, *n)
	srv, err := l.Listen(target.URI, s)
	if err != nil {
		return err
	}
	fmt.Printf("listen to %s\n", srv.URI())
	s.clients.Wait(ctx)
	err = srv.Close()
	fmt.Println("exit signaled")
	s.report()
	return err
}

// server answers requests. A connection stays with the portal it was sent to,
// so what belongs to a thread needs no lock.
type server struct {
	data    []byte
	clients *app.Clients
	threads sync.Map // of *thread, by the portal's address

	mu     sync.Mutex
	number int // threads that have served
}

// thread is what belongs to a portal.
type thread struct {
	number int
	answer xio.Message
	count  atomic.Uint64
	failed atomic.Uint64
}

// thread finds a portal by the address that the connection came to.
func (s *server) thread(local net.Addr) *thread {
	key := local.String()
	if t, ok := s.threads.Load(key); ok {
		return t.(*thread)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.threads.Load(key); ok {
		return t.(*thread)
	}
	s.number++
	t := &thread{number: s.number}
	t.answer.Header = fmt.Appendf(nil, "hello world header response from thread %d\x00", t.number)
	t.answer.Data = s.data
	s.threads.Store(key, t)
	return t
}

// ServeXIO implements xio.Handler.
func (s *server) ServeXIO(req *xio.Request) {
	t := s.thread(req.Conn().LocalAddr())
	n := t.count.Add(1)
	s.clients.Count()
	if n%printEvery == 0 {
		fmt.Printf("thread [%d] - message: [%d] - %s\n", t.number, n, app.Text(req.Header()))
	}
	if err := req.Reply(&t.answer); err != nil {
		t.failed.Add(1)
		if !errors.Is(err, xio.ErrMsgDiscarded) { // the requester is there, but has no room
			_ = req.ReplyError(xio.ErrMsgSize, "the answer does not fit the requester's buffers")
		}
	}
}

func (s *server) connected(c *xio.Connection) {
	fmt.Printf("thread [%d] - listen:%s, peer: %s\n", s.thread(c.LocalAddr()).number, c.LocalAddr(), c.RemoteAddr())
}

func (s *server) report() {
	total := uint64(0)
	s.threads.Range(func(_, v any) bool {
		t := v.(*thread)
		total += t.count.Load()
		fmt.Printf("thread [%d] - %d requests, %d not answered\n", t.number, t.count.Load(), t.failed.Load())
		return true
	})
	fmt.Printf("requests: %d\n", total)
}
