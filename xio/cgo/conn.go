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

// NewSession describes a client session.
type NewSession struct {
	URI     string
	Private []byte // shown to the server's accept policy
	Key     unsafe.Pointer
	Gen     uint32
}

// OpenSession makes a client session without connections. It returns a status
// code, 0 for success. Any goroutine.
//
// Implements:
//
//	struct xio_session *xio_session_create(struct xio_session_params *)
func OpenSession(a *NewSession) (*Session, int) {
	uri := C.CString(a.URI)
	defer C.free(unsafe.Pointer(uri))
	priv, n := cBytes(a.Private)
	defer C.free(priv)
	sa := C.struct_xg_session_args{
		uri:      uri,
		priv:     priv,
		priv_len: n,
		key:      a.Key,
		gen:      C.uint32_t(a.Gen),
	}
	var err C.int
	s := C.xg_session_new(&sa, &err)
	return (*Session)(s), int(err)
}

// Drop destroys a session that never had a connection; others end by
// EvSessionGone.
//
// Implements:
//
//	int xio_session_destroy(struct xio_session *)
func (s *Session) Drop() { C.xg_session_drop((*C.struct_xg_session)(s)) }

// Abandon ends a server's session that went to portals and has no connection on
// any Context. The listener's driver; EvServerGone may follow.
func (s *Session) Abandon() { C.xg_session_abandon((*C.struct_xg_session)(s)) }

// ID is the session's number, which no other session of the process has had
// lately.
func (s *Session) ID() uint32 { return uint32(C.xg_session_id((*C.struct_xg_session)(s))) }

// Connect describes a client connection.
type Connect struct {
	Session   *Session
	Key       unsafe.Pointer
	Gen       uint32
	Depth     int    // request slots
	Index     int    // which of the server's portals; 0: they take turns
	TOS       int    // type of service, -1: the system's default
	CloseSecs int    // how long the peer may take to agree to a close; 0: 10
	OutAddr   string // local address, empty: the system chooses
}

// Connect adds a connection to a session. It is up when EvConnUp arrives. It
// returns a status code, 0 for success.
//
// Implements:
//
//	struct xio_connection *xio_connect(struct xio_connection_params *)
func (c *Context) Connect(a *Connect) (*Conn, int) {
	ca := C.struct_xg_connect_args{
		session:    (*C.struct_xg_session)(a.Session),
		key:        a.Key,
		gen:        C.uint32_t(a.Gen),
		depth:      C.uint32_t(a.Depth),
		index:      C.uint32_t(a.Index),
		tos:        C.int(a.TOS),
		close_secs: C.uint32_t(a.CloseSecs),
	}
	if a.OutAddr != "" {
		ca.out_addr = C.CString(a.OutAddr)
		defer C.free(unsafe.Pointer(ca.out_addr))
	}
	var err C.int
	cn := C.xg_connect(c.p, &ca, &err)
	c.moved()
	return (*Conn)(cn), int(err)
}

// MakeSlots gives a connection its request slots, once. Any goroutine, as long as
// the connection is not freed meanwhile.
func (cn *Conn) MakeSlots(depth int) int {
	return int(C.xg_conn_slots(cn.c(), C.uint32_t(depth)))
}

// Reserve makes room for the events of a connection's request slots, before the first
// of them is submitted.
func (c *Context) Reserve(cn *Conn) int {
	rc := C.xg_conn_reserve(cn.c())
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

// SetCloseTime sets how many seconds the peer may take to agree to a close; 0
// is 10. libxio knows one second and those from 1000 on.
//
// Implements:
//
//	int xio_modify_connection(struct xio_connection *, struct xio_connection_attr *, int)
func (cn *Conn) SetCloseTime(secs int) { C.xg_conn_close_time(cn.c(), C.uint32_t(secs)) }

// SetCopyMax sets the data length of a response, in bytes, above which its
// record has FlagKeep; without it one is valid until the next turn.
func (cn *Conn) SetCopyMax(n int) { C.xg_conn_copy_max(cn.c(), C.uint64_t(n)) }

// RejectData is what the server said with its rejection, on the embedded engine.
func (cn *Conn) RejectData() []byte {
	var n C.uint32_t
	p := C.xg_conn_reject_data(cn.c(), &n)
	if n == 0 {
		return nil
	}
	return C.GoBytes(p, C.int(n))
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

// Leave ends a connection, with its messages, that the library will never end: EvConnTorn
// follows. What the library has of it stays allocated, and so does its context.
func (cn *Conn) Leave() { C.xg_conn_leave(cn.c()) }

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

// Accept lets a waiting session in. With portals the client goes there for its
// connections.
//
// Implements:
//
//	int xio_accept(struct xio_session *, const char **, size_t, void *, size_t)
func (s *Session) Accept(portals []string, data []byte) int {
	list := cStrings(portals)
	defer list.free()
	priv, n := cBytes(data)
	defer C.free(priv)
	return int(C.xg_accept((*C.struct_xg_session)(s), list.p, list.n, priv, n))
}

// Redirect sends the client of a waiting session to other servers.
//
// Implements:
//
//	int xio_redirect(struct xio_session *, const char **, size_t)
func (s *Session) Redirect(uris []string) int {
	list := cStrings(uris)
	defer list.free()
	return int(C.xg_redirect((*C.struct_xg_session)(s), list.p, list.n))
}

// Reject turns a waiting session away.
//
// Implements:
//
//	int xio_reject(struct xio_session *, enum xio_status, void *, size_t)
func (s *Session) Reject(reason int, data []byte) int {
	priv, n := cBytes(data)
	defer C.free(priv)
	return int(C.xg_reject((*C.struct_xg_session)(s), C.int(reason), priv, n))
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

// stringList is an array of C strings in C memory.
type stringList struct {
	p **C.char
	n C.uint32_t
}

func cStrings(list []string) stringList {
	if len(list) == 0 {
		return stringList{}
	}
	p := (**C.char)(C.calloc(C.size_t(len(list)), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	for i, s := range list {
		unsafe.Slice(p, len(list))[i] = C.CString(s)
	}
	return stringList{p, C.uint32_t(len(list))}
}

func (l stringList) free() {
	for _, s := range unsafe.Slice(l.p, int(l.n)) {
		C.free(unsafe.Pointer(s))
	}
	C.free(unsafe.Pointer(l.p))
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
