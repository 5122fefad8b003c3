package xio

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/accelio/accelio-go/xio/cgo"
)

// ListenConfig holds the options of a server. The zero value is ready to use.
type ListenConfig struct {
	// Context is where the server and its connections live. Nil gives the
	// server one of its own, which ends with it.
	Context *Context
	// Accept decides about a client that wants a session. Nil accepts
	// everybody. An error rejects, with the Code in it as the reason; a
	// client on libxio learns that it was rejected, not why. Accept runs on
	// a goroutine of its own.
	Accept func(*SessionRequest) error
	// AcceptData is sent to clients with the acceptance, see Session.PeerData.
	AcceptData []byte
	// OnConnect is told of every accepted connection, OnDisconnect of its end
	// with the reason; both on one goroutine per connection. Requests may be
	// served while OnConnect still runs.
	OnConnect    func(*Connection)
	OnDisconnect func(*Connection, error)
	// Inline runs handlers on the driver: nothing is faster, but a handler
	// that blocks stops all connections of the Context.
	Inline bool
	// Workers is how many handlers run at a time when not Inline. Zero means
	// 256.
	Workers int
	// QueueDepth is how many requests to a client may be in flight. Zero
	// means 512; at most 4096.
	QueueDepth int
	// MaxResponse is for requests to a client what it is in Dialer.
	MaxResponse int
	// MaxPending is how many requests of one connection may be unanswered;
	// more are answered with ErrTxQueueOverflow. Zero means 4096.
	MaxPending int
	// MaxConnections is how many clients may be connected; more are rejected.
	// Zero means 10000.
	MaxConnections int
	// Logger is as in ContextOptions.
	Logger *slog.Logger
}

// SessionRequest is a client that asks for a session.
type SessionRequest struct {
	URI         string // what it asked for, resource part included
	PrivateData []byte // what it sent along
	RemoteAddr  net.Addr
}

// Server accepts sessions and serves the requests of their connections. It is
// safe for concurrent use.
type Server struct {
	ctx     *Context
	private bool
	cfg     ListenConfig
	uri     string
	addr    netip.AddrPort
	disp    *dispatcher

	mu    sync.Mutex
	conns map[*Connection]struct{}

	accepted, rejected atomic.Uint64
	once               sync.Once

	// Driver only.
	cg      *cgo.Server
	key     unsafe.Pointer
	gen     uint32
	stopped bool
}

// Listen starts a server with the default options; see [ListenConfig.Listen].
func Listen(uri string, h Handler) (*Server, error) {
	return new(ListenConfig).Listen(uri, h)
}

// Serve serves h at uri until ctx ends, then closes the server. It returns nil
// then, or the error of Listen.
func Serve(ctx context.Context, uri string, h Handler) error {
	s, err := Listen(uri, h)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return s.Close()
}

// Listen starts a server at uri, "tcp://host:port". Port 0 picks a free one,
// see [Server.URI]; the host * stands for all addresses. Requests are served
// from the moment Listen returns until Close.
//
// Errors: ErrAddr for a URI that cannot be used, syscall.EADDRINUSE,
// syscall.EADDRNOTAVAIL and their like from the system.
//
// Implements:
//
//	struct xio_server *xio_bind(struct xio_context *ctx, struct xio_session_ops *ops,
//	                            const char *uri, uint16_t *src_port, uint32_t flags, void *)
func (l *ListenConfig) Listen(uri string, h Handler) (*Server, error) {
	bad := func(code Code, why string) error {
		return &Error{Op: "listen", URI: uri, Code: code, Text: why}
	}
	s := &Server{cfg: *l, conns: map[*Connection]struct{}{}}
	cfg := &s.cfg
	if h == nil {
		return nil, bad(ErrMsgInvalid, "no handler")
	}
	if cfg.QueueDepth == 0 {
		cfg.QueueDepth = defaultDepth
	}
	if cfg.QueueDepth < 1 || cfg.QueueDepth > maxDepth {
		return nil, bad(ErrMsgInvalid, "QueueDepth out of range")
	}
	if cfg.MaxResponse < 0 || cfg.MaxResponse > MaxMessage {
		return nil, bad(ErrMsgInvalid, "MaxResponse out of range")
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = defaultMaxPending
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 10000
	}
	if len(cfg.AcceptData) > maxSetup {
		return nil, bad(ErrMsgSize, "AcceptData too long")
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	addr, err := prepareURI(ctx, "listen", uri)
	if err != nil {
		return nil, err
	}
	if s.ctx = cfg.Context; s.ctx == nil {
		s.private = true
		if s.ctx, err = NewContext(ContextOptions{Logger: cfg.Logger}); err != nil {
			return nil, err
		}
	}
	s.disp = newDispatcher(h, cfg.Inline, cfg.Workers)
	code := ErrClosed
	s.ctx.do(func() { code = s.listen(addr.String(), &addr) })
	if code != 0 {
		if s.private {
			s.ctx.Close()
		}
		return nil, bad(code, "")
	}
	ip, _ := netip.ParseAddr(addr.host)
	s.addr = netip.AddrPortFrom(ip, addr.port)
	given, _ := parseURI(uri)
	given.port = addr.port
	s.uri = given.String()
	return s, nil
}

// URI is where the server listens, as it was given to Listen, with the port
// that was picked if it was 0.
func (s *Server) URI() string { return s.uri }

// Addr is the address the server listens at.
func (s *Server) Addr() net.Addr { return net.TCPAddrFromAddrPort(s.addr) }

// Connections are the present connections, in no order.
func (s *Server) Connections() []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Connection, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}

