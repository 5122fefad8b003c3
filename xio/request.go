package xio

import (
	"context"
	"encoding/binary"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio/cgo"
)

// Handler answers requests.
//
// ServeXIO is called for each request, on a goroutine of its own among a
// bounded number (or on the driver, see ListenConfig.Inline). It answers with
// [Request.Reply] or [Request.ReplyError], or says by [Request.Detach] that
// somebody else will. A handler that returns without any of these, or panics,
// ends its request with an error at the requester, and nothing else.
type Handler interface {
	// ServeXIO answers req, which belongs to it until it returns, or, after
	// Detach, until the answer. It is called by several goroutines at once.
	ServeXIO(req *Request)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(req *Request)

// ServeXIO calls f; see [Handler].
func (f HandlerFunc) ServeXIO(req *Request) { f(req) }

// Request states.
const (
	reqOpen uint32 = iota
	reqDetached
	reqAnswered
)

// Request is a request that arrived. What its methods return is memory of the
// library, valid until the request is answered. One goroutine at a time.
type Request struct {
	in     received
	conn   *Connection
	rx     *cgo.Rx
	gen    uint32
	oneWay bool // msg in truth
	msg    OneWay
	sub    submission
	next   *Request // in the dispatcher's queue
	state  atomic.Uint32
	idle   atomic.Bool // neither a handler nor anybody else knows it
	bufs   [MaxSegments]*pool.Buffer
	nbufs  int
	life   lifetime
	size   int   // header and data, as they arrived
	copied int   // data of the reply that was copied into C memory
	at     int64 // when
	traced func(error)
}

func (r *Request) check() {
	if debugBuild && r.state.Load() == reqAnswered {
		panic("xio: use of a Request that was answered")
	}
}

// Header is the application header of the request.
func (r *Request) Header() []byte { r.check(); return r.in.header }

// Data is the request's data as one slice.
func (r *Request) Data() []byte { r.check(); return r.in.whole() }

// Segments is the data as it lies in memory. Data within MaxInlineData always
// arrives as one segment.
func (r *Request) Segments() [][]byte { r.check(); return r.in.segments() }

// Len is the length of the data in bytes.
func (r *Request) Len() int { r.check(); return r.in.n }

// CopyData copies the data into dst and returns how many bytes fitted.
func (r *Request) CopyData(dst []byte) int { r.check(); return r.in.copyTo(dst) }

// Conn is the connection the request came by.
func (r *Request) Conn() *Connection { return r.conn }

// Context ends when an answer is of no use any more: when the requester has
// given the request up (see [Connection.Call]), when its connection is lost or
// closed, and when the request has been answered. [context.Cause] tells which:
// it is an [Error] with ErrMsgCanceled, the connection's error, or
// context.Canceled. A Tracer's values are in it. A handler that returns without
// an answer after the requester gave up has canceled the request.
//
// Implements:
//
//	int xio_cancel(struct xio_msg *req, enum xio_status result)
func (r *Request) Context() context.Context { return r.life.context(r.conn) }

// MaxResponse is the largest response data in bytes that the requester takes,
// with a header of MaxHeader bytes; a smaller header may leave room for more.
func (r *Request) MaxResponse() int {
	r.check()
	if room := r.rx.Room(); room > 0 {
		return int(min(room, MaxMessage))
	}
	return cgo.InlineReply - MaxHeader
}

// fits says whether a response would reach the requester; the library itself
// drops one that does not, and leaves the requester waiting.
func (r *Request) fits(header, data int) bool {
	if room := r.rx.Room(); room > 0 {
		return uint64(data) <= room
	}
	return header+data <= cgo.InlineReply
}

// Reply answers the request. It returns at once; what the request's methods
// returned must not be used afterwards, unless Reply failed and left the request
// open. m may be reused when Reply returns; the bytes of its Buffers belong to the
// library until their last reference is gone, so release them and get others.
//
// Errors: ErrMsgSize if the response is above what the requester takes, and
// ErrMsgSize, ErrMsgInvalid or ErrNoBufs if m cannot be sent: the request is
// then still open, and may be answered otherwise. ErrMsgDiscarded if the
// requester is gone, ErrState if the request was answered before.
//
// Implements:
//
//	int xio_send_response(struct xio_msg *rsp)
func (r *Request) Reply(m *Message) error {
	code, why := m.check(m.Header)
	switch {
	case r.state.Load() == reqAnswered:
		return r.fail(ErrState, "answered before")
	case code != 0:
		return r.fail(code, why)
	case !r.fits(len(m.Header), m.Len()):
		return r.fail(ErrMsgSize, "the requester takes less")
	case !m.retain():
		return r.fail(ErrMsgInvalid, releasedText)
	}
	copied := len(m.Data)
	switch {
	case len(m.Data) == 0:
		r.rx.Begin(m.Header, nil)
	case len(m.Data) >= aliasMin && r.staysUnderReply() && r.owns(m.Data):
		r.rx.Begin(m.Header, nil)
		r.rx.Add(m.Data, r.rx.Region())
		copied = 0
	case len(m.Data) <= cgo.InlineReply && !r.conn.mixed(m):
		r.rx.Begin(m.Header, m.Data)
	default:
		b, err := copyToPool(context.Background(), m.Data, false)
		if err != nil {
			m.release(len(m.Buffers))
			return r.poolError(err)
		}
		r.rx.Begin(m.Header, nil)
		r.add(b)
	}
	for _, b := range m.Buffers {
		r.add(b)
	}
	r.copied = copied
	return r.submit(len(m.Header)+m.Len(), nil)
}

// aliasMin is the length from which looking for an alias beats copying.
const aliasMin = 256

// staysUnderReply says that the request's data is still there when the library makes
// the reply. Over RDMA it makes a small one where the request was.
func (r *Request) staysUnderReply() bool { return !r.conn.rdma || r.rx.Region().Valid() }

// owns says whether b lies in the memory of the request itself.
func (r *Request) owns(b []byte) bool {
	p := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	for _, s := range r.in.segments() {
		base := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
		if p >= base && p+uintptr(len(b)) <= base+uintptr(len(s)) {
			return true
		}
	}
	return false
}

func (r *Request) add(b *pool.Buffer) {
	r.rx.Add(b.Bytes(), b.Region())
	r.bufs[r.nbufs] = b
	r.nbufs++
}

// ReplyError answers the request with an error: the requester's Call returns an
// [Error] with Remote set, this code, and this text (cut to what a header
// holds). A requester that is not written in Go sees a response without data,
// whose header is the error in this package's form. For code 0 the requester gets
// ErrUnsuccessful.
//
// Errors: ErrMsgDiscarded if the requester is gone, ErrState if the request was
// answered before.
//
// Implements:
//
//	int xio_send_response(struct xio_msg *rsp)
func (r *Request) ReplyError(code Code, text string) error {
	if r.state.Load() == reqAnswered {
		return r.fail(ErrState, "answered before")
	}
	var buf [MaxHeader]byte
	header := appendError(buf[:0], code, text)
	r.rx.Begin(header, nil)
	var err error
	if r.conn.observer != nil || r.traced != nil {
		err = &Error{Op: "serve", URI: r.conn.uri, Code: code, Text: text}
	}
	return r.submit(len(header), err)
}

// Detach lets the handler return before the request is answered. Whoever keeps
// the Request must answer it: it occupies memory, and the connection's end
// waits for it.
func (r *Request) Detach() { r.state.CompareAndSwap(reqOpen, reqDetached) }

// submit hands the answer, of that size, to the driver. failed is what it says in
// place of an answer.
func (r *Request) submit(size int, failed error) error {
	was := r.state.Swap(reqAnswered)
	if was == reqAnswered {
		return r.fail(ErrState, "answered before")
	}
	conn := r.conn
	r.answered(size, failed)
	r.in.clear()
	if r.nbufs > 0 {
		r.rx.SetNotify()
	}
	r.life.end(nil)
	down := !conn.up()
	conn.ctx.push(&r.sub, subReply)
	if down {
		return &Error{Op: "reply", URI: conn.uri, Code: ErrMsgDiscarded}
	}
	return nil
}

func (r *Request) fail(code Code, why string) error {
	return &Error{Op: "reply", URI: r.conn.uri, Code: code, Text: why}
}

func (r *Request) poolError(err error) error {
	return &Error{Op: "reply", URI: r.conn.uri, Code: ErrNoBufs, Err: err}
}

// serve runs a handler on the message.
func (r *Request) serve(d *dispatcher) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked(p, debug.Stack())
		}
		r.served()
	}()
	r.startTrace()
	if r.oneWay {
		d.onMsg(&r.msg)
	} else {
		d.handler.ServeXIO(r)
	}
}

