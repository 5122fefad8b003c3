// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/xio"
)

// XioConnection is one xio connection under a session: it carries the handshake, and
// then messages. A session that is repaired gets a new one.
//
// # Design notes
//
// What arrives comes on the portal's driver. It is looked at right there, unless
// throttles would make it wait, a test interferes, or something waits already: then it
// goes through queue, which a goroutine works off. Only one of the two is at work at a
// time, and what they share needs no lock.
//
// Implements: XioConnection
type XioConnection struct {
	t      *transport
	portal *XioPortal           // nil: one of the server's
	peer   messenger.EntityAddr // that was dialled
	conn   *xio.Connection      // set by begin
	begun  chan struct{}

	shakes  chan shake         // messages of the handshake
	closing context.Context    // ends when the link is to end
	cut     context.CancelFunc // which this makes it do
	torn    chan struct{}      // closed when nothing more arrives
	done    chan struct{}      // closed when it has ended

	mu      sync.Mutex
	why     error // the first reason to end
	handler core.Handler
	session core.Session
	told    bool // handler knows that it is over
	queue   []*xio.OneWay
	pumping bool
	heard   bool       // the peer has said something of the handshake
	first   *msgHeader // CephCompat: of the first message
	given   bool       // up: it will not be opened
	change  sync.Cond  // of what watch waits for at the end

	tx sendState
	rx sequence
}

// shake is a message of the handshake.
type shake struct {
	tag  core.Tag
	data []byte
}

// maxShakes bounds those that nobody has read yet.
const maxShakes = 4

// maxEarly bounds the messages that may arrive before the link is open on this side.
const maxEarly = 1024

func newConnection(t *transport, p *XioPortal, peer messenger.EntityAddr) *XioConnection {
	x := &XioConnection{
		t:      t,
		portal: p,
		peer:   peer,
		begun:  make(chan struct{}),
		shakes: make(chan shake, maxShakes),
		torn:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	x.closing, x.cut = context.WithCancel(context.Background())
	x.change.L = &x.mu
	x.tx.init(&t.o)
	return x
}

// begin is called once, when there is a connection.
func (x *XioConnection) begin(c *xio.Connection) {
	x.conn = c
	x.t.all.Store(x, nil)
	if x.portal != nil {
		x.portal.conns.Add(1)
	}
	close(x.begun)
}

// watch follows the connection to its end.
func (x *XioConnection) watch() {
	select {
	case <-x.conn.Done():
		x.Close(fault(x.conn.Err()))
	case <-x.closing.Done():
	}
	x.tell()
	x.conn.Close()
	close(x.torn)
	x.drain()
	x.tell()
	x.t.all.Delete(x)
	if x.portal != nil {
		x.portal.conns.Add(-1)
	}
	close(x.done)
}

// drain waits until what has come has been looked at, or never will be.
func (x *XioConnection) drain() {
	x.mu.Lock()
	for x.pumping || x.handler == nil && !x.given {
		x.change.Wait()
	}
	queue := x.queue
	x.queue = nil
	x.mu.Unlock()
	for _, m := range queue {
		m.Release()
	}
	x.drop()
}

// Abandon implements core.Link.
func (x *XioConnection) Abandon() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.given = true
	x.change.Broadcast()
}

// tell tells the handler that it is over, once there is one.
func (x *XioConnection) tell() {
	x.mu.Lock()
	h, why := x.handler, x.why
	if h == nil || x.told || why == nil {
		x.mu.Unlock()
		return
	}
	x.told = true
	x.mu.Unlock()
	h.Closed(why)
}

// Close implements core.Link.
func (x *XioConnection) Close(why error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.end(why)
}

// end is Close under mu.
func (x *XioConnection) end(why error) {
	if x.why == nil {
		x.why = why
		x.cut()
	}
}

// broken is why the link has ended, nil while it stands.
func (x *XioConnection) broken() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.why
}

// Done implements core.Link.
func (x *XioConnection) Done() <-chan struct{} { return x.done }

// Open implements core.Link.
func (x *XioConnection) Open(h core.Handler, s core.Session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.handler, x.session = h, s
	x.tx.receipts = !s.Lossy
	if len(x.shakes) > 0 {
		x.end(messenger.NewFault(messenger.ErrBadHandshake, nil, "more than was asked for"))
	}
	if x.why != nil {
		go x.tell()
	}
	x.startPump()
	x.change.Broadcast()
}

// RemoteAddr implements core.Link.
func (x *XioConnection) RemoteAddr() netip.AddrPort { return addrPort(x.conn.RemoteAddr()) }

// LocalAddr implements core.Link.
func (x *XioConnection) LocalAddr() netip.AddrPort { return addrPort(x.conn.LocalAddr()) }

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// Stats are the counters of the xio connection.
func (x *XioConnection) Stats() xio.ConnectionStats { return x.conn.Stats() }

// Portal is where the connection lives, nil for one of a peer's.
func (x *XioConnection) Portal() *XioPortal { return x.portal }

// SendAck implements core.Link: receipts do it.
func (x *XioConnection) SendAck(uint64) {}

// SendKeepalive implements core.Link. Where there is no room, traffic is a sign of
// life enough.
func (x *XioConnection) SendKeepalive(stamp time.Time) {
	tag := core.TagKeepalive2
	if x.t.o.CephCompat {
		tag = core.TagKeepalive
	}
	x.sendKeepalive(tag, stamp)
}

// SendKeepaliveAck implements core.Link.
func (x *XioConnection) SendKeepaliveAck(stamp time.Time) {
	x.sendKeepalive(core.TagKeepalive2Ack, stamp)
}

func (x *XioConnection) sendKeepalive(tag core.Tag, stamp time.Time) {
	var b [keepaliveLen]byte
	h := appendKeepalive(b[:0], tag, stamp)
	if tag == core.TagKeepalive {
		h = h[:1]
	}
	_ = x.conn.TrySendMsg(&xio.Message{Header: h}, nil)
}
