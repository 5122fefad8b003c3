// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/xio"
)

// transport implements core.Transport.
type transport struct {
	cfg *messenger.Config
	o   Options
	log *slog.Logger

	mu     sync.Mutex
	out    []*XioPortal // that this side connects from, made at first use
	next   int
	in     []*XioPortal // that peers connect to
	server *xio.Server
	closed bool

	conns sync.Map // *xio.Connection → *XioConnection, of accepted ones
	all   sync.Map // *XioConnection → nothing
}

func newTransport(cfg *messenger.Config, o Options) *transport {
	t := &transport{cfg: cfg, o: o, log: cfg.Logger, out: make([]*XioPortal, o.PortalThreads)}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	return t
}

// AddrType implements core.Transport.
func (t *transport) AddrType() messenger.AddrType { return messenger.AddrXio }

// StrictSeq implements core.Transport: the transport loses nothing on the way.
func (t *transport) StrictSeq() bool { return true }

func (t *transport) uri(a netip.AddrPort) string {
	host := a.Addr()
	if !host.IsValid() || host.IsUnspecified() {
		return t.o.TransportType + "://" + net.JoinHostPort("*", portText(a.Port()))
	}
	return t.o.TransportType + "://" + netip.AddrPortFrom(host, a.Port()).String()
}

// portal is where the next connection of this side lives: they take turns.
func (t *transport) portal() (*XioPortal, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, messenger.NewFault(messenger.ErrRefused, messenger.ErrShutdown, "")
	}
	i := t.next % len(t.out)
	t.next++
	if t.out[i] == nil {
		p, err := newPortal(&t.o, i, false)
		if err != nil {
			return nil, err
		}
		t.out[i] = p
	}
	return t.out[i], nil
}

// Dial implements core.Transport.
func (t *transport) Dial(ctx context.Context, peer messenger.EntityAddr) (core.Link, error) {
	p, err := t.portal()
	if err != nil {
		return nil, fault(err)
	}
	x := newConnection(t, p, peer)
	d := xio.Dialer{
		Context:      p.ctx,
		Timeout:      t.cfg.HandshakeTimeout,
		QueueDepth:   t.o.QueueDepth,
		OnMsg:        x.arrived,
		Inline:       true,
		CloseTimeout: t.o.CloseTimeout,
	}
	c, err := d.Dial(ctx, t.uri(peer.Addr))
	if err != nil {
		return nil, fault(err)
	}
	x.begin(c)
	go x.watch()
	return x, nil
}

// Listen implements core.Transport.
func (t *transport) Listen(addr messenger.EntityAddr, accept func(core.Link)) (netip.AddrPort, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server != nil || t.closed {
		return netip.AddrPort{}, messenger.ErrAddr
	}
	var made []*XioPortal
	l := xio.ListenConfig{
		QueueDepth:   t.o.QueueDepth,
		Inline:       true,
		CloseTimeout: t.o.CloseTimeout,
		OnMsg:        func(m *xio.OneWay) { t.accepted(m.Conn(), accept).arrived(m) },
		OnConnect: func(c *xio.Connection) {
			x := t.accepted(c, accept)
			x.watch()
			t.conns.Delete(c)
		},
	}
	if t.o.PortalThreads > 1 {
		l.Portals = t.o.PortalThreads
	} else {
		p, err := newPortal(&t.o, 0, true)
		if err != nil {
			return netip.AddrPort{}, err
		}
		made = append(made, p)
		l.Context = p.ctx
	}
	l.PortalContext = func(i int) (*xio.Context, error) {
		p, err := newPortal(&t.o, i, true)
		if err != nil {
			return nil, err
		}
		made = append(made, p)
		return p.ctx, nil
	}
	s, err := l.Listen(t.uri(addr.Addr), nil)
	if err != nil {
		if l.Context != nil {
			l.Context.Close()
		}
		return netip.AddrPort{}, err
	}
	t.server, t.in = s, made
	return s.Addr().(*net.TCPAddr).AddrPort(), nil
}

// accepted is the connection of a peer, which is made when it is first heard of. Its
// first message may come before the callback that tells of it.
func (t *transport) accepted(c *xio.Connection, accept func(core.Link)) *XioConnection {
	other, ok := t.conns.Load(c)
	if !ok {
		x := newConnection(t, nil, messenger.EntityAddr{})
		if other, ok = t.conns.LoadOrStore(c, x); !ok {
			x.begin(c)
			accept(x)
			return x
		}
	}
	x := other.(*XioConnection)
	<-x.begun
	return x
}

// Unlisten implements core.Transport. Accepted links end with the server.
func (t *transport) Unlisten() {
	t.mu.Lock()
	s, in := t.server, t.in
	t.server, t.in = nil, nil
	t.mu.Unlock()
	if s == nil {
		return
	}
	s.Close()
	for _, p := range in {
		p.ctx.Close()
	}
}

// Close implements core.Transport.
func (t *transport) Close() {
	t.mu.Lock()
	t.closed = true
	out := t.out
	t.out = nil
	t.mu.Unlock()
	t.Unlisten()
	for _, x := range t.links() {
		<-x.done
	}
	for _, p := range out {
		if p != nil {
			p.ctx.Close()
		}
	}
}

func (t *transport) portals() []*XioPortal {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append([]*XioPortal(nil), t.in...)
	for _, p := range t.out {
		if p != nil {
			list = append(list, p)
		}
	}
	return list
}

func (t *transport) links() (list []*XioConnection) {
	t.all.Range(func(k, _ any) bool {
		list = append(list, k.(*XioConnection))
		return true
	})
	return list
}

// fault says why a link could not be had, or has gone, in the messenger's terms.
func fault(err error) error {
	var f *messenger.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, xio.ErrConnect), errors.Is(err, xio.ErrSessionRefused):
		return messenger.NewFault(messenger.ErrRefused, err, "")
	case errors.Is(err, xio.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return messenger.NewFault(messenger.ErrTimeout, err, "")
	}
	return messenger.NewFault(messenger.ErrClosed, err, "")
}
