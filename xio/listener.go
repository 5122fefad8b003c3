package xio

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/accelio/accelio-go/xio/cgo"
)

// listener is a place where a server listens: its lead, where sessions begin, or
// a portal. All of the library's events name the lead.
type listener struct {
	server *Server
	ctx    *Context
	addr   netip.Addr
	port   uint16

	// Driver only.
	cg      *cgo.Server
	key     unsafe.Pointer
	gen     uint32
	stopped bool
	lost    bool // its device has gone
}

// maxPortalURI is the most that a portal's URI takes of a session's set-up.
const maxPortalURI = len("rdma://[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535") + 2

// pending is a session that waits for a decision.
type pending struct {
	server *Server
	cs     *cgo.Session
}

// start opens the portals, then the lead.
func (s *Server) start(addr uri) error {
	for i := range s.cfg.Portals {
		ctx, err := s.portalContext(i)
		if err != nil {
			return err
		}
		l := &listener{server: s, ctx: ctx}
		s.portals = append(s.portals, l)
		at := addr
		at.port, at.resource = 0, ""
		if err := l.open(at); err != nil {
			return err
		}
	}
	ctx := s.cfg.Context
	if ctx == nil {
		s.private = true
		var err error
		if ctx, err = NewContext(ContextOptions{Logger: s.cfg.Logger}); err != nil {
			return err
		}
	}
	s.lead = &listener{server: s, ctx: ctx}
	return s.lead.open(addr)
}

func (s *Server) portalContext(i int) (*Context, error) {
	if f := s.cfg.PortalContext; f != nil {
		return f(i)
	}
	return NewContext(ContextOptions{Logger: s.cfg.Logger})
}

// open starts listening.
func (l *listener) open(addr uri) error {
	code := ErrClosed
	l.addr, _ = netip.ParseAddr(addr.host)
	l.ctx.do(func() { code = l.listen(addr.String()) })
	if code != 0 {
		return &Error{Op: "listen", URI: addr.String(), Code: code, Text: rdmaHint(l.server.rdma(), code)}
	}
	return nil
}

// ---- drivers only from here on; which one is said where it matters ----

func (l *listener) listen(target string) Code {
	if l.ctx.closing {
		return ErrClosed
	}
	s := l.server
	if s.rdma() {
		if rdmaDevices.none() {
			return Code(syscall.ENODEV)
		}
		if rc := cgo.RDMARoom(); rc != 0 {
			return Code(rc)
		}
		l.ctx.carriesRDMA()
	}
	l.key, l.gen = cgo.Save(l), l.ctx.next()
	// A portal takes connections of sessions that the lead has accepted, and no
	// session of its own.
	args := cgo.Listen{URI: target, Key: l.key, Gen: l.gen}
	if l == s.lead {
		args.MaxSessions = s.cfg.MaxConnections
		args.Decide = s.cfg.Accept != nil || len(s.portals) > 0
		args.AcceptData = s.cfg.AcceptData
	}
	cg, port, rc := l.ctx.cg.Listen(&args)
	if rc != 0 {
		cgo.Unref(l.key)
		l.key = nil
		return Code(rc)
	}
	l.cg, l.port = cg, uint16(port)
	l.ctx.servers[l] = struct{}{}
	if s.rdma() {
		l.ctx.watchDevice(l.addr)
	}
	return 0
}

// stop ends listening. The listener's own driver.
func (l *listener) stop() {
	if l.stopped || l.cg == nil {
		return
	}
	l.stopped = true
	l.cg.Unlisten()
	for id, p := range l.ctx.waiting {
		if p.server == l.server {
			delete(l.ctx.waiting, id)
			p.server.reject(p.cs, ErrSessionRefused, nil)
		}
	}
	if l != l.server.lead {
		l.forget() // its connections hold the Context, and nothing else does
	}
}

// stopConnections ends the connections of the listener's Context, by its driver.
func (l *listener) stopConnections() {
	for _, c := range l.ctx.conns {
		if c != nil && c.server == l.server {
			c.closed.Store(true)
			c.stop()
		}
	}
}

// forget lets the Context end. The listener's own driver.
func (l *listener) forget() {
	if l.key != nil {
		cgo.Unref(l.key)
		l.key = nil
		delete(l.ctx.servers, l)
	}
}

// ended: the server's last session has ended, and it listens no more. Some driver
// of the server.
func (s *Server) ended() {
	s.lead.ctx.post(s.lead.forget)
	s.disp.close()
}

// abandon ends the sessions whose clients never came to a portal. The lead's
// driver, when all portals are closed.
func (s *Server) abandon() {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, ses := range all {
		ses.abandon()
	}
}

// decide asks the policy about a session. The lead's driver.
func (s *Server) decide(e *cgo.Event) {
	p := &pending{s, e.Session()}
	if s.lead.stopped {
		s.reject(p.cs, ErrSessionRefused, nil)
		return
	}
	id := e.SessionID
	s.lead.ctx.waiting[id] = p
	if s.cfg.Accept == nil {
		// Its connection, whose address is needed, comes with the next record.
		s.lead.ctx.post(func() { s.decided(id, nil) })
		return
	}
	info := p.cs.Info()
	req := &SessionRequest{URI: info.URI, PrivateData: info.Private, RemoteAddr: net.TCPAddrFromAddrPort(info.Peer)}
	go func() {
		err := s.policy(req)
		s.lead.ctx.post(func() { s.decided(id, err) })
	}()
}

func (s *Server) policy(req *SessionRequest) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.lead.ctx.log(s.cfg.Logger).Error("xio: panic in Accept", "panic", p)
			err = errors.New("panic in Accept")
		}
	}()
	return s.cfg.Accept(req)
}

