package xio

import (
	"context"

	"github.com/accelio/accelio-go/xio/cgo"
)

// OneWay is a one-way message that arrived. What its methods return is memory of
// the library, valid until OnMsg returns, or until Release if Detach was called;
// use of the OneWay after that is a bug. One goroutine at a time.
//
// Implements:
//
//	int xio_release_msg(struct xio_msg *msg)
type OneWay struct {
	r *Request // that it is part of, and that has everything
}

// Header is the application header of the message.
func (m *OneWay) Header() []byte { return m.r.Header() }

// Data is the message's data as one slice.
func (m *OneWay) Data() []byte { return m.r.Data() }

// Segments is the data as it lies in memory. Data within MaxInlineData always
// arrives as one segment.
func (m *OneWay) Segments() [][]byte { return m.r.Segments() }

// Len is the length of the data in bytes.
func (m *OneWay) Len() int { return m.r.Len() }

// CopyData copies the data into dst and returns how many bytes fitted.
func (m *OneWay) CopyData(dst []byte) int { return m.r.CopyData(dst) }

// Conn is the connection the message came by.
func (m *OneWay) Conn() *Connection { return m.r.conn }

// Context ends when the message is of no use any more: when its connection is
// lost or closed, and when it has been released. [context.Cause] tells which: it
// is the connection's error, or context.Canceled. A Tracer's values are in it.
func (m *OneWay) Context() context.Context { return m.r.Context() }

// Detach keeps the message beyond the return of OnMsg; Release gives it back.
func (m *OneWay) Detach() { m.r.Detach() }

// Release gives the message back; OnMsg's return does so for one that was not
// detached. A second Release fails with ErrState.
func (m *OneWay) Release() error {
	if !m.r.release() {
		return &Error{Op: "release", URI: m.r.conn.uri, Code: ErrState, Text: "released before"}
	}
	return nil
}

// release gives a one-way back to the library, once.
func (r *Request) release() bool {
	if r.state.Swap(reqAnswered) == reqAnswered {
		return false
	}
	r.answered(0, nil)
	r.in.clear()
	r.life.end(nil)
	r.conn.ctx.push(&r.sub, subReleaseMsg)
	return true
}

// SendMsg sends a one-way message and returns when it is submitted. done, if not
// nil, is called exactly once: with nil when the message has been handed to the
// network, or, if m.Receipt is set, when the peer's library has handed it to its
// application; with an error when that will not happen. While QueueDepth
// messages are in flight SendMsg waits for room; ctx governs that wait and
// nothing else. When SendMsg returns an error, done is not called.
//
// A one-way is gone when it has been sent: without a receipt nobody knows
// whether it arrived. m may be reused when SendMsg returns; the bytes of its
// Buffers must not be written to before done runs, and without done not at all.
// done runs on the connection's driver: it must not block, and must not use Call,
// Send or SendMsg; TrySend and TrySendMsg are fine.
//
// Errors: those of [Connection.Call], as far as there is no response.
//
// Implements:
//
//	int xio_send_msg(struct xio_connection *conn, struct xio_msg *msg)
func (c *Connection) SendMsg(ctx context.Context, m *Message, done func(error)) error {
	return c.sendMsg(ctx, m, done, true)
}

// TrySendMsg is SendMsg that never waits: while QueueDepth messages are in
// flight it fails with ErrTxQueueOverflow, and where there is no memory at once
// with ErrNoBufs. For m and done see [Connection.SendMsg].
//
// Implements:
//
//	int xio_send_msg(struct xio_connection *conn, struct xio_msg *msg)
func (c *Connection) TrySendMsg(m *Message, done func(error)) error {
	return c.sendMsg(context.Background(), m, done, false)
}

func (c *Connection) sendMsg(ctx context.Context, m *Message, done func(error), wait bool) error {
	cl, err := c.prepare(ctx, order{op: "send", m: m, oneWay: true, wait: wait})
	if err != nil {
		return err
	}
	cl.setOneWay(m.Receipt)
	cl.sent = done
	cl.state.Store(callSent)
	c.ctx.push(&cl.sub, subSend)
	return nil
}

// Deliver sends a one-way message and waits until the peer's library has handed
// it to its application. When ctx ends first, Deliver returns at once; the
// message may or may not arrive. m may be reused when Deliver returns, and so may
// the bytes of its Buffers, unless ctx ended the wait.
//
// Errors: those of [Connection.Call], as far as there is no response.
//
// Implements:
//
//	int xio_send_msg(struct xio_connection *conn, struct xio_msg *msg)
func (c *Connection) Deliver(ctx context.Context, m *Message) error {
	cl, err := c.prepare(ctx, order{op: "deliver", m: m, oneWay: true, wait: true})
	if err != nil {
		return err
	}
	cl.setOneWay(true)
	_, err = c.await(ctx, cl)
	return err
}

// ---- driver only from here on ----

// message: a one-way message arrived.
func (c *Connection) message(e *cgo.Event) {
	r := c.newRequest(e)
	c.held++
	c.stats.oneWays.Add(1)
	if c.disp == nil || c.disp.onMsg == nil {
		c.stats.dropped.Add(1)
		r.served()
		return
	}
	c.disp.dispatch(r)
}
