// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// Options of a Transport.
type Options struct {
	// DisableHeaderCRC takes headers without a look at their sum.
	DisableHeaderCRC bool
	// Injector is asked before every operation on a socket. Nil lets all pass.
	Injector messenger.Injector
}

// Transport is TCP with the bytes of msgr v1; it implements core.Transport.
type Transport struct {
	o     Options
	links sync.WaitGroup
	// wrap, if not nil, is where tests come between a link and its socket.
	wrap func(net.Conn) net.Conn

	mu       sync.Mutex
	listener net.Listener
	accepts  sync.WaitGroup // of the listener's goroutine
}

// NewTransport makes a transport.
func NewTransport(o Options) *Transport { return &Transport{o: o} }

// AddrType implements core.Transport.
func (t *Transport) AddrType() messenger.AddrType { return messenger.AddrLegacy }

// StrictSeq implements core.Transport: real peers begin anywhere, and skip.
func (t *Transport) StrictSeq() bool { return false }

// Dial implements core.Transport.
func (t *Transport) Dial(ctx context.Context, peer messenger.EntityAddr) (core.Link, error) {
	if t.o.Injector != nil {
		if err := t.o.Injector.SocketOp(ctx); err != nil {
			return nil, messenger.NewFault(messenger.ErrInjected, err, "")
		}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", peer.Addr.String())
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, messenger.NewFault(messenger.ErrRefused, err, "")
	case err != nil:
		return nil, broken(err)
	}
	t.links.Add(1)
	return newLink(t, conn, true), nil
}

// Listen implements core.Transport.
func (t *Transport) Listen(addr messenger.EntityAddr, accept func(core.Link)) (netip.AddrPort, error) {
	host := ""
	if !addr.IsBlankIP() {
		host = addr.Addr.Addr().String()
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(addr.Port()))))
	if err != nil {
		return netip.AddrPort{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listener = l
	t.accepts.Go(func() { t.acceptLoop(l, accept) })
	return place(l.Addr()), nil
}

// acceptPause is how long accepting rests after an error that may pass, such as too
// many open files.
const acceptPause = 50 * time.Millisecond

func (t *Transport) acceptLoop(l net.Listener, accept func(core.Link)) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
			continue
		}
		t.links.Add(1)
		accept(newLink(t, conn, false))
	}
}

// Unlisten implements core.Transport.
func (t *Transport) Unlisten() {
	t.mu.Lock()
	l := t.listener
	t.listener = nil
	t.mu.Unlock()
	if l != nil {
		l.Close()
		t.accepts.Wait()
	}
}

// Close implements core.Transport.
func (t *Transport) Close() {
	t.Unlisten()
	t.links.Wait()
}
