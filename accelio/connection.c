/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes
 *
 * A connection goes INIT, ONLINE, through the close handshake
 * (connection_fin.c) or the loss of its link, to teardown, which runs from
 * the loop: every message that is still out is handed back, the nexus is let
 * go, CONNECTION_TEARDOWN is delivered. From then on the application may
 * destroy it. Nothing here frees a connection while one of its callbacks
 * runs, because no other state than INIT and DEAD can be destroyed.
 */
#include <errno.h>
#include <string.h>

#include "cancel.h"
#include "connection.h"
#include "message.h"
#include "option.h"
#include "registry.h"
#include "server.h"
#include "session.h"

static void on_teardown(struct xe_work *w);
static void on_start(struct xe_work *w);
static void on_setup(struct xe_work *w);
static void on_disconnect(struct xe_work *w);

static void init_lists(struct xio_connection *c)
{
	struct xe_list *lists[] = {
		&c->session_link, &c->ctx_link, &c->nexus_link, &c->ready_link,
		&c->ctl_queue, &c->req_queue, &c->rsp_queue, &c->waiting,
		&c->unsent,
		&c->answering, &c->receiving, &c->held, &c->failing,
		&c->parked,
	};
	unsigned int i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		xe_list_init(lists[i]);
}

struct xio_connection *xe_conn_new(struct xio_session *s,
				   struct xio_context *ctx,
				   const struct xio_session_ops *ops,
				   void *user_context)
{
	struct xio_connection *c = xe_zalloc(sizeof(*c));

	if (!c)
		return NULL;
	if (!xe_registry_add(XE_HANDLE_CONNECTION, c)) {
		xe_free(c);
		return NULL;
	}
	init_lists(c);
	c->session = s;
	c->ctx = ctx;
	c->ops = ops;
	c->user_context = user_context;
	xe_work_init(&c->start, on_start);
	xe_work_init(&c->setup, on_setup);
	xe_work_init(&c->disconnect, on_disconnect);
	xe_work_init(&c->teardown, on_teardown);
	xe_conn_timers_init(c);
	xe_flow_init(c);
	xe_cancel_init(c);
	xe_list_add_tail(&ctx->connections, &c->ctx_link);
	return c;
}

void xe_conn_attach(struct xio_connection *c, struct xe_nexus *n)
{
	c->nexus = n;
	xe_list_add_tail(&n->connections, &c->nexus_link);
	if (n->l) {
		c->peer = *xe_link_peer(n->l);
		c->local = *xe_link_local(n->l);
	}
}

void xe_conn_event(struct xio_connection *c, enum xio_session_event ev,
		   int reason)
{
	struct xio_session_event_data d = {
		.conn = c,
		.conn_user_context = c->user_context,
		.event = ev,
		.reason = (enum xio_status)reason,
	};
	struct xio_session *s = c->session;

	if (!c->silent && s->ops.on_session_event)
		s->ops.on_session_event(s, &d, s->user_context);
}

bool xe_conn_shut(const struct xio_connection *c)
{
	return atomic_load_explicit(&c->disconnecting, memory_order_relaxed) ||
	       (c->state != XE_CONN_ONLINE && c->state != XE_CONN_INIT) ||
	       c->setup_only ||
	       xe_session_state(c->session) >= XE_SESSION_REDIRECTED;
}

/* ---- queues ---------------------------------------------------------- */

void xe_conn_ready(struct xio_connection *c)
{
	if (c->nexus)
		xe_nexus_ready(c->nexus, c);
}

int xe_conn_send_control(struct xio_connection *c, uint32_t type,
			 struct xe_list *queue)
{
	struct xe_task *t = xe_task_get_control(c->ctx);

	if (!t)
		return -ENOMEM;
	t->conn = c;
	t->type = type;
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(queue, &t->link);
	xe_conn_ready(c);
	return 0;
}

int xe_conn_send_payload(struct xio_connection *c, uint32_t type,
			 uint32_t rtid, const void *buf, int len)
{
	struct xe_task *t;
	void *b;

	if (len < 0)
		return len;
	t = xe_task_get_control(c->ctx);
	if (!t)
		return -ENOMEM;
	b = xe_task_buf(t, (size_t)len);
	if (!b) {
		xe_task_put(t);
		return -ENOMEM;
	}
	memcpy(b, buf, (size_t)len);
	t->conn = c;
	t->type = type;
	t->peer_ltid = rtid;
	t->hdr = b;
	t->hdr_len = (uint32_t)len;
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(&c->ctl_queue, &t->link);
	xe_conn_ready(c);
	return 0;
}

