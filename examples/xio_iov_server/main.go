// SPDX-License-Identifier: Apache-2.0

// Xio_iov_server answers with data from many pieces of memory: a scatter list of
// registered buffers that goes out without a copy. It shows pool.List,
// Message.Buffers and Request.Segments.
//
// It is a port of Accelio's C hello_world_iov server and takes its arguments;
// clients may be xio_iov_client, its C counterpart, or any other that takes the
// answer. It differs from the C program on purpose: the default transport is
// tcp, the 261120 bytes lie in 4 pieces and not in 255 (a message that package xio
// sends has up to four; by LibraryOptions.Segments it takes the C client's 255), every
// request is checked and answered, several clients may come, and what a client leaves
// unanswered when it goes is not reported by message numbers that were never set.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `xio_iov_server answers requests with data from a scatter list. Ctrl-C ends it
cleanly, a second one at once.

It prints "listen to URI" when clients can come; with -port 0 the URI has the
port that was picked.`
	sample = "xio_iov_server 127.0.0.1 1234 tcp 1"

	printEvery     = 1000 // as the C program
	peerPieces     = 256  // the C client has 255, in each direction
	requestHeader  = "hello world request header"
	requestData    = "hello world request data"
	responseHeader = "hello world response header\x00"
	responseData   = "hello world response data\x00"
)

func main() { app.Main("xio_iov_server", run) }

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("xio_iov_server", flag.ContinueOnError)
	target := app.NewTarget(fs, true, "`bytes` of each piece", 65280)
	n := fs.Uint64("n", 0, "end after this `count` of requests")
	pieces := fs.Int("pieces", 4, fmt.Sprintf("`pieces` of an answer, 1 to %d", xio.MaxSegments))
	if help, err := app.ParseFlags(fs, target, args, os.Stdout, intro, sample); err != nil || help {
		return err
	}
	if *pieces < 1 || *pieces > xio.MaxSegments || target.Size < len(responseData) || target.Size**pieces > xio.MaxMessage-xio.MaxHeader {
		return app.Usagef("%d pieces of %d bytes are not a message", *pieces, target.Size)
	}
	if err := xio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal, Segments: peerPieces}); err != nil {
		return err
	}
	// All answers are the same, so they share their memory: the library reads
	// it, nobody writes.
	list, err := app.Pieces(ctx, *pieces, target.Size, responseData)
	if err != nil {
		return err
	}
	defer list.Release()
	s := &server{list: list}
	l := xio.ListenConfig{Inline: true}
	s.clients = app.NewClients(&l, target.Finite, *n)
	srv, err := l.Listen(target.URI, s)
	if err != nil {
		return err
	}
	fmt.Printf("listen to %s\n", srv.URI())
	s.clients.Wait(ctx)
	err = srv.Close()
	fmt.Printf("exit signaled\nrequests: %d, %d bytes in %d segments; %d unlike the C program's, %d not answered\n",
		s.clients.Total(), s.bytes.Load(), s.segments.Load(), s.odd.Load(), s.failed.Load())
	return err
}

type server struct {
	list    pool.List
	clients *app.Clients

	bytes, segments, odd, failed atomic.Uint64
}

// ServeXIO implements xio.Handler.
func (s *server) ServeXIO(req *xio.Request) {
	n := s.clients.Count()
	// Over TCP data arrives in as many pieces as the receiver laid out, here
	// usually one, whatever it was sent from.
	segments := req.Segments()
	s.bytes.Add(uint64(req.Len()))
	s.segments.Add(uint64(len(segments)))
	if !bytes.HasPrefix(req.Header(), []byte(requestHeader)) || len(segments) == 0 || !bytes.HasPrefix(segments[0], []byte(requestData)) {
		s.odd.Add(1)
	}
	if n%printEvery == 0 {
		fmt.Printf("message header : [%d] - %s\n", n, app.Text(req.Header()))
		for i, seg := range segments {
			fmt.Printf("message data: [%d][%d][%d] - %s\n", n, i, len(seg), app.Text(seg))
		}
	}
	if err := req.Reply(&xio.Message{Header: []byte(responseHeader), Buffers: s.list}); err != nil {
		s.failed.Add(1)
		if !errors.Is(err, xio.ErrMsgDiscarded) { // the requester is there, but has no room
			_ = req.ReplyError(xio.ErrMsgSize, "the answer does not fit the requester's buffers")
		}
	}
}
