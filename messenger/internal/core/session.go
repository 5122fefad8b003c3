// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// pump sends what can be sent. Under mu.
func (c *Conn) pump() {
	for c.live {
		var o *outgoing
		if len(c.resend) > 0 {
			o = c.resend[0]
			if o.link != c.cur {
				o.prepare(c.m, o.frame.Seq(), c.cur)
			}
		} else if o = c.out.pop(); o != nil {
			c.outSeq++
			o.prepare(c.m, c.outSeq, c.cur)
		} else {
			return
		}
		taken := c.offer(o)
		switch {
		case taken && len(c.resend) > 0:
			c.resend[0] = nil
			c.resend = c.resend[1:]
		case !taken && len(c.resend) == 0:
			c.resend = append(c.resend, o)
		}
		if !taken {
			return
		}
		c.sent.push(o)
	}
}

// offer offers a message to the link. Under mu.
func (c *Conn) offer(o *outgoing) (taken bool) {
	if err := c.m.intercept(c.m.ctx, messenger.StepSendMessage, c, c.peerAddr, c.accepted); err != nil {
		c.cur.link.Close(err)
		return false
	}
	if !c.cur.link.Send(o.frame) {
		return false
	}
	o.users.Add(1)
	return true
}

// delivered ends the journeys of everything up to seq, and appends it to done. Under mu.
func (c *Conn) delivered(seq uint64, done []*outgoing) []*outgoing {
	for c.sent.len() > 0 && c.sent.items[c.sent.head].frame.Seq() <= seq {
		done = append(done, c.sent.pop())
	}
	for len(c.resend) > 0 && c.resend[0].frame.Seq() <= seq {
		done = append(done, c.resend[0])
		c.resend = c.resend[1:]
	}
	c.forget(done)
	c.acked = max(c.acked, seq)
	return done
}

func (c *Conn) forget(done []*outgoing) {
	for _, o := range done {
		c.nbytes -= o.size
	}
}

// requeue takes back what the link has not delivered. Under mu.
func (c *Conn) requeue() {
	if c.sent.len() == 0 {
		return
	}
	back := make([]*outgoing, 0, c.sent.len()+len(c.resend))
	for c.sent.len() > 0 {
		back = append(back, c.sent.pop())
	}
	c.resend = append(back, c.resend...)
}

// empty takes out everything that has not been delivered. Under mu.
func (c *Conn) empty() []*outgoing {
	c.requeue()
	all := c.resend
	c.resend = nil
	for o := c.out.pop(); o != nil; o = c.out.pop() {
		all = append(all, o)
	}
	c.nbytes = 0
	return all
}

// detach lets go of the present link. Under mu.
func (c *Conn) detach(why error) {
	if h := c.cur; h != nil {
		c.cur, c.live = nil, false
		c.draining = h
		h.link.Close(why)
	}
}

// reset forgets the session, because the peer has; what was to be sent to it is
// dropped. Of one that the peer began, and that has never been open here, it can have
// forgotten nothing. rx and mu are held; the result is to be ended without them.
//
// Implements: was_session_reset
func (c *Conn) reset() []*outgoing {
	if c.accepted && !c.everOpen {
		c.connectSeq = 0
		return nil
	}
	c.m.log.Info("messenger: session reset", "peer", c.peerAddr, "received", c.inSeq.Load(), "acknowledged", c.acked,
		"sent", c.outSeq, "connect_seq", c.connectSeq)
	dropped := c.empty()
	c.inSeq.Store(0)
	c.outSeq, c.acked, c.connectSeq = 0, 0, 0
	c.draining = nil
	c.m.queue.discard(c)
	c.m.queue.pushEvent(eventRemoteReset, c)
	return dropped
}

// end closes the connection for good; tell says whether the dispatchers get a reset.
func (c *Conn) end(why error, tell bool) {
	c.mu.Lock()
	dropped, ended := c.endLocked(why, tell)
	c.mu.Unlock()
	if ended {
		c.m.queue.discard(c)
	}
	finish(dropped, messenger.ErrDropped)
}

func (c *Conn) endLocked(why error, tell bool) (dropped []*outgoing, ended bool) {
	if c.state == messenger.ConnClosed {
		return nil, false
	}
	c.state = messenger.ConnClosed
	c.lastErr = why
	c.die()
	c.void()
	c.detach(why)
	c.draining = nil
	c.m.unregister(c)
	if tell {
		c.m.queue.pushEvent(eventReset, c)
	}
	return c.empty(), true
}

