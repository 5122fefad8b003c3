package xio_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/xio"
)

// echo answers with what it got.
var echo = xio.HandlerFunc(func(req *xio.Request) {
	req.Reply(&xio.Message{Header: req.Header(), Data: req.Data()})
})

// The options of the process are set once, before anything else.
func ExampleInit() {
	o := xio.LibraryOptions{FlowControl: true, QueueMessages: 4096}
	if err := xio.Init(o); errors.Is(err, xio.ErrState) {
		fmt.Println("too late: the library runs with other options")
	}
	// Output: too late: the library runs with other options
}

// Connections may share a Context: one event loop, one driver.
func ExampleNewContext() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	loop, err := xio.NewContext(xio.ContextOptions{Drive: xio.DrivePark})
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close() // and the connections on it

	d := xio.Dialer{Context: loop}
	for range 3 {
		if _, err := d.Dial(context.Background(), srv.URI()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(loop.Stats().Connections, "connections on one Context")
	// Output: 3 connections on one Context
}

// A Context that keeps to one processor, with handlers on its driver.
func ExampleContextOptions_cpus() {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		log.Fatal(err)
	}
	cpu := 0
	for !allowed.IsSet(cpu) {
		cpu++
	}
	loop, err := xio.NewContext(xio.ContextOptions{CPUs: []int{cpu}})
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close()

	l := xio.ListenConfig{Context: loop, Inline: true}
	srv, err := l.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := xio.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	rsp, err := conn.Call(context.Background(), &xio.Message{Data: []byte("pinned")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", rsp.Data())
	rsp.Release()
	// Output: pinned
}

// An application with a loop of its own turns the Context itself: everything,
// completions too, then runs on its goroutine.
func ExampleContext_Turn() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", echo)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	loop, err := xio.NewContext(xio.ContextOptions{Drive: xio.DriveManual})
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close()
	d := xio.Dialer{Context: loop}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}

	answered := false
	err = conn.TrySend(&xio.Message{Data: []byte("hello")}, func(rsp *xio.Response, err error) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", rsp.Data())
		rsp.Release()
		answered = true
	})
	if err != nil {
		log.Fatal(err)
	}
	for !answered {
		did, err := loop.Turn()
		if err != nil {
			log.Fatal(err)
		}
		if !did { // nothing to do: wait, here for nothing else
			fds := []unix.PollFd{{Fd: int32(loop.PollFD()), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
				log.Fatal(err)
			}
		}
	}
	// Output: hello
}

func ExampleConnection_Stats() {
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
	for range 5 {
		rsp, err := conn.Call(context.Background(), &xio.Message{})
		if err != nil {
			log.Fatal(err)
		}
		rsp.Release()
	}
	st := conn.Stats()
	fmt.Println(st.Sent, "sent,", st.InFlight, "of", st.Depth, "places in use")
	fmt.Println(srv.Stats().Accepted, "session accepted")
	// Output:
	// 5 sent, 0 of 512 places in use
	// 1 session accepted
}