// served: the handler has returned, or there was none.
func (r *Request) served() {
	if r.state.Load() == reqOpen {
		switch {
		case r.oneWay:
			r.release()
		case r.life.dropped.Load():
			r.submitCanceled()
		default:
			r.ReplyError(ErrUnsuccessful, "the handler returned without an answer")
		}
	}
	if r.state.Load() == reqAnswered {
		r.idle.Store(true)
	}
}

func (r *Request) panicked(p any, stack []byte) {
	r.conn.logPanic("a handler", p, stack)
	if r.state.Load() != reqAnswered && !r.oneWay {
		r.ReplyError(ErrUnsuccessful, "the handler panicked")
	}
}

// submitCanceled ends a request that its requester has given up.
func (r *Request) submitCanceled() {
	var buf [MaxHeader]byte
	r.rx.Begin(appendError(buf[:0], ErrMsgCanceled, ""), nil)
	if r.state.Swap(reqAnswered) == reqAnswered {
		return
	}
	r.answered(0, givenUp(r.conn))
	r.in.clear()
	r.life.end(nil)
	r.conn.ctx.push(&r.sub, subCanceled)
}

// ---- driver only from here on ----

// request: a request arrived.
func (c *Connection) request(e *cgo.Event) {
	r := c.newRequest(e)
	c.held++
	c.asked++
	c.stats.received.Add(1)
	switch {
	case e.Status != 0:
		r.ReplyError(Code(e.Status), "the request could not be received")
	case c.disp == nil || c.disp.handler == nil:
		r.ReplyError(ErrNotSupported, "this side answers no requests")
	case c.asked > c.maxPending:
		r.ReplyError(ErrTxQueueOverflow, "too many requests pending")
	case c.draining.Load():
		r.ReplyError(ErrSessionClosed, "this side is closing")
	default:
		c.disp.dispatch(r)
		return
	}
	r.idle.Store(true)
}

