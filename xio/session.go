package xio

import (
	"context"
	"slices"
	"sync"
	"unsafe"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Session is the agreement between a client and a server to which connections
// belong. It begins with Dial, or with a client's arrival at a Server, and ends
// when its last connection has ended. Its connections may live on several
// Contexts, one on each: that is how one client uses several processors, and
// reaches several portals of a server.
//
// A Session is safe for concurrent use.
//
// Implements:
//
//	struct xio_session *xio_session_create(struct xio_session_params *params)
type Session struct {
	uri    string
	target string // what the library is told, client side

	learnOnce sync.Once
	data      []byte

	// The driver that creates or destroys a connection of the session holds mu
	// meanwhile: so who has the last one is agreed on with the library.
	mu    sync.Mutex
	conns []*Connection // those the library knows
	first *Connection
	over  bool // client side: no connection is left, and none may come
	ended bool // the library's last event has come
	cg    *cgo.Session
	id    uint32

	// Client side.
	key unsafe.Pointer
	gen uint32

	// Server side.
	server  *Server
	moved   bool // the client was sent to portals
	arrived bool // and has come to one
	closing bool // nobody can come any more
}

// URI is, on a client, what was dialled; on a server, what the client asked
// for, resource part included.
//
// Implements:
//
//	int xio_query_session(struct xio_session *, struct xio_session_attr *, int)
func (s *Session) URI() string { return s.uri }

// PeerData is, on a client, what the server sent with its acceptance; on a
// server, the client's private data. It is memory of the session, and must not be
// changed.
func (s *Session) PeerData() []byte { return s.data }

// Connection is the session's first connection; on a server with portals the
// first that carries messages.
func (s *Session) Connection() *Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// Connections are the session's present connections, the oldest first.
func (s *Session) Connections() []*Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.conns), func(c *Connection) bool { return c.setup })
}

// Connect adds a connection to a client's session, with the options of d; nil
// stands for the default ones. PrivateData belongs to the session and must be
// empty here. A Context has one connection of a session at most: leave
// Dialer.Context nil for a new one, or give one that has none yet.
//
// Errors: ErrState on a server's session, and for a second connection on a
// Context; ErrClosed when the session is over; otherwise those of
// [Dialer.Dial].
//
// Implements:
//
//	struct xio_connection *xio_connect(struct xio_connection_params *params)
func (s *Session) Connect(ctx context.Context, d *Dialer) (*Connection, error) {
	if d == nil {
		d = new(Dialer)
	}
	fail := func(code Code, why string) error {
		return &Error{Op: "dial", URI: s.uri, Code: code, Text: why}
	}
	switch {
	case s.target == "":
		return nil, fail(ErrState, "a server's session gets its connections from the client")
	case len(d.PrivateData) > 0:
		return nil, fail(ErrMsgInvalid, "PrivateData belongs to the session's first connection")
	}
	return d.connect(ctx, s)
}

// Close closes all connections of the session, at once; see [Connection.Close].
func (s *Session) Close() error {
	s.mu.Lock()
	conns := slices.Clone(s.conns)
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() { c.Close() })
	}
	wg.Wait()
	return nil
}

// learn takes note of what the server sent, before the first use.
func (s *Session) learn(cs *cgo.Session) {
	s.learnOnce.Do(func() { s.data = cs.Info().Private })
}

// ---- drivers only from here on ----

// attach makes the library's half of a client connection, and of the session
// with the first one.
func (s *Session) attach(c *Connection, a *cgo.Connect, private []byte) Code {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return ErrClosed
	}
	for _, o := range s.conns {
		if o.ctx == c.ctx {
			return ErrState
		}
	}
	if s.cg == nil {
		s.key, s.gen = cgo.Save(s), c.ctx.next()
		cg, rc := cgo.OpenSession(&cgo.NewSession{URI: s.target, Private: private, Key: s.key, Gen: s.gen})
		if rc != 0 {
			s.drop()
			return Code(rc)
		}
		s.cg, s.id = cg, cg.ID()
	}
	a.Session = s.cg
	cg, rc := c.ctx.cg.Connect(a)
	if rc != 0 {
		if s.first == nil {
			s.cg.Drop()
			s.drop()
		}
		return Code(rc)
	}
	c.cg = cg
	s.enter(c)
	return 0
}

// drop forgets a session that the library knows nothing of.
func (s *Session) drop() {
	cgo.Unref(s.key)
	s.key = nil
	s.over, s.ended = true, true
}

func (s *Session) enter(c *Connection) {
	s.conns = append(s.conns, c)
	if s.first == nil || s.first.setup {
		s.first = c
	}
}

// move: the client is sent to the portals.
func (s *Session) move() {
	s.mu.Lock()
	s.moved = true
	s.mu.Unlock()
}

// detach destroys the library's half of a connection. The session's last event
// follows the last of them, on this very Context, which waits for it; unless the
// client is still on its way to a portal.
func (s *Session) detach(c *Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.cg.Free()
	i := slices.Index(s.conns, c)
	s.conns = slices.Delete(s.conns, i, i+1)
	switch {
	case len(s.conns) > 0:
		return
	case s.moved && !s.arrived:
		s.letGo()
		return
	}
	s.over = s.server == nil
	if !s.ended {
		c.ctx.sessions[s.id] = s
	}
}

// end: this was the session's last event, and it came on ctx.
func (s *Session) end(ctx *Context) {
	s.mu.Lock()
	s.over, s.ended = true, true
	if s.key != nil {
		cgo.Unref(s.key)
		s.key = nil
	}
	s.mu.Unlock()
	delete(ctx.sessions, s.id)
	if s.server != nil {
		s.server.sessionGone(s.id)
	}
}

// abandon ends a session whose client never came to a portal, now or when its
// set-up connection has gone. The lead's driver, when all portals are closed.
func (s *Session) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	s.letGo()
}

// letGo ends the session if its server is closing and nobody is left to come.
func (s *Session) letGo() {
	if !s.closing || len(s.conns) > 0 || !s.moved || s.arrived || s.ended {
		return
	}
	s.ended = true
	s.cg.Abandon()
	s.server.sessionGone(s.id)
}
