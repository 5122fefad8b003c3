//go:build cgo

package cgo

/*
#include <stdlib.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include "shim.h"

static uint16_t port_of(const struct sockaddr_storage *s)
{
	if (s->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)s)->sin6_port);
	return ntohs(((const struct sockaddr_in *)s)->sin_port);
}

static int addr_of(const struct sockaddr_storage *s, uint8_t *out)
{
	if (s->ss_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)s)->sin6_addr, 16);
		return 16;
	}
	if (s->ss_family == AF_INET) {
		memcpy(out, &((const struct sockaddr_in *)s)->sin_addr, 4);
		return 4;
	}
	return 0;
}
*/
import "C"

import (
	"net/netip"
	"unsafe"
)

// Conn, Session and Server are the shim's objects, opaque to Go.
type (
	Conn    C.struct_xg_conn
	Session C.struct_xg_session
	Server  C.struct_xg_server
)

// Connect describes a client connection and its session.
type Connect struct {
	URI                 string
	Private             []byte // shown to the server's accept policy
	Depth               int    // request slots
	SessionKey, ConnKey unsafe.Pointer
	SessionGen, ConnGen uint32
}

// Connect starts a session with one connection. The connection is up when
// EvSessionUp arrives for the session. It returns a status code, 0 for success.
//
// Implements:
//
//	struct xio_session *xio_session_create(struct xio_session_params *)
//	struct xio_connection *xio_connect(struct xio_connection_params *)
func (c *Context) Connect(a *Connect) (*Conn, int) {
	uri := C.CString(a.URI)
	defer C.free(unsafe.Pointer(uri))
	priv, n := cBytes(a.Private)
	defer C.free(priv)
	ca := C.struct_xg_connect_args{
		uri:         uri,
		priv:        priv,
		priv_len:    n,
		depth:       C.uint32_t(a.Depth),
		session_key: a.SessionKey,
		conn_key:    a.ConnKey,
		session_gen: C.uint32_t(a.SessionGen),
		conn_gen:    C.uint32_t(a.ConnGen),
	}
	var err C.int
	cn := C.xg_connect(c.p, &ca, &err)
	c.moved()
	return (*Conn)(cn), int(err)
}

// Reserve gives a connection its request slots, once.
func (c *Context) Reserve(cn *Conn, depth int) int {
	rc := C.xg_conn_reserve(cn.c(), C.uint32_t(depth))
	c.moved()
	return int(rc)
}

func (cn *Conn) c() *C.struct_xg_conn { return (*C.struct_xg_conn)(cn) }

// Index is the connection's place in the table of its context.
func (cn *Conn) Index() uint32 { return uint32(C.xg_conn_index(cn.c())) }

// Tx is the i-th request slot.
func (cn *Conn) Tx(i int) *Tx {
	return (*Tx)(C.xg_conn_tx(cn.c(), C.uint32_t(i)))
}

// SetKey gives the connection the key that its events carry.
func (cn *Conn) SetKey(key unsafe.Pointer, gen uint32) {
	C.xg_conn_key(cn.c(), key, C.uint32_t(gen))
}

// Session is the connection's session.
func (cn *Conn) Session() *Session { return (*Session)(C.xg_conn_session(cn.c())) }

// Addrs are the peer's and the local address, invalid if unknown.
//
// Implements:
//
//	int xio_query_connection(struct xio_connection *, struct xio_connection_attr *, int)
func (cn *Conn) Addrs() (peer, local netip.AddrPort) {
	var a C.struct_xg_addrs
	C.xg_conn_addrs(cn.c(), &a)
	return addrPort(&a.peer), addrPort(&a.local)
}

// Disconnect starts a graceful close.
//
// Implements:
//
//	int xio_disconnect(struct xio_connection *)
func (cn *Conn) Disconnect() int { return int(C.xg_disconnect(cn.c())) }