// canceled: the requester has given a request up.
func (c *Connection) canceled(e *cgo.Event) {
	i := int(e.Index)
	if i >= len(c.reqs) {
		return
	}
	r := c.reqs[i]
	if r == nil || r.gen != e.Gen || r.state.Load() == reqAnswered {
		return
	}
	r.life.drop(c)
	if c.disp.recall(r) {
		r.served()
	}
}

// newRequest finds the Go half of a receive slot.
func (c *Connection) newRequest(e *cgo.Event) *Request {
	i := int(e.Index)
	for len(c.reqs) <= i {
		c.reqs = append(c.reqs, nil)
	}
	r := c.reqs[i]
	if r == nil || debugBuild || !r.idle.Load() {
		r = &Request{conn: c}
		r.msg.r, r.sub.req = r, r
		c.reqs[i] = r
	}
	r.rx = e.Rx()
	r.gen = e.Gen
	r.oneWay = e.Kind == cgo.EvMsg
	r.idle.Store(false)
	r.life.begin()
	r.state.Store(reqOpen)
	r.copied = 0
	r.in.fromView(r.rx.View(), &c.stats)
	r.size, r.at, r.traced = len(r.in.header)+r.in.n, c.ctx.now, nil
	c.stats.bytesIn.Add(uint64(r.size))
	c.ctx.counts.arrived(r.in.n)
	return r
}

// replied: the library is done with a reply that carried buffers.
func (c *Connection) replied(e *cgo.Event) {
	if i := int(e.Index); i < len(c.reqs) {
		if r := c.reqs[i]; r != nil && r.gen == e.Gen {
			r.dropBuffers()
		}
	}
}

func (r *Request) dropBuffers() {
	for i, b := range r.bufs[:r.nbufs] {
		b.Release()
		r.bufs[i] = nil
	}
	r.nbufs = 0
}

// ---- errors as responses ----

// errorMagic begins the header of a response that is an error.
const errorMagic = "\x00xioerr\x01"

func appendError(b []byte, code Code, text string) []byte {
	if code == 0 {
		code = ErrUnsuccessful
	}
	b = append(b, errorMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(code))
	if room := MaxHeader - len(b); len(text) > room {
		text = text[:room]
	}
	return append(b, text...)
}

// remoteError is the error that a response carries, or nil.
func remoteError(v cgo.View, uri string) error {
	h := v.Header()
	n := len(errorMagic)
	if len(h) < n+4 || v.Len() != 0 || string(h[:n]) != errorMagic {
		return nil
	}
	return &Error{
		Op:     "call",
		URI:    uri,
		Code:   Code(binary.BigEndian.Uint32(h[n:])),
		Remote: true,
		Text:   string(h[n+4:]),
	}
}
