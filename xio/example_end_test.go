package xio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/accelio/accelio-go/xio"
)

// Drain finishes what was accepted, then closes.
func ExampleConnection_Drain() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()
	conn, err := xio.Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}

	answers := 0
	for range 100 {
		err := conn.Send(ctx, &xio.Message{Data: []byte("work")}, func(rsp *xio.Response, err error) {
			if err != nil {
				log.Print(err)
				return
			}
			rsp.Release()
			answers++
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := conn.Drain(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answers, "answers")
	_, err = conn.Call(ctx, &xio.Message{})
	fmt.Println(errors.Is(err, xio.ErrClosed))
	// Output:
	// 100 answers
	// true
}

// A server that goes down answers what it has got.
func ExampleServer_Drain() {
	begun := make(chan struct{})
	open := make(chan struct{})
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		close(begun)
		<-open
		req.Reply(&xio.Message{Data: []byte("the last answer")})
	}))
	if err != nil {
		log.Fatal(err)
	}
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	answered := make(chan string)
	go func() {
		rsp, err := conn.Call(context.Background(), &xio.Message{})
		if err != nil {
			answered <- err.Error()
			return
		}
		defer rsp.Release()
		answered <- string(rsp.Data())
	}()

	<-begun
	drained := make(chan error)
	go func() { drained <- srv.Drain(context.Background()) }()
	close(open)
	fmt.Println(<-answered)
	fmt.Println(<-drained)
	// Output:
	// the last answer
	// <nil>
}

// Close ends a connection for both sides, and may be called again.
func ExampleConnection_Close() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.Close(), conn.Close())
	_, err = conn.Call(context.Background(), &xio.Message{})
	fmt.Println(errors.Is(err, xio.ErrClosed), errors.Is(err, net.ErrClosed))
	// Output:
	// <nil> <nil>
	// true true
}

// A channel that tells every state of a connection.
func ExampleConnection_Watch() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	states := conn.Watch()
	srv.Close()
	for s := range states {
		fmt.Println(s)
	}
	fmt.Println(errors.Is(conn.Err(), xio.ErrSessionClosed))
	// Output:
	// up
	// closing
	// closed
	// true
}

// Who waits no longer gets an error that says so; the request may have been seen.
func ExampleConnection_Call_timeout() {
	open := make(chan struct{})
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		<-open
		req.Reply(&xio.Message{}) // nobody waits for it: it is dropped
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	defer close(open)
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = conn.Call(ctx, &xio.Message{})
	var e *xio.Error
	fmt.Println(errors.As(err, &e) && e.Timeout(), errors.Is(err, context.DeadlineExceeded))
	// Output: true true
}