// ServerStats counts what a server did.
type ServerStats struct {
	Accepted    uint64 // sessions let in
	Rejected    uint64 // sessions turned away
	Connections int    // at present
}

// Stats returns a snapshot.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	n := len(s.conns)
	s.mu.Unlock()
	return ServerStats{Accepted: s.accepted.Load(), Rejected: s.rejected.Load(), Connections: n}
}

// Close stops listening, closes all connections as [Connection.Close] does, and
// waits until the library is done with them. Handlers that still run keep their
// requests' memory and find the requester gone. Close may be called any number
// of times, from any goroutine; every call waits.
//
// Implements:
//
//	int xio_unbind(struct xio_server *server)
func (s *Server) Close() error {
	s.once.Do(func() { s.ctx.post(s.stop) })
	if s.private {
		return s.ctx.Close()
	}
	for _, c := range s.Connections() {
		c.Close()
	}
	return nil
}

// ---- driver only from here on ----

func (s *Server) listen(target string, addr *uri) Code {
	if s.ctx.closing {
		return ErrClosed
	}
	s.key, s.gen = cgo.Save(s), s.ctx.next()
	cg, port, rc := s.ctx.cg.Listen(&cgo.Listen{
		URI:         target,
		Key:         s.key,
		Gen:         s.gen,
		MaxSessions: s.cfg.MaxConnections,
		Decide:      s.cfg.Accept != nil,
		AcceptData:  s.cfg.AcceptData,
	})
	if rc != 0 {
		cgo.Unref(s.key)
		s.key = nil
		return Code(rc)
	}
	s.cg = cg
	addr.port = uint16(port)
	s.ctx.servers[s] = struct{}{}
	return 0
}

// stop ends listening and all connections.
func (s *Server) stop() {
	if s.stopped || s.cg == nil {
		return
	}
	s.stopped = true
	s.cg.Unlisten()
	for cs, sv := range s.ctx.waiting {
		if sv == s {
			delete(s.ctx.waiting, cs)
			s.reject(cs, ErrSessionRefused)
		}
	}
	for _, c := range s.ctx.conns {
		if c != nil && c.server == s {
			c.closed.Store(true)
			c.stop()
		}
	}
}

// ended: the server's last session has ended.
func (s *Server) ended() {
	if s.key == nil {
		return
	}
	cgo.Unref(s.key)
	s.key = nil
	delete(s.ctx.servers, s)
	s.disp.close()
}

// decide asks the policy about a session.
func (s *Server) decide(cs *cgo.Session) {
	if s.stopped {
		cs.Reject(int(ErrSessionRefused))
		return
	}
	info := cs.Info()
	req := &SessionRequest{URI: info.URI, PrivateData: info.Private, RemoteAddr: net.TCPAddrFromAddrPort(info.Peer)}
	s.ctx.waiting[cs] = s
	go func() {
		err := s.policy(req)
		s.ctx.post(func() { s.decided(cs, err) })
	}()
}

func (s *Server) policy(req *SessionRequest) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.ctx.log(s.cfg.Logger).Error("xio: panic in Accept", "panic", p)
			err = errors.New("panic in Accept")
		}
	}()
	return s.cfg.Accept(req)
}

// decided carries the policy's decision out, if the session still waits for it.
func (s *Server) decided(cs *cgo.Session, err error) {
	if s.ctx.finished || s.ctx.waiting[cs] != s {
		return
	}
	delete(s.ctx.waiting, cs)
	if err != nil {
		s.reject(cs, codeOf(err))
		return
	}
	conn := s.connOf(cs)
	if cs.Accept(s.cfg.AcceptData) == 0 && conn != nil && !conn.isDown {
		s.admit(conn)
	}
}

// reject turns a waiting session away. The library ends its connection.
func (s *Server) reject(cs *cgo.Session, code Code) {
	s.rejected.Add(1)
	if c := s.connOf(cs); c != nil {
		c.rejected = true
	}
	cs.Reject(int(code))
}

func (s *Server) connOf(cs *cgo.Session) *Connection {
	for _, c := range s.ctx.conns {
		if c != nil && c.server == s && c.cg.Session() == cs {
			return c
		}
	}
	return nil
}

// connected: a client's connection appeared. It is served once it is admitted.
func (s *Server) connected(e *cgo.Event) {
	info := e.Session().Info()
	c := newConnection(s.ctx, info.URI)
	c.server = s
	c.cg = e.Conn
	c.depth = s.cfg.QueueDepth
	c.maxResponse = s.cfg.MaxResponse
	c.maxPending = s.cfg.MaxPending
	c.disp = s.disp
	c.logger = s.cfg.Logger
	c.reserved = make(chan struct{})
	c.session = &Session{ctx: s.ctx, uri: info.URI, data: info.Private, conn: c}
	c.key, c.gen = cgo.Save(c), s.ctx.next()
	c.cg.SetKey(c.key, c.gen)
	s.ctx.add(c)
	switch {
	case e.Flags&cgo.FlagRejected != 0:
		s.rejected.Add(1)
		c.rejected = true
	case s.stopped:
		c.stop()
	case s.ctx.waiting[e.Session()] == nil:
		s.admit(c)
	}
}

// admit lets a connection's requests and the application's callbacks come.
func (s *Server) admit(c *Connection) {
	s.accepted.Add(1)
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