static struct xe_task *first(struct xe_list *l)
{
	return xe_container_of(l->next, struct xe_task, link);
}

/* No other frame goes out that could take the credits along. */
static int send_credits(struct xio_connection *c, bool waiting)
{
	if (!xe_flow_ack_wanted(c, waiting))
		return 0;
	if (xe_conn_send_control(c, XE_ACK_REQ, &c->ctl_queue)) {
		xe_link_fail(c->nexus->l, ENOMEM);
		return -EAGAIN;
	}
	return xe_message_push(c, first(&c->ctl_queue));
}

int xe_conn_xmit(struct xio_connection *c)
{
	bool req = !xe_list_empty(&c->req_queue);
	bool rsp = !xe_list_empty(&c->rsp_queue);
	bool waiting;

	if (!xe_list_empty(&c->ctl_queue))
		return xe_message_push(c, first(&c->ctl_queue));
	if (!c->open)
		return 0;
	/* FIN_REQ ends both queues: the peer drops what comes behind it. */
	if (req && rsp && first(&c->req_queue)->type == XE_FIN_REQ)
		req = false;
	waiting = req || rsp;
	req = req && xe_flow_may_send(c, first(&c->req_queue));
	rsp = rsp && xe_flow_may_send(c, first(&c->rsp_queue));
	if (!req && !rsp)
		return send_credits(c, waiting);
	/* In turns, so that neither starves the other. */
	c->rsp_turn = rsp && (!req || !c->rsp_turn);
	return xe_message_push(c, first(c->rsp_turn ? &c->rsp_queue :
						      &c->req_queue));
}

/* Ends all tasks of a list; messages go back to the application. */
static void flush(struct xio_connection *c, struct xe_list *l)
{
	while (!xe_list_empty(l)) {
		struct xe_task *t = first(l);
		struct xio_msg *m = t->omsg;

		xe_cancel_over(t);
		xe_task_put(t);
		if (m)
			xe_message_error(c, m, XIO_E_MSG_FLUSHED,
					 XIO_MSG_DIRECTION_OUT);
	}
}

void xe_conn_drop_queued(struct xio_connection *c)
{
	struct xe_list *p, *tmp;

	xe_list_for_each_safe(p, tmp, &c->req_queue) {
		if (!xe_container_of(p, struct xe_task, link)->omsg)
			continue;
		xe_list_del(p);
		xe_list_add_tail(&c->unsent, p);
	}
}

bool xe_conn_closed_by_peer(const struct xio_connection *c)
{
	return c->state == XE_CONN_CLOSE_WAIT || c->state == XE_CONN_LAST_ACK;
}

static void flush_all(struct xio_connection *c)
{
	flush(c, &c->waiting);
	flush(c, &c->unsent);
	flush(c, &c->ctl_queue);
	flush(c, &c->req_queue);
	flush(c, &c->answering);
	flush(c, &c->rsp_queue);
	flush(c, &c->parked);
	flush(c, &c->receiving);
	flush(c, &c->failing);
}

/* ---- opening --------------------------------------------------------- */

void xe_conn_nexus_up(struct xio_connection *c)
{
	int err;

	c->peer = *xe_link_peer(c->nexus->l);
	c->local = *xe_link_local(c->nexus->l);
	err = xe_session_open(c->session, c);
	if (err)
		xe_link_fail(c->nexus->l, -err);
}

static void on_start(struct xe_work *w)
{
	xe_session_start(xe_container_of(w, struct xio_connection, start));
}

static void on_setup(struct xe_work *w)
{
	xe_conn_nexus_up(xe_container_of(w, struct xio_connection, setup));
}

void xe_conn_online(struct xio_connection *c)
{
	xe_timer_cancel(&c->answer_timer);
	c->open = true;
	c->state = XE_CONN_ONLINE;
	xe_conn_keepalive_start(c, xe_opt.keepalive.time);
	xe_conn_ready(c);
}

/* ---- the end --------------------------------------------------------- */

void xe_conn_teardown(struct xio_connection *c)
{
	xe_timer_cancel(&c->answer_timer);
	xe_timer_cancel(&c->ka_timer);
	xe_flow_stop(c);
	xe_work_cancel(&c->setup);
	c->open = false;
	xe_loop_defer(&c->ctx->loop, &c->teardown);
}

