// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"

	"github.com/accelio/accelio-go/messenger"
)

// errServer: there is no connection to the entity, and by the policy it is for the
// entity to make one.
var errServer = fmt.Errorf("%w: by its policy the peer connects, not this side", messenger.ErrAddr)

// ConnectTo implements messenger.Messenger.
func (m *Messenger) ConnectTo(peer messenger.EntityType, addrs messenger.AddrVec) (messenger.Connection, error) {
	return m.connectTo(peer, addrs, false)
}

// ConnectAnonymous implements messenger.Messenger.
func (m *Messenger) ConnectAnonymous(peer messenger.EntityType, addrs messenger.AddrVec) (messenger.Connection, error) {
	return m.connectTo(peer, addrs, true)
}

// GetConnection implements messenger.Messenger.
func (m *Messenger) GetConnection(to messenger.EntityInst) (messenger.Connection, error) {
	c, err := m.connectTo(to.Name.Type, messenger.AddrVec{to.Addr}, false)
	if c, ok := c.(*Conn); ok && err == nil {
		c.named(to.Name)
	}
	return c, err
}

// named takes a name that is known better than the type alone.
func (c *Conn) named(n messenger.EntityName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peerName.Num == messenger.UnknownNum && n.Type == c.peerType {
		c.peerName = n
	}
}

func (m *Messenger) connectTo(peer messenger.EntityType, addrs messenger.AddrVec, anonymous bool) (messenger.Connection, error) {
	self := m.Addrs()
	for _, a := range addrs {
		if !a.IsBlank() && self.Contains(a) {
			return m.loop, nil
		}
	}
	m.mu.Lock()
	if m.state != stateStarted {
		defer m.mu.Unlock()
		if m.state == stateNew {
			return nil, messenger.ErrNotStarted
		}
		return nil, messenger.ErrShutdown
	}
	var paths messenger.AddrVec
	for _, a := range addrs {
		if a.Type != m.transport.AddrType() || a.IsBlankIP() {
			continue
		}
		if c := m.conns[a]; c != nil && !anonymous {
			m.mu.Unlock()
			return c, nil
		}
		if a.Port() != 0 {
			paths = append(paths, a)
		}
	}
	if len(paths) == 0 {
		m.mu.Unlock()
		return nil, fmt.Errorf("%w: %v", messenger.ErrAddr, addrs)
	}
	addr := paths[0] // that the connection is known by
	c := newConn(m, peer, paths, slices.Clone(addrs))
	if c.policy.Server {
		m.mu.Unlock()
		return nil, errServer
	}
	m.all[c] = struct{}{}
	if !anonymous {
		m.conns[addr] = c
	}
	m.mu.Unlock()
	if err := m.intercept(c.life, messenger.StepRegistered, c, paths[0], false); err != nil {
		c.end(err, false)
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The peer may have been here, whose link is then at work, or a shutdown.
	if c.gen == 0 {
		c.startConnect()
	}
	return c, nil
}

// register enters an accepted connection; over says that it takes the place of
// whatever is known under the address. Otherwise that must be nothing.
func (m *Messenger) register(c *Conn, over bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != stateStarted || !over && m.conns[c.peerAddr] != nil {
		return false
	}
	m.conns[c.peerAddr] = c
	m.all[c] = struct{}{}
	return true
}

// unregister forgets a connection that has ended.
func (m *Messenger) unregister(c *Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns[c.peerAddr] == c {
		delete(m.conns, c.peerAddr)
	}
	delete(m.all, c)
}

func (m *Messenger) lookup(addr messenger.EntityAddr) *Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conns[addr]
}

// Find implements messenger.Messenger.
func (m *Messenger) Find(addr messenger.EntityAddr) messenger.Connection {
	if c := m.lookup(addr); c != nil {
		return c
	}
	return nil
}

// snapshot is all connections of this moment.
func (m *Messenger) snapshot() []*Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*Conn, 0, len(m.all))
	for c := range m.all {
		list = append(list, c)
	}
	return list
}

// Connections implements messenger.Messenger.
func (m *Messenger) Connections() []messenger.Connection {
	var list []messenger.Connection
	for _, c := range m.snapshot() {
		list = append(list, c)
	}
	return list
}

// Loopback implements messenger.Messenger.
func (m *Messenger) Loopback() messenger.Connection { return m.loop }

// MarkDown implements messenger.Messenger.
func (m *Messenger) MarkDown(addr messenger.EntityAddr) {
	if c := m.lookup(addr); c != nil {
		c.end(messenger.NewFault(messenger.ErrMarkedDown, nil, ""), true)
	}
}

// MarkDownAll implements messenger.Messenger.
func (m *Messenger) MarkDownAll() {
	m.abandonHalfOpen()
	for _, c := range m.snapshot() {
		c.end(messenger.NewFault(messenger.ErrMarkedDown, nil, ""), true)
	}
}
