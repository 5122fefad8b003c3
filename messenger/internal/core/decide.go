// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"

	"github.com/accelio/accelio-go/messenger"
)

// decide says what becomes of a peer that may come in: its link becomes that of a
// session, or it gets a reply and may ask again. Rows are those of the accept
// decision table of msgr v1, and hold for all transports.
func (a *acceptance) decide(ctx context.Context, req *Connect) (*Reply, error) {
	m := a.m
	for {
		if p := &a.fresh.policy; p.Server && p.Lossy {
			return a.takeNew(ctx, req, true)
		}
		existing := m.lookup(a.fresh.peerAddr)
		if existing == nil {
			if req.ConnectSeq > 0 {
				return &Reply{Tag: TagResetSession}, nil // row 1
			}
			if r, err := a.takeNew(ctx, req, false); r != nil || err != errTaken {
				return r, err // row 2
			}
			continue
		}
		existing.mu.Lock()
		if existing.state == messenger.ConnClosed {
			existing.mu.Unlock()
			m.unregister(existing)
			continue
		}
		if busy := existing.replacing; busy != nil {
			existing.mu.Unlock()
			select { // row 3, without letting the peer ask again and again
			case <-busy:
				continue
			case <-ctx.Done():
				return nil, messenger.NewFault(messenger.ErrTimeout, ctx.Err(), "another link is being taken over")
			}
		}
		t, r := a.compare(existing, req)
		if t != nil {
			t.begin()
		}
		lossy := existing.policy.Lossy
		existing.mu.Unlock()
		switch {
		case t != nil:
			return a.take(ctx, req, t)
		case r != nil:
			return r, nil
		case lossy:
			existing.end(messenger.NewFault(messenger.ErrReplaced, nil, ""), true)
		}
	}
}

// errTaken: somebody else has made a session for the peer meanwhile.
var errTaken = messenger.NewFault(messenger.ErrReplaced, nil, "")

// takeNew makes a new session.
func (a *acceptance) takeNew(ctx context.Context, req *Connect, over bool) (*Reply, error) {
	c := a.fresh
	t := &takeover{c: c, isNew: true}
	c.mu.Lock()
	t.begin()
	c.mu.Unlock()
	if !a.m.register(c, over) {
		c.mu.Lock()
		t.over()
		c.mu.Unlock()
		if a.m.ctx.Err() != nil {
			return nil, messenger.NewFault(messenger.ErrRefused, messenger.ErrShutdown, "")
		}
		return nil, errTaken
	}
	a.used = true
	return a.take(ctx, req, t)
}

// compare is the table's rows for an existing session: a takeover, a reply, or
// neither where the existing one is lossy and has to go. Under existing.mu.
func (a *acceptance) compare(existing *Conn, req *Connect) (*takeover, *Reply) {
	t := &takeover{c: existing}
	mine, theirs := existing.connectSeq, req.ConnectSeq
	switch {
	case req.GlobalSeq < existing.peerGlobalSeq: // row 4
		return nil, &Reply{Tag: TagRetryGlobal, GlobalSeq: existing.peerGlobalSeq}
	case existing.policy.Lossy: // row 5
		return nil, nil
	case existing.accepted && !existing.everOpen: // see unproven
		return t, nil
	case theirs == 0 && mine > 0: // row 6
		t.peerReset = true
		return t, nil
	case theirs < mine: // row 7
		return nil, &Reply{Tag: TagRetrySession, ConnectSeq: mine + 1}
	case theirs > mine:
		if existing.policy.ResetCheck && mine == 0 { // row 10
			return nil, &Reply{Tag: TagResetSession}
		}
		return t, nil // row 11
	}
	switch existing.state {
	case messenger.ConnOpen, messenger.ConnStandby: // row 8
		if mine > 0 {
			return nil, &Reply{Tag: TagRetrySession, ConnectSeq: mine + 1}
		}
		return t, nil
	}
	// Row 9: both connect at once. The attempt of the lower address survives.
	if existing.policy.Server || existing.peerAddr.Compare(a.m.self().Addr) < 0 {
		return t, nil
	}
	existing.hurry()
	return nil, &Reply{Tag: TagWait}
}