static void leave_nexus(struct xio_connection *c)
{
	struct xe_nexus *n = c->nexus;

	c->nexus = NULL;
	xe_list_del(&c->nexus_link);
	xe_list_del(&c->ready_link);
	xe_work_cancel(&c->cancels);
	if (n)
		xe_nexus_put(n);
}

static void on_teardown(struct xe_work *w)
{
	struct xio_connection *c = xe_container_of(w, struct xio_connection,
						   teardown);

	flush_all(c);
	leave_nexus(c);
	c->state = XE_CONN_DEAD;
	if (c->silent) {
		xe_conn_free(c);
		return;
	}
	/* The application may destroy c in here. */
	xe_conn_event(c, XIO_SESSION_CONNECTION_TEARDOWN_EVENT, c->reason);
}

/* What a lost connection attempt is called. */
static int connect_reason(int reason)
{
	if (reason == 0 || reason == ECONNREFUSED || reason == ECONNRESET)
		return XIO_E_CONNECT_ERROR;
	return reason == ETIMEDOUT ? XIO_E_TIMEOUT : reason;
}

void xe_conn_lost(struct xio_connection *c, int reason)
{
	enum xe_conn_state was = c->state;

	if (was == XE_CONN_INIT && xe_session_retry(c, reason)) {
		/* Control frames of the old link; requests wait for the new. */
		xe_work_cancel(&c->setup);
		flush(c, &c->waiting);
		flush(c, &c->ctl_queue);
		flush(c, &c->answering);
		flush(c, &c->receiving);
		leave_nexus(c);
		return;
	}
	c->state = XE_CONN_DISCONNECTED;
	c->open = false;
	if (c->timed_out) {
		c->reason = XIO_E_TIMEOUT;
		xe_conn_event(c, XIO_SESSION_CONNECTION_ERROR_EVENT,
			      XIO_E_TIMEOUT);
		if (was == XE_CONN_ONLINE)
			xe_conn_event(c, XIO_SESSION_CONNECTION_CLOSED_EVENT,
				      XIO_E_TIMEOUT);
	} else if (was == XE_CONN_INIT && reason == XIO_E_SESSION_REJECTED) {
		c->reason = XIO_E_SESSION_REJECTED;
		xe_conn_event(c, XIO_SESSION_CONNECTION_CLOSED_EVENT, reason);
	} else if (was == XE_CONN_INIT) {
		c->reason = (enum xio_status)connect_reason(reason);
		xe_conn_event(c, reason == ECONNREFUSED ?
			      XIO_SESSION_CONNECTION_REFUSED_EVENT :
			      XIO_SESSION_CONNECTION_ERROR_EVENT, c->reason);
	} else if (was == XE_CONN_ONLINE && reason >= XIO_BASE_STATUS) {
		/* This side could not go on. */
		c->reason = (enum xio_status)reason;
		xe_conn_event(c, XIO_SESSION_CONNECTION_ERROR_EVENT, reason);
	} else if (was == XE_CONN_ONLINE) {
		c->reason = XIO_E_SESSION_DISCONNECTED;
		xe_conn_event(c, XIO_SESSION_CONNECTION_DISCONNECTED_EVENT,
			      c->reason);
	}
	xe_conn_teardown(c);
}

static void on_disconnect(struct xe_work *w)
{
	struct xio_connection *c = xe_container_of(w, struct xio_connection,
						   disconnect);

	/* Before ONLINE it is remembered: see session_client.c. */
	if (c->state == XE_CONN_ONLINE && c->open)
		xe_conn_close(c, XIO_E_SESSION_CLOSED, XIO_E_SESSION_CLOSED);
}

int xio_disconnect(struct xio_connection *conn)
{
	if (!conn)
		return xe_fail(EINVAL);
	if (!atomic_exchange(&conn->disconnecting, true) && conn->ctx)
		xe_loop_post(&conn->ctx->loop, &conn->disconnect);
	return 0;
}

/* Lets go of the tasks that the application still holds. */
static void drop_held(struct xio_connection *c)
{
	unsigned int requests = 0;

	while (!xe_list_empty(&c->held)) {
		struct xe_task *t = first(&c->held);

		if (t->received && t->type == XE_MSG_REQ) {
			requests++;
			xe_task_put(t);
			continue;
		}
		/* A response or one-way stays valid until it is released. */
		xe_list_del(&t->link);
		t->conn = NULL;
		xe_list_add_tail(&c->ctx->kept, &t->link);
	}
	if (requests)
		XE_ERR("connection destroyed with %u unanswered requests",
		       requests);
}

