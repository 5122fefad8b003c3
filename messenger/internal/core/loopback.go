// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// loopback is the connection of an entity to itself. Messages are neither encoded nor
// throttled: who receives sees the very object that was sent.
type loopback struct {
	m    *Messenger
	ref  *messenger.ConnRef
	priv value

	mu      sync.Mutex
	work    sync.Cond
	queue   fifo[messenger.Message]
	seq     uint64
	stopped bool
}

func newLoopback(m *Messenger) *loopback {
	l := &loopback{m: m}
	l.ref = messenger.NewConnRef(l)
	l.work.L = &l.mu
	return l
}

// Send queues a message for local delivery.
func (l *loopback) Send(msg messenger.Message) error {
	b := msg.Base()
	b.Forward()
	b.SetConnection(l.ref)
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		refuse(msg, messenger.ErrDropped)
		return nil
	}
	l.seq++
	h := b.Header()
	h.Seq, h.Src = l.seq, l.m.cfg.Name
	if h.Priority == 0 {
		h.Priority = uint16(l.m.policies.priority.Load())
	}
	b.SetHeader(h)
	l.queue.push(msg)
	l.work.Signal()
	l.mu.Unlock()
	return nil
}

// run is the local delivery goroutine.
func (l *loopback) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for l.queue.len() == 0 {
			if l.stopped {
				return
			}
			l.work.Wait()
		}
		msg := l.queue.pop()
		stopped := l.stopped
		l.mu.Unlock()
		if stopped {
			refuse(msg, messenger.ErrDropped)
		} else {
			// The journey ends before the dispatcher may begin another one.
			msg.Base().Settle(nil)
			msg.Base().SetLooped()
			now := time.Now()
			msg.Base().StampReceived(now, now, now)
			l.m.deliver(nil, msg, Claim{})
		}
		l.mu.Lock()
	}
}

func (l *loopback) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.work.Broadcast()
}

func (l *loopback) Messenger() messenger.Messenger { return l.m.outer }
func (l *loopback) SendKeepalive()                 {}
func (l *loopback) MarkDown()                      {}
func (l *loopback) MarkDisposable()                {}
func (l *loopback) IsConnected() bool              { return true }
func (l *loopback) State() messenger.ConnState     { return messenger.ConnOpen }
func (l *loopback) Err() error                     { return nil }
func (l *loopback) Priv() any                      { return l.priv.get() }
func (l *loopback) SetPriv(v any)                  { l.priv.set(v) }
func (l *loopback) PeerType() messenger.EntityType { return l.m.cfg.Name.Type }
func (l *loopback) PeerName() messenger.EntityName { return l.m.cfg.Name }
func (l *loopback) PeerAddrs() messenger.AddrVec   { return l.m.Addrs() }
func (l *loopback) PeerAddr() messenger.EntityAddr { return l.m.self().Addr }
func (l *loopback) Policy() messenger.Policy       { return l.m.policies.of(l.m.cfg.Name.Type) }
func (l *loopback) Features() messenger.Features   { return l.Policy().Supported() }
func (l *loopback) LastKeepaliveAck() time.Time    { return time.Time{} }
