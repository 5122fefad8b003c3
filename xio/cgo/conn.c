/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c - life of sessions, connections and servers.
 *
 * Design notes
 * - User contexts given to the library are our structures; each begins with a
 *   kind, because a server-side object carries the pointer given to xio_bind
 *   until it is replaced by its own. go-pointer keys travel inside.
 * - A connection is destroyed only after its teardown event (XG_EV_CONN_TORN)
 *   and only when Go holds nothing of it; or while it never came up.
 * - A session ends with its teardown event, which follows the destruction of
 *   its last connection; XG_EV_SESSION_GONE is its last record.
 * - When memory is short, a new session is rejected without structures of
 *   ours ('bare'): its events find a server as user context and are finished
 *   on the spot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* libxio takes 1..999 as one second and needs at least 1000 for anything else;
 * its default of five minutes is too long for a Close that waits. */
#ifdef XG_EMBEDDED
#define DISCONNECT_SECS	10
#else
#define DISCONNECT_SECS	1
#endif

#define MAX_SETUP	3812	/* URI and private data; libxio overflows beyond */
#define EV_SESSION	3
#define EV_CONN		4

static void *copy_bytes(const void *p, size_t n)
{
	void *q = NULL;

	if (p && n && (q = malloc(n)))
		memcpy(q, p, n);
	return q;
}

static struct xg_event *push_conn(struct xg_conn *cn, int kind, int status)
{
	struct xg_event *e = xg_push(cn->ctx, kind);

	e->status = status;
	e->key = cn->key;
	e->gen = cn->gen;
	e->conn_index = cn->index;
	e->conn = cn;
	e->p = cn->session;
	return e;
}

/* ---- connections ---- */

static struct xg_conn *conn_new(struct xg_ctx *c)
{
	struct xg_conn *cn = calloc(1, sizeof(*cn));
	uint32_t i;

	if (!cn)
		return NULL;
	for (i = 0; i < c->nconns && c->conns[i]; i++)
		;
	if (i == c->nconns) {
		uint32_t n = c->nconns ? c->nconns * 2 : 16;
		struct xg_conn **t = realloc(c->conns, n * sizeof(*t));

		if (!t) {
			free(cn);
			return NULL;
		}
		memset(t + c->nconns, 0, (n - c->nconns) * sizeof(*t));
		c->conns = t;
		c->nconns = n;
	}
	if (xg_reserve(c, EV_CONN)) {
		free(cn);
		return NULL;
	}
	cn->kind = XG_CONN;
	cn->ctx = c;
	cn->index = i;
	c->conns[i] = cn;
	return cn;
}

/* The session may end before, during or after the end of its connection. */
static void detach(struct xg_conn *cn)
{
	if (cn->session && cn->session->conn == cn)
		cn->session->conn = NULL;
	cn->session = NULL;
}

/*
 * Records that Go has not looked at yet must not lead to a connection that is
 * gone, or to another one that has its index by then. What they would tell is
 * settled by the end of the connection.
 */
static void forget_records(struct xg_conn *cn)
{
	struct xg_ctx *c = cn->ctx;
	uint32_t i;

	for (i = 0; i < c->nev; i++) {
		struct xg_event *e = &c->ev[i];

		if (e->conn == cn &&
		    (e->kind == XG_EV_RESPONSE || e->kind == XG_EV_ENDED ||
		     e->kind == XG_EV_REQUEST || e->kind == XG_EV_REPLIED))
			e->kind = XG_EV_NONE;
	}
}

static void conn_drop(struct xg_conn *cn)
{
	struct xg_block *b;

	forget_records(cn);
	while ((b = cn->assigned)) {
		cn->assigned = b->next;
		xg_block_put(cn->ctx, b);
	}
	detach(cn);
	xg_slots_free(cn);
	cn->ctx->conns[cn->index] = NULL;
	xg_reserve(cn->ctx, -EV_CONN);
	cn->kind = 0;
	free(cn);
}

int xg_conn_free(struct xg_conn *cn)
{
	int err = 0;

	xg_auto_release(cn);
	detach(cn);
	if (cn->xio && xio_connection_destroy(cn->xio)) {
		/* The library can never destroy it again, nor the session. */
		err = xg_error();
		cn->ctx->poisoned = 1;
	}
	conn_drop(cn);
	return err;
}

void xg_conn_key(struct xg_conn *cn, void *key, uint32_t gen)
{
	cn->key = key;
	cn->gen = gen;
}