// decided carries the policy's decision out, if the session still waits for it.
func (s *Server) decided(id uint32, err error) {
	ctx := s.lead.ctx
	p := ctx.waiting[id]
	if ctx.finished || p == nil || p.server != s {
		return
	}
	delete(ctx.waiting, id)
	conn := s.connOf(id)
	var to *redirection
	var no *rejection
	switch {
	case errors.As(err, &to):
		if err := to.check(); err != nil {
			ctx.log(s.cfg.Logger).Error("xio: redirection impossible", "error", err)
			s.reject(p.cs, ErrSessionRefused, nil)
			return
		}
		conn.leave()
		p.cs.Redirect(to.uris)
	case errors.As(err, &no):
		s.reject(p.cs, no.code, no.data)
	case err != nil:
		s.reject(p.cs, CodeOf(err), nil)
	case len(s.portals) > 0:
		conn.leave()
		if rc := p.cs.Accept(s.portalURIs(conn), s.cfg.AcceptData); rc != 0 {
			s.reject(p.cs, Code(rc), nil)
			return
		}
		s.accepted.Add(1)
		if conn != nil {
			conn.session.move()
		}
	default:
		if rc := p.cs.Accept(nil, s.cfg.AcceptData); rc != 0 {
			s.reject(p.cs, Code(rc), nil)
		} else if conn != nil && !conn.isDown {
			s.accepted.Add(1)
			s.admit(conn)
		}
	}
}

// leave marks a connection whose session goes on elsewhere. The library closes
// it.
func (c *Connection) leave() {
	if c != nil {
		c.setup = true
	}
}

// portalURIs is where the next session's connections may go: every session
// begins with another portal. A server that listens on all addresses names the
// one that the client came to.
func (s *Server) portalURIs(conn *Connection) []string {
	host := ""
	if conn != nil {
		_, local := conn.cg.Addrs()
		host = local.Addr().String()
	}
	first := int(s.turn.Add(1))
	var list []string
	for i := range s.portals {
		l := s.portals[(first+i)%len(s.portals)]
		list = append(list, s.scheme+"://"+net.JoinHostPort(host, strconv.Itoa(int(l.port))))
	}
	return list
}

// reject turns a waiting session away. The library ends its connection.
func (s *Server) reject(cs *cgo.Session, code Code, data []byte) {
	s.rejected.Add(1)
	if c := s.connOf(cs.ID()); c != nil {
		c.rejected = true
	}
	if len(data) > maxSetup {
		data = data[:maxSetup]
	}
	cs.Reject(int(code), data)
}

// connOf is the set-up connection of a session. The lead's driver.
func (s *Server) connOf(id uint32) *Connection {
	for _, c := range s.lead.ctx.conns {
		if c != nil && c.server == s && c.sessionID == id {
			return c
		}
	}
	return nil
}

// connected: a client's connection appeared on ctx, whose driver this is. It is
// served once it is admitted.
func (s *Server) connected(ctx *Context, e *cgo.Event) {
	info := e.Session().Info()
	c := newConnection(ctx, info.URI)
	c.server = s
	c.rdma = s.rdma()
	c.cg = e.Conn
	c.sessionID = e.SessionID
	c.depth = s.cfg.QueueDepth
	c.maxResponse = s.cfg.MaxResponse
	c.copyMax = copyMax(s.cfg.CopyResponse)
	c.closeTime = timeout(s.cfg.CloseTimeout)
	c.maxPending = s.cfg.MaxPending
	c.disp = s.disp
	c.logger = s.cfg.Logger
	c.observer, c.tracer = s.cfg.Observer, s.cfg.Tracer
	c.key, c.gen = cgo.Save(c), ctx.next()
	c.cg.SetKey(c.key, c.gen)
	c.cg.SetCloseTime(seconds(s.cfg.CloseTimeout, 0))
	ctx.add(c)
	lead := ctx == s.lead.ctx
	c.setup = lead && len(s.portals) > 0
	first := s.join(c, info)
	switch {
	case e.Flags&cgo.FlagRejected != 0:
		s.rejected.Add(1)
		c.rejected = true
	case ctx.closing || lead && s.lead.stopped:
		c.closed.Store(true)
		c.stop()
	case !c.setup && ctx.waiting[e.SessionID] == nil:
		if lead && first {
			s.accepted.Add(1)
		}
		s.admit(c)
	}
}

// join makes a connection one of its session, and says whether it is the first.
func (s *Server) join(c *Connection, info cgo.SessionInfo) (first bool) {
	s.mu.Lock()
	ses := s.sessions[c.sessionID]
	if ses == nil {
		ses = &Session{uri: info.URI, data: info.Private, server: s, id: c.sessionID, cg: c.cg.Session()}
		s.sessions[c.sessionID] = ses
	}
	s.mu.Unlock()
	ses.mu.Lock()
	c.session = ses
	first = ses.first == nil
	ses.arrived = ses.arrived || !c.setup
	ses.enter(c)
	ses.mu.Unlock()
	return first
}

// sessionGone: this was the session's last event. Some driver of the server.
func (s *Server) sessionGone(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id)
}

// admit lets a connection's messages and the application's callbacks come.
func (s *Server) admit(c *Connection) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	c.established()
	if s.cfg.OnConnect == nil && s.cfg.OnDisconnect == nil {
		return
	}
	go func() {
		if s.cfg.OnConnect != nil {
			s.cfg.OnConnect(c)
		}
		<-c.down
		if s.cfg.OnDisconnect != nil {
			s.cfg.OnDisconnect(c, c.Err())
		}
	}()
}

// forget: the connection has been destroyed.
func (s *Server) forget(c *Connection) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}
