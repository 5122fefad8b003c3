// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// readAhead is the room for what arrives before it is asked for, in bytes: enough for
// some small messages, while large ones are read to where they belong.
const readAhead = 32 << 10

// link is one TCP connection. One goroutine opens it; then one reads and one writes.
type link struct {
	t       *Transport
	conn    net.Conn
	r       *bufio.Reader
	dialled bool
	peer    messenger.EntityAddr // as the peer calls itself
	seen    messenger.EntityAddr // this side, as the peer sees it; if dialled

	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	wg     sync.WaitGroup // reader and writer
	done   chan struct{}

	out outbox

	mu        sync.Mutex
	h         core.Handler // nil before Open
	abandoned bool         // there will be none
	why       error        // not nil once closed
	ending    bool
}

func newLink(t *Transport, conn net.Conn, dialled bool) *link {
	if t.wrap != nil {
		conn = t.wrap(conn)
	}
	l := &link{t: t, conn: conn, dialled: dialled, done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.r = bufio.NewReaderSize(socket{l}, readAhead)
	l.out.init()
	return l
}

// socket is the link's TCP socket as its reader sees it, where tests can interfere.
type socket struct{ l *link }

func (s socket) Read(b []byte) (int, error) {
	if err := s.l.inject(); err != nil {
		return 0, err
	}
	return s.l.conn.Read(b)
}

func (l *link) inject() error {
	if l.t.o.Injector == nil {
		return nil
	}
	if err := l.t.o.Injector.SocketOp(l.ctx); err != nil {
		return messenger.NewFault(messenger.ErrInjected, err, "")
	}
	return nil
}

// broken makes a Fault of what a socket reports.
func broken(err error) error {
	var f *messenger.Fault
	var n net.Error
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.As(err, &n) && n.Timeout():
		return messenger.NewFault(messenger.ErrTimeout, err, "")
	}
	return messenger.NewFault(messenger.ErrClosed, err, "")
}

func (l *link) write(b []byte) error {
	if err := l.inject(); err != nil {
		return err
	}
	_, err := l.conn.Write(b)
	return broken(err)
}

func (l *link) read(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(l.r, b)
	return b, broken(err)
}

// readHello reads n bytes that begin with a banner, and gives up at a wrong one.
func (l *link) readHello(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(l.r, b[:len(banner)]); err != nil {
		return nil, broken(err)
	}
	if err := checkBanner(b[:len(banner)]); err != nil {
		return nil, err
	}
	_, err := io.ReadFull(l.r, b[len(banner):])
	return b, broken(err)
}

// Greet implements core.Link: the exchange of banners and addresses.
func (l *link) Greet(_ context.Context, self messenger.EntityAddr) error {
	if l.dialled {
		return l.greetAcceptor(self)
	}
	hello := acceptorHello{self, messenger.EntityAddr{Type: messenger.AddrLegacy, Addr: l.RemoteAddr()}}
	if err := l.write(hello.append(nil)); err != nil {
		return err
	}
	b, err := l.readHello(connectorHelloLen)
	if err != nil {
		return err
	}
	var peer connectorHello
	if err := peer.decode(b); err != nil {
		return err
	}
	l.peer = peer.own
	return nil
}

func (l *link) greetAcceptor(self messenger.EntityAddr) error {
	hello := connectorHello{self}
	if err := l.write(hello.append(nil)); err != nil {
		return err
	}
	b, err := l.readHello(acceptorHelloLen)
	if err != nil {
		return err
	}
	var peer acceptorHello
	if err := peer.decode(b); err != nil {
		return err
	}
	l.peer, l.seen = peer.own, peer.peer
	return nil
}

// WriteConnect implements core.Link.
func (l *link) WriteConnect(_ context.Context, c *core.Connect) error {
	return l.write(appendConnect(nil, c))
}

// ReadConnect implements core.Link.
func (l *link) ReadConnect(context.Context) (*core.Connect, error) {
	b, err := l.read(connectLen)
	if err != nil {
		return nil, err
	}
	c, n, err := decodeConnect(b)
	if err != nil {
		return nil, err
	}
	c.Self.Addr = l.peer
	c.Authorizer, err = l.read(n)
	return &c, err
}

// WriteReply implements core.Link.
func (l *link) WriteReply(_ context.Context, r *core.Reply) error {
	return l.write(appendReply(nil, r))
}

// ReadReply implements core.Link.
func (l *link) ReadReply(ctx context.Context) (*core.Reply, error) {
	b, err := l.read(replyLen)
	if err != nil {
		return nil, err
	}
	r, n, err := decodeReply(b)
	if err != nil {
		return nil, err
	}
	if r.Authorizer, err = l.read(n); err != nil {
		return nil, err
	}
	if r.Tag == core.TagSeq {
		if r.InSeq, err = l.ReadSeq(ctx); err != nil {
			return nil, err
		}
	}
	r.Self = core.Identity{Name: messenger.EntityName{Num: messenger.UnknownNum}, Addr: l.peer}
	r.Seen = l.seen
	return &r, nil
}

// WriteSeq implements core.Link.
func (l *link) WriteSeq(_ context.Context, seq uint64) error {
	return l.write(binary.LittleEndian.AppendUint64(nil, seq))
}

// ReadSeq implements core.Link.
func (l *link) ReadSeq(context.Context) (uint64, error) {
	b, err := l.read(8)
	return binary.LittleEndian.Uint64(b), err
}

// Open implements core.Link. A link that has broken meanwhile brings nothing any more:
// what nobody has acknowledged comes again.
func (l *link) Open(h core.Handler, o core.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.h = h
	if l.why == nil {
		l.wg.Go(func() { l.readLoop(h, o) })
		l.wg.Go(func() { l.writeLoop(h, o) })
	}
	l.end()
}

// Abandon implements core.Link.
func (l *link) Abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.abandoned = true
	l.end()
}

// Close implements core.Link.
func (l *link) Close(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return
	}
	l.why = why
	l.cancel()
	l.conn.Close()
	l.out.close()
	l.end()
}

// end begins the end, once the link is closed and has a handler, or will have none.
// Under mu.
func (l *link) end() {
	if l.why != nil && (l.h != nil || l.abandoned) && !l.ending {
		l.ending = true
		go l.finish(l.h)
	}
}

// finish tells of the end, and waits for it.
func (l *link) finish(h core.Handler) {
	defer l.t.links.Done()
	defer close(l.done)
	if h != nil {
		h.Closed(l.why)
	}
	l.wg.Wait()
	for _, f := range l.out.rest() {
		sent(h, f)
	}
}

// Done implements core.Link.
func (l *link) Done() <-chan struct{} { return l.done }

// RemoteAddr implements core.Link.
func (l *link) RemoteAddr() netip.AddrPort { return place(l.conn.RemoteAddr()) }

// LocalAddr implements core.Link.
func (l *link) LocalAddr() netip.AddrPort { return place(l.conn.LocalAddr()) }

func place(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
