package xio_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/accelio/accelio-go/xio"
)

// One-way messages have no answer; the completion tells that they have gone.
func ExampleConnection_SendMsg() {
	news := make(chan string)
	l := xio.ListenConfig{OnMsg: func(m *xio.OneWay) {
		news <- string(m.Data()) // a copy: the message ends with this function
	}}
	srv, err := l.Listen("tcp://127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()
	conn, err := xio.Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	gone := make(chan error, 1)
	err = conn.SendMsg(ctx, &xio.Message{Data: []byte("it rains")}, func(err error) { gone <- err })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-gone)
	fmt.Println(<-news)
	// Output:
	// <nil>
	// it rains
}

// Deliver waits for the receipt: the message is with the peer's application.
func ExampleConnection_Deliver() {
	kept := make(chan *xio.OneWay, 1)
	l := xio.ListenConfig{OnMsg: func(m *xio.OneWay) {
		m.Detach()
		kept <- m
	}}
	srv, err := l.Listen("tcp://127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()
	conn, err := xio.Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	if err := conn.Deliver(ctx, &xio.Message{Header: []byte("v1"), Data: []byte("parcel")}); err != nil {
		log.Fatal(err)
	}
	m := <-kept
	fmt.Printf("%s %s\n", m.Header(), m.Data())
	m.Release()
	// Output: v1 parcel
}

// TrySend never waits: it may be used where waiting is forbidden, and tells when
// the queue is full.
func ExampleConnection_TrySend() {
	open := make(chan struct{})
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		<-open
		req.Reply(&xio.Message{})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	d := xio.Dialer{QueueDepth: 2}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ended := make(chan error, 3)
	for range 3 {
		err := conn.TrySend(&xio.Message{}, func(rsp *xio.Response, err error) {
			if err == nil {
				rsp.Release()
			}
			ended <- err
		})
		fmt.Println(err == nil, errors.Is(err, xio.ErrTxQueueOverflow))
	}
	close(open)
	fmt.Println(<-ended, <-ended)
	// Output:
	// true false
	// true false
	// false true
	// <nil> <nil>
}

// A completion may send on: here every answer is acknowledged by a one-way.
func ExampleConnection_TrySendMsg() {
	acks := make(chan string)
	l := xio.ListenConfig{OnMsg: func(m *xio.OneWay) { acks <- string(m.Data()) }}
	srv, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()
	conn, err := xio.Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	err = conn.Send(ctx, &xio.Message{Data: []byte("job 7")}, func(rsp *xio.Response, err error) {
		if err != nil {
			log.Print(err)
			return
		}
		ack := fmt.Appendf(nil, "got %s", rsp.Data())
		rsp.Release()
		if err := conn.TrySendMsg(&xio.Message{Data: ack}, nil); err != nil {
			log.Print(err)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-acks)
	// Output: got job 7
}

// A handler may leave the answer to another goroutine.
func ExampleRequest_Detach() {
	jobs := make(chan *xio.Request)
	go func() {
		for req := range jobs {
			req.Reply(&xio.Message{Data: []byte("done later")})
		}
	}()
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Detach()
		jobs <- req
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer close(jobs)
	defer srv.Close()
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	rsp, err := conn.Call(context.Background(), &xio.Message{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", rsp.Data())
	rsp.Release()
	// Output: done later
}

// Requests go both ways: this server asks the client back before it answers.
func ExampleRequest_Conn() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		name, err := req.Conn().Call(req.Context(), &xio.Message{Data: []byte("who are you?")})
		if err != nil {
			req.ReplyError(xio.ErrUnsuccessful, err.Error())
			return
		}
		defer name.Release()
		req.Reply(&xio.Message{Data: fmt.Appendf(nil, "hello %s", name.Data())})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	d := xio.Dialer{Handler: xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{Data: []byte("Ada")})
	})}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	rsp, err := conn.Call(context.Background(), &xio.Message{Data: []byte("good morning")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", rsp.Data())
	rsp.Release()
	// Output: hello Ada
}

// What an Inline handler hands to a goroutine does not wait for the driver's next rest.
func ExampleConnection_Yield() {
	got := make(chan string, 16)
	srv, err := (&xio.ListenConfig{Inline: true, OnMsg: func(m *xio.OneWay) {
		got <- string(m.Data())
		m.Conn().Yield()
	}}).Listen("tcp://127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SendMsg(context.Background(), &xio.Message{Data: []byte("work")}, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-got)
	// Output: work
}
