package xio

import (
	"log/slog"
	"runtime/debug"
	"time"
)

// Observer is told of messages that have ended, for metrics. Its methods must be
// quick, must not block, and may be called by several goroutines at once. One
// that panics is logged, and the message goes its way. A Connection without an
// Observer pays nothing for it.
type Observer interface {
	// MessageSent is called once for every request and one-way of this side:
	// when it has been answered, has gone, or has failed. It runs on the driver;
	// for a message that failed before the driver had it (a bad one, a full
	// queue, a context that ended) on the goroutine that wanted to send it.
	MessageSent(MessageInfo)
	// MessageServed is called when a request of the peer has been answered,
	// and when a one-way has been released, by whoever does that.
	MessageServed(MessageInfo)
}

// MessageInfo describes a message that has ended.
type MessageInfo struct {
	Conn     *Connection   // that it went by
	OneWay   bool          // a one-way message, not a request
	Unsent   bool          // it failed before the library had it: nothing went out
	BytesOut int           // header and data that went out
	BytesIn  int           // header and data that came in
	Latency  time.Duration // from submission or arrival to the end; if Unsent, how long it took to fail
	Err      error         // what the caller got, or what was replied instead of an answer
}

// clock is a monotonic time in nanoseconds.
func clock() int64 { return int64(time.Since(started)) }

var started = time.Now()

// observe tells the Observer that the call has ended. Driver only.
func (cl *call) observe(err error) {
	c := cl.conn
	d := time.Duration(c.ctx.now - cl.at)
	if !cl.oneWay && err == nil {
		c.ctx.tally.of(c).answer(d)
	}
	if c.observer != nil {
		i := MessageInfo{Conn: c, OneWay: cl.oneWay, BytesOut: cl.size, BytesIn: cl.got, Latency: d, Err: err}
		if !cl.inFlight {
			i.Unsent, i.BytesOut = true, 0
		}
		c.observeSent(i)
	}
}

func (c *Connection) observeSent(i MessageInfo) {
	defer c.guard("an Observer")
	c.observer.MessageSent(i)
}

func (c *Connection) observeServed(i MessageInfo) {
	defer c.guard("an Observer")
	c.observer.MessageServed(i)
}

// answered tells Observer and Tracer that the message is done with.
func (r *Request) answered(size int, err error) {
	c := r.conn
	c.stats.bytesOut.Add(uint64(size))
	c.stats.done.Add(1)
	if c.observer != nil {
		c.observeServed(MessageInfo{
			Conn: c, OneWay: r.oneWay, BytesOut: size, BytesIn: r.size,
			Latency: time.Duration(clock() - r.at), Err: err,
		})
	}
	if end := r.traced; end != nil {
		r.traced = nil
		c.endTrace(end, err)
	}
}

// guard is deferred around hooks: one that panics is none of the message's
// business.
func (c *Connection) guard(what string) {
	if p := recover(); p != nil {
		c.logPanic(what, p, debug.Stack())
	}
}

// logPanic logs a panic in what the application gave us, if need be where
// everybody looks.
func (c *Connection) logPanic(where string, p any, stack []byte) {
	l := c.ctx.log(c.logger)
	if l == discard {
		l = slog.Default()
	}
	l.Error("xio: panic in "+where, "panic", p, "uri", c.uri, "stack", string(stack))
}
