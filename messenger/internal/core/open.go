// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// opening is what both sides of a handshake agreed upon.
type opening struct {
	gen        uint64
	accepted   bool
	connectSeq uint32
	globalSeq  uint32
	lossy      bool
	peer       Identity
	hasSeq     bool   // the peer said what it has received
	inSeq      uint64 // and this is it
}

// open makes h the session's link.
func (c *Conn) open(h *linkHandler, o opening) error {
	c.mu.Lock()
	if c.gen != o.gen {
		c.mu.Unlock()
		return errVoid
	}
	c.adopt(&o)
	var done []*outgoing
	switch {
	case !o.hasSeq:
		c.acked = 0 // the peer begins anew
	case o.inSeq > c.outSeq:
		defer c.mu.Unlock()
		return messenger.NewFault(messenger.ErrBadSeq, nil, fmt.Sprintf("%d received, %d sent", o.inSeq, c.outSeq))
	case o.inSeq < c.acked:
		defer c.mu.Unlock()
		return lostBehind(o.inSeq, c.acked)
	default:
		done = c.delivered(o.inSeq, nil)
	}
	c.cur, c.live, c.everOpen = h, false, true
	c.state = messenger.ConnOpen
	c.connectSeq, c.peerGlobalSeq = o.connectSeq, o.globalSeq
	c.policy.Lossy = o.lossy
	c.features.Store(uint64(h.features))
	if o.peer.Name.Num != messenger.UnknownNum {
		c.peerName = o.peer.Name
	}
	if len(o.peer.Addrs) > 0 {
		c.peerAddrs = o.peer.Addrs
	}
	c.lastRecv.Store(time.Now().UnixNano())
	c.mu.Unlock()
	finish(done, nil)

	c.m.opened(c, o.accepted)
	h.link.Open(h, Session{Features: h.features, Lossy: o.lossy})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cur == h {
		c.live = true
		c.pump()
	}
	return nil
}

// maxAdopted bounds the number that a peer may make a session begin with.
const maxAdopted = 1 << 62

// adopt numbers the messages of a session that has sent none yet behind those that the
// peer has received of another one: this side has forgotten that one, and the peer, which
// does not check for that, goes on with it. Under mu.
func (c *Conn) adopt(o *opening) {
	if o.hasSeq && c.outSeq == 0 && o.inSeq <= maxAdopted && !o.lossy && !c.policy.ResetCheck {
		c.outSeq = o.inSeq
	}
}

// lostBehind: what was acknowledged has not arrived, so the session cannot go on.
func lostBehind(received, acked uint64) error {
	return messenger.NewFault(messenger.ErrLost, nil, fmt.Sprintf("%d received, %d acknowledged", received, acked))
}

// settle waits until everything that the peer knows to be delivered has been
// received over the former link, whose messages do not count from then on. It
// returns what has been received.
func (c *Conn) settle(ctx context.Context, acked uint64) (uint64, error) {
	c.settling.Store(true)
	defer c.settling.Store(false)
	for {
		c.mu.Lock()
		old := c.draining
		c.mu.Unlock()
		if old == nil || c.inSeq.Load() >= acked {
			break
		}
		select {
		case <-c.grown:
			continue
		case <-old.link.Done():
		case <-ctx.Done():
			return 0, messenger.NewFault(messenger.ErrTimeout, ctx.Err(), "the former link does not end")
		}
		break
	}
	c.rx.Lock()
	defer c.rx.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = nil
	in := c.inSeq.Load()
	if in < acked {
		return 0, lostBehind(in, acked)
	}
	return in, nil
}
