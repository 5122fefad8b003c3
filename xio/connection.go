package xio

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/accelio/accelio-go/xio/cgo"
)

// State is where a connection is in its life.
type State int32

// States of a connection, in order; only StateReconnecting is ever left for an
// earlier one, StateUp.
const (
	StateConnecting   State = iota // not yet accepted by the server
	StateUp                        // messages flow
	StateReconnecting              // the network is lost, messages wait; see LibraryOptions.Reconnect
	StateClosing                   // Close was called, or the peer is gone
	StateClosed                    // the library's teardown is over
)

// String names the state: "connecting", "up", "reconnecting", "closing",
// "closed".
//
// Implements:
//
//	const char *xio_session_event_str(enum xio_session_event event)
func (s State) String() string {
	switch s {
	case StateConnecting:
		return "connecting"
	case StateUp:
		return "up"
	case StateReconnecting:
		return "reconnecting"
	case StateClosing:
		return "closing"
	case StateClosed:
		return "closed"
	}
	return "unknown"
}

// Connection carries requests and one-way messages, in both directions. It is
// safe for concurrent use. A client gets one from [Dial], a server from
// [Request.Conn], [OneWay.Conn] or ListenConfig.OnConnect.
type Connection struct {
	ctx         *Context
	session     *Session
	server      *Server // nil on the client side
	uri         string
	private     bool // the Context is ours alone
	rdma        bool // the transport is RDMA
	maxResponse int
	copyMax     int // see Dialer.CopyResponse
	closeTime   time.Duration
	depth       int
	disp        *dispatcher // nil: no handler
	maxPending  int
	logger      *slog.Logger
	observer    Observer
	tracer      Tracer

	win window
	// A server's connection gets its slots with its first request.
	slots    sync.Mutex // for that, and for those who look what there is
	slotted  atomic.Bool
	slotless bool // it will not get any more
	reserved bool // driver: there is room for the records of its slots
	checkSub atomic.Bool

	state    atomic.Int32
	closed   atomic.Bool   // Close was called here
	draining atomic.Bool   // Drain was
	drains   chan struct{} // held by the Drain at work
	watchers watchers
	settled  chan struct{} // closed when it is up, or never will be
	down     chan struct{} // closed when no request gets through any more
	tornCh   chan struct{} // closed when the library's teardown is over
	err      atomic.Pointer[Error]
	peer     netip.AddrPort
	local    netip.AddrPort
	stats    counters

	// Driver only.
	cg         *cgo.Conn
	key        unsafe.Pointer
	gen        uint32
	sessionID  uint32 // server side
	isDown     bool
	torn       bool
	freed      bool
	deviceGone bool          // that of RDMA below it
	bound      *time.Timer   // of its end, see endWithin
	rejected   bool          // server side: the session was turned away
	setup      bool          // server side: only for set-up, the session goes elsewhere
	held       int           // messages of the peer not yet answered or released
	asked      int           // of these, requests
	cancels    int           // cancellations of the batch that is being submitted
	idle       chan struct{} // Drain waits for held to become zero
	reqs       []*Request

	once sync.Once
}

func newConnection(ctx *Context, uri string) *Connection {
	conn := &Connection{
		ctx:     ctx,
		uri:     uri,
		settled: make(chan struct{}),
		down:    make(chan struct{}),
		tornCh:  make(chan struct{}),
		drains:  make(chan struct{}, 1),
	}
	conn.stats.all = &ctx.counts
	return conn
}

// Session is the session the connection belongs to.
func (c *Connection) Session() *Session { return c.session }

// URI is what was dialled, or what the client asked the server for.
func (c *Connection) URI() string { return c.uri }

// Yield is for Inline handlers and completions that hand work to another goroutine, and
// is called on the connection's driver: when the driver is through with the present
// batch it lets others go first. Without that they may wait for up to a millisecond
// where the drivers keep all processors busy. It does not wait.
func (c *Connection) Yield() { c.ctx.woke = true }

// State is the connection's present state.
func (c *Connection) State() State { return State(c.state.Load()) }

// Done is closed when the connection takes no more requests: after Close, or
// when the peer is gone.
func (c *Connection) Done() <-chan struct{} { return c.down }

// Err is why the connection ended, an *[Error], nil while it stands. After a Close
// on this side it matches ErrClosed, after a Close by the peer ErrSessionClosed,
// after the loss of the peer ErrSessionDisconnected, and after that of the RDMA device
// below syscall.ENODEV too.
func (c *Connection) Err() error {
	if e := c.err.Load(); e != nil {
		return e
	}
	return nil
}

