//go:build !libxio

package xio_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/accelio/accelio-go/xio"
)

// What is here needs the embedded engine on both sides to work in full: an
// installed libxio tells a rejected client no reason, does not pass a cancel on,
// and confuses its sockets when single-stream connections move to portals.

// A server with several Contexts, and a session with a connection to each.
func ExampleSession_Connect() {
	l := xio.ListenConfig{Portals: 2}
	srv, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	ctx := context.Background()
	first, err := (&xio.Dialer{Index: 1}).Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	session := first.Session()
	defer session.Close()
	second, err := session.Connect(ctx, &xio.Dialer{Index: 2})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(len(session.Connections()), "connections")
	fmt.Println("same portal:", first.RemoteAddr().String() == second.RemoteAddr().String())
	for _, conn := range session.Connections() {
		rsp, err := conn.Call(ctx, &xio.Message{Data: []byte("hello")})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", rsp.Data())
		rsp.Release()
	}
	// Output:
	// 2 connections
	// same portal: false
	// hello
	// hello
}

// Portals take clients in turns; each may have a Context made for it.
func ExampleListenConfig_portals() {
	l := xio.ListenConfig{
		Portals: 3,
		PortalContext: func(int) (*xio.Context, error) {
			return xio.NewContext(xio.ContextOptions{Drive: xio.DrivePark})
		},
	}
	srv, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	portals := map[string]int{}
	for range 6 {
		conn, err := xio.Dial(context.Background(), srv.URI())
		if err != nil {
			log.Fatal(err)
		}
		defer conn.Close()
		portals[conn.RemoteAddr().String()]++
	}
	for _, clients := range portals {
		fmt.Println(clients)
	}
	// Output:
	// 2
	// 2
	// 2
}

// A refusal that says why.
func ExampleReject() {
	l := xio.ListenConfig{Accept: func(r *xio.SessionRequest) error {
		return xio.Reject(xio.ErrNotSupported, []byte("speak version 2"))
	}}
	srv, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	_, err = xio.Dial(context.Background(), srv.URI())
	fmt.Println(errors.Is(err, xio.ErrSessionRejected), errors.Is(err, xio.ErrNotSupported))
	var e *xio.Error
	if errors.As(err, &e) {
		fmt.Printf("%s\n", e.PeerData)
	}
	// Output:
	// true true
	// speak version 2
}

// A server that sends its clients to another one.
func ExampleRedirect() {
	l := xio.ListenConfig{AcceptData: []byte("welcome to the new place")}
	place, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer place.Close()
	l = xio.ListenConfig{Accept: func(*xio.SessionRequest) error { return xio.Redirect(place.URI()) }}
	srv, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Printf("%s\n", conn.Session().PeerData())
	// Output: welcome to the new place
}

// The context of a request ends when nobody waits for its answer any more.
func ExampleRequest_Context() {
	begun := make(chan struct{})
	causes := make(chan error)
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		close(begun)
		<-req.Context().Done()
		causes <- context.Cause(req.Context())
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

	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-begun
		cancel()
	}()
	_, err = conn.Call(ctx, &xio.Message{})
	fmt.Println("the caller:", errors.Is(err, context.Canceled))
	fmt.Println("the handler:", errors.Is(<-causes, xio.ErrMsgCanceled))
	// Output:
	// the caller: true
	// the handler: true
}

// A receipt for a request tells that it is with the peer's application, before
// the answer comes.
func ExampleMessage_receipt() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	rsp, err := conn.Call(context.Background(), &xio.Message{
		Data:        []byte("answer"),
		OnDelivered: func() { fmt.Println("it is there") },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", rsp.Data())
	rsp.Release()
	// Output:
	// it is there
	// answer
}