uint32_t xg_conn_index(struct xg_conn *cn)
{
	return cn->index;
}

void xg_conn_addrs(struct xg_conn *cn, struct xg_addrs *a)
{
	*a = cn->addrs;
}

struct xg_session *xg_conn_session(struct xg_conn *cn)
{
	return cn->session;
}

int xg_disconnect(struct xg_conn *cn)
{
	if (!cn->xio || cn->torn)
		return 0;
	return xio_disconnect(cn->xio) ? xg_error() : 0;
}

int xg_abort(struct xg_conn *cn)
{
	int err = 0;

	if (cn->up || cn->down || !cn->xio)
		return xg_disconnect(cn);
	detach(cn);
	if (xio_connection_destroy(cn->xio)) {
		err = xg_error();
		cn->ctx->poisoned = 1;
	}
	cn->xio = NULL;
	cn->down = 1;
	cn->torn = 1;
	push_conn(cn, XG_EV_CONN_TORN, err);
	return err;
}

static void read_addrs(struct xg_conn *cn)
{
	struct xio_connection_attr a;

	memset(&a, 0, sizeof(a));
	if (xio_query_connection(cn->xio, &a, XIO_CONNECTION_ATTR_PEER_ADDR |
				 XIO_CONNECTION_ATTR_LOCAL_ADDR) == 0) {
		cn->addrs.peer = a.peer_addr;
		cn->addrs.local = a.local_addr;
	}
}

/* ---- sessions ---- */

static void session_free(struct xg_session *s)
{
	s->kind = 0;
	free(s->uri);
	free(s->priv);
	free(s);
}

static struct xg_session *session_new(struct xg_ctx *c)
{
	struct xg_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (xg_reserve(c, EV_SESSION)) {
		free(s);
		return NULL;
	}
	s->kind = XG_SESSION;
	s->ctx = c;
	return s;
}

static void server_check_gone(struct xg_server *sv)
{
	struct xg_event *e;

	if (!sv->closing || sv->sessions || sv->gone)
		return;
	sv->gone = 1;
	e = xg_push(sv->ctx, XG_EV_SERVER_GONE);
	e->key = sv->key;
	e->gen = sv->gen;
}

static void session_gone(struct xg_session *s, int reason)
{
	struct xg_server *sv = s->server;
	struct xg_event *e = xg_push(s->ctx, XG_EV_SESSION_GONE);

	e->status = reason;
	e->p = s;
	e->key = sv ? sv->key : s->key;
	e->gen = sv ? sv->gen : s->gen;
	xio_session_destroy(s->xio);
	xg_reserve(s->ctx, -EV_SESSION);
	session_free(s);
	if (sv) {
		sv->sessions--;
		server_check_gone(sv);
	}
}

void xg_session_info(struct xg_session *s, struct xg_session_info *i)
{
	i->uri = s->uri;
	i->uri_len = s->uri_len;
	i->priv = s->priv;
	i->priv_len = s->priv_len;
	i->peer = s->peer;
}

int xg_accept(struct xg_session *s, const void *priv, uint32_t len)
{
	return xio_accept(s->xio, NULL, 0, (void *)(uintptr_t)priv, len) ?
		xg_error() : 0;
}

int xg_reject(struct xg_session *s, int reason)
{
	s->rejected = 1;
	return xio_reject(s->xio, (enum xio_status)reason, NULL, 0) ?
		xg_error() : 0;
}