// LocalAddr is this side's address.
//
// Implements:
//
//	int xio_query_connection(struct xio_connection *, struct xio_connection_attr *, int)
func (c *Connection) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr is the peer's address.
//
// Implements:
//
//	int xio_query_connection(struct xio_connection *, struct xio_connection_attr *, int)
func (c *Connection) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// Close closes the connection gracefully and waits until the library is done
// with it, no longer than CloseTimeout for the peer. An installed libxio gets five seconds
// more; what it has not ended by then it keeps until the program ends. Requests in flight
// end with ErrMsgFlushed; those the peer sent keep their memory until they are answered,
// and responses until their Release. Close may be called any number of times, from
// any goroutine but the driver; every call waits, and returns nil.
//
// Implements:
//
//	int xio_disconnect(struct xio_connection *conn)
//	int xio_connection_destroy(struct xio_connection *conn)
func (c *Connection) Close() error {
	c.once.Do(func() {
		c.closed.Store(true)
		c.ctx.post(c.stop)
	})
	await(context.Background(), c.ctx, c.tornCh, true)
	if c.private {
		return c.ctx.Close()
	}
	return nil
}

// ready says whether a request may be sent, and gives a server's connection its
// slots at first use.
func (c *Connection) ready(op string) error {
	if !c.up() || c.draining.Load() {
		return c.gone(op)
	}
	if c.server == nil || c.slotted.Load() {
		return nil
	}
	// Not by the driver, which may be who asks.
	c.slots.Lock()
	defer c.slots.Unlock()
	switch {
	case len(c.win.calls) > 0:
		return nil
	case c.slotless:
		return c.gone(op)
	case c.cg.MakeSlots(c.depth) != 0:
		return &Error{Op: op, URI: c.uri, Code: ErrNoBufs}
	}
	c.makeCalls()
	c.slotted.Store(true)
	return nil
}

// endSlots sees to it that no more slots are made, and says how many there are.
func (c *Connection) endSlots() int {
	c.slots.Lock()
	defer c.slots.Unlock()
	c.slotless = true
	return len(c.win.calls)
}

// up says that messages may be sent, if only later.
func (c *Connection) up() bool {
	s := c.State()
	return s == StateUp || s == StateReconnecting
}

// gone is the error of using a connection that does not stand.
func (c *Connection) gone(op string) error {
	if c.closed.Load() {
		return &Error{Op: op, URI: c.uri, Code: ErrClosed}
	}
	if e := c.err.Load(); e != nil {
		return &Error{Op: op, URI: c.uri, Code: e.Code, Errno: e.Errno, Text: e.Text}
	}
	if c.State() == StateConnecting {
		return &Error{Op: op, URI: c.uri, Code: ErrState, Text: "not connected yet"}
	}
	return &Error{Op: op, URI: c.uri, Code: ErrClosed}
}

// check asks the driver to see whether the connection can be freed.
func (c *Connection) check() {
	if c.checkSub.CompareAndSwap(false, true) {
		c.ctx.push(&submission{conn: c}, subCheck)
	}
}

// ---- driver only from here on ----

// connect starts the library's half of a client connection.
func (c *Connection) connect(a *cgo.Connect, private []byte) Code {
	ctx := c.ctx
	if ctx.closing {
		return ErrClosed
	}
	if c.rdma {
		if rdmaDevices.none() {
			return Code(syscall.ENODEV)
		}
		if rc := cgo.RDMARoom(); rc != 0 {
			return Code(rc)
		}
		ctx.carriesRDMA()
	}
	c.key, c.gen = cgo.Save(c), ctx.next()
	a.Key, a.Gen = c.key, c.gen
	if code := c.session.attach(c, a, private); code != 0 {
		cgo.Unref(c.key)
		c.key = nil
		return code
	}
	ctx.add(c)
	c.makeCalls()
	return 0
}

// reserve makes room for the records of the slots.
func (c *Connection) reserve() bool {
	if !c.reserved {
		c.reserved = c.ctx.cg.Reserve(c.cg) == 0
	}
	return c.reserved
}

// makeCalls makes the Go halves of the request slots.
func (c *Connection) makeCalls() {
	c.cg.SetCopyMax(c.copyMax)
	calls := make([]call, c.depth)
	for i := range calls {
		cl := &calls[i]
		cl.conn = c
		cl.index = uint32(i)
		cl.tx = c.cg.Tx(i)
		cl.done = make(chan struct{}, 1)
		cl.sub.call = cl
		cl.cancel.sub.call = cl
	}
	c.win.init(calls)
}

// established: messages may flow.
func (c *Connection) established() {
	c.peer, c.local = c.cg.Addrs()
	if c.rdma {
		c.ctx.watchDevice(c.local.Addr())
	}
	if c.setState(StateConnecting, StateUp) {
		close(c.settled)
	}
}

// setState changes the state, if it is what it is thought to be.
func (c *Connection) setState(from, to State) bool {
	if !c.state.CompareAndSwap(int32(from), int32(to)) {
		return false
	}
	c.watchers.tell(to)
	return true
}

// stop starts the end of the connection from this side.
func (c *Connection) stop() {
	if c.cg == nil || c.torn {
		return
	}
	if c.bound == nil {
		c.endWithin(c.closeTime + closeGrace)
	}
	if c.State() == StateConnecting {
		c.setDown(&Error{Op: "dial", URI: c.uri, Code: ErrClosed})
		switch {
		case c.server == nil:
			c.cg.Abort()
			c.ctx.gaveUp()
		case !c.rejected && !c.setup: // the library ends those by itself
			c.cg.Disconnect()
		}
		return
	}
	c.setDown(&Error{Op: "close", URI: c.uri, Code: ErrClosed})
	c.cg.Disconnect()
}

