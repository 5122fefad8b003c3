// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// errWait: the peer's own attempt has won a race.
var errWait = errors.New("the peer connects")

// errVoid: the attempt is of no use any more.
var errVoid = errors.New("attempt overtaken")

// maxRounds bounds the answers to one connect, so that two confused peers do not
// argue for ever.
const maxRounds = 64

// connectLoop opens the connection, as often as it takes, until it is open or gen is
// void.
func (c *Conn) connectLoop(ctx context.Context, gen uint64) {
	cfg := &c.m.cfg
	var refused, told bool // by a path since the last pause; the dispatchers of it
	var wait, pause time.Duration
	for tries := 1; ; tries++ {
		if wait > 0 && !c.pause(ctx, wait) {
			return
		}
		err := c.attempt(ctx, gen)
		if err == nil {
			return
		}
		c.mu.Lock()
		if c.gen != gen || ctx.Err() != nil {
			c.mu.Unlock()
			return
		}
		if errors.Is(err, errWait) {
			// If nothing comes of it, the next attempt is this side's again.
			c.state = messenger.ConnWait
			pause = cfg.MaxBackoff
			wait = pause
		} else {
			c.lastErr = err
			// The next path is tried at once; all in vain is what costs a pause.
			c.path = (c.path + 1) % len(c.paths)
			if wait = 0; tries%len(c.paths) == 0 {
				pause = min(max(2*pause, cfg.InitialBackoff), cfg.MaxBackoff)
				wait = pause
			}
		}
		c.mu.Unlock()
		c.m.log.Debug("messenger: not connected", "peer", c.peerAddr, "error", err, "again in", wait)
		refused = refused || errors.Is(err, messenger.ErrRefused)
		if wait > 0 {
			if refused && !told {
				told = true
				c.m.queue.pushEvent(eventRefused, c)
			}
			refused = false
		}
	}
}

// pause waits, or less if somebody kicks.
func (c *Conn) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.kick:
	case <-ctx.Done():
		return false
	}
	return true
}

// hurry cuts the pause short.
func (c *Conn) hurry() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// attempt makes a link and opens the session on it.
func (c *Conn) attempt(ctx context.Context, gen uint64) error {
	m := c.m
	ctx, cancel := context.WithTimeout(ctx, m.cfg.HandshakeTimeout)
	defer cancel()
	c.mu.Lock()
	if c.gen != gen {
		c.mu.Unlock()
		return errVoid
	}
	c.state = messenger.ConnConnecting
	addr := c.paths[c.path]
	c.mu.Unlock()
	if err := m.intercept(ctx, messenger.StepDial, c, addr, false); err != nil {
		return err
	}
	link, err := m.transport.Dial(ctx, addr)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { link.Close(messenger.NewFault(messenger.ErrTimeout, ctx.Err(), "handshake")) })
	defer stop()
	a := &attempt{c: c, gen: gen, link: link, peer: addr}
	if err := a.run(ctx); err != nil {
		link.Close(err)
		link.Abandon()
		return err
	}
	return nil
}

// attempt is one try to open a session on a link.
type attempt struct {
	c    *Conn
	gen  uint64
	link Link
	peer messenger.EntityAddr

	auth     messenger.Authorizer
	shown    []byte
	fresh    bool // a new authorizer has been tried
	cseq     uint32
	gseq     uint32
	features messenger.Features // offered
}

