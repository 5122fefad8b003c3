package xio

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/xio/cgo"
)

// ContextOptions tune a Context. The zero value is ready to use.
type ContextOptions struct {
	// MaxReceive bounds the memory, in bytes, of the large requests and one-way
	// messages (data above MaxInlineData) that are held at a time. A peer that
	// sends more loses its connection. Zero and less mean 1 GiB.
	MaxReceive int64
	// Drive says who turns the Context, and how it waits. Zero is DriveAuto.
	Drive Drive
	// CPUs are the processors that the driver runs on, by number. It then has
	// a thread of its own, which makes handing over to other goroutines slow:
	// use it with handlers and completions that run on the driver. Nil lets
	// the driver run anywhere; not with DriveManual. The slice is copied.
	CPUs []int
	// KeepReceive bounds the idle receive memory that is kept for the next
	// large message, in bytes. Zero means 16 MiB, negative keeps nothing.
	KeepReceive int64
	// Nudge bounds how long the driver waits while anything over rdma:// lives
	// on the Context: libxio would sleep through completions on devices such as
	// soft-RoCE. Where nothing comes the bound grows, up to 64 times. Zero means
	// 1 ms, negative no bound. DriveBusy needs none; with DriveManual call Turn
	// so often.
	Nudge time.Duration
	// Logger receives what no caller can be told. Nil means slog.Default for
	// panics of handlers and discards the rest.
	Logger *slog.Logger
}

// Context is one event loop of the library, with everything that lives on it.
// Somebody turns it, its driver, in one of several ways; see [Drive]. Connections
// and servers of one Context share its driver; give those that shall run in
// parallel Contexts of their own, as [Dial] and [Listen] do.
//
// A Context is safe for concurrent use.
type Context struct {
	cg     *cgo.Context
	logger *slog.Logger
	how    Drive
	cpus   []int

	subs   submissions
	state  atomic.Uint32
	wakers atomic.Int32

	// The rest belongs to the driver.
	backlog  *submission
	released []*call
	canceled []*Connection
	replied  []*Request
	conns    []*Connection       // by index, nil where free
	sessions map[uint32]*Session // whose last event is to come here, by number
	waiting  map[uint32]*pending // sessions that await a decision, by number
	servers  map[*listener]struct{}
	dialled  map[string]*place // on libxio, see anew
	closing  bool
	grace    bool // something was given up a moment ago
	patient  bool // waits for the last events of sessions
	finished bool
	woke     bool
	first    *call // of those whose goroutines are to be woken, see wakeUp
	last     *call
	linger   linger
	nudge    nudge
	watch    deviceWatch
	inFlight int    // messages of this side that the library has, or events tell of
	read     int    // events of the last turn that were handled
	more     uint32 // atomic, for a driver that looks: there are submissions
	now      int64  // when the last batch began or ended; see clock
	counts   turnCounters
	tally    tally

	closeOnce sync.Once
	quiet     chan struct{} // closed when Close may return
	quietDone bool
	done      chan struct{} // closed when the driver has ended
	generation
}

// generation numbers keys, because a freed key is handed out again at once.
type generation struct{ last atomic.Uint32 }

func (g *generation) next() uint32 { return g.last.Add(1) }

// NewContext makes a Context. It lives until Close.
//
// Errors: ErrMsgInvalid for a Drive that there is not, or CPUs without a driver of
// its own; an errno value for CPUs that the process may not use; otherwise what the
// library or the system says, for example without descriptors.
//
// Implements:
//
//	struct xio_context *xio_context_create(struct xio_context_params *, int, int)
func NewContext(o ContextOptions) (*Context, error) {
	if rc := cgo.Started(); rc != 0 {
		return nil, &Error{Op: "init", Code: Code(rc)}
	}
	lim := cgo.Limits{MaxMessage: MaxMessage, MaxReceive: 1 << 30, Keep: 16 << 20}
	if o.MaxReceive > 0 {
		lim.MaxReceive = uint64(o.MaxReceive)
	}
	switch {
	case o.KeepReceive > 0:
		lim.Keep = uint64(o.KeepReceive)
	case o.KeepReceive < 0:
		lim.Keep = 0
	}
	if o.Drive < DriveAuto || o.Drive > DriveManual {
		return nil, &Error{Op: "context", Code: ErrMsgInvalid, Text: "no such Drive"}
	}
	if len(o.CPUs) > 0 && o.Drive == DriveManual {
		return nil, &Error{Op: "context", Code: ErrMsgInvalid, Text: "CPUs without a driver of its own"}
	}
	cg, rc := cgo.NewContext(lim)
	if rc != 0 {
		return nil, &Error{Op: "context", Code: Code(rc)}
	}
	c := &Context{
		cg:       cg,
		logger:   o.Logger,
		how:      o.Drive,
		cpus:     slices.Clone(o.CPUs),
		nudge:    newNudge(o.Nudge),
		sessions: map[uint32]*Session{},
		waiting:  map[uint32]*pending{},
		servers:  map[*listener]struct{}{},
		dialled:  map[string]*place{},
		quiet:    make(chan struct{}),
		done:     make(chan struct{}),
	}
	c.counts.cg = cg
	if err := c.start(); err != nil {
		cg.Free()
		return nil, err
	}
	return c, nil
}

// event handles the i-th record of a turn.
func (c *Context) event(i int) {
	e := c.cg.Event(i)
	switch e.Kind {
	case cgo.EvResponse:
		c.conns[e.ConnIndex].response(e)
	case cgo.EvEnded:
		c.conns[e.ConnIndex].ended(e)
	case cgo.EvRequest:
		if conn := c.conns[e.ConnIndex]; conn != nil {
			conn.request(e)
		}
	case cgo.EvMsg:
		if conn := c.conns[e.ConnIndex]; conn != nil {
			conn.message(e)
		}
	case cgo.EvReplied:
		c.conns[e.ConnIndex].replied(e)
	case cgo.EvDelivered:
		c.conns[e.ConnIndex].delivered(e)
	case cgo.EvCancel:
		c.conns[e.ConnIndex].canceled(e)
	default:
		c.control(e)
	}
}

