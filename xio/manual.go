package xio

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// Turn turns a Context with DriveManual: it submits what was asked for, lets the
// library run without waiting, and runs the completions, handlers and callbacks
// that are due, on the calling goroutine. It says whether it did anything; call
// it again until it has not, and then when PollFD is readable.
//
// Errors: ErrState if the Context has a driver, or while another goroutine turns
// it (any may, one at a time); ErrClosed when it is closed and everything on it is gone.
//
// Implements:
//
//	int xio_context_poll_wait(struct xio_context *ctx, int timeout_ms)
func (c *Context) Turn() (bool, error) {
	if c.how != DriveManual {
		return false, &Error{Op: "turn", Code: ErrState, Text: "the Context has a driver"}
	}
	select {
	case <-c.done:
		return false, &Error{Op: "turn", Code: ErrClosed}
	default:
	}
	did, ok := c.tryTurn()
	if !ok {
		return false, &Error{Op: "turn", Code: ErrState, Text: "another goroutine turns it"}
	}
	return did, nil
}

// PollFD is a descriptor that is readable when a Context with DriveManual had
// better be turned. It belongs to the Context: wait for it, level- or
// edge-triggered, and do nothing else with it. -1 if the Context has a driver.
//
// Implements:
//
//	int xio_context_get_poll_fd(struct xio_context *ctx)
func (c *Context) PollFD() int {
	if c.how != DriveManual {
		return -1
	}
	return c.cg.PollFD()
}

// tryTurn turns once, unless somebody else does.
func (c *Context) tryTurn() (did, ok bool) {
	if !c.state.CompareAndSwap(parked, running) && !c.state.CompareAndSwap(waking, running) {
		return false, false
	}
	nops := c.fill()
	events, again := c.cg.Turn(nops, c.read)
	if c.handle(nops, events) {
		c.finishDrive()
		return true, true
	}
	c.woke = false
	did = nops > 0 || events > 0 || again || c.backlog != nil
	c.state.Store(parked)
	if did || !c.subs.empty() {
		// Whoever waits for the descriptor must come back.
		did = true
		c.wake()
	}
	return did, true
}

// await waits until ch is closed or has something, which is true, until ctx ends,
// or, if orDone is set, until the Context is gone. With DriveManual it turns
// meanwhile, if nobody else does.
func await[T any](ctx context.Context, c *Context, ch <-chan T, orDone bool) bool {
	if c.how == DriveManual {
		return awaitTurning(ctx, c, ch, orDone)
	}
	var done <-chan struct{}
	if orDone {
		done = c.done
	}
	select {
	case <-ch:
		return true
	case <-done:
	case <-ctx.Done():
	}
	return false
}

func awaitTurning[T any](ctx context.Context, c *Context, ch <-chan T, orDone bool) bool {
	for {
		select {
		case <-ch:
			return true
		case <-ctx.Done():
			return false
		case <-c.done: // there is nothing to turn any more
			if orDone {
				return false
			}
			select {
			case <-ch:
				return true
			case <-ctx.Done():
				return false
			}
		default:
		}
		c.turnOrWait()
	}
}

// turnOrWait does some of the work of a Context with DriveManual, or lets a moment
// pass.
func (c *Context) turnOrWait() {
	switch did, ok := c.tryTurn(); {
	case !ok: // somebody is at it
		time.Sleep(50 * time.Microsecond)
	case !did:
		c.waitReadable()
	}
}

// waitReadable waits for the poll descriptor, but not for long: somebody else may
// turn the Context and take away what this goroutine waits for.
func (c *Context) waitReadable() {
	c.wakers.Add(1) // the descriptor stays meanwhile, unless it is gone already:
	defer c.wakers.Add(-1)
	if c.state.Load() == running {
		return
	}
	fds := []unix.PollFd{{Fd: int32(c.cg.PollFD()), Events: unix.POLLIN}}
	_, _ = unix.Poll(fds, 1) // one that fails is a short one
}