// setDown ends the time of requests. The first reason stays.
func (c *Connection) setDown(e *Error) {
	if c.isDown {
		return
	}
	c.isDown = true
	c.err.CompareAndSwap(nil, e)
	if c.State() == StateConnecting {
		close(c.settled)
	}
	c.state.Store(int32(StateClosing))
	c.watchers.tell(StateClosing)
	c.win.close()
	close(c.down)
	c.checkIdle()
	for _, r := range c.reqs {
		if r != nil {
			r.life.end(e)
		}
	}
}

// lost: the library says that the connection has ended.
func (c *Connection) lost(e *cgo.Event) {
	if c.rdma && c.deviceLost(rdmaDevices.lost(c.local.Addr())) {
		return // the peer may have noticed first
	}
	err := &Error{Op: "connection", URI: c.uri, Code: Code(e.Status)}
	if c.server == nil && c.State() == StateConnecting {
		err.Op = "dial"
	}
	if e.Flags&cgo.FlagRefused != 0 {
		err.Errno = syscall.ECONNREFUSED
	}
	if err.Code == 0 {
		err.Code = ErrSessionDisconnected
	}
	if reason := Code(e.Index); reason != 0 {
		err.Err = reason
		err.PeerData = c.cg.RejectData()
	}
	c.setDown(err)
}

// teardown: the library will not mention the connection again.
func (c *Connection) teardown(e *cgo.Event) {
	code := Code(e.Status)
	if code == 0 {
		code = ErrSessionDisconnected
	}
	c.setDown(&Error{Op: "connection", URI: c.uri, Code: code})
	c.torn = true
	if c.bound != nil {
		c.bound.Stop()
	}
	// After an abort the library returns nothing that was in flight.
	for i := range c.endSlots() {
		if cl := &c.win.calls[i]; cl.inFlight {
			cl.end(nil, c.blame(&Error{Op: "call", URI: c.uri, Code: ErrMsgFlushed}))
		}
	}
	c.state.Store(int32(StateClosed))
	c.watchers.tell(StateClosed)
	close(c.tornCh)
	if c.server == nil {
		c.disp.close()
	}
	c.maybeFree()
}

// maybeFree destroys the connection once nothing of it is in use.
func (c *Connection) maybeFree() {
	c.checkSub.Store(false)
	if !c.torn || c.freed || c.held > 0 || c.cancels > 0 || c.win.inUse() > 0 {
		return
	}
	c.freed = true
	c.endSlots()
	c.ctx.remove(c)
	c.session.detach(c)
	cgo.Unref(c.key)
	c.key = nil
	for _, r := range c.reqs {
		if r != nil {
			r.dropBuffers() // of replies that ended with the connection
		}
	}
	c.reqs = nil
	if c.server != nil {
		c.server.forget(c)
	}
}

// response: a request of ours was answered.
func (c *Connection) response(e *cgo.Event) {
	cl := &c.win.calls[e.Index]
	if !cl.inFlight || cl.gen != e.Gen {
		return
	}
	v := cl.tx.View()
	cl.got = len(v.Header()) + v.Len()
	t := c.ctx.tally.of(c)
	t.bytesIn += uint64(cl.got)
	if err := remoteError(v, c.uri); err != nil {
		if e.Flags&cgo.FlagKeep != 0 {
			cl.tx.ReleaseNow()
		}
		cl.end(nil, err)
		return
	}
	if e.Flags&cgo.FlagKeep != 0 {
		cl.end(kept(cl), nil)
		return
	}
	t.copied(v.Len())
	cl.end(copied(v), nil)
}

// ended: a request of ours ended without response, or a one-way has gone.
func (c *Connection) ended(e *cgo.Event) {
	cl := &c.win.calls[e.Index]
	if !cl.inFlight || cl.gen != e.Gen {
		return
	}
	if e.Status == 0 {
		cl.end(nil, nil)
		return
	}
	err := &Error{Op: cl.op(), URI: c.uri, Code: Code(e.Status)}
	if err.Code == Code(syscall.ESHUTDOWN) {
		// The library did not take it: nothing was sent.
		err.Code = ErrClosed
		if !c.closed.Load() {
			err.Code = ErrSessionDisconnected
		}
	}
	if err.Code == ErrMsgSize && !cl.oneWay {
		err.Text = "the response is larger than MaxResponse"
	}
	cl.end(nil, c.blame(err))
}

// delivered: the peer's application has seen a request of ours.
func (c *Connection) delivered(e *cgo.Event) {
	cl := &c.win.calls[e.Index]
	if fn := cl.delivered; fn != nil && cl.inFlight && cl.gen == e.Gen && cl.state.Load() == callPending {
		cl.delivered = nil
		fn()
	}
}