void xe_conn_free(struct xio_connection *c)
{
	struct xio_context *ctx = c->ctx;
	struct xio_session *s = c->session;

	xe_registry_del(XE_HANDLE_CONNECTION, c);
	if (ctx)
		drop_held(c);
	/* From here on nobody posts its start. */
	xe_session_leave(c, ctx);
	if (ctx) {
		xe_loop_unpost(&ctx->loop, &c->start);
		xe_loop_unpost(&ctx->loop, &c->disconnect);
		xe_list_del(&c->ctx_link);
	}
	if (c->server)
		xe_server_put(c->server);
	if (c->holds_session)
		xe_session_drop(s);
	xe_free(c->out_addr);
	xe_free(c);
}

/* Ends an attempt to connect; the peer may know of it already. */
static void abort_connect(struct xio_connection *c)
{
	struct xe_nexus *n = c->nexus;

	c->state = XE_CONN_DEAD;
	xe_timer_cancel(&c->answer_timer);
	xe_timer_cancel(&c->ka_timer);
	xe_flow_stop(c);
	xe_work_cancel(&c->setup);
	flush_all(c);
	if (n && n->l)
		xe_link_fail(n->l, ECONNABORTED);
	leave_nexus(c);
}

int xio_connection_destroy(struct xio_connection *conn)
{
	if (!conn)
		return xe_fail(EINVAL);
	if (!xe_registry_has(XE_HANDLE_CONNECTION, conn))
		return xe_fail(XIO_E_USER_OBJ_NOT_FOUND);
	if (conn->state != XE_CONN_INIT && conn->state != XE_CONN_DEAD)
		return xe_fail(EPERM);
	if (conn->state == XE_CONN_INIT)
		abort_connect(conn);
	xe_conn_free(conn);
	return 0;
}

void xe_conn_detach(struct xio_connection *c)
{
	struct xe_list *lists[] = {
		&c->waiting, &c->unsent, &c->ctl_queue, &c->req_queue, &c->answering,
		&c->rsp_queue, &c->receiving, &c->failing,
		&c->parked,
	};
	unsigned int i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		while (!xe_list_empty(lists[i]))
			xe_task_put(first(lists[i]));
	drop_held(c);
	xe_timer_cancel(&c->answer_timer);
	xe_timer_cancel(&c->ka_timer);
	xe_flow_stop(c);
	xe_work_cancel(&c->setup);
	xe_work_cancel(&c->teardown);
	leave_nexus(c);
	c->state = XE_CONN_DEAD;
	c->open = false;
	if (c->silent) {
		xe_conn_free(c);
		return;
	}
	xe_list_del(&c->ctx_link);
	if (c->server)
		xe_server_put(c->server);
	c->server = NULL;
	c->ops = &c->session->ops;
	/* Another thread may end the session, and c with it, from here on. */
	xe_session_forsake(c);
}

/* The tasks of a list go with another connection. */
static void hand_over(struct xio_connection *to, struct xe_list *queue,
		      struct xe_list *from)
{
	struct xe_list *p;

	xe_list_for_each(p, from)
		xe_container_of(p, struct xe_task, link)->conn = to;
	xe_list_splice_tail(queue, from);
}

int xe_conn_leave_link(struct xio_connection *c)
{
	struct xio_connection *rest = xe_conn_new(c->session, c->ctx, c->ops,
						  NULL);

	if (!rest)
		return -ENOMEM;
	rest->silent = true;
	rest->setup_only = true;
	rest->holds_session = true;
	xe_session_hold(c->session);
	rest->peer_session_id = c->peer_session_id;
	rest->disconnect_secs = c->disconnect_secs;
	xe_conn_attach(rest, c->nexus);
	/* Only control frames: the session is not open yet. */
	hand_over(rest, &rest->ctl_queue, &c->ctl_queue);
	hand_over(rest, &rest->waiting, &c->waiting);
	hand_over(rest, &rest->answering, &c->answering);
	hand_over(rest, &rest->receiving, &c->receiving);
	rest->answers = c->answers;
	c->answers = 0;
	xe_list_del(&c->nexus_link);
	xe_list_del(&c->ready_link);
	c->nexus = NULL;
	c->peer_session_id = 0;
	xe_conn_online(rest);
	xe_conn_close(rest, XIO_E_SESSION_CLOSED, XIO_E_SESSION_CLOSED);
	return 0;
}
