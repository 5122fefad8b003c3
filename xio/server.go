package xio

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ListenConfig holds the options of a server. The zero value is ready to use. Listen
// copies it; any number of goroutines may listen with one that nobody changes. A
// value out of its range makes Listen fail with ErrMsgInvalid.
type ListenConfig struct {
	// Context is where the server and its connections live. Nil gives the
	// server one of its own, which ends with it.
	Context *Context
	// Portals is how many Contexts serve the connections, each with a listener
	// of its own on the same address: clients are sent there, in turns. Zero
	// serves them on the server's Context; at most 64.
	Portals int
	// PortalContext makes the Context of the i-th portal, counted from 0; Listen
	// fails with its error. Nil means NewContext with default options. The
	// Context ends with the server.
	PortalContext func(i int) (*Context, error)
	// Accept decides about a client that wants a session. Nil accepts
	// everybody. An error rejects, with the Code in it as the reason (see
	// [Reject]), or sends the client elsewhere (see [Redirect]). Accept runs
	// on a goroutine of its own for each client, and may take its time.
	Accept func(*SessionRequest) error
	// AcceptData is sent to clients with the acceptance, see Session.PeerData:
	// at most 3800 bytes, less 61 for each portal. Nil sends nothing.
	AcceptData []byte
	// OnConnect is told of every accepted connection, OnDisconnect of its end
	// with the reason, as in Connection.Err; both on one goroutine per
	// connection, in this order. Requests may be served while OnConnect still
	// runs. Nil is not told.
	OnConnect    func(*Connection)
	OnDisconnect func(*Connection, error)
	// OnMsg gets the one-way messages, as Handler gets the requests. A message
	// belongs to it until it returns, or, after Detach, until Release. Nil
	// drops them.
	OnMsg func(*OneWay)
	// Inline runs handlers and OnMsg on the driver: nothing is faster, but one
	// that blocks stops all connections of the Context. See Connection.Yield.
	Inline bool
	// Workers is how many handlers run at a time when not Inline; requests
	// beyond wait for one. Zero and less mean 256.
	Workers int
	// QueueDepth is how many requests and one-way messages to a client may be in
	// flight. Zero means 512; at most 4096.
	QueueDepth int
	// MaxResponse and CopyResponse are for requests to a client what they are
	// in Dialer.
	MaxResponse  int
	CopyResponse int
	// MaxPending is how many requests of one connection may be unanswered;
	// more are answered with ErrTxQueueOverflow. Zero and less mean 4096.
	MaxPending int
	// MaxConnections is how many sessions there may be; more are rejected.
	// Zero and less mean 10000.
	MaxConnections int
	// CloseTimeout is as in Dialer.
	CloseTimeout time.Duration
	// Observer is told of messages that have ended, Tracer follows single ones.
	// Nil costs nothing.
	Observer Observer
	Tracer   Tracer
	// Logger is as in ContextOptions.
	Logger *slog.Logger
}

// SessionRequest is a client that asks for a session. It belongs to
// ListenConfig.Accept, which may keep it.
//
// Implements:
//
//	int xio_accept(struct xio_session *, const char **portals, size_t n, void *data, size_t len)
type SessionRequest struct {
	URI         string   // what it asked for, resource part included
	PrivateData []byte   // what it sent along
	RemoteAddr  net.Addr // where it is
}

