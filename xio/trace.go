// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"context"
	"time"
)

// Tracer follows single messages, for tracing, and carries what a trace needs
// from one program to the next in their headers. Its methods may be called by
// several goroutines at once. One that panics is logged, and the message goes its
// way untraced. A Connection without a Tracer pays nothing for it.
type Tracer interface {
	// StartSend is called when a request or one-way of this side is to be sent,
	// with the caller's context, on the caller's goroutine, before the message
	// is looked at and before it waits for room in the queue.
	//
	// It returns the header to send in place of s.Message.Header, or that one.
	// The Message itself must not be changed: it is the application's. The new
	// header is copied before the caller's method returns, and counts towards
	// MaxHeader and MaxMessage: the message fails with ErrMsgSize if it is too
	// long.
	//
	// It also returns what to call with the result, or nil. That is called
	// exactly once, on the caller's goroutine or the driver, for messages that
	// fail before they are submitted as well.
	StartSend(ctx context.Context, s Sending) (header []byte, end func(error))
	// StartServe is called before the handler of a request or one-way, on the
	// handler's goroutine. It returns a context, derived from ctx, whose values
	// [Request.Context] and [OneWay.Context] have, and what to call when the
	// message has been answered or released, by whoever does that. Both may be
	// nil.
	StartServe(ctx context.Context, in Served) (context.Context, func(error))
}

// Sending is what a Tracer sees of a message that is to be sent.
type Sending struct {
	Conn    *Connection // that it is to go by
	Message *Message    // of the application, only to be read, and only until StartSend returns
	OneWay  bool        // a one-way message, not a request
}

// Served is what a Tracer sees of a message that is served: a *[Request] or a
// *[OneWay]. It is for the goroutine that StartServe runs on, until that returns.
type Served interface {
	// Conn is the connection the message came by.
	Conn() *Connection
	// Header is the message's header, memory of the library: valid until
	// StartServe returns. The peer chose it.
	Header() []byte
	// Len is the length of the data in bytes.
	Len() int
}

// fillWatched is fill for a Connection with an Observer or a Tracer.
func (c *Connection) fillWatched(ctx context.Context, o order) (*call, error) {
	header, end := o.m.Header, (func(error))(nil)
	if c.tracer != nil {
		header, end = c.startTrace(ctx, o)
	}
	began := clock()
	cl, err := c.fill(ctx, o, header)
	if err == nil {
		cl.traced = end
		return cl, nil
	}
	if c.observer != nil {
		c.observeSent(MessageInfo{Conn: c, OneWay: o.oneWay, Unsent: true, Latency: time.Duration(clock() - began), Err: err})
	}
	if end != nil {
		c.endTrace(end, err)
	}
	return nil, err
}

// startTrace starts following a message that is to be sent.
func (c *Connection) startTrace(ctx context.Context, o order) (header []byte, end func(error)) {
	header = o.m.Header // if the Tracer panics
	defer c.guard("a Tracer")
	return c.tracer.StartSend(ctx, Sending{Conn: c, Message: o.m, OneWay: o.oneWay})
}

// endTrace ends what a Tracer follows.
func (c *Connection) endTrace(end func(error), err error) {
	defer c.guard("a Tracer")
	end(err)
}

// endTrace ends it where the result becomes known to the caller.
func (cl *call) endTrace(err error) {
	if end := cl.traced; end != nil {
		cl.traced = nil
		cl.conn.endTrace(end, err)
	}
}

// startTrace starts following a message of the peer.
func (r *Request) startTrace() {
	if r.conn.tracer == nil {
		return
	}
	defer r.conn.guard("a Tracer")
	var in Served = r
	if r.oneWay {
		in = &r.msg
	}
	r.life.base, r.traced = r.conn.tracer.StartServe(context.Background(), in)
}
