// SPDX-License-Identifier: Apache-2.0

package core

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// Bind implements messenger.Messenger.
func (m *Messenger) Bind(addr messenger.EntityAddr) error {
	m.rebinds.Lock()
	defer m.rebinds.Unlock()
	self := m.self().Addr
	m.mu.Lock()
	st, bound := m.state, m.bound
	m.mu.Unlock()
	switch {
	case st != stateNew:
		return messenger.ErrStarted
	case bound:
		return fmt.Errorf("%w: bound to %v already", messenger.ErrAddr, self)
	case addr.Type != m.transport.AddrType() && addr.Type != messenger.AddrAny && addr.Type != messenger.AddrNone:
		return fmt.Errorf("%w: %v is not of type %v", messenger.ErrAddr, addr, m.transport.AddrType())
	}
	addr.Type, addr.Nonce = self.Type, self.Nonce
	place, err := m.listen(addr, nil)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addr.Addr, m.bound = place, true
	return nil
}

// listen listens at a port of the range where addr has none, and at none of avoid.
// The IP stays as it was given. incoming waits for the start.
func (m *Messenger) listen(addr messenger.EntityAddr, avoid []uint16) (netip.AddrPort, error) {
	ports := []uint16{addr.Port()}
	if addr.Port() == 0 && m.cfg.BindPortMin > 0 {
		ports = ports[:0]
		for p := int(m.cfg.BindPortMin); p <= int(m.cfg.BindPortMax); p++ {
			if !slices.Contains(avoid, uint16(p)) {
				ports = append(ports, uint16(p))
			}
		}
	}
	err := fmt.Errorf("%w: no port left", messenger.ErrAddr)
	for _, p := range ports {
		var place netip.AddrPort
		if place, err = m.transport.Listen(addr.WithPort(p), m.incoming); err == nil {
			return netip.AddrPortFrom(addr.Addr.Addr(), place.Port()), nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return netip.AddrPort{}, fmt.Errorf("messenger: bind to %v: %w", addr, err)
}

// Start implements messenger.Messenger.
func (m *Messenger) Start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != stateNew {
		return messenger.ErrStarted
	}
	m.state = stateStarted
	m.wg.Go(m.loop.run)
	m.wg.Go(m.keep)
	go func() {
		defer close(m.done)
		m.queue.run()
	}()
	for _, d := range load(&m.dispatchers.fast) {
		d.HandleFastConnect(m.loop)
	}
	return nil
}

// nonceStep makes an incarnation unmistakably new.
const nonceStep = 1_000_000

// Rebind implements messenger.Messenger.
func (m *Messenger) Rebind(avoid []uint16) error {
	m.rebinds.Lock()
	defer m.rebinds.Unlock()
	m.mu.Lock()
	if !m.bound || m.state != stateStarted {
		defer m.mu.Unlock()
		return messenger.ErrNotBound
	}
	addr := m.addr
	m.mu.Unlock()
	avoid = append(slices.Clone(avoid), addr.Port())
	m.transport.Unlisten()
	m.MarkDownAll()
	addr.Nonce += nonceStep
	var place netip.AddrPort
	for {
		var err error
		if place, err = m.listen(addr.WithPort(0), avoid); err != nil {
			return err
		}
		if !slices.Contains(avoid, place.Port()) {
			break
		}
		m.transport.Unlisten()
	}
	m.mu.Lock()
	m.addr.Nonce, m.addr.Addr = addr.Nonce, place
	m.mu.Unlock()
	// Those who came to the old place meanwhile are strangers too.
	m.MarkDownAll()
	return nil
}

// Shutdown implements messenger.Messenger.
func (m *Messenger) Shutdown() {
	m.end.Do(func() {
		m.mu.Lock()
		started := m.state == stateStarted
		m.state = stateStopping
		m.mu.Unlock()
		m.queue.close()
		m.cancel()
		m.MarkDownAll()
		m.loop.stop()
		go func() {
			m.transport.Unlisten()
			m.wg.Wait()
			m.MarkDownAll()
			m.transport.Close()
			m.queue.stop()
			if !started { // nobody else runs these
				m.loop.run()
				m.queue.run()
				close(m.done)
			}
		}()
	})
}

// Wait implements messenger.Messenger.
func (m *Messenger) Wait() { <-m.done }

// keep looks after connections: those that are silent for too long end, and those
// that shall be kept alive are.
func (m *Messenger) keep() {
	idle, alive := m.cfg.IdleTimeout, m.cfg.KeepaliveInterval
	period := time.Duration(0)
	for _, d := range []time.Duration{idle / 4, alive / 2} {
		if d > 0 && (period == 0 || d < period) {
			period = d
		}
	}
	if period == 0 {
		return
	}
	t := time.NewTicker(period)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-m.ctx.Done():
			return
		}
		for _, c := range m.snapshot() {
			c.keep(time.Now(), idle, alive)
		}
	}
}

func (c *Conn) keep(now time.Time, idle, alive time.Duration) {
	c.mu.Lock()
	h, live := c.cur, c.live
	c.mu.Unlock()
	if !live {
		return
	}
	if silent := now.Sub(time.Unix(0, c.lastRecv.Load())); idle > 0 && silent > idle {
		// What comes at the last moment may have been acknowledged already: it counts.
		h.broke(messenger.NewFault(messenger.ErrTimeout, nil, fmt.Sprintf("silent for %v", silent.Round(time.Millisecond))), true)
		return
	}
	if alive > 0 && now.Sub(time.Unix(0, c.lastAlive.Load())) >= alive {
		c.SendKeepalive()
	}
}
