// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/accelio/accelio-go/messenger"
)

// halfOpen is a link whose peer has not yet been accepted.
type halfOpen struct{ link Link }

// incoming is called by the transport with every link that comes in.
func (m *Messenger) incoming(link Link) {
	h := &halfOpen{link}
	m.mu.Lock()
	if m.state != stateStarted {
		m.mu.Unlock()
		link.Close(messenger.NewFault(messenger.ErrRefused, messenger.ErrShutdown, ""))
		link.Abandon()
		return
	}
	var oldest *halfOpen
	if m.halfOpen = append(m.halfOpen, h); len(m.halfOpen) > m.cfg.MaxHalfOpen {
		oldest = m.halfOpen[0]
		m.halfOpen = m.halfOpen[1:]
	}
	m.wg.Go(func() { m.accept(h) })
	m.mu.Unlock()
	if oldest != nil {
		oldest.link.Close(messenger.NewFault(messenger.ErrTimeout, nil, "too many half-open links"))
	}
}

// abandonHalfOpen breaks the links whose peers have not yet been accepted.
func (m *Messenger) abandonHalfOpen() {
	m.mu.Lock()
	list := m.halfOpen
	m.halfOpen = nil
	m.mu.Unlock()
	for _, h := range list {
		h.link.Close(messenger.NewFault(messenger.ErrMarkedDown, nil, ""))
	}
}

func (m *Messenger) accept(h *halfOpen) {
	ctx, cancel := context.WithTimeout(m.ctx, m.cfg.HandshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { h.link.Close(messenger.NewFault(messenger.ErrTimeout, ctx.Err(), "handshake")) })
	defer stop()
	a := &acceptance{m: m, link: h.link}
	err := a.run(ctx)
	if a.fresh != nil && !a.used {
		a.fresh.die()
	}
	m.mu.Lock()
	for i, o := range m.halfOpen {
		if o == h {
			m.halfOpen = append(m.halfOpen[:i], m.halfOpen[i+1:]...)
			break
		}
	}
	m.mu.Unlock()
	if err != nil {
		h.link.Close(err)
		h.link.Abandon()
		m.log.Info("messenger: peer not accepted", "peer", h.link.RemoteAddr(), "error", err)
	}
}

// acceptance is one incoming link on its way to a session.
type acceptance struct {
	m    *Messenger
	link Link

	fresh    *Conn // what it becomes unless there is a session already
	used     bool  // it has
	features messenger.Features
	verifier messenger.AuthVerifier
	protocol uint32
	proof    []byte // this side's answer to the authorizer
	known    bool   // the peer has been authenticated
}

func (a *acceptance) run(ctx context.Context) error {
	m := a.m
	if err := m.intercept(ctx, messenger.StepBeforeBanner, nil, messenger.EntityAddr{}, true); err != nil {
		return err
	}
	if err := a.link.Greet(ctx, m.self().Addr); err != nil {
		return err
	}
	m.learn(messenger.EntityAddr{Addr: a.link.LocalAddr()})
	for range maxRounds {
		req, err := a.link.ReadConnect(ctx)
		if err != nil {
			return err
		}
		if err := a.identify(req); err != nil {
			return err
		}
		r, err := a.check(req)
		if r == nil && err == nil {
			if r, err = a.decide(ctx, req); r == nil && err == nil {
				return nil // open
			}
		}
		if err != nil {
			return err
		}
		if err := a.fill(ctx, req, r); err != nil {
			return err
		}
		if err := a.link.WriteReply(ctx, r); err != nil {
			return err
		}
		if r.Tag == TagFeatures || r.Tag == TagBadProtoVer {
			return messenger.NewFault(messenger.ErrFeatures, nil, "told the peer "+r.Tag.String())
		}
	}
	return messenger.NewFault(messenger.ErrBadHandshake, nil, "no end of requests")
}

