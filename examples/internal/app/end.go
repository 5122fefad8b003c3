// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/accelio/accelio-go/xio"
)

// End is one end of connections that carry requests both ways: it sends some
// and answers those of the peer.
type End struct {
	o      *Options
	req    xio.Message
	answer xio.Message

	// Served, if not nil, is called with each request.
	Served func() uint64

	sent, answers, served, failed atomic.Uint64
}

// printEvery is after how many messages one of them is shown, as the C test
// programs do.
const printEvery = 400_000

// NewEnd makes an end whose requests have the text "hello world kind header".
func NewEnd(o *Options, kind string) *End {
	m := xio.Message{
		Header: Filled("hello world "+kind+" header", o.Header),
		Data:   Filled("hello world "+kind+" data", o.Data),
	}
	e := &End{o: o, req: m, answer: m}
	e.req.MaxResponse = max(o.Data, xio.MaxInlineData)
	return e
}

// ServeXIO implements xio.Handler. It never blocks, so it may run inline.
func (e *End) ServeXIO(req *xio.Request) {
	n := e.served.Add(1)
	if e.Served != nil {
		e.Served()
	}
	if n%printEvery == 0 {
		fmt.Printf("**** request complete [%d] %s - %s [%d]\n", n, Text(req.Header()), Text(req.Data()), req.Len())
	}
	if err := req.Reply(&e.answer); err != nil {
		e.failed.Add(1)
		if !errors.Is(err, xio.ErrMsgDiscarded) {
			_ = req.ReplyError(xio.ErrMsgSize, "the answer does not fit the requester's buffers")
		}
	}
}

// Send keeps o.Depth requests in flight until count are answered (0: for ever) or
// ctx ends, and takes the answers to all of them.
func (e *End) Send(ctx context.Context, c *xio.Connection, count uint64) error {
	var begun atomic.Uint64
	done := make(chan error, e.o.Depth)
	var next func()
	answered := func(rsp *xio.Response, err error) {
		if err != nil {
			done <- err
			return
		}
		n := e.answers.Add(1)
		if n%printEvery == 0 {
			fmt.Printf("**** response [%d] %s - %s\n", n, Text(rsp.Header()), Text(rsp.Data()))
		}
		rsp.Release()
		next()
	}
	next = func() {
		if n := begun.Add(1); ctx.Err() != nil || (count > 0 && n > count) {
			done <- nil
			return
		}
		if err := c.TrySend(&e.req, answered); err != nil {
			done <- err
			return
		}
		e.sent.Add(1)
	}
	for range e.o.Depth {
		next()
	}
	var first error
	for range e.o.Depth {
		if err := <-done; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// StartMeter prints the rate of the answers once a second.
func (e *End) StartMeter() (stop func()) {
	size := e.o.Header + e.o.Data
	return StartMeter(e.answers.Load, func(rate float64) {
		fmt.Printf("transactions per second: %.0f, bandwidth: TX %s, RX: %s, length: TX: %d B, RX: %d B\n",
			rate, Bandwidth(rate, size), Bandwidth(rate, size), size, size)
	})
}

// Report prints what was done.
func (e *End) Report() {
	fmt.Printf("requests: %d sent, %d answered; %d served, %d of them not answered\nexit signaled\n",
		e.sent.Load(), e.answers.Load(), e.served.Load(), e.failed.Load())
}
