/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c - life of connections.
 *
 * Design notes
 * - A connection is destroyed only after its teardown event (XG_EV_CONN_TORN)
 *   and only when Go holds nothing of it; or while it never came up.
 * - It reserves room for the events of its session too, which may come on its
 *   context and on no other that has reserved some.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* libxio takes 1..999 as one second and needs at least 1000 for anything else;
 * its default of five minutes is too long for a Close that waits. */
#define CLOSE_SECS	10
#define CLOSE_SECS_MIN	1000

#define EV_CONN	(6 + XG_EV_SESSION)

static uint16_t close_secs(uint32_t want)
{
	uint32_t secs = want ? want : CLOSE_SECS;

	if (!xg_kin() && secs < CLOSE_SECS_MIN)
		secs = 1;
	return (uint16_t)(secs < UINT16_MAX ? secs : UINT16_MAX);
}

static struct xg_event *push_conn(struct xg_conn *cn, int kind, int status)
{
	struct xg_event *e = xg_push(cn->ctx, kind);

	e->status = status;
	e->key = cn->key;
	e->gen = cn->gen;
	e->conn_index = cn->index;
	e->conn = cn;
	if (cn->session) {
		e->p = cn->session;
		e->session = cn->session->id;
	}
	return e;
}

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

/*
 * libxio tells of connections that were destroyed before they came up, too, and
 * cn is what they were to us then.
 */
int xg_conn_lives(const struct xg_ctx *c, const struct xg_conn *cn)
{
	uint32_t i;

	for (i = 0; cn && i < c->nconns; i++)
		if (c->conns[i] == cn)
			return 1;
	return 0;
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
		     e->kind == XG_EV_DELIVERED || e->kind == XG_EV_REQUEST ||
		     e->kind == XG_EV_MSG || e->kind == XG_EV_REPLIED ||
		     e->kind == XG_EV_CANCEL))
			e->kind = XG_EV_NONE;
	}
}

/*
 * What the library may still know of, one that was left and the slots of its
 * messages, is never freed.
 */
static void conn_drop(struct xg_conn *cn)
{
	struct xg_block *b;

	forget_records(cn);
	if (cn->left) {
		xg_slots_leave(cn);
		cn->ctx->conns[cn->index] = NULL;
		xg_reserve(cn->ctx, -EV_CONN);
		return;
	}
	while ((b = cn->assigned)) {
		cn->assigned = b->next;
		xg_block_put(cn->ctx, b);
	}
	xg_slots_free(cn);
	cn->ctx->conns[cn->index] = NULL;
	xg_reserve(cn->ctx, -EV_CONN);
	cn->kind = 0;
	free(cn->reject_data);
	free(cn);
}