struct xg_conn *xg_connect(struct xg_ctx *c, const struct xg_connect_args *a,
			   int *err)
{
	struct xio_session_params sp;
	struct xio_connection_params cp;
	struct xg_session *s = NULL;
	struct xg_conn *cn = NULL;

	if (strlen(a->uri) + a->priv_len > MAX_SETUP) {
		*err = XIO_E_MSG_SIZE;
		return NULL;
	}
	*err = ENOMEM;
	s = session_new(c);
	if (!s)
		return NULL;
	s->key = a->session_key;
	s->gen = a->session_gen;
	cn = conn_new(c);
	if (!cn)
		goto fail_session;
	xg_conn_key(cn, a->conn_key, a->conn_gen);
	cn->session = s;
	s->conn = cn;
	if (xg_conn_reserve(cn, a->depth))
		goto fail_conn;

	memset(&sp, 0, sizeof(sp));
	sp.type = XIO_SESSION_CLIENT;
	sp.ses_ops = &xg_ops_table;
	sp.user_context = s;
	sp.uri = a->uri;
	sp.private_data = (void *)(uintptr_t)a->priv;
	sp.private_data_len = a->priv_len;
	errno = 0;
	s->xio = xio_session_create(&sp);
	if (!s->xio) {
		*err = xg_error();
		goto fail_conn;
	}

	memset(&cp, 0, sizeof(cp));
	cp.session = s->xio;
	cp.ctx = c->xio;
	cp.disconnect_timeout_secs = DISCONNECT_SECS;
	cp.conn_user_context = cn;
	errno = 0;
	cn->xio = xio_connect(&cp);
	if (!cn->xio) {
		*err = xg_error();
#ifndef XG_EMBEDDED
		/* After a failed connect(2) libxio frees its half-made link a
		 * second time when the context is destroyed. */
		if (*err != EINVAL && *err != XIO_E_ADDR_ERROR &&
		    *err != ENOPROTOOPT && *err != EADDRNOTAVAIL)
			c->poisoned = 1;
#endif
		xio_session_destroy(s->xio);
		goto fail_conn;
	}
	*err = 0;
	return cn;

fail_conn:
	conn_drop(cn);
fail_session:
	xg_reserve(c, -EV_SESSION);
	session_free(s);
	return NULL;
}

/* ---- servers ---- */

struct xg_server *xg_listen(struct xg_ctx *c, const struct xg_bind_args *a,
			    uint16_t *port, int *err)
{
	struct xg_server *sv = calloc(1, sizeof(*sv));

	*err = ENOMEM;
	if (!sv)
		return NULL;
	sv->kind = XG_SERVER;
	sv->ctx = c;
	sv->key = a->key;
	sv->gen = a->gen;
	sv->max_sessions = a->max_sessions;
	sv->decide = a->decide;
	if (a->priv_len) {
		sv->priv = copy_bytes(a->priv, a->priv_len);
		if (!sv->priv)
			goto fail;
		sv->priv_len = a->priv_len;
	}
	if (xg_reserve(c, 1))
		goto fail;
	errno = 0;
	sv->xio = xio_bind(c->xio, &xg_ops_table, a->uri, port, 0, sv);
	if (!sv->xio) {
		*err = xg_error();
		xg_reserve(c, -1);
		goto fail;
	}
	sv->next = c->servers;
	c->servers = sv;
	*err = 0;
	return sv;
fail:
	free(sv->priv);
	free(sv);
	return NULL;
}

void xg_unlisten(struct xg_server *sv)
{
	if (sv->closing)
		return;
	sv->closing = 1;
	xio_unbind(sv->xio);
	sv->xio = NULL;
	server_check_gone(sv);
}

/* ---- callbacks ---- */

static int on_new_session(struct xio_session *xs, struct xio_new_session_req *rq,
			  void *user)
{
	struct xg_server *sv = user;
	struct xio_session_attr at;
	struct xg_session *s;
	struct xg_event *e;

	/* A non-zero return would leave the client without any answer. */
	s = sv->gone ? NULL : session_new(sv->ctx);
	if (!s) {
		xio_reject(xs, XIO_E_NO_BUFS, NULL, 0);
		return 0;
	}
	s->xio = xs;
	s->server = sv;
	memset(&at, 0, sizeof(at));
	at.user_context = s;
	if (xio_modify_session(xs, &at, XIO_SESSION_ATTR_USER_CTX)) {
		xg_reserve(sv->ctx, -EV_SESSION);
		session_free(s);
		xio_reject(xs, XIO_E_NO_BUFS, NULL, 0);
		return 0;
	}
	sv->sessions++;
	s->uri = copy_bytes(rq->uri, rq->uri_len);
	if (s->uri)
		s->uri_len = rq->uri_len;
	s->priv = copy_bytes(rq->private_data, rq->private_data_len);
	if (s->priv)
		s->priv_len = rq->private_data_len;
	s->peer = rq->src_addr;

	if (sv->closing || sv->sessions > sv->max_sessions) {
		xg_reject(s, XIO_E_SESSION_REFUSED);
	} else if (sv->decide) {
		e = xg_push(sv->ctx, XG_EV_SESSION_NEW);
		e->key = sv->key;
		e->gen = sv->gen;
		e->p = s;
	} else {
		xg_accept(s, sv->priv, sv->priv_len);
	}
	return 0;
}

