// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// run keeps a session with one monitor or another, until the client is closed.
func (c *Client) run() {
	defer close(c.done)
	for c.ctx.Err() == nil {
		var failed []error
		for _, addr := range c.candidates() {
			if c.ctx.Err() != nil {
				return
			}
			err := c.serve(addr)
			if err == nil {
				failed = nil
				break // a new round, as the map may have changed
			}
			failed = append(failed, err)
		}
		if len(failed) > 0 {
			c.inVain(errors.Join(failed...))
		}
		c.pause(c.cfg.Backoff)
	}
}

// candidates are the monitors to try, in an order by which clients spread over them.
func (c *Client) candidates() []messenger.EntityAddr {
	t := c.m.AddrType()
	seen := map[messenger.EntityAddr]bool{}
	var out []messenger.EntityAddr
	add := func(list []messenger.EntityAddr) {
		for _, a := range list {
			if a.Type == t && !seen[a] {
				seen[a] = true
				out = append(out, a)
			}
		}
	}
	if m := c.MonMap(); m != nil {
		add(m.Addrs(t))
	}
	known := len(out)
	rand.Shuffle(known, func(i, j int) { out[i], out[j] = out[j], out[i] })
	add(c.cfg.Mons) // last, in case the map leads nowhere
	return out
}

// pause waits, unless the client is closed.
func (c *Client) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.ctx.Done():
	}
}

// serve is a session with one monitor, from begin to end. Its error is why the monitor
// did not let the client in.
func (c *Client) serve(addr messenger.EntityAddr) error {
	s, err := c.begin(addr)
	if err != nil {
		return fmt.Errorf("monc: %v: %w", addr, err)
	}
	defer c.finish(s)
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.HuntTimeout)
	defer cancel()
	select {
	case err = <-s.in:
	case err = <-s.lost:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.refused(err)
		return fmt.Errorf("monc: %v: %w", addr, err)
	}
	c.openedSession(s)
	c.keep(s)
	return nil
}

// keep looks after an open session until it is lost.
func (c *Client) keep(s *session) {
	tick := time.NewTicker(c.cfg.PingInterval)
	defer tick.Stop()
	opened := time.Now()
	c.mu.Lock()
	renew := time.NewTimer(c.renewal(s))
	c.mu.Unlock()
	defer renew.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case err := <-s.lost:
			c.cfg.Logger.Info("monc: session lost", "monitor", s.conn.PeerAddr(), "error", err)
			return
		case <-renew.C:
			next, err := c.renew(s)
			if err != nil {
				c.cfg.Logger.Info("monc: session ends", "monitor", s.conn.PeerAddr(), "error", err)
				return
			}
			renew.Reset(next)
		case <-s.fresh:
			c.mu.Lock()
			renew.Reset(c.renewal(s))
			c.mu.Unlock()
		case now := <-tick.C:
			last := s.conn.LastKeepaliveAck()
			if last.Before(opened) {
				last = opened
			}
			if s.conn.Features().Has(messenger.FeatureKeepalive2) && now.Sub(last) > c.cfg.PingTimeout {
				c.cfg.Logger.Info("monc: monitor is silent", "monitor", s.conn.PeerAddr())
				return
			}
			s.conn.SendKeepalive()
		}
	}
}