// Abort ends a connection that never came up. EvConnTorn follows; messages in
// flight are not returned.
func (cn *Conn) Abort() int { return int(C.xg_abort(cn.c())) }

// Free destroys the connection: after EvConnTorn, with no slot in use.
//
// Implements:
//
//	int xio_connection_destroy(struct xio_connection *)
func (cn *Conn) Free() int { return int(C.xg_conn_free(cn.c())) }

// Listen describes a server.
type Listen struct {
	URI         string
	Key         unsafe.Pointer
	Gen         uint32
	MaxSessions int
	Decide      bool   // every session waits for Accept or Reject
	AcceptData  []byte // for sessions accepted without asking
}

// Listen starts a server and returns its port, and a status code, 0 for success.
//
// Implements:
//
//	struct xio_server *xio_bind(struct xio_context *, struct xio_session_ops *,
//	                            const char *, uint16_t *, uint32_t, void *)
func (c *Context) Listen(a *Listen) (*Server, int, int) {
	uri := C.CString(a.URI)
	defer C.free(unsafe.Pointer(uri))
	priv, n := cBytes(a.AcceptData)
	defer C.free(priv)
	ba := C.struct_xg_bind_args{
		uri:          uri,
		key:          a.Key,
		gen:          C.uint32_t(a.Gen),
		max_sessions: C.uint32_t(a.MaxSessions),
		priv:         priv,
		priv_len:     n,
	}
	if a.Decide {
		ba.decide = 1
	}
	var port C.uint16_t
	var err C.int
	s := C.xg_listen(c.p, &ba, &port, &err)
	c.moved()
	return (*Server)(s), int(port), int(err)
}

// Unlisten stops the server; EvServerGone follows the end of its last session.
//
// Implements:
//
//	int xio_unbind(struct xio_server *)
func (s *Server) Unlisten() { C.xg_unlisten((*C.struct_xg_server)(s)) }

// Accept lets a waiting session in.
//
// Implements:
//
//	int xio_accept(struct xio_session *, const char **, size_t, void *, size_t)
func (s *Session) Accept(data []byte) int {
	priv, n := cBytes(data)
	defer C.free(priv)
	return int(C.xg_accept((*C.struct_xg_session)(s), priv, n))
}

// Reject turns a waiting session away.
//
// Implements:
//
//	int xio_reject(struct xio_session *, enum xio_status, void *, size_t)
func (s *Session) Reject(reason int) int {
	return int(C.xg_reject((*C.struct_xg_session)(s), C.int(reason)))
}

// SessionInfo is what is known of a session: on a server what the client sent,
// on a client what the server sent with its acceptance.
type SessionInfo struct {
	URI     string
	Private []byte
	Peer    netip.AddrPort
}

// Info copies what is known of the session.
func (s *Session) Info() SessionInfo {
	var i C.struct_xg_session_info
	C.xg_session_info((*C.struct_xg_session)(s), &i)
	var r SessionInfo
	if i.uri_len > 0 {
		r.URI = string(unsafe.Slice((*byte)(i.uri), int(i.uri_len)))
		for n := len(r.URI); n > 0 && r.URI[n-1] == 0; n-- {
			r.URI = r.URI[:n-1]
		}
	}
	if i.priv_len > 0 {
		r.Private = C.GoBytes(i.priv, C.int(i.priv_len))
	}
	r.Peer = addrPort(&i.peer)
	return r
}

func cBytes(b []byte) (unsafe.Pointer, C.uint32_t) {
	if len(b) == 0 {
		return nil, 0
	}
	return C.CBytes(b), C.uint32_t(len(b))
}

func addrPort(s *C.struct_sockaddr_storage) netip.AddrPort {
	var b [16]byte
	n := C.addr_of(s, (*C.uint8_t)(unsafe.Pointer(&b[0])))
	a, ok := netip.AddrFromSlice(b[:int(n)])
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(C.port_of(s)))
}
