// SPDX-License-Identifier: Apache-2.0

// Xio_lat_client measures the time from a request to its answer, with one
// request in flight. It shows Connection.Call, and how to choose what a driver
// does while it waits.
//
// It is a port of Accelio's C xio_lat_client (hello_test_lat) and takes its
// arguments; the server may be xio_lat_server, its C counterpart, or any other.
// It differs from the C program on purpose: the default transport is tcp, each
// request is timed by itself, so that percentiles can be told where the C program
// divides the time by the number, and the text about a finite run is right.
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
	intro = `xio_lat_client measures the time from request to answer. Ctrl-C ends it cleanly,
a second one at once.`
	sample = "xio_lat_client -p 2061 -r tcp -n 32 -w 32 -f 1 127.0.0.1"

	finiteCount = 1_000_000
)

func main() { app.Main("xio_lat_client", run) }

func run(ctx context.Context, args []string) error {
	o := app.NewOptions("xio_lat_client", false, finiteCount, 0)
	o.DriveFlag()
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
	conn, err := (&xio.Dialer{Context: loop}).Dial(ctx, o.URI)
	if err != nil {
		return err
	}
	fmt.Println("session event: connection established. reason: Success")
	fmt.Println("**** starting ...")
	var answered, lengthIn atomic.Uint64
	length := o.Header + o.Data
	stop := app.StartMeter(answered.Load, func(rate float64) {
		in := int(lengthIn.Load())
		fmt.Printf("transactions per second: %.0f, lat: %.2f us, bandwidth: TX %s, RX: %s, length: TX: %d B, RX: %d B\n",
			rate, 1e6/max(rate, 1), app.Bandwidth(rate, length), app.Bandwidth(rate, in), length, in)
	})
	latency := app.NewLatency()
	req := xio.Message{
		Header: app.Filled("hello world request header", o.Header),
		Data:   app.Filled("hello world request data", o.Data),
	}
	for err == nil && ctx.Err() == nil && (o.Count == 0 || answered.Load() < o.Count) {
		began := time.Now()
		var rsp *xio.Response
		if rsp, err = conn.Call(context.Background(), &req); err == nil {
			latency.Record(time.Since(began))
			lengthIn.Store(uint64(len(rsp.Header()) + rsp.Len()))
			answered.Add(1)
			rsp.Release()
		}
	}
	stop()
	closeErr := conn.Close()
	fmt.Printf("exit signaled\nrequests: %d\nlatency: %s\nexit complete\n", answered.Load(), latency.Percentiles())
	if err == nil {
		err = closeErr
	}
	return err
}
