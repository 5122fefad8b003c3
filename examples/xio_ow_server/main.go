// SPDX-License-Identifier: Apache-2.0

// Xio_ow_server receives one-way messages, and sends some back if it is told to.
// It shows ListenConfig.OnMsg, on a driver and not, OneWay, and Connection.SendMsg.
//
// It is a port of Accelio's C xio_ow_server (hello_test_ow), and with -both of
// xio_oneway_server (hello_test_oneway), and takes their arguments; clients may
// be xio_ow_client, its C counterparts, or any other. It differs from the C
// programs on purpose: the default transport is tcp, and it serves any number of
// clients.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_ow_server receives one-way messages. Ctrl-C ends it cleanly, a second one at
once.

It prints "listen to URI" when clients can come; with -p 0 the URI has the port
that was picked.`
	sample = "xio_ow_server -p 2061 -r tcp -n 32 -w 1024 127.0.0.1"

	printEvery = 400_000 // as the C program
)

func main() { app.Main("xio_ow_server", run) }

func run(ctx context.Context, args []string) error {
	o := app.NewOptions("xio_ow_server", true, 0, 0)
	both := o.Flags().Bool("both", false, "answer each message with one of our own, as the C program xio_oneway_server")
	if help, err := o.Parse(args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	o.Print(os.Stdout)
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	loop, err := o.Context()
	if err != nil {
		return err
	}
	defer loop.Close()
	s := &server{both: *both}
	s.msg = xio.Message{
		Header:  app.Filled("hello world response header", o.Header),
		Data:    app.Filled("hello world response data", o.Data),
		Receipt: true,
	}
	// OnMsg runs on the driver, which costs no switch of goroutines, unless it
	// may have to wait.
	l := xio.ListenConfig{Context: loop, Inline: !s.both, OnMsg: s.onMsg}
	s.clients = app.NewClients(&l, o.Finite, o.Count)
	srv, err := l.Listen(o.URI, nil)
	if err != nil {
		return err
	}
	fmt.Printf("listen to %s\n", srv.URI())
	s.clients.Wait(ctx)
	err = srv.Close()
	// Close does not wait for what the workers still have.
	for st := srv.Stats(); st.Pending > 0 || st.Serving+st.Queued > 0; st = srv.Stats() {
		time.Sleep(time.Millisecond)
	}
	fmt.Printf("last recv:%d\n", s.clients.Total())
	if s.both {
		fmt.Printf("nsent:%d, ncomp:%d, failed:%d\n", s.sent.Load(), s.delivered.Load(), s.failed.Load())
	}
	fmt.Println("exit signaled")
	return err
}

type server struct {
	both    bool
	msg     xio.Message
	clients *app.Clients

	sent, delivered, failed atomic.Uint64
}

func (s *server) onMsg(m *xio.OneWay) {
	n := s.clients.Count()
	if n%printEvery == 0 {
		fmt.Printf("**** message [%d] %s - %s\n", n, app.Text(m.Header()), app.Text(m.Data()))
	}
	if !s.both {
		return
	}
	// Waits while the client does not take what was sent before.
	err := m.Conn().SendMsg(context.Background(), &s.msg, func(err error) {
		if err != nil {
			s.failed.Add(1)
			return
		}
		s.delivered.Add(1)
	})
	if err != nil { // the client is gone
		s.failed.Add(1)
		return
	}
	s.sent.Add(1)
}
