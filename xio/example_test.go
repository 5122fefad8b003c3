package xio_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"time"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

func Example() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{Data: []byte(strings.ToUpper(string(req.Data())))})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := xio.Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	rsp, err := conn.Call(ctx, &xio.Message{Data: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", rsp.Data())
	rsp.Release()
	// Output: HELLO
}

func ExampleConnection_Send() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{Data: req.Data()}) // sent from where it is
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

	var wg sync.WaitGroup
	total := 0 // completions of a connection run one at a time
	for i := range 100 {
		wg.Add(1)
		err := conn.Send(context.Background(), &xio.Message{Data: make([]byte, i)}, func(rsp *xio.Response, err error) {
			defer wg.Done()
			if err != nil {
				log.Print(err)
				return
			}
			total += rsp.Len()
			rsp.Release()
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	wg.Wait()
	fmt.Println(total, "bytes")
	// Output: 4950 bytes
}

func ExampleRequest_ReplyError() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.ReplyError(xio.ErrUserObjNotFound, "no such volume")
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

	_, err = conn.Call(context.Background(), &xio.Message{Data: []byte("open")})
	var e *xio.Error
	if errors.As(err, &e) {
		fmt.Println(e.Remote, errors.Is(err, xio.ErrUserObjNotFound), e.Text)
	}
	// Output: true true no such volume
}

func ExampleMessage_buffers() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{Header: fmt.Append(nil, req.Len(), " bytes")})
	}))
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

	buf, err := pool.Default().Get(ctx, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	defer buf.Release()
	buf.Bytes()[0] = 1 // fill it

	rsp, err := conn.Call(ctx, &xio.Message{Buffers: []*pool.Buffer{buf}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", rsp.Header())
	rsp.Release()
	// Output: 1048576 bytes
}

func ExampleListenConfig_accept() {
	l := xio.ListenConfig{Accept: func(r *xio.SessionRequest) error {
		if string(r.PrivateData) != "password" {
			return xio.ErrSessionRefused
		}
		return nil
	}}
	srv, err := l.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	for _, secret := range []string{"guess", "password"} {
		d := xio.Dialer{PrivateData: []byte(secret)}
		conn, err := d.Dial(context.Background(), srv.URI())
		if err != nil {
			fmt.Println(errors.Is(err, xio.ErrSessionRejected))
			continue
		}
		fmt.Println(conn.State())
		conn.Close()
	}
	// Output:
	// true
	// up
}
