/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphan.c - connections of libxio that were given up before they came up.
 *
 * Design notes
 * - libxio hands the server's answer to a set-up to the connection that asked,
 *   even where that was destroyed meanwhile: it may be destroyed only when no
 *   answer can come any more. So nobody but the context knows of it from the
 *   moment it is given up, and it is closed when it comes up, and destroyed by
 *   its teardown event.
 * - A peer that is silent, or sends garbage, never ends one: so they are destroyed
 *   after a while, and there are XG_ORPHANS at most. No answer is on its way then
 *   but by the worst of luck.
 */
#include <string.h>

#include "internal.h"

/* Its session ends with it, on this context. */
static void end(struct xg_ctx *c, uint32_t i)
{
	struct xio_connection *xc = c->orphan[i].xio;

	c->norphans--;
	memmove(&c->orphan[i], &c->orphan[i + 1],
		(c->norphans - i) * sizeof(c->orphan[0]));
	if (xio_connection_destroy(xc))
		c->poisoned = 1;
	xg_reserve(c, -XG_EV_SESSION);
}

/* Others must not be destroyed, and need not be. */
static int may_end(const struct xg_orphan *o)
{
	return !o->seen && !atomic_load(&o->session->established);
}

/* Makes room for one more. */
static int room(struct xg_ctx *c)
{
	uint32_t i;

	if (c->norphans < XG_ORPHANS)
		return 1;
	for (i = 0; i < c->norphans; i++)
		if (may_end(&c->orphan[i])) {
			end(c, i);
			return 1;
		}
	return 0;
}

int xg_orphan(struct xg_conn *cn)
{
	struct xg_ctx *c = cn->ctx;
	struct xio_connection_attr at;

	memset(&at, 0, sizeof(at));
	if (!room(c) || xg_reserve(c, XG_EV_SESSION))
		return -1;
	if (xio_modify_connection(cn->xio, &at, XIO_CONNECTION_ATTR_USER_CTX)) {
		xg_reserve(c, -XG_EV_SESSION);
		return -1;
	}
	c->orphan[c->norphans++] = (struct xg_orphan){
		.xio = cn->xio, .session = cn->session, .since = xg_now(),
	};
	return 0;
}

void xg_on_stray_event(struct xg_ctx *c, const struct xio_session_event_data *ed)
{
	uint32_t i;

	for (i = 0; i < c->norphans && c->orphan[i].xio != ed->conn; i++)
		;
	if (i == c->norphans) {
		if (ed->event == XIO_SESSION_CONNECTION_TEARDOWN_EVENT)
			xio_connection_destroy(ed->conn);
		return;
	}
	c->orphan[i].seen = 1;
	switch (ed->event) {
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		/* It is said of a rejected one, too, which ends by itself. */
		if (atomic_load(&c->orphan[i].session->established))
			xio_disconnect(ed->conn);
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		end(c, i);
		break;
	default:
		break;
	}
}

uint32_t xg_orphans(const struct xg_ctx *c)
{
	return c->norphans;
}

void xg_orphans_drop(struct xg_ctx *c, int64_t age_ns)
{
	int64_t till = xg_now() - age_ns;
	uint32_t i;

	xg_here = c;
	for (i = 0; i < c->norphans;)
		if (c->orphan[i].since <= till && may_end(&c->orphan[i]))
			end(c, i);
		else
			i++;
}