func (a *attempt) run(ctx context.Context) error {
	c, m := a.c, a.c.m
	if err := m.intercept(ctx, messenger.StepBeforeBanner, c, a.peer, false); err != nil {
		return err
	}
	if err := a.link.Greet(ctx, m.self().Addr); err != nil {
		return err
	}
	if err := a.authorize(nil); err != nil {
		return err
	}
	for range maxRounds {
		req, err := a.request()
		if err != nil {
			return err
		}
		if err := m.intercept(ctx, messenger.StepBeforeConnect, c, a.peer, false); err != nil {
			return err
		}
		if err := a.link.WriteConnect(ctx, req); err != nil {
			return err
		}
		r, err := a.link.ReadReply(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(c.paths, r.Self.Addr.ProbablyEquals) { // by whichever path
			return messenger.NewFault(messenger.ErrWrongPeer, nil, fmt.Sprintf("%v at %v", r.Self.Addr, a.peer))
		}
		m.learn(r.Seen)
		if again, err := a.answered(ctx, r); !again {
			return err
		}
	}
	return messenger.NewFault(messenger.ErrBadHandshake, nil, "no end of answers")
}

// authorize makes what is shown: for a challenge, or from the start.
func (a *attempt) authorize(challenge []byte) error {
	if challenge == nil {
		a.auth = a.c.m.authorizer(a.c.peerType, a.fresh)
	}
	if a.auth == nil {
		if challenge != nil {
			return messenger.NewFault(messenger.ErrAuthorizer, nil, "challenged without an authorizer")
		}
		return nil
	}
	var err error
	if a.shown, err = a.auth.Build(challenge); err != nil {
		return messenger.NewFault(messenger.ErrAuthorizer, err, "")
	}
	return nil
}

// request is the connect message as things stand.
func (a *attempt) request() (*Connect, error) {
	c, m := a.c, a.c.m
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != a.gen {
		return nil, errVoid
	}
	a.cseq = c.connectSeq
	a.gseq = m.nextGlobalSeq(a.gseq)
	a.features = c.policy.Supported()
	req := &Connect{
		Self:            m.self(),
		Features:        a.features,
		GlobalSeq:       a.gseq,
		ConnectSeq:      a.cseq,
		ProtocolVersion: m.cfg.ProtocolVersion(m.cfg.Name.Type, c.peerType),
		Lossy:           c.policy.Lossy,
		Acked:           c.acked,
	}
	if a.auth != nil {
		req.AuthorizerProtocol, req.Authorizer = a.auth.Protocol(), a.shown
	}
	return req, nil
}

// answered deals with a reply, and says whether to ask again.
func (a *attempt) answered(ctx context.Context, r *Reply) (again bool, err error) {
	c := a.c
	switch r.Tag {
	case TagFeatures:
		return false, messenger.NewFault(messenger.ErrFeatures, nil,
			fmt.Sprintf("%#x are required, %#x offered", uint64(r.Features), uint64(a.features)))
	case TagBadProtoVer:
		return false, messenger.NewFault(messenger.ErrProtocol, nil, fmt.Sprintf("the peer speaks %d", r.ProtocolVersion))
	case TagBadAuthorizer:
		if a.fresh {
			return false, messenger.NewFault(messenger.ErrAuthorizer, nil, "refused by the peer")
		}
		a.fresh = true
		return true, a.authorize(nil)
	case TagChallenge:
		err := a.authorize(append([]byte{}, r.Authorizer...))
		return err == nil, err
	case TagResetSession:
		return true, c.remoteReset(a.gen)
	case TagRetryGlobal:
		a.gseq = max(a.gseq, r.GlobalSeq)
		return true, nil
	case TagRetrySession:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.gen != a.gen {
			return false, errVoid
		}
		if r.ConnectSeq <= c.connectSeq {
			return false, messenger.NewFault(messenger.ErrBadHandshake, nil,
				fmt.Sprintf("told to retry with %d, was at %d", r.ConnectSeq, c.connectSeq))
		}
		c.connectSeq = r.ConnectSeq
		return true, nil
	case TagWait:
		return false, errWait
	case TagReady, TagSeq:
		return false, a.ready(ctx, r)
	}
	return false, messenger.NewFault(messenger.ErrBadHandshake, nil, "reply with "+r.Tag.String())
}

// remoteReset forgets the session, as the peer has.
func (c *Conn) remoteReset(gen uint64) error {
	c.rx.Lock()
	c.mu.Lock()
	if c.gen != gen {
		c.mu.Unlock()
		c.rx.Unlock()
		return errVoid
	}
	dropped := c.reset()
	c.mu.Unlock()
	c.rx.Unlock()
	finish(dropped, messenger.ErrDropped)
	return nil
}

// ready opens the session.
func (a *attempt) ready(ctx context.Context, r *Reply) error {
	c, m := a.c, a.c.m
	f := a.features & r.Features.Normalize()
	if need := c.Policy().FeaturesRequired; !f.Has(need) {
		return messenger.NewFault(messenger.ErrFeatures, nil, fmt.Sprintf("%#x required, %#x agreed", uint64(need), uint64(f)))
	}
	if r.ConnectSeq != a.cseq+1 {
		return messenger.NewFault(messenger.ErrBadHandshake, nil, fmt.Sprintf("connect_seq %d for %d", r.ConnectSeq, a.cseq))
	}
	h := &linkHandler{c: c, link: a.link, features: f}
	if a.auth != nil {
		if err := a.auth.Verify(r.Authorizer); err != nil {
			return messenger.NewFault(messenger.ErrAuthorizer, err, "the peer has not proved who it is")
		}
		if f.Has(messenger.FeatureMsgAuth) {
			h.sign = a.auth.Signer(uint64(f))
		}
	}
	o := opening{gen: a.gen, connectSeq: r.ConnectSeq, globalSeq: r.GlobalSeq, lossy: r.Lossy, peer: r.Self}
	over, err := c.claim(a.gen)
	if err != nil {
		return err
	}
	defer over()
	if r.Tag == TagSeq {
		o.hasSeq, o.inSeq = true, r.InSeq
		in, err := c.settle(ctx, r.Acked)
		if err == nil {
			err = m.intercept(ctx, messenger.StepBeforeSeq, c, a.peer, false)
		}
		if err != nil {
			return c.orLost(a.gen, err)
		}
		// From here on the peer may send messages, and see them acknowledged: what
		// breaks the link breaks an open link, whose messages count.
		if err := a.link.WriteSeq(ctx, in); err != nil {
			a.link.Close(err)
		}
	} else if err := c.freshStart(a.gen); err != nil {
		return err
	}
	if err := m.intercept(ctx, messenger.StepReady, c, a.peer, false); err != nil {
		a.link.Close(err)
	}
	return c.orLost(a.gen, c.open(h, o))
}

// claim keeps attempts of the peer from taking the session over while this side's is
// being completed: the peer has opened it already, or is about to.
func (c *Conn) claim(gen uint64) (over func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != gen {
		return nil, errVoid
	}
	busy := make(chan struct{})
	c.replacing = busy
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.replacing == busy {
			c.replacing = nil
		}
		close(busy)
	}, nil
}

// orLost resets the session where err is that it cannot go on; the next attempt then
// makes a new one.
func (c *Conn) orLost(gen uint64, err error) error {
	if errors.Is(err, messenger.ErrLost) {
		c.m.log.Warn("messenger: session cannot go on", "peer", c.peerAddr, "error", err)
		if err := c.remoteReset(gen); err != nil {
			return err
		}
	}
	return err
}

// freshStart makes a session whose other side begins anew take any first number.
func (c *Conn) freshStart(gen uint64) error {
	c.rx.Lock()
	defer c.rx.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != gen {
		return errVoid
	}
	c.draining = nil
	c.inSeq.Store(0)
	return nil
}
