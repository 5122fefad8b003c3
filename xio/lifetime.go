package xio

import (
	"context"
	"sync/atomic"
)

// lifetime makes the context of a request when somebody asks for it; most
// handlers do not, and pay nothing. Who ends the context says so before looking
// for it, who makes it makes it known before looking whether it has ended.
type lifetime struct {
	base    context.Context // with a Tracer's values, or nil
	ctx     atomic.Pointer[requestContext]
	dropped atomic.Bool // the requester has given up
}

type requestContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// begin is for a new request in place of an old one. Driver only.
func (l *lifetime) begin() {
	if l.ctx.Load() != nil {
		l.ctx.Store(nil)
	}
	if l.dropped.Load() {
		l.dropped.Store(false)
	}
	l.base = nil
}

// context is asked for by whoever has the request.
func (l *lifetime) context(c *Connection) context.Context {
	if r := l.ctx.Load(); r != nil {
		return r
	}
	base := l.base
	if base == nil {
		base = context.Background()
	}
	r := new(requestContext)
	r.Context, r.cancel = context.WithCancelCause(base)
	l.ctx.Store(r)
	if l.dropped.Load() {
		r.cancel(givenUp(c))
	} else if !c.up() {
		r.cancel(c.Err())
	}
	return r
}

// end ends the context, if there is one; the first reason stays, and nil is
// context.Canceled.
func (l *lifetime) end(why error) {
	if r := l.ctx.Load(); r != nil {
		r.cancel(why)
	}
}

// drop is end because the requester has given up. Driver only.
func (l *lifetime) drop(c *Connection) {
	l.dropped.Store(true)
	l.end(givenUp(c))
}

func givenUp(c *Connection) error {
	return &Error{Op: "serve", URI: c.uri, Code: ErrMsgCanceled, Text: "given up by the requester"}
}
