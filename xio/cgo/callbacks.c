/* SPDX-License-Identifier: Apache-2.0 */
/*
 * callbacks.c - what the library calls, sorted to those whom it concerns.
 *
 * Design notes
 * - User contexts given to the library are our structures; each begins with a
 *   kind, because a server-side object carries the pointer given to xio_bind
 *   until it is replaced by its own. go-pointer keys travel inside.
 * - When memory is short, a new session is rejected without structures of
 *   ours ('bare'): its events find a server as user context and are finished
 *   on the spot.
 */
#include "internal.h"

static int on_session_event(struct xio_session *xs,
			    struct xio_session_event_data *ed, void *user)
{
	struct xg_session *s = user;
	struct xg_conn *cn = ed->conn_user_context;
	int bare = s->kind != XG_SESSION;

	if (ed->event == XIO_SESSION_TEARDOWN_EVENT) {
		if (bare)
			xio_session_destroy(xs);
		else
			xg_session_gone(s, ed->reason);
		return 0;
	}
	if (ed->event == XIO_SESSION_NEW_CONNECTION_EVENT) {
		/* It carries the listener, or the portal, that it came by. */
		struct xg_server *by = ed->conn_user_context;

		if (!bare)
			xg_on_new_connection(by && by->kind == XG_SERVER ? by->ctx : xg_here,
					     s, ed->conn);
		return 0;
	}
	if (!ed->conn)
		return 0;
	if (!xg_conn_lives(xg_here, cn) || cn->xio != ed->conn) {
		xg_on_stray_event(xg_here, ed);
		return 0;
	}
	xg_on_conn_event(cn, ed);
	return 0;
}

static int on_msg(struct xio_session *s, struct xio_msg *m, int last, void *user)
{
	struct xg_conn *cn = user;

	(void)s;
	(void)last;
	if (m->type == XIO_MSG_TYPE_RSP)
		return xg_on_response(m);
	if (!cn || cn->kind != XG_CONN)
		return 0;
	if (m->type == XIO_MSG_TYPE_REQ)
		return xg_on_request(cn, m, 0);
	if (m->type == XIO_MSG_TYPE_ONE_WAY)
		return xg_on_one_way(cn, m);
	return 0;
}

static int on_msg_error(struct xio_session *s, enum xio_status st,
			enum xio_msg_direction dir, struct xio_msg *m, void *user)
{
	struct xg_conn *cn = user;
	const uint32_t *kind = m->user_context;

	(void)s;
	if (dir == XIO_MSG_DIRECTION_IN && m->type != XIO_MSG_TYPE_RSP) {
		/* A request that could not be received: answer it with an error. */
		if (m->type == XIO_MSG_TYPE_REQ && cn && cn->kind == XG_CONN)
			return xg_on_request(cn, m, st);
		return 0;
	}
	if (!kind)
		return 0;
	if (*kind == XG_TX) {
		struct xg_tx *t = m->user_context;

		if (t->state == XG_SLOT_BUSY && dir == XIO_MSG_DIRECTION_IN)
			xio_release_response(m);
		xg_tx_ended(t, st);
	} else if (*kind == XG_RX) {
		struct xg_rx *r = m->user_context;

		if (r->state == XG_SLOT_BUSY)
			xg_rx_done(r, st);
	}
	return 0;
}

struct xio_session_ops xg_ops_table = {
	.on_session_event = on_session_event,
	.on_new_session = xg_on_new_session,
	.on_session_established = xg_on_session_established,
	.on_msg_send_complete = xg_on_sent,
	.on_msg = on_msg,
	.on_msg_delivered = xg_on_delivered,
	.on_msg_error = on_msg_error,
	.on_cancel = xg_on_cancel,
	.on_cancel_request = xg_on_cancel_request,
	.assign_data_in_buf = xg_on_assign,
	.on_ow_msg_send_complete = xg_on_msg_gone,
	.on_rdma_direct_complete = xg_on_rdma,
};