// control handles a record about the life of an object.
func (c *Context) control(e *cgo.Event) {
	switch e.Kind {
	case cgo.EvSessionNew:
		if l, ok := restore[*listener](e, func(l *listener) uint32 { return l.gen }); ok {
			l.server.decide(e)
		}
		return
	case cgo.EvConnNew:
		if l, ok := restore[*listener](e, func(l *listener) uint32 { return l.gen }); ok {
			l.server.connected(c, e)
		}
		return
	case cgo.EvSessionGone:
		delete(c.waiting, e.SessionID)
		if s := c.sessions[e.SessionID]; s != nil {
			s.end(c)
		} else if s, ok := restore[*Session](e, func(s *Session) uint32 { return s.gen }); ok {
			s.end(c) // a connection that never came up was its last
		} else if l, ok := restore[*listener](e, func(l *listener) uint32 { return l.gen }); ok {
			l.server.sessionGone(e.SessionID) // whose client came to no portal
		}
		return
	case cgo.EvServerGone:
		// Sessions are the lead's: a portal's own end says nothing.
		if l, ok := restore[*listener](e, func(l *listener) uint32 { return l.gen }); ok && l == l.server.lead {
			l.server.ended()
		}
		return
	}
	conn := c.connOf(e)
	if conn == nil {
		return
	}
	switch e.Kind {
	case cgo.EvConnUp:
		conn.session.learn(e.Session())
		conn.established()
	case cgo.EvConnAway:
		conn.setState(StateUp, StateReconnecting)
	case cgo.EvConnBack:
		conn.setState(StateReconnecting, StateUp)
	case cgo.EvConnDown:
		conn.lost(e)
	case cgo.EvConnTorn:
		conn.teardown(e)
	}
}

// restore finds the object of a control event. A key that was freed and handed
// out again leads to another object or another generation.
func restore[T any](e *cgo.Event, gen func(T) uint32) (T, bool) {
	v, ok := cgo.Restore(e.Key).(T)
	return v, ok && gen(v) == e.Gen
}

// connOf finds the connection of a control event. One that a server got in this
// very turn had no key yet when its later records were written; it is found in
// the table, from which nothing is removed before its last event.
func (c *Context) connOf(e *cgo.Event) *Connection {
	if e.Key != nil {
		conn, _ := restore[*Connection](e, func(c *Connection) uint32 { return c.gen })
		return conn
	}
	if i := int(e.ConnIndex); i < len(c.conns) && c.conns[i] != nil && c.conns[i].cg == e.Conn {
		return c.conns[i]
	}
	return nil
}

// do runs fn on the driver and waits for it. It returns false, without having
// run fn, when the Context is gone.
func (c *Context) do(fn func()) bool {
	ran := false
	ch := make(chan struct{})
	c.post(func() {
		select {
		case <-c.done:
		default:
			fn()
			ran = true
		}
		close(ch)
	})
	if !await(context.Background(), c, ch, true) {
		select {
		case <-ch:
		default:
			return false
		}
	}
	return ran
}

// post runs fn on the driver; when the Context is gone, at some time or never.
func (c *Context) post(fn func()) {
	c.push(&submission{fn: fn}, subFunc)
}

// add registers a connection of the library under its index.
func (c *Context) add(conn *Connection) {
	i := int(conn.cg.Index())
	for len(c.conns) <= i {
		c.conns = append(c.conns, nil)
	}
	c.conns[i] = conn
	c.counts.conns.Add(1)
}

func (c *Context) remove(conn *Connection) {
	c.conns[conn.cg.Index()] = nil
	c.counts.conns.Add(-1)
}

// Close closes the Context's servers and connections, waits for the library to
// be done with them, and destroys the Context. It may be called any number of
// times, from any goroutine but the driver; every call waits, and returns nil.
// Memory under requests that handlers still hold and under responses not yet
// released stays valid; the last of them lets the rest go.
//
// Implements:
//
//	void xio_context_destroy(struct xio_context *ctx)
func (c *Context) Close() error {
	c.closeOnce.Do(func() { c.post(c.beginClose) })
	await(context.Background(), c, c.quiet, false)
	return nil
}

func (c *Context) beginClose() {
	if c.closing {
		return
	}
	c.closing = true
	for l := range c.servers {
		l.server.stopListening()
	}
	for _, conn := range c.conns {
		if conn != nil {
			conn.stop()
		}
	}
}

// finish says whether everything is gone after Close began. A context whose
// library half is past saving does not wait for what will never come.
func (c *Context) finish() bool {
	switch {
	case c.counts.conns.Load() > 0:
		if !c.quietDone && c.lingering() {
			c.quietDone = true
			close(c.quiet)
		}
		return false
	case len(c.sessions) == 0 && len(c.servers) == 0:
	case c.cg.Poisoned():
		c.leaveBehind()
	default:
		c.waitForLast()
		return false
	}
	c.finished = true
	return true
}

// lingering says that only messages held by the application keep things alive.
func (c *Context) lingering() bool {
	for _, conn := range c.conns {
		if conn != nil && !conn.torn {
			return false
		}
	}
	return true
}

// log is the logger for rare things nobody can be told.
func (c *Context) log(l *slog.Logger) *slog.Logger {
	if l != nil {
		return l
	}
	if c.logger != nil {
		return c.logger
	}
	return discard
}

var discard = slog.New(slog.DiscardHandler)
