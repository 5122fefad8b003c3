// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// dispatchers is the upper edge of a messenger. Readers take no lock.
type dispatchers struct {
	mu   sync.Mutex
	all  atomic.Pointer[[]messenger.Dispatcher]
	fast atomic.Pointer[[]messenger.Dispatcher]
}

func load(p *atomic.Pointer[[]messenger.Dispatcher]) []messenger.Dispatcher {
	if l := p.Load(); l != nil {
		return *l
	}
	return nil
}

func (ds *dispatchers) add(d messenger.Dispatcher, head bool) {
	fast := d.CanFastDispatchAny()
	ds.mu.Lock()
	defer ds.mu.Unlock()
	insert(&ds.all, d, head)
	if fast {
		insert(&ds.fast, d, head)
	}
}

func insert(p *atomic.Pointer[[]messenger.Dispatcher], d messenger.Dispatcher, head bool) {
	old := load(p)
	l := make([]messenger.Dispatcher, 0, len(old)+1)
	if head {
		l = append(append(l, d), old...)
	} else {
		l = append(append(l, old...), d)
	}
	p.Store(&l)
}

// AddDispatcherHead implements messenger.Messenger.
func (m *Messenger) AddDispatcherHead(d messenger.Dispatcher) { m.dispatchers.add(d, true) }

// AddDispatcherTail implements messenger.Messenger.
func (m *Messenger) AddDispatcherTail(d messenger.Dispatcher) { m.dispatchers.add(d, false) }

// deliver hands a received message to whoever takes it: at once, or by the queue.
// from is whose turns it takes in the queue.
func (m *Messenger) deliver(from *Conn, msg messenger.Message, c Claim) {
	fast := load(&m.dispatchers.fast)
	for _, d := range fast {
		d.FastPreprocess(msg)
	}
	for _, d := range fast {
		if d.CanFastDispatch(msg) {
			msg.Base().StampDispatch(time.Now())
			d.FastDispatch(msg)
			c.dispatched()
			return
		}
	}
	m.queue.pushMessage(from, msg, c)
}

// dispatch offers a message to the dispatchers in order. Dispatch goroutine.
func (m *Messenger) dispatch(msg messenger.Message, c Claim) {
	msg.Base().StampDispatch(time.Now())
	defer c.dispatched()
	for _, d := range load(&m.dispatchers.all) {
		if d.Dispatch(msg) {
			return
		}
	}
	m.log.Warn("messenger: message that no dispatcher takes", "type", msg.Base().Type(), "from", msg.Base().Source())
	msg.Base().Release()
}

// eventKind is a callback that goes through the dispatch queue.
type eventKind int

const (
	eventConnect eventKind = iota
	eventAccept
	eventReset
	eventRemoteReset
	eventRefused
)

// event runs a callback. Dispatch goroutine.
func (m *Messenger) event(kind eventKind, c messenger.Connection) {
	for _, d := range load(&m.dispatchers.all) {
		switch kind {
		case eventConnect:
			d.HandleConnect(c)
		case eventAccept:
			d.HandleAccept(c)
		case eventRemoteReset:
			d.HandleRemoteReset(c)
		case eventReset:
			if d.HandleReset(c) {
				return
			}
		case eventRefused:
			if d.HandleRefused(c) {
				return
			}
		}
	}
}

// opened tells of a connection that has opened, before any of its messages.
func (m *Messenger) opened(c *Conn, accepted bool) {
	for _, d := range load(&m.dispatchers.fast) {
		if accepted {
			d.HandleFastAccept(c)
		} else {
			d.HandleFastConnect(c)
		}
	}
	if accepted {
		m.queue.pushEvent(eventAccept, c)
	} else {
		m.queue.pushEvent(eventConnect, c)
	}
}

// authorizer makes what this side shows to a peer; nil is nothing.
func (m *Messenger) authorizer(peer messenger.EntityType, forceNew bool) messenger.Authorizer {
	for _, d := range load(&m.dispatchers.all) {
		if a := d.GetAuthorizer(peer, forceNew); a != nil {
			return a
		}
	}
	if m.cfg.Auth != nil {
		return m.cfg.Auth.Authorizer(m.cfg.Name, peer, forceNew)
	}
	return nil
}

// verifier makes what checks a peer; nil is nobody.
func (m *Messenger) verifier(c *Conn, peer messenger.EntityType, protocol uint32) messenger.AuthVerifier {
	for _, d := range load(&m.dispatchers.all) {
		if v := d.VerifyAuthorizer(c, peer, protocol); v != nil {
			return v
		}
	}
	if m.cfg.Auth != nil {
		return m.cfg.Auth.Verifier(peer, protocol)
	}
	return nil
}

// authenticated asks for the last word on a peer.
func (m *Messenger) authenticated(c *Conn) error {
	for _, d := range load(&m.dispatchers.all) {
		if err := d.HandleAuthentication(c); err != nil {
			return messenger.NewFault(messenger.ErrAuthorizer, err, "refused by the dispatcher")
		}
	}
	return nil
}
