package xio

import (
	"context"
	"sync/atomic"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// Call states: who may finish a call.
const (
	callPending   uint32 = iota + 1 // submitted, the result is awaited
	callSent                        // submitted, nobody waits; a one-way
	callAbandoned                   // the caller has left; the driver cleans up
	callDone                        // the result is there
)

// call is the Go half of a request slot, reused for one request after another.
type call struct {
	sub       submission
	conn      *Connection
	tx        *cgo.Tx
	index     uint32
	gen       uint32
	nextFree  atomic.Uint32
	state     atomic.Uint32
	inFlight  bool // driver: the library has it
	oneWay    bool
	direct    string // what it does to the peer's memory, if that is what it does
	done      chan struct{}
	behind    *call // whose goroutine this one's wakes
	fn        func(*Response, error)
	sent      func(error) // of a one-way
	delivered func()
	cancel    cancellation
	traced    func(error)
	at        int64 // driver: when it was handed to the library
	size, got int   // header and data, out and in
	copied    int   // data copied into C memory
	rsp       *Response
	err       error
	bufs      [MaxSegments]*pool.Buffer
	nbufs     int
}

// Call sends a request and waits for its response. It may be called from any
// goroutine, and any number at a time; while QueueDepth requests are in flight
// it waits for room.
//
// When ctx ends first, Call returns at once with an error that matches ctx's,
// and the request is abandoned: it may or may not reach the peer, and a late
// response is thrown away. If both sides run on the embedded engine the peer is
// told, and the Context of its Request ends.
//
// m may be reused when Call returns, and so may the bytes of its Buffers, unless
// ctx ended the call: then the library may still read them. The Response belongs
// to the caller until its Release.
//
// Errors: ErrMsgSize and ErrMsgInvalid for an m that cannot be sent; ErrNoBufs
// without memory for it; ErrTimeout and ErrMsgCanceled when ctx ended; ErrClosed
// after Close; the code of the loss when the connection is gone; ErrMsgFlushed
// when it went while the request was in flight (the peer may have seen it);
// ErrMsgSize for a response above m.MaxResponse; an [Error] with Remote set when
// the peer's handler failed.
//
// Implements:
//
//	int xio_send_request(struct xio_connection *conn, struct xio_msg *req)
//	int xio_cancel_request(struct xio_connection *conn, struct xio_msg *req)
func (c *Connection) Call(ctx context.Context, m *Message) (*Response, error) {
	cl, err := c.prepare(ctx, order{op: "call", m: m, wait: true})
	if err != nil {
		return nil, err
	}
	return c.await(ctx, cl)
}

// await submits a message and waits for its end.
func (c *Connection) await(ctx context.Context, cl *call) (*Response, error) {
	cl.state.Store(callPending)
	traced := cl.traced
	cl.traced = nil
	kind := subSend
	if cl.direct != "" {
		kind = subDirect
	}
	c.ctx.push(&cl.sub, kind)

	if ctx.Done() == nil && c.ctx.how != DriveManual {
		<-cl.done
	} else if !await(ctx, c.ctx, cl.done, false) {
		op, gen := cl.op(), cl.gen
		if cl.state.CompareAndSwap(callPending, callAbandoned) {
			c.cancel(cl, gen)
			err := contextError(op, c.uri, ctx.Err())
			if traced != nil {
				c.endTrace(traced, err)
			}
			return nil, err
		}
		<-cl.done
	}
	if next := cl.behind; next != nil {
		cl.behind = nil
		next.done <- struct{}{}
	}
	rsp, err := cl.rsp, cl.err
	cl.rsp, cl.err = nil, nil
	if rsp == nil || rsp.call == nil {
		cl.release()
	}
	if err != nil {
		c.stats.failed.Add(1)
	}
	if traced != nil {
		c.endTrace(traced, err)
	}
	return rsp, err
}

// Send sends a request and returns when it is submitted; done is called exactly
// once with the response or an error, as Call would return them. While
// QueueDepth requests are in flight Send waits for room; ctx governs that wait
// and nothing else. When Send returns an error, done is not called.
//
// m may be reused when Send returns; the bytes of its Buffers must not be written
// to before done runs. done runs on the connection's driver: it must not block,
// and must not use Call or Send; TrySend is fine. The Response belongs to done
// until its Release.
//
// Errors: those of Call, and ErrMsgInvalid if done is nil.
//
// Implements:
//
//	int xio_send_request(struct xio_connection *conn, struct xio_msg *req)
func (c *Connection) Send(ctx context.Context, m *Message, done func(*Response, error)) error {
	return c.send(ctx, m, done, true)
}

// TrySend is Send that never waits: while QueueDepth requests are in flight it
// fails with ErrTxQueueOverflow, and where there is no memory at once with
// ErrNoBufs. For m, done and the Response see [Connection.Send].
//
// Implements:
//
//	int xio_send_request(struct xio_connection *conn, struct xio_msg *req)
func (c *Connection) TrySend(m *Message, done func(*Response, error)) error {
	return c.send(context.Background(), m, done, false)
}

func (c *Connection) send(ctx context.Context, m *Message, done func(*Response, error), wait bool) error {
	if done == nil {
		return &Error{Op: "send", URI: c.uri, Code: ErrMsgInvalid, Text: "no completion function"}
	}
	cl, err := c.prepare(ctx, order{op: "send", m: m, wait: wait})
	if err != nil {
		return err
	}
	cl.fn = done
	cl.state.Store(callPending)
	c.ctx.push(&cl.sub, subSend)
	return nil
}

// order is a message to be sent, and how.
type order struct {
	op     string // what errors call it
	m      *Message
	oneWay bool
	wait   bool // for room in the queue, and for memory
}

// prepare takes a slot and fills it with the message, under the eyes of Observer
// and Tracer.
func (c *Connection) prepare(ctx context.Context, o order) (cl *call, err error) {
	if c.tracer == nil && c.observer == nil {
		cl, err = c.fill(ctx, o, o.m.Header)
	} else {
		cl, err = c.fillWatched(ctx, o)
	}
	if err != nil {
		c.stats.failed.Add(1)
	}
	return cl, err
}

// fill takes a slot and fills it with the message under this header.
func (c *Connection) fill(ctx context.Context, o order, header []byte) (*call, error) {
	op, m := o.op, o.m
	if code, why := m.check(header); code != 0 {
		return nil, &Error{Op: op, URI: c.uri, Code: code, Text: why}
	}
	if err := ctx.Err(); err != nil {
		return nil, contextError(op, c.uri, err)
	}
	if err := c.ready(op); err != nil {
		return nil, err
	}
	// Memory first: once a slot is taken nothing may fail.
	if !m.retain() {
		return nil, &Error{Op: op, URI: c.uri, Code: ErrMsgInvalid, Text: releasedText}
	}
	var large *pool.Buffer
	if len(m.Data) > MaxInlineData || c.mixed(m) {
		var err error
		if large, err = copyToPool(ctx, m.Data, o.wait); err != nil {
			m.release(len(m.Buffers))
			return nil, poolError(op, c.uri, err)
		}
	}
	cl, err := c.slot(ctx, o.wait)
	if cl == nil {
		if large != nil {
			c.stats.addCopies(1, uint64(large.Len()))
			large.Release()
		}
		m.release(len(m.Buffers))
		switch {
		case err != nil:
			return nil, contextError(op, c.uri, err)
		case c.win.closed():
			return nil, c.gone(op)
		}
		return nil, &Error{Op: op, URI: c.uri, Code: ErrTxQueueOverflow, Text: "queue depth reached"}
	}
	cl.gen++
	cl.tx.SetGen(cl.gen)
	cl.tx.SetOneWay(false)
	cl.tx.SetMaxResponse(c.room(m))
	cl.tx.Keep(m.HoldResponse)
	cl.delivered = m.OnDelivered
	cl.tx.SetReceipt(m.OnDelivered != nil)
	if large == nil {
		cl.tx.Begin(header, m.Data)
	} else {
		cl.tx.Begin(header, nil)
		cl.add(large)
	}
	for _, b := range m.Buffers {
		cl.add(b)
	}
	cl.size, cl.got, cl.copied = len(header)+m.Len(), 0, len(m.Data)
	return cl, nil
}

// room is how much response data to ask the library to make room for, beyond
// what fits inline.
func (c *Connection) room(m *Message) int {
	n := m.MaxResponse
	if n == 0 {
		n = c.maxResponse
	}
	if n == 0 {
		n = max(defaultMaxResponse, m.Len())
	}
	if n <= MaxInlineData {
		return 0
	}
	return n
}

func (c *Connection) slot(ctx context.Context, wait bool) (*call, error) {
	if !wait {
		cl, _ := c.win.tryAcquire()
		return cl, nil
	}
	if c.ctx.how == DriveManual {
		// Nobody else may be there to make room.
		for {
			if cl, ok := c.win.tryAcquire(); cl != nil || !ok {
				return cl, nil
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			c.ctx.turnOrWait()
		}
	}
	return c.win.acquire(ctx, c.down)
}

// setOneWay makes a one-way message of what was prepared.
func (cl *call) setOneWay(receipt bool) {
	cl.oneWay, cl.delivered = true, nil
	cl.tx.SetOneWay(true)
	cl.tx.SetReceipt(receipt)
	cl.tx.SetMaxResponse(0)
}

// op is what errors call it.
func (cl *call) op() string {
	switch {
	case cl.direct != "":
		return cl.direct
	case cl.oneWay:
		return "send"
	}
	return "call"
}

// add makes a buffer, with one reference to it, part of the request.
func (cl *call) add(b *pool.Buffer) {
	cl.tx.Add(b.Bytes(), b.Region())
	cl.bufs[cl.nbufs] = b
	cl.nbufs++
}

func copyToPool(ctx context.Context, data []byte, wait bool) (*pool.Buffer, error) {
	var b *pool.Buffer
	var err error
	if wait {
		b, err = pool.Default().Get(ctx, len(data))
	} else {
		b, err = pool.Default().TryGet(len(data))
	}
	if err != nil {
		return nil, err
	}
	copy(b.Bytes(), data)
	return b, nil
}

func poolError(op, uri string, err error) error {
	switch err {
	case context.Canceled, context.DeadlineExceeded:
		e := contextError(op, uri, err)
		e.Text = "waiting for memory"
		return e
	}
	return &Error{Op: op, URI: uri, Code: ErrNoBufs, Err: err}
}

// release gives the slot back, by any goroutine that owns it.
func (cl *call) release() {
	c := cl.conn
	cl.free()
	if c.win.closed() {
		c.check()
	}
}

func (cl *call) free() {
	cl.oneWay, cl.direct, cl.delivered = false, "", nil
	cl.conn.win.release(cl)
}

// begin says whether the request is to be submitted; otherwise it has ended.
// Driver only, like everything below.
func (cl *call) begin() bool {
	cl.at = cl.conn.ctx.now
	switch {
	case cl.conn.torn:
		cl.end(nil, cl.conn.gone(cl.op()))
	case cl.state.Load() == callAbandoned:
		cl.end(nil, &Error{Op: cl.op(), URI: cl.conn.uri, Code: ErrMsgCanceled, Text: "given up before it was sent"})
	case !cl.conn.reserve():
		cl.end(nil, &Error{Op: cl.op(), URI: cl.conn.uri, Code: ErrNoBufs})
	default:
		cl.inFlight = true
		cl.conn.ctx.inFlight++
		return true
	}
	return false
}

// end finishes the call with a response or an error, exactly once.
func (cl *call) end(rsp *Response, err error) {
	if cl.direct == "" {
		cl.observe(err)
	}
	if cl.inFlight {
		cl.inFlight = false
		cl.conn.ctx.inFlight--
	}
	for i, b := range cl.bufs[:cl.nbufs] {
		b.Release()
		cl.bufs[i] = nil
	}
	cl.nbufs = 0

	if cl.oneWay && cl.state.Load() == callSent {
		c, fn := cl.conn, cl.sent
		cl.sent = nil
		cl.endTrace(err)
		cl.free()
		if err != nil {
			c.stats.failed.Add(1)
		}
		if fn != nil {
			fn(err)
		}
		c.maybeFree()
		return
	}
	if fn := cl.fn; fn != nil {
		cl.fn = nil
		cl.endTrace(err)
		c := cl.conn
		if rsp == nil || rsp.call == nil {
			cl.free()
		}
		if err != nil {
			c.stats.failed.Add(1)
		}
		fn(rsp, err)
		c.maybeFree()
		return
	}
	cl.rsp, cl.err = rsp, err
	if cl.state.CompareAndSwap(callPending, callDone) {
		cl.conn.ctx.wakeUp(cl)
		return
	}
	cl.rsp, cl.err = nil, nil
	cl.conn.stats.abandoned.Add(1)
	if rsp != nil {
		kept := rsp.call != nil
		rsp.Release()
		if kept {
			return // freed when the release has been submitted
		}
	}
	cl.free()
	cl.conn.maybeFree()
}

// cancellation asks the peer to give an abandoned request up. It is a submission
// of its own, because the call's may be in use for the next request by the time
// the driver looks at it.
type cancellation struct {
	sub    submission
	queued atomic.Bool
	gen    uint32
}

// cancel submits the cancellation of a call, unless an earlier one of the same
// slot is still waiting: that was for a request long gone, and losing this one
// costs the peer some work and nobody anything else.
func (c *Connection) cancel(cl *call, gen uint32) {
	if !cgo.Kin() || cl.cancel.queued.Swap(true) {
		return
	}
	cl.cancel.gen = gen
	c.ctx.push(&cl.cancel.sub, subCancel)
}