// void makes all attempts and takeovers that are under way void. Under mu.
func (c *Conn) void() {
	c.gen++
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
	}
}

// startConnect begins to open the connection from this side. Under mu.
func (c *Conn) startConnect() {
	c.void()
	c.state = messenger.ConnConnecting
	ctx, cancel := context.WithCancel(c.life)
	c.cancel = cancel
	gen := c.gen
	select {
	case <-c.kick:
	default:
	}
	if !c.m.spawn(func() { defer cancel(); c.connectLoop(ctx, gen) }) {
		cancel()
	}
}

// lost deals with the end of a link that was the session's. Under mu.
func (c *Conn) lost(why error) (dropped []*outgoing, ended bool) {
	c.lastErr = why
	c.m.log.Debug("messenger: link lost", "peer", c.peerAddr, "type", c.peerType, "error", why)
	if c.policy.Lossy || c.m.ctx.Err() != nil {
		return c.endLocked(why, true)
	}
	c.detach(why)
	c.requeue()
	c.repair()
	return nil, false
}

// repair decides what a lossless session without a link does. Under mu.
func (c *Conn) repair() {
	switch {
	case c.awaits(), c.policy.Standby && c.queued() == 0:
		c.void()
		c.state = messenger.ConnStandby
	default:
		c.connectSeq++
		c.startConnect()
	}
}

// linkHandler is what a link of the session calls.
type linkHandler struct {
	c        *Conn
	link     Link
	features messenger.Features
	sign     messenger.SignFunc

	scratch [messenger.MsgHeaderLen]byte // of the sending side, under c.mu
	rx      receiver                     // of the receiving side, under c.rx
}

// Closed implements Handler.
func (h *linkHandler) Closed(why error) {
	c := h.c
	if err := c.m.intercept(c.m.ctx, messenger.StepFault, c, c.PeerAddr(), c.accepted); err != nil {
		why = err
	}
	h.broke(why, true)
}

// broke ends the link's part in the session. keep says that what it still brings
// counts, which it does not behind something that was refused.
func (h *linkHandler) broke(why error, keep bool) {
	c := h.c
	var dropped []*outgoing
	ended := false
	c.mu.Lock()
	if h == c.cur {
		dropped, ended = c.lost(why)
	}
	if h == c.draining && !keep {
		c.draining = nil
	}
	c.mu.Unlock()
	if ended {
		c.m.queue.discard(c)
	}
	finish(dropped, messenger.ErrDropped)
}

// fail breaks the link because of what came over it.
func (h *linkHandler) fail(why error) {
	h.broke(why, false)
	h.link.Close(why)
}

// Delivered implements Handler. It counts while the link is the session's: what a former
// link has still delivered may not have been looked at by the peer when it took a new
// one, which begins with what the peer says it has received.
func (h *linkHandler) Delivered(seq uint64) {
	c := h.c
	var room [8]*outgoing
	c.mu.Lock()
	if h != c.cur {
		c.mu.Unlock()
		return
	}
	if seq > c.outSeq {
		c.mu.Unlock()
		h.fail(messenger.NewFault(messenger.ErrBadSeq, nil,
			fmt.Sprintf("%d acknowledged, %d sent", seq, c.outSeq)))
		return
	}
	done := c.delivered(seq, room[:0])
	c.mu.Unlock()
	finish(done, nil)
}

// Sent implements Handler. Under a lossy policy that ends the journey.
func (h *linkHandler) Sent(f *Frame) {
	c, o := h.c, f.o
	var room [8]*outgoing
	done := room[:0]
	c.mu.Lock()
	if c.policy.Lossy && h == c.cur {
		o.gone = true
		for c.sent.len() > 0 && c.sent.items[c.sent.head].gone {
			done = append(done, c.sent.pop())
		}
		c.forget(done)
	}
	c.mu.Unlock()
	finish(done, nil)
	o.unused()
}

// Writable implements Handler.
func (h *linkHandler) Writable() {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if h == h.c.cur {
		h.c.pump()
	}
}

// Keepalive implements Handler.
func (h *linkHandler) Keepalive(stamp time.Time, answer bool) {
	h.c.lastRecv.Store(time.Now().UnixNano())
	if answer {
		h.link.SendKeepaliveAck(stamp)
	}
}

// Connection implements Handler.
func (h *linkHandler) Connection() messenger.Connection { return h.c }

// KeepaliveAck implements Handler.
func (h *linkHandler) KeepaliveAck(stamp time.Time) {
	h.c.lastRecv.Store(time.Now().UnixNano())
	h.c.aliveAck.Store(stamp.UnixNano())
}