int xg_conn_free(struct xg_conn *cn)
{
	int err = 0;

	xg_here = cn->ctx;
	xg_release_unread(cn);
	/* Its session may end with it, inside the call. */
	cn->session = NULL;
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

const void *xg_conn_reject_data(struct xg_conn *cn, uint32_t *len)
{
	*len = cn->reject_len;
	return cn->reject_data;
}

void xg_conn_close_time(struct xg_conn *cn, uint32_t secs)
{
	struct xio_connection_attr at;

	memset(&at, 0, sizeof(at));
	at.disconnect_timeout_secs = close_secs(secs);
	xio_modify_connection(cn->xio, &at, XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT);
}

void xg_conn_copy_max(struct xg_conn *cn, uint64_t len)
{
	cn->copy_max = len;
}

int xg_disconnect(struct xg_conn *cn)
{
	if (!cn->xio || cn->torn)
		return 0;
	xg_here = cn->ctx;
	return xio_disconnect(cn->xio) ? xg_error() : 0;
}

int xg_abort(struct xg_conn *cn)
{
	if (cn->down || !cn->xio)
		return xg_disconnect(cn);
	/* Too late for libxio, where a destroy that fails spoils everything. */
	if (!xg_kin() &&
	    (cn->seen || atomic_load(&cn->session->established)))
		return xg_disconnect(cn);
	xg_here = cn->ctx;
	if (xg_kin() || xg_orphan(cn)) {
		if (xio_connection_destroy(cn->xio)) {
			if (xg_kin())
				return xg_disconnect(cn);
			cn->ctx->poisoned = 1;
		}
	}
	cn->xio = NULL;
	cn->session = NULL;
	cn->down = 1;
	cn->torn = 1;
	push_conn(cn, XG_EV_CONN_TORN, 0);
	return 0;
}

void xg_conn_leave(struct xg_conn *cn)
{
	uint32_t i;

	if (cn->torn)
		return;
	for (i = 0; cn->tx && i < cn->depth; i++)
		xg_tx_ended(&cn->tx[i], XIO_E_MSG_FLUSHED);
	cn->xio = NULL;
	cn->session = NULL;
	cn->kind = 0;
	cn->down = 1;
	cn->torn = 1;
	cn->left = 1;
	cn->ctx->poisoned = 1;
	push_conn(cn, XG_EV_CONN_TORN, XIO_E_SESSION_DISCONNECTED);
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

struct xg_conn *xg_connect(struct xg_ctx *c, const struct xg_connect_args *a,
			   int *err)
{
	struct xio_connection_params cp;
	struct xg_conn *cn = conn_new(c);

	*err = ENOMEM;
	if (!cn)
		return NULL;
	xg_conn_key(cn, a->key, a->gen);
	cn->session = a->session;
	if (xg_conn_slots(cn, a->depth) || xg_conn_reserve(cn))
		goto fail;

	memset(&cp, 0, sizeof(cp));
	cp.session = a->session->xio;
	cp.ctx = c->xio;
	cp.conn_idx = a->index;
	cp.disconnect_timeout_secs = close_secs(a->close_secs);
	cp.out_addr = a->out_addr;
	if (a->tos >= 0) {
		cp.enable_tos = 1;
		cp.tos = (uint8_t)a->tos;
	}
	cp.conn_user_context = cn;
	errno = 0;
	xg_here = c;
	cn->xio = xio_connect(&cp);
	if (!cn->xio) {
		*err = xg_error();
		/* After a failed connect(2) libxio frees its half-made link a
		 * second time when the context is destroyed. */
		if (!xg_kin() && *err != EINVAL && *err != XIO_E_ADDR_ERROR &&
		    *err != ENOPROTOOPT && *err != EADDRNOTAVAIL)
			c->poisoned = 1;
		goto fail;
	}
	*err = 0;
	return cn;
fail:
	conn_drop(cn);
	return NULL;
}

/* ---- callbacks ---- */

void xg_on_new_connection(struct xg_ctx *c, struct xg_session *s,
			  struct xio_connection *xc)
{
	struct xg_server *sv = s->server;
	struct xio_connection_attr at;
	struct xg_conn *cn = conn_new(c);
	struct xg_event *e;

	if (!cn) {
		xio_disconnect(xc);
		return;
	}
	cn->session = s;
	cn->xio = xc;
	cn->seen = 1;
	cn->up = 1;
	memset(&at, 0, sizeof(at));
	at.user_context = cn;
	if (xio_modify_connection(xc, &at, XIO_CONNECTION_ATTR_USER_CTX)) {
		conn_drop(cn);
		xio_disconnect(xc);
		return;
	}
	/* Its own room is there now. */
	if (s->reserved && c == sv->ctx) {
		s->reserved = 0;
		xg_reserve(c, -XG_EV_SESSION);
	}
	read_addrs(cn);
	e = push_conn(cn, XG_EV_CONN_NEW, 0);
	e->key = sv->key;
	e->gen = sv->gen;
	if (s->rejected)
		e->flags |= XG_REJECTED;
}

static void on_down(struct xg_conn *cn, const struct xio_session_event_data *ed)
{
	struct xg_event *e;

	if (cn->down)
		return;		/* an error is followed by 'closed' */
	cn->down = 1;
	e = push_conn(cn, XG_EV_CONN_DOWN, ed->reason);
	/* The library gives a peer's good-bye the reason of its loss. */
	if (ed->event == XIO_SESSION_CONNECTION_CLOSED_EVENT &&
	    ed->reason == XIO_E_SESSION_DISCONNECTED)
		e->status = XIO_E_SESSION_CLOSED;
	e->index = cn->reject_reason;
	if (ed->event == XIO_SESSION_CONNECTION_REFUSED_EVENT)
		e->flags |= XG_REFUSED;
}

void xg_on_conn_event(struct xg_conn *cn, const struct xio_session_event_data *ed)
{
	cn->seen = 1;
	switch (ed->event) {
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		/* libxio says it of a rejected session's connection too. */
		if (cn->up || !atomic_load(&cn->session->established))
			break;
		cn->up = 1;
		read_addrs(cn);
		push_conn(cn, XG_EV_CONN_UP, 0);
		break;
	case XIO_SESSION_CONNECTION_RECONNECTING_EVENT:
		push_conn(cn, XG_EV_CONN_AWAY, ed->reason);
		break;
	case XIO_SESSION_CONNECTION_RECONNECTED_EVENT:
		read_addrs(cn);
		push_conn(cn, XG_EV_CONN_BACK, 0);
		break;
	case XIO_SESSION_REJECT_EVENT:
		/* libxio never says it; the embedded engine does. */
		cn->reject_reason = (uint32_t)ed->reason;
		cn->reject_data = xg_copy(ed->private_data, ed->private_data_len);
		if (cn->reject_data)
			cn->reject_len = (uint32_t)ed->private_data_len;
		break;
	case XIO_SESSION_CONNECTION_CLOSED_EVENT:
	case XIO_SESSION_CONNECTION_DISCONNECTED_EVENT:
	case XIO_SESSION_CONNECTION_REFUSED_EVENT:
	case XIO_SESSION_CONNECTION_ERROR_EVENT:
		on_down(cn, ed);
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
}