// identify takes in who the peer says it is.
func (a *acceptance) identify(req *Connect) error {
	addr := req.Self.Addr
	addr.Type = a.m.transport.AddrType()
	if addr.IsBlankIP() {
		addr = addr.WithIP(a.link.RemoteAddr().Addr())
	}
	req.Self.Addr = addr
	if len(req.Self.Addrs) == 0 || req.Self.Addrs[0].IsBlankIP() {
		req.Self.Addrs = messenger.AddrVec{addr}
	}
	if a.fresh == nil {
		a.fresh = newConn(a.m, req.Self.Name.Type, messenger.AddrVec{addr}, req.Self.Addrs)
		a.fresh.accepted = true
		a.fresh.peerName = req.Self.Name
	} else if a.fresh.peerAddr != addr || a.fresh.peerType != req.Self.Name.Type {
		return messenger.NewFault(messenger.ErrBadHandshake, nil, "the peer has changed")
	}
	return nil
}

// check looks at what comes before any session: a reply, if the peer is not (yet) to
// be let in.
func (a *acceptance) check(req *Connect) (*Reply, error) {
	m := a.m
	p := &a.fresh.policy
	if want := m.cfg.ProtocolVersion(a.fresh.peerType, m.cfg.Name.Type); req.ProtocolVersion != want {
		return &Reply{Tag: TagBadProtoVer}, nil
	}
	offered := req.Features.Normalize()
	if !offered.Has(p.FeaturesRequired) {
		return &Reply{Tag: TagFeatures}, nil
	}
	a.features = offered & p.Supported()
	if a.verifier == nil || a.protocol != req.AuthorizerProtocol {
		a.fresh.shown = true
		a.known, a.protocol = false, req.AuthorizerProtocol
		if a.verifier = m.verifier(a.fresh, a.fresh.peerType, req.AuthorizerProtocol); a.verifier == nil {
			return a.deny(fmt.Errorf("nobody verifies protocol %d", req.AuthorizerProtocol)), nil
		}
	}
	proof, challenge, err := a.verifier.Accept(req.Authorizer)
	switch {
	case err != nil:
		a.verifier = nil
		return a.deny(err), nil
	case challenge:
		return &Reply{Tag: TagChallenge, Authorizer: proof}, nil
	}
	a.proof = proof
	if !a.known {
		if err := m.authenticated(a.fresh); err != nil {
			return a.deny(err), nil
		}
		a.known = true
	}
	return nil, nil
}

func (a *acceptance) deny(why error) *Reply {
	a.m.log.Warn("messenger: authorizer refused", "peer", a.fresh.peerAddr, "type", a.fresh.peerType, "error", why)
	return &Reply{Tag: TagBadAuthorizer}
}

// fill fills in what all replies have.
func (a *acceptance) fill(ctx context.Context, req *Connect, r *Reply) error {
	m := a.m
	if err := m.intercept(ctx, messenger.StepBeforeReply, a.fresh, a.fresh.peerAddr, true); err != nil {
		return err
	}
	p := &a.fresh.policy
	r.Self = m.self()
	r.Seen = req.Self.Addr.WithPort(0)
	r.ProtocolVersion = m.cfg.ProtocolVersion(a.fresh.peerType, m.cfg.Name.Type)
	r.Lossy = p.Lossy
	if r.Tag == TagReady || r.Tag == TagSeq {
		r.Features = p.Supported()
	} else {
		r.Features = req.Features&p.Supported() | p.FeaturesRequired
	}
	return nil
}

// takeover is how a link becomes a session's.
type takeover struct {
	c         *Conn
	gen       uint64
	peerReset bool // the peer begins anew
	isNew     bool // so does this side
	told      bool // the peer may believe that the session is open
	busy      chan struct{}
}

// begin stops whatever c does about a link of its own. Under c.mu.
func (t *takeover) begin() {
	c := t.c
	c.void()
	t.gen = c.gen
	t.busy = make(chan struct{})
	c.replacing = t.busy
	c.detach(messenger.NewFault(messenger.ErrReplaced, nil, ""))
	c.requeue()
	c.state = messenger.ConnConnecting
}

