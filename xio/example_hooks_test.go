// SPDX-License-Identifier: Apache-2.0

package xio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"syscall"

	"github.com/accelio/accelio-go/xio"
)

// printer prints the messages of one side.
type printer struct{}

func (printer) MessageSent(i xio.MessageInfo) {
	fmt.Println("sent", i.BytesOut, "bytes, got", i.BytesIn, "and", xio.CodeOf(i.Err).Name())
}

func (printer) MessageServed(xio.MessageInfo) {}

// An Observer is told of every message that has ended, well or not.
func ExampleObserver() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	d := xio.Dialer{Observer: printer{}}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	rsp, err := conn.Call(context.Background(), &xio.Message{Data: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	rsp.Release()
	_, err = conn.Call(context.Background(), &xio.Message{Data: make([]byte, xio.MaxMessage+1)})
	fmt.Println(errors.Is(err, xio.ErrMsgSize))
	// Output:
	// sent 5 bytes, got 5 and OK
	// sent 0 bytes, got 0 and MSG_SIZE
	// true
}

// user carries the name of a user from the caller's context to the handler's.
type user struct{}

func (user) StartSend(ctx context.Context, s xio.Sending) ([]byte, func(error)) {
	if name, ok := ctx.Value(user{}).(string); ok && s.Message.Header == nil {
		return []byte(name), nil
	}
	return s.Message.Header, nil
}

func (user) StartServe(ctx context.Context, in xio.Served) (context.Context, func(error)) {
	return context.WithValue(ctx, user{}, string(in.Header())), nil
}

// What a Tracer puts into the headers of messages comes out of the contexts at the
// other side. The module metrics/otel does so for OpenTelemetry.
func ExampleTracer() {
	l := xio.ListenConfig{Tracer: user{}}
	srv, err := l.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		name, _ := req.Context().Value(user{}).(string)
		req.Reply(&xio.Message{Data: []byte("hello " + name)})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	d := xio.Dialer{Tracer: user{}}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ctx := context.WithValue(context.Background(), user{}, "ann")
	rsp, err := conn.Call(ctx, &xio.Message{})
	if err != nil {
		log.Fatal(err)
	}
	defer rsp.Release()
	fmt.Printf("%s\n", rsp.Data())
	// Output: hello ann
}

// An error says what was attempted, with whom, and why, and matches what it is.
func ExampleError() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	uri := srv.URI()
	srv.Close() // nobody listens there now

	_, err = xio.Dial(context.Background(), uri)
	fmt.Println(errors.Is(err, xio.ErrConnect), errors.Is(err, syscall.ECONNREFUSED))
	if e, ok := errors.AsType[*xio.Error](err); ok {
		fmt.Println(e.Op, e.URI == uri, e.Timeout())
		fmt.Println(e.Code)
		fmt.Println(e.Code.Name())
	}
	// Output:
	// true true
	// dial true false
	// connect error (XIO_E_CONNECT_ERROR)
	// CONNECT_ERROR
}

// What a server is busy with can be asked at any time.
func ExampleServer_Stats() {
	entered, leave := make(chan struct{}), make(chan struct{})
	l := xio.ListenConfig{Workers: 1}
	srv, err := l.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		close(entered)
		<-leave
		req.Reply(&xio.Message{})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	answered := make(chan struct{})
	err = conn.Send(context.Background(), &xio.Message{}, func(rsp *xio.Response, err error) {
		if err == nil {
			rsp.Release()
		}
		close(answered)
	})
	if err != nil {
		log.Fatal(err)
	}
	<-entered
	st := srv.Stats()
	fmt.Println(st.Connections, "connection,", st.Serving, "request with a handler,", st.Queued, "waiting for one")
	close(leave)
	<-answered
	// Output: 1 connection, 1 request with a handler, 0 waiting for one
}