static int on_session_established(struct xio_session *xs,
				  struct xio_new_session_rsp *rsp, void *user)
{
	struct xg_session *s = user;
	struct xg_event *e;

	(void)xs;
	if (s->kind != XG_SESSION || s->server)
		return 0;
	s->priv = copy_bytes(rsp->private_data, rsp->private_data_len);
	if (s->priv)
		s->priv_len = rsp->private_data_len;
	if (s->conn)
		s->conn->up = 1;
	e = xg_push(s->ctx, XG_EV_SESSION_UP);
	e->key = s->key;
	e->gen = s->gen;
	e->p = s;
	return 0;
}

static void on_new_connection(struct xg_session *s, struct xio_connection *xc)
{
	struct xg_server *sv = s->server;
	struct xio_connection_attr at;
	struct xg_conn *cn = conn_new(s->ctx);
	struct xg_event *e;

	if (!cn) {
		xio_disconnect(xc);
		return;
	}
	cn->session = s;
	cn->xio = xc;
	cn->up = 1;
	memset(&at, 0, sizeof(at));
	at.user_context = cn;
	if (xio_modify_connection(xc, &at, XIO_CONNECTION_ATTR_USER_CTX)) {
		conn_drop(cn);
		xio_disconnect(xc);
		return;
	}
	at.disconnect_timeout_secs = DISCONNECT_SECS;
	xio_modify_connection(xc, &at, XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT);
	read_addrs(cn);
	e = push_conn(cn, XG_EV_CONN_NEW, 0);
	e->key = sv->key;
	e->gen = sv->gen;
	if (s->rejected)
		e->flags |= XG_REJECTED;
}

static int on_session_event(struct xio_session *xs,
			    struct xio_session_event_data *ed, void *user)
{
	struct xg_session *s = user;
	struct xg_conn *cn = ed->conn_user_context;
	int bare = s->kind != XG_SESSION;
	struct xg_event *e;

	if (ed->event == XIO_SESSION_TEARDOWN_EVENT) {
		if (bare)
			xio_session_destroy(xs);
		else
			session_gone(s, ed->reason);
		return 0;
	}
	if (ed->event == XIO_SESSION_NEW_CONNECTION_EVENT) {
		if (!bare)
			on_new_connection(s, ed->conn);
		return 0;
	}
	if (!ed->conn)
		return 0;
	if (!cn || cn->kind != XG_CONN || cn->xio != ed->conn) {
		if (ed->event == XIO_SESSION_CONNECTION_TEARDOWN_EVENT)
			xio_connection_destroy(ed->conn);
		return 0;
	}
	switch (ed->event) {
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		read_addrs(cn);
		break;
	case XIO_SESSION_REJECT_EVENT:
		/* libxio never says it; the embedded engine does. */
		cn->reject_reason = (uint32_t)ed->reason;
		break;
	case XIO_SESSION_CONNECTION_CLOSED_EVENT:
	case XIO_SESSION_CONNECTION_DISCONNECTED_EVENT:
	case XIO_SESSION_CONNECTION_REFUSED_EVENT:
	case XIO_SESSION_CONNECTION_ERROR_EVENT:
		if (cn->down)
			break;	/* an error is followed by 'closed' */
		cn->down = 1;
		e = push_conn(cn, XG_EV_CONN_DOWN, ed->reason);
		/* The library gives a peer's good-bye the reason of its loss. */
		if (ed->event == XIO_SESSION_CONNECTION_CLOSED_EVENT &&
		    ed->reason == XIO_E_SESSION_DISCONNECTED)
			e->status = XIO_E_SESSION_CLOSED;
		e->index = cn->reject_reason;
		if (ed->event == XIO_SESSION_CONNECTION_REFUSED_EVENT)
			e->flags |= XG_REFUSED;
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		/* May come without any of the events above. */
		cn->down = 1;
		if (!cn->torn) {
			cn->torn = 1;
			push_conn(cn, XG_EV_CONN_TORN, ed->reason);
		}
		break;
	default:
		break;
	}
	return 0;
}

struct xio_session_ops xg_ops_table = {
	.on_session_event = on_session_event,
	.on_new_session = on_new_session,
	.on_session_established = on_session_established,
	.on_msg_send_complete = xg_on_sent,
	.on_msg = xg_on_msg,
	.on_msg_error = xg_on_msg_error,
	.assign_data_in_buf = xg_on_assign,
};