// over lets others at the session. An attempt of this side's own may have begun
// meanwhile, and be at work on it. Under c.mu.
func (t *takeover) over() {
	if t.c.replacing == t.busy {
		t.c.replacing = nil
	}
	close(t.busy)
}

// take opens the session on the link. A reply means that it has come to nothing, and
// what to tell the peer.
func (a *acceptance) take(ctx context.Context, req *Connect, t *takeover) (*Reply, error) {
	c := t.c
	err := a.graft(ctx, req, t)
	c.mu.Lock()
	t.over()
	var dropped []*outgoing
	ended := false
	if err != nil && c.gen == t.gen && c.cur == nil {
		switch {
		case t.isNew && t.told && !errors.Is(err, messenger.ErrLost):
			c.lastErr = err
			c.unproven()
		case t.isNew, errors.Is(err, messenger.ErrLost):
			dropped, ended = c.endLocked(err, !t.isNew || c.shown)
		default:
			c.lastErr = err
			c.repair()
		}
	}
	c.mu.Unlock()
	if ended {
		a.m.queue.discard(c)
		finish(dropped, messenger.ErrDropped)
	}
	if errors.Is(err, messenger.ErrLost) {
		a.m.log.Warn("messenger: session cannot go on", "peer", c.peerAddr, "error", err)
		return &Reply{Tag: TagResetSession}, nil
	}
	return nil, err
}

// unproven keeps a new session whose peer may believe that it is open, and would lose
// what it has to send, whenever that may be, if it were told that nobody knows of it.
// Under mu.
func (c *Conn) unproven() {
	if c.queued() > 0 {
		c.repair()
		return
	}
	c.void()
	c.state = messenger.ConnStandby
}

// graft is the exchange from the decision to the open session. Once the final reply is
// out the peer may have sent messages, and have seen them acknowledged: what breaks the
// link from then on breaks an open link, whose messages count.
func (a *acceptance) graft(ctx context.Context, req *Connect, t *takeover) error {
	c, m := t.c, a.m
	if t.peerReset {
		if err := c.peerBeginsAnew(t.gen); err != nil {
			return err
		}
	}
	r := &Reply{Tag: TagReady, ConnectSeq: req.ConnectSeq + 1, GlobalSeq: m.nextGlobalSeq(0), Authorizer: a.proof}
	if !c.Policy().Lossy && !t.peerReset && a.features.Has(messenger.FeatureReconnectSeq) {
		in, err := c.settle(ctx, req.Acked)
		if err != nil {
			return err
		}
		c.mu.Lock()
		r.Tag, r.InSeq, r.Acked = TagSeq, in, c.acked
		c.mu.Unlock()
	}
	if err := a.fill(ctx, req, r); err != nil {
		return err
	}
	t.told = r.Tag == TagSeq
	if err := a.link.WriteReply(ctx, r); err != nil {
		a.link.Close(err)
	}
	o := opening{
		gen:        t.gen,
		accepted:   true,
		connectSeq: r.ConnectSeq,
		globalSeq:  req.GlobalSeq,
		lossy:      a.fresh.policy.Lossy,
		peer:       req.Self,
	}
	if r.Tag == TagSeq {
		seq, err := a.link.ReadSeq(ctx)
		if err != nil {
			return err
		}
		o.hasSeq, o.inSeq, t.told = true, seq, false
	}
	if err := m.intercept(ctx, messenger.StepReady, c, c.peerAddr, true); err != nil {
		a.link.Close(err)
	}
	h := &linkHandler{c: c, link: a.link, features: a.features}
	if a.features.Has(messenger.FeatureMsgAuth) {
		h.sign = a.verifier.Signer(uint64(a.features))
	}
	return c.open(h, o)
}

// peerBeginsAnew forgets what the peer has forgotten. By the policy the rest of the
// session goes with it, and the dispatchers are told.
func (c *Conn) peerBeginsAnew(gen uint64) error {
	c.mu.Lock()
	check := c.policy.ResetCheck
	c.mu.Unlock()
	if check {
		return c.remoteReset(gen)
	}
	return c.freshStart(gen)
}
