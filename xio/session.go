package xio

import (
	"unsafe"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Session is the agreement between a client and a server to which connections
// belong. It begins with Dial, or with a client's arrival at a Server, and ends
// when its last connection has ended.
//
// Implements:
//
//	struct xio_session *xio_session_create(struct xio_session_params *params)
type Session struct {
	ctx  *Context
	uri  string
	data []byte
	conn *Connection

	// Client side, driver only.
	key unsafe.Pointer
	gen uint32
}

// URI is, on a client, what was dialled; on a server, what the client asked
// for, resource part included.
func (s *Session) URI() string { return s.uri }

// PeerData is, on a client, what the server sent with its acceptance; on a
// server, the client's private data.
func (s *Session) PeerData() []byte { return s.data }

// Connection is the session's connection.
func (s *Session) Connection() *Connection { return s.conn }

// Close closes the session's connection; see [Connection.Close].
func (s *Session) Close() error { return s.conn.Close() }

// newClientSession registers a session. Driver only, like all below.
func (c *Context) newClientSession(s *Session) {
	s.key = cgo.Save(s)
	s.gen = c.next()
	c.sessions[s] = struct{}{}
}

// up: the server let the session in.
func (s *Session) up() {
	info := s.conn.cg.Session().Info()
	s.data = info.Private
	s.conn.established()
}

// ended: this was the session's last event.
func (s *Session) ended() {
	if s.key == nil {
		return
	}
	cgo.Unref(s.key)
	s.key = nil
	delete(s.ctx.sessions, s)
}
