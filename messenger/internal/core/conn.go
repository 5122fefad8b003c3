// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/messenger"
)

// Conn implements messenger.Connection: a session, with or without a link.
type Conn struct {
	m        *Messenger
	ref      *messenger.ConnRef
	peerType messenger.EntityType
	accepted bool            // made by the peer
	life     context.Context // ends with the connection
	die      context.CancelFunc

	// rx is held while a message is looked at, see Receive. What stands below
	// it is written under it.
	rx       sync.Mutex
	inSeq    atomic.Uint64
	settling atomic.Bool   // somebody waits for inSeq to grow
	grown    chan struct{} // and is told here

	mu        sync.Mutex
	policy    messenger.Policy
	peerName  messenger.EntityName
	peerAddr  messenger.EntityAddr // what it is registered under
	peerAddrs messenger.AddrVec
	paths     messenger.AddrVec // where attempts go, in turns
	path      int               // of the next, or the present, one
	state     messenger.ConnState
	live      bool // cur may be sent on
	shown     bool // a dispatcher has seen it
	everOpen  bool

	cur       *linkHandler
	draining  *linkHandler  // a former one whose messages still count
	replacing chan struct{} // a new link is being taken over, or completed; closed when that is over
	gen       uint64        // of attempts to connect and of takeovers: what is older is void
	cancel    context.CancelFunc
	kick      chan struct{} // cuts a back-off short

	connectSeq    uint32
	peerGlobalSeq uint32
	outSeq        uint64
	acked         uint64

	sent   fifo[*outgoing] // handed to the link, not yet delivered
	resend []*outgoing     // numbered, to be sent (again) before all others
	out    outQueue
	nbytes int64 // of all three

	features atomic.Uint64
	lastErr  error

	priv      value
	lastRecv  atomic.Int64
	lastAlive atomic.Int64 // when a keepalive was sent
	aliveAck  atomic.Int64
}

// value is anything, for any goroutine.
type value struct {
	mu sync.Mutex
	v  any
}

func (p *value) get() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.v
}

func (p *value) set(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.v = v
}

// newConn makes a connection that goes by the first of its paths.
func newConn(m *Messenger, peer messenger.EntityType, paths, addrs messenger.AddrVec) *Conn {
	c := &Conn{
		m:         m,
		peerType:  peer,
		policy:    m.policies.of(peer),
		peerName:  messenger.EntityName{Type: peer, Num: messenger.UnknownNum},
		peerAddr:  paths[0],
		paths:     paths,
		peerAddrs: addrs,
		kick:      make(chan struct{}, 1),
		grown:     make(chan struct{}, 1),
	}
	c.ref = messenger.NewConnRef(c)
	c.life, c.die = context.WithCancel(m.ctx)
	c.lastRecv.Store(time.Now().UnixNano())
	return c
}

// Messenger implements messenger.Connection.
func (c *Conn) Messenger() messenger.Messenger { return c.m.outer }

// Send implements messenger.Connection.
func (c *Conn) Send(msg messenger.Message) error {
	b := msg.Base()
	b.Forward()
	b.SetConnection(c.ref)
	o := newOutgoing(msg)
	if o.prio == 0 {
		o.prio = int(c.m.policies.priority.Load())
	}
	// Encoding here keeps the sums of large data out of the lock. Where the
	// features are not known yet, those to be expected do.
	f := messenger.Features(c.features.Load())
	if f == 0 {
		f = c.Policy().Supported()
	}
	if o.encode(c.m, f); o.size > c.m.cfg.MaxMessage {
		refuse(msg, messenger.ErrMsgSize)
		return messenger.ErrMsgSize
	}
	c.mu.Lock()
	if c.state == messenger.ConnClosed {
		c.mu.Unlock()
		refuse(msg, messenger.ErrDropped)
		return nil
	}
	if c.full(o.size) {
		c.mu.Unlock()
		refuse(msg, messenger.ErrQueueFull)
		return messenger.ErrQueueFull
	}
	c.nbytes += o.size
	c.out.push(o)
	c.pump()
	c.wake()
	c.mu.Unlock()
	return nil
}

// awaits says that it is for the peer to open the connection: by the policy, or since
// it has no address to connect to. Under mu.
func (c *Conn) awaits() bool { return c.policy.Server || c.peerAddr.Port() == 0 }

// wake opens a connection in standby that this side may open. Under mu.
func (c *Conn) wake() {
	if c.state == messenger.ConnStandby && !c.awaits() {
		c.connectSeq++
		c.startConnect()
	}
}

// full says that the connection keeps as much as it may. Under mu.
func (c *Conn) full(size int64) bool {
	cfg := &c.m.cfg
	return cfg.QueueMessages > 0 && c.queued() >= cfg.QueueMessages ||
		cfg.QueueBytes > 0 && c.nbytes+size > cfg.QueueBytes && c.queued() > 0
}

// queued is how many messages have been sent and not been delivered. Under mu.
func (c *Conn) queued() int { return c.out.n + len(c.resend) + c.sent.len() }

// SendKeepalive implements messenger.Connection.
func (c *Conn) SendKeepalive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		now := time.Now()
		c.lastAlive.Store(now.UnixNano())
		c.cur.link.SendKeepalive(now)
		return
	}
	c.wake()
}

// MarkDown implements messenger.Connection.
func (c *Conn) MarkDown() { c.end(messenger.NewFault(messenger.ErrMarkedDown, nil, ""), false) }

// MarkDisposable implements messenger.Connection.
func (c *Conn) MarkDisposable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy.Lossy = true
}

// IsConnected implements messenger.Connection.
func (c *Conn) IsConnected() bool { return c.State() == messenger.ConnOpen }

// State implements messenger.Connection.
func (c *Conn) State() messenger.ConnState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Err implements messenger.Connection.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastErr
}

// Priv implements messenger.Connection.
func (c *Conn) Priv() any { return c.priv.get() }

// SetPriv implements messenger.Connection.
func (c *Conn) SetPriv(v any) { c.priv.set(v) }

// PeerType implements messenger.Connection.
func (c *Conn) PeerType() messenger.EntityType { return c.peerType }

// PeerName implements messenger.Connection.
func (c *Conn) PeerName() messenger.EntityName {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peerName
}

// PeerAddrs implements messenger.Connection.
func (c *Conn) PeerAddrs() messenger.AddrVec {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(messenger.AddrVec(nil), c.peerAddrs...)
}

// PeerAddr implements messenger.Connection.
func (c *Conn) PeerAddr() messenger.EntityAddr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peerAddr
}

// Features implements messenger.Connection.
func (c *Conn) Features() messenger.Features { return messenger.Features(c.features.Load()) }

// Policy implements messenger.Connection.
func (c *Conn) Policy() messenger.Policy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policy
}

// LastKeepaliveAck implements messenger.Connection.
func (c *Conn) LastKeepaliveAck() time.Time {
	if ns := c.aliveAck.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// Queued is how many messages have been sent and not been delivered, and their bytes.
func (c *Conn) Queued() (messages int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued(), c.nbytes
}
