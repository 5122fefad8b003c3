package xio

import (
	"context"
	"time"
)

// Observer is told of messages that have ended, for metrics. Its methods must be
// quick, must not block, and may be called by several goroutines at once; a
// Connection without an Observer pays nothing for it.
type Observer interface {
	// MessageSent is called when a request of this side has been answered or
	// has failed, and when a one-way of this side has gone or failed. It runs
	// on the driver.
	MessageSent(MessageInfo)
	// MessageServed is called when a request of the peer has been answered,
	// and when a one-way has been released, by whoever does that.
	MessageServed(MessageInfo)
}

// MessageInfo describes a message that has ended.
type MessageInfo struct {
	Conn     *Connection
	OneWay   bool
	BytesOut int           // header and data that went out
	BytesIn  int           // header and data that came in
	Latency  time.Duration // from submission or arrival to the end
	Err      error         // what the caller got, or what was replied instead of an answer
}

// Tracer follows single requests, for tracing. Its methods may be called by
// several goroutines at once; a Connection without a Tracer pays nothing for it.
type Tracer interface {
	// StartCall is called before a request or one-way of this side is
	// submitted, with the caller's context. It returns what to call with the
	// result, exactly once, on the caller's goroutine or the driver.
	StartCall(ctx context.Context, c *Connection, m *Message) (end func(error))
	// StartServe is called before the handler of a request or one-way, with a
	// context that it may add values to: Request.Context carries them. It
	// returns what to call when the message has been answered or released, by
	// whoever does that.
	StartServe(ctx context.Context, in Served) (context.Context, func(error))
}

// Served is what a Tracer sees of a message that is served: a *Request or a
// *OneWay.
type Served interface {
	Conn() *Connection
	Header() []byte
	Len() int
}

// clock is a monotonic time in nanoseconds.
func clock() int64 { return int64(time.Since(started)) }

var started = time.Now()

// observe tells the Observer that the call has ended. Driver only.
func (cl *call) observe(err error) {
	c := cl.conn
	d := time.Duration(c.ctx.now - cl.at)
	if !cl.oneWay && err == nil {
		c.stats.answer(d)
	}
	if c.observer != nil {
		c.observer.MessageSent(MessageInfo{Conn: c, OneWay: cl.oneWay, BytesOut: cl.size, BytesIn: cl.got, Latency: d, Err: err})
	}
}

// trace starts following a message that is about to be submitted.
func (cl *call) trace(ctx context.Context, m *Message) {
	if t := cl.conn.tracer; t != nil {
		cl.traced = t.StartCall(ctx, cl.conn, m)
	}
}

// endTrace ends it, where the result becomes known to the caller.
func (cl *call) endTrace(err error) {
	if end := cl.traced; end != nil {
		cl.traced = nil
		end(err)
	}
}

// startTrace starts following a message of the peer.
func (r *Request) startTrace() {
	t := r.conn.tracer
	if t == nil {
		return
	}
	var in Served = r
	if r.oneWay {
		in = (*OneWay)(r)
	}
	r.life.base, r.traced = t.StartServe(context.Background(), in)
}

// answered tells Observer and Tracer that the message is done with.
func (r *Request) answered(size int, err error) {
	c := r.conn
	c.stats.bytesOut.Add(uint64(size))
	if c.observer != nil {
		c.observer.MessageServed(MessageInfo{
			Conn: c, OneWay: r.oneWay, BytesOut: size, BytesIn: r.size,
			Latency: time.Duration(clock() - r.at), Err: err,
		})
	}
	if end := r.traced; end != nil {
		r.traced = nil
		end(err)
	}
}
