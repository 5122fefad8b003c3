/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - life of sessions.
 *
 * Design notes
 * - A session is not bound to a context: its connections may live on several,
 *   and its events come on the thread of one of them. Its structure is written
 *   before others can know it, and freed by the last event.
 * - That event follows the destruction of its last connection, on the context
 *   of that one; XG_EV_SESSION_GONE is its last record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MAX_SETUP	3812	/* URI and private data; libxio overflows beyond */

_Thread_local struct xg_ctx *xg_here;

static atomic_uint last_id;

static struct xg_session *session_new(void)
{
	struct xg_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->kind = XG_SESSION;
	s->id = atomic_fetch_add(&last_id, 1) + 1;
	return s;
}

static void session_free(struct xg_session *s)
{
	s->kind = 0;
	free(s->uri);
	free(s->priv);
	free(s);
}

uint32_t xg_session_id(const struct xg_session *s)
{
	return s->id;
}

/* ---- the client's side ---- */

struct xg_session *xg_session_new(const struct xg_session_args *a, int *err)
{
	struct xio_session_params sp;
	struct xg_session *s;

	if (strlen(a->uri) + a->priv_len > MAX_SETUP) {
		*err = XIO_E_MSG_SIZE;
		return NULL;
	}
	*err = ENOMEM;
	s = session_new();
	if (!s)
		return NULL;
	s->key = a->key;
	s->gen = a->gen;
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
		session_free(s);
		return NULL;
	}
	*err = 0;
	return s;
}

void xg_session_drop(struct xg_session *s)
{
	xio_session_destroy(s->xio);
	session_free(s);
}

int xg_on_session_established(struct xio_session *xs,
			      struct xio_new_session_rsp *rsp, void *user)
{
	struct xg_session *s = user;

	(void)xs;
	if (s->kind != XG_SESSION || s->server)
		return 0;
	s->priv = xg_copy(rsp->private_data, rsp->private_data_len);
	if (s->priv)
		s->priv_len = (uint32_t)rsp->private_data_len;
	atomic_store(&s->established, true);
	return 0;
}

/* ---- the server's side ---- */

struct xg_session *xg_session_accepted(struct xg_server *sv, struct xio_session *xs,
				       const struct xio_new_session_req *rq)
{
	struct xio_session_attr at;
	struct xg_session *s = session_new();

	if (!s)
		return NULL;
	/* Until its first connection has room of its own. */
	if (xg_reserve(sv->ctx, XG_EV_SESSION)) {
		session_free(s);
		return NULL;
	}
	s->reserved = 1;
	s->xio = xs;
	s->server = sv;
	memset(&at, 0, sizeof(at));
	at.user_context = s;
	if (xio_modify_session(xs, &at, XIO_SESSION_ATTR_USER_CTX)) {
		xg_reserve(sv->ctx, -XG_EV_SESSION);
		session_free(s);
		return NULL;
	}
	s->uri = xg_copy(rq->uri, rq->uri_len);
	if (s->uri)
		s->uri_len = (uint32_t)rq->uri_len;
	s->priv = xg_copy(rq->private_data, rq->private_data_len);
	if (s->priv)
		s->priv_len = (uint32_t)rq->private_data_len;
	s->peer = rq->src_addr;
	return s;
}

int xg_accept(struct xg_session *s, const char **portals, uint32_t n,
	      const void *priv, uint32_t len)
{
	xg_here = s->server->ctx;
	return xio_accept(s->xio, n ? portals : NULL, n,
			  (void *)(uintptr_t)priv, len) ? xg_error() : 0;
}

int xg_redirect(struct xg_session *s, const char **uris, uint32_t n)
{
	xg_here = s->server->ctx;
	return xio_redirect(s->xio, uris, n) ? xg_error() : 0;
}

int xg_reject(struct xg_session *s, int reason, const void *priv, uint32_t len)
{
	xg_here = s->server->ctx;
	s->rejected = 1;
	return xio_reject(s->xio, (enum xio_status)reason,
			  (void *)(uintptr_t)priv, len) ? xg_error() : 0;
}

/* ---- both ---- */

void xg_session_info(struct xg_session *s, struct xg_session_info *i)
{
	i->uri = s->uri;
	i->uri_len = s->uri_len;
	i->priv = s->priv;
	i->priv_len = s->priv_len;
	i->peer = s->peer;
}

/* The library will not mention s again. */
static void session_end(struct xg_session *s)
{
	struct xg_server *sv = s->server;

	xio_session_destroy(s->xio);
	/* Still reserved: no connection ever came, so this is its thread. */
	if (s->reserved)
		xg_reserve(sv->ctx, -XG_EV_SESSION);
	session_free(s);
	if (sv)
		xg_server_left(sv);
}

void xg_session_abandon(struct xg_session *s)
{
	xg_here = s->server->ctx;
	session_end(s);
}

void xg_session_gone(struct xg_session *s, int reason)
{
	struct xg_server *sv = s->server;
	struct xg_event *e = xg_push(xg_here, XG_EV_SESSION_GONE);

	e->status = reason;
	e->session = s->id;
	e->key = sv ? sv->key : s->key;
	e->gen = sv ? sv->gen : s->gen;
	session_end(s);
}
