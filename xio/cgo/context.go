//go:build cgo

package cgo

/*
#include "shim.h"
#cgo noescape xg_turn
#cgo nocallback xg_turn
#cgo noescape xg_look
#cgo nocallback xg_look
#cgo nocallback xg_wake
#cgo nocallback xg_ctx_poison
#cgo noescape xg_ctx_new
*/
import "C"

import (
	"time"
	"unsafe"
)

// Kinds of events; see enum xg_event_kind in shim.h.
const (
	EvResponse    = C.XG_EV_RESPONSE
	EvEnded       = C.XG_EV_ENDED
	EvDelivered   = C.XG_EV_DELIVERED
	EvRequest     = C.XG_EV_REQUEST
	EvMsg         = C.XG_EV_MSG
	EvReplied     = C.XG_EV_REPLIED
	EvCancel      = C.XG_EV_CANCEL
	EvSessionNew  = C.XG_EV_SESSION_NEW
	EvConnNew     = C.XG_EV_CONN_NEW
	EvConnUp      = C.XG_EV_CONN_UP
	EvConnAway    = C.XG_EV_CONN_AWAY
	EvConnBack    = C.XG_EV_CONN_BACK
	EvConnDown    = C.XG_EV_CONN_DOWN
	EvConnTorn    = C.XG_EV_CONN_TORN
	EvSessionGone = C.XG_EV_SESSION_GONE
	EvServerGone  = C.XG_EV_SERVER_GONE
)

// Flags of events.
const (
	FlagKeep     = C.XG_KEEP
	FlagRefused  = C.XG_REFUSED
	FlagRejected = C.XG_REJECTED
)

// Event is one record of what happened, in C memory, valid until the next
// turn. It mirrors struct xg_event.
type Event struct {
	Kind      uint16
	Flags     uint16
	Status    int32
	Index     uint32         // of the slot; EvConnDown: the server's reason for a reject, 0 if unknown
	Gen       uint32         // of the slot or the key
	Key       unsafe.Pointer // control events
	P         unsafe.Pointer // slot or session
	Conn      *Conn
	ConnIndex uint32 // small, handed out again after the connection is freed
	SessionID uint32 // session and connection records; see Session.ID
}

// Rx is the receive slot of an EvRequest, EvMsg, EvReplied or EvCancel record.
func (e *Event) Rx() *Rx { return (*Rx)(e.P) }

// Session is the session of an EvSessionNew or connection record.
func (e *Event) Session() *Session { return (*Session)(e.P) }

// Kinds of submissions.
const (
	OpSend       = C.XG_OP_SEND
	OpRelease    = C.XG_OP_RELEASE
	OpCancel     = C.XG_OP_CANCEL
	OpReply      = C.XG_OP_REPLY
	OpReleaseMsg = C.XG_OP_RELEASE_MSG
	OpCanceled   = C.XG_OP_CANCELED
)

// Op is one submission of a turn. It mirrors struct xg_op.
type Op struct {
	Kind uint32
	Gen  uint32 // of the slot: OpCancel
	P    unsafe.Pointer
}

// The mirrors have the sizes of what they mirror.
var (
	_ [unsafe.Sizeof(Event{})]byte = [C.sizeof_struct_xg_event]byte{}
	_ [unsafe.Sizeof(Op{})]byte    = [C.sizeof_struct_xg_op]byte{}
)

// Limits bound what peers can make a context allocate, in bytes.
type Limits struct {
	MaxMessage uint64 // one received message
	MaxReceive uint64 // all large messages held at a time
	Keep       uint64 // idle receive memory kept for the next message
}

// Context is a library context with its event array.
type Context struct {
	p   *C.struct_xg_ctx
	ops []Op
	ev  unsafe.Pointer // *C.struct_xg_event of the last turn
}

// NewContext creates a context. It returns a status code, 0 for success.
//
// Implements:
//
//	struct xio_context *xio_context_create(struct xio_context_params *, int, int)
func NewContext(l Limits) (*Context, int) {
	lim := C.struct_xg_limits{
		max_message: C.uint64_t(l.MaxMessage),
		max_receive: C.uint64_t(l.MaxReceive),
		keep:        C.uint64_t(l.Keep),
	}
	var err C.int
	p := C.xg_ctx_new(&lim, &err)
	if p == nil {
		return nil, int(err)
	}
	var n C.uint32_t
	ops := C.xg_ops(p, &n)
	return &Context{p: p, ops: unsafe.Slice((*Op)(unsafe.Pointer(ops)), int(n))}, 0
}

// Free destroys the context; all its connections and servers are gone before.
// A context that the library cannot destroy safely any more is left behind.
//
// Implements:
//
//	void xio_context_destroy(struct xio_context *)
func (c *Context) Free() {
	C.xg_ctx_free(c.p, C.xg_ctx_poisoned(c.p))
	c.p = nil
}

// Poisoned says that Free will leave the library's context behind.
func (c *Context) Poisoned() bool { return C.xg_ctx_poisoned(c.p) != 0 }

// Poison makes Free leave the library's context behind, because the library will not
// end everything on it.
func (c *Context) Poison() { C.xg_ctx_poison(c.p) }

// Orphans is how many aborted connections the library still has, each with a session
// that ends with it. Only libxio keeps any.
func (c *Context) Orphans() int { return int(C.xg_orphans(c.p)) }

// DropOrphans ends those that are that old. libxio cannot bear an answer of their peers
// that comes in the same moment.
func (c *Context) DropOrphans(age time.Duration) { C.xg_orphans_drop(c.p, C.int64_t(age)) }

// PollFD is the descriptor that becomes readable when a turn has work.
//
// Implements:
//
//	int xio_context_get_poll_fd(struct xio_context *)
func (c *Context) PollFD() int { return int(C.xg_ctx_poll_fd(c.p)) }

// ReceiveBytes is the receive memory in use.
func (c *Context) ReceiveBytes() uint64 { return uint64(C.xg_ctx_receive_bytes(c.p)) }

// Wake makes PollFD readable. Any goroutine, while the context lives.
func (c *Context) Wake() { C.xg_wake(c.p) }

// Ops is where the submissions of the next turn are written.
func (c *Context) Ops() []Op { return c.ops }

// Turn submits the first nops submissions, lets the library run without
// blocking, and returns how many events there are to read, and whether another
// turn should follow before waiting for PollFD. read says how many of the last
// turn's events were read: the others are the first ones now.
func (c *Context) Turn(nops, read int) (events int, again bool) {
	t := C.xg_turn(c.p, C.uint32_t(nops), C.uint32_t(read))
	c.ev = unsafe.Pointer(t.ev)
	return int(t.events), t.ready != 0
}

// Look is Turn for a driver that does not wait for PollFD. With more it looks for
// events for some microseconds, unless *more, which others set, says that there are
// more submissions.
func (c *Context) Look(nops, read int, more *uint32) (events int) {
	t := C.xg_look(c.p, C.uint32_t(nops), C.uint32_t(read), (*C.uint32_t)(more))
	c.ev = unsafe.Pointer(t.ev)
	return int(t.events)
}

// Event is the i-th record of the last turn. The array may move when objects
// are created, so it is asked for each time.
func (c *Context) Event(i int) *Event {
	return (*Event)(unsafe.Add(c.ev, uintptr(i)*unsafe.Sizeof(Event{})))
}

// moved takes note of where the event array is after objects were created.
func (c *Context) moved() { c.ev = unsafe.Pointer(C.xg_events(c.p)) }
