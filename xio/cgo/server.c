/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - life of servers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

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
	atomic_store(&sv->sessions, 1);
	if (a->priv_len) {
		sv->priv = xg_copy(a->priv, a->priv_len);
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

/* A session is over, or listening is: the last of them is told. */
void xg_server_left(struct xg_server *sv)
{
	struct xg_event *e;

	if (atomic_fetch_sub(&sv->sessions, 1) != 1)
		return;
	e = xg_push(xg_here, XG_EV_SERVER_GONE);
	e->key = sv->key;
	e->gen = sv->gen;
}

void xg_unlisten(struct xg_server *sv)
{
	if (atomic_exchange(&sv->closing, true))
		return;
	xg_here = sv->ctx;
	xio_unbind(sv->xio);
	sv->xio = NULL;
	xg_server_left(sv);
}

/* Counts a session, unless the server's last event has been written. */
static int enter(struct xg_server *sv)
{
	unsigned int n = atomic_load(&sv->sessions);

	while (n != 0)
		if (atomic_compare_exchange_weak(&sv->sessions, &n, n + 1))
			return 1;
	return 0;
}

int xg_on_new_session(struct xio_session *xs, struct xio_new_session_req *rq,
		      void *user)
{
	struct xg_server *sv = user;
	struct xg_session *s = NULL;
	struct xg_event *e;

	if (enter(sv)) {
		s = xg_session_accepted(sv, xs, rq);
		if (!s)
			xg_server_left(sv);
	}
	/* A non-zero return would leave the client without any answer. */
	if (!s) {
		xio_reject(xs, XIO_E_NO_BUFS, NULL, 0);
		return 0;
	}
	/* One of the count stands for listening. */
	if (atomic_load(&sv->closing) ||
	    atomic_load(&sv->sessions) - 1 > sv->max_sessions) {
		xg_reject(s, XIO_E_SESSION_REFUSED, NULL, 0);
	} else if (sv->decide) {
		e = xg_push(sv->ctx, XG_EV_SESSION_NEW);
		e->key = sv->key;
		e->gen = sv->gen;
		e->session = s->id;
		e->p = s;
	} else {
		xg_accept(s, NULL, 0, sv->priv, sv->priv_len);
	}
	return 0;
}