// Server accepts sessions and serves the messages of their connections. It is
// safe for concurrent use.
type Server struct {
	private bool // the lead's Context is ours
	cfg     ListenConfig
	uri     string
	scheme  string // of its transport
	addr    netip.AddrPort
	disp    *dispatcher

	lead    *listener   // where sessions begin
	portals []*listener // where they go on, if there are any

	mu       sync.Mutex
	conns    map[*Connection]struct{}
	sessions map[uint32]*Session

	turn               atomic.Uint32 // the portal that comes first for the next session
	accepted, rejected atomic.Uint64
	once               sync.Once
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

// Listen starts a server at uri, "tcp://host:port" or "rdma://host:port". Port 0
// picks a free one, see [Server.URI]; the host * stands for all addresses. Requests
// are served from the moment Listen returns until Close. For clients of both
// transports start two servers, which may have the port, the handler and the Context
// in common.
//
// h may be nil if OnMsg is set: requests are then answered with ErrNotSupported.
//
// Errors: ErrAddr for a URI that cannot be used, or whose host does not resolve,
// and ErrTimeout if that takes more than 10 s;
// ErrMsgInvalid and ErrMsgSize for options out of range, and without any handler;
// ErrClosed if the Context is closed; syscall.ENODEV where no RDMA device has the
// address, or it has gone; syscall.EADDRINUSE, syscall.EADDRNOTAVAIL and their like from
// the system.
//
// Implements:
//
//	struct xio_server *xio_bind(struct xio_context *ctx, struct xio_session_ops *ops,
//	                            const char *uri, uint16_t *src_port, uint32_t flags, void *)
func (l *ListenConfig) Listen(uri string, h Handler) (*Server, error) {
	s := &Server{cfg: *l, conns: map[*Connection]struct{}{}, sessions: map[uint32]*Session{}}
	cfg := &s.cfg
	if code, why := cfg.prepare(h); code != 0 {
		return nil, &Error{Op: "listen", URI: uri, Code: code, Text: why}
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	addr, err := prepareURI(ctx, "listen", uri)
	if err != nil {
		return nil, err
	}
	s.scheme = addr.scheme
	s.disp = newDispatcher(h, cfg.OnMsg, cfg.Inline, cfg.Workers)
	given, _ := parseURI(uri)
	if err := s.start(addr); err != nil {
		s.Close()
		return nil, err
	}
	ip, _ := netip.ParseAddr(addr.host)
	s.addr = netip.AddrPortFrom(ip, s.lead.port)
	given.port = s.lead.port
	s.uri = given.String()
	return s, nil
}

// prepare checks the options and fills in what zero stands for.
func (cfg *ListenConfig) prepare(h Handler) (Code, string) {
	if cfg.QueueDepth == 0 {
		cfg.QueueDepth = defaultDepth
	}
	switch {
	case h == nil && cfg.OnMsg == nil:
		return ErrMsgInvalid, "no handler"
	case cfg.QueueDepth < 1 || cfg.QueueDepth > maxDepth:
		return ErrMsgInvalid, "QueueDepth out of range"
	case cfg.MaxResponse < 0 || cfg.MaxResponse > MaxMessage:
		return ErrMsgInvalid, "MaxResponse out of range"
	case cfg.Portals < 0 || cfg.Portals > maxTargets:
		return ErrMsgInvalid, "Portals out of range"
	case cfg.CloseTimeout < 0 || cfg.CloseTimeout > maxCloseTimeout:
		return ErrMsgInvalid, "CloseTimeout out of range"
	case len(cfg.AcceptData) > maxSetup-cfg.Portals*maxPortalURI:
		return ErrMsgSize, "AcceptData too long"
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = defaultMaxPending
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = 10000
	}
	return 0, ""
}

// URI is where the server listens, as it was given to Listen, with the port
// that was picked if it was 0.
func (s *Server) URI() string { return s.uri }

func (s *Server) rdma() bool { return s.scheme == "rdma" }

// Addr is the address the server listens at, with the port that was picked.
func (s *Server) Addr() net.Addr { return net.TCPAddrFromAddrPort(s.addr) }

// Connections are the present connections, in no order. One that is lost or
// closed is among them until the last of its requests is answered and the last
// of its Responses released; [Connection.Done] tells.
func (s *Server) Connections() []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Connection, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}

// ServerStats counts what a server did. Counters begin with the server and never
// go down.
type ServerStats struct {
	Accepted    uint64 // sessions let in
	Rejected    uint64 // sessions turned away
	Connections int    // as many as Server.Connections lists
	Pending     int    // messages not yet answered or released, of all connections
	Serving     int    // of these, those that a handler works on; 0 with Inline
	Queued      int    // of these, those that wait because all Workers are busy; 0 with Inline
}

// Stats returns a snapshot. It never waits for handlers or drivers: it may be
// called from any goroutine at any time, after Close as well.
func (s *Server) Stats() ServerStats {
	st := ServerStats{Accepted: s.accepted.Load(), Rejected: s.rejected.Load()}
	st.Serving, st.Queued = s.disp.load()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Connections = len(s.conns)
	for c := range s.conns {
		st.Pending += c.Stats().Pending
	}
	return st
}

// Close stops listening, closes all connections as [Connection.Close] does, and
// waits until the library is done with them. Handlers that still run keep their
// requests' memory and find the requester gone. Close may be called any number of
// times, from any goroutine but the driver; every call waits, and returns nil.
//
// Implements:
//
//	int xio_unbind(struct xio_server *server)
func (s *Server) Close() error {
	s.once.Do(func() {
		s.stopListening()
		for _, l := range s.listeners() {
			l.ctx.post(l.stopConnections)
		}
	})
	var wg sync.WaitGroup
	for _, c := range s.Connections() {
		wg.Go(func() { c.Close() })
	}
	for _, l := range s.portals {
		wg.Go(func() { l.ctx.Close() })
	}
	wg.Wait()
	if s.lead != nil {
		s.lead.ctx.post(s.abandon)
		if s.private {
			s.lead.ctx.Close()
		}
	}
	return nil
}

func (s *Server) listeners() []*listener {
	if s.lead == nil {
		return s.portals
	}
	return append(slices.Clone(s.portals), s.lead)
}

// stopListening lets no further session in. Any goroutine.
func (s *Server) stopListening() {
	for _, l := range s.listeners() {
		l.ctx.post(l.stop)
	}
}
