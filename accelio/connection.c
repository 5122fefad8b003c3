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

#include "connection.h"
#include "message.h"
#include "option.h"
#include "registry.h"
#include "session.h"

static void on_teardown(struct xe_work *w);
static void on_setup(struct xe_work *w);
static void on_disconnect(struct xe_work *w);

static void init_lists(struct xio_connection *c)
{
	struct xe_list *lists[] = {
		&c->session_link, &c->ctx_link, &c->nexus_link, &c->ready_link,
		&c->ctl_queue, &c->req_queue, &c->rsp_queue, &c->waiting,
		&c->unsent,
		&c->answering, &c->receiving, &c->held,
	};
	unsigned int i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		xe_list_init(lists[i]);
}

struct xio_connection *xe_conn_new(struct xio_session *s,
				   struct xio_context *ctx,
				   struct xe_nexus *n,
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
	c->nexus = n;
	c->ops = ops;
	c->user_context = user_context;
	xe_work_init(&c->setup, on_setup);
	xe_work_init(&c->disconnect, on_disconnect);
	xe_work_init(&c->teardown, on_teardown);
	xe_conn_timers_init(c);
	xe_list_add_tail(&s->connections, &c->session_link);
	xe_list_add_tail(&ctx->connections, &c->ctx_link);
	xe_list_add_tail(&n->connections, &c->nexus_link);
	if (n->l) {
		c->peer = *xe_link_peer(n->l);
		c->local = *xe_link_local(n->l);
	}
	return c;
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

	if (s->ops.on_session_event)
		s->ops.on_session_event(s, &d, s->user_context);
}

bool xe_conn_shut(const struct xio_connection *c)
{
	return atomic_load_explicit(&c->disconnecting, memory_order_relaxed) ||
	       (c->state != XE_CONN_ONLINE && c->state != XE_CONN_INIT) ||
	       c->session->state >= XE_SESSION_REJECTED;
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

static struct xe_task *first(struct xe_list *l)
{
	return xe_container_of(l->next, struct xe_task, link);
}

int xe_conn_xmit(struct xio_connection *c)
{
	bool req = !xe_list_empty(&c->req_queue);
	bool rsp = !xe_list_empty(&c->rsp_queue);

	if (!xe_list_empty(&c->ctl_queue))
		return xe_message_push(c, first(&c->ctl_queue));
	if (!c->open || (!req && !rsp))
		return 0;
	/* FIN_REQ ends both queues: the peer drops what comes behind it. */
	if (req && rsp && first(&c->req_queue)->type == XE_FIN_REQ)
		req = false;
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
	flush(c, &c->receiving);
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

static void on_setup(struct xe_work *w)
{
	xe_conn_nexus_up(xe_container_of(w, struct xio_connection, setup));
}

void xe_conn_online(struct xio_connection *c)
{
	c->open = true;
	c->state = XE_CONN_ONLINE;
	xe_conn_keepalive_start(c, xe_opt.keepalive.time);
	xe_conn_ready(c);
}

/* ---- the end --------------------------------------------------------- */

void xe_conn_teardown(struct xio_connection *c)
{
	xe_timer_cancel(&c->fin_timer);
	xe_timer_cancel(&c->ka_timer);
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

	c->state = XE_CONN_DISCONNECTED;
	c->open = false;
	if (c->timed_out) {
		c->reason = XIO_E_TIMEOUT;
		xe_conn_event(c, XIO_SESSION_CONNECTION_ERROR_EVENT,
			      XIO_E_TIMEOUT);
		if (was == XE_CONN_ONLINE)
			xe_conn_event(c, XIO_SESSION_CONNECTION_CLOSED_EVENT,
				      XIO_E_TIMEOUT);
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

	/* Before ONLINE it is remembered: see session_setup.c. */
	if (c->state == XE_CONN_ONLINE && c->open)
		xe_conn_close(c, XIO_E_SESSION_CLOSED);
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
	xe_registry_del(XE_HANDLE_CONNECTION, c);
	if (c->session->lead == c)
		c->session->lead = NULL;
	xe_list_del(&c->session_link);
	if (c->ctx) {
		drop_held(c);
		xe_loop_unpost(&c->ctx->loop, &c->disconnect);
		xe_list_del(&c->ctx_link);
	}
	xe_free(c);
}

/* Ends an attempt to connect; the peer may know of it already. */
static void abort_connect(struct xio_connection *c)
{
	struct xe_nexus *n = c->nexus;

	c->state = XE_CONN_DEAD;
	xe_timer_cancel(&c->fin_timer);
	xe_timer_cancel(&c->ka_timer);
	xe_work_cancel(&c->setup);
	flush_all(c);
	if (n && n->l)
		xe_link_fail(n->l, ECONNABORTED);
	leave_nexus(c);
}

int xio_connection_destroy(struct xio_connection *conn)
{
	struct xio_session *s;
	struct xio_context *ctx;

	if (!conn)
		return xe_fail(EINVAL);
	if (!xe_registry_has(XE_HANDLE_CONNECTION, conn))
		return xe_fail(XIO_E_USER_OBJ_NOT_FOUND);
	if (conn->state != XE_CONN_INIT && conn->state != XE_CONN_DEAD)
		return xe_fail(EPERM);
	s = conn->session;
	ctx = conn->ctx;
	if (conn->state == XE_CONN_INIT)
		abort_connect(conn);
	s->reason = conn->reason;
	xe_conn_free(conn);
	if (xe_list_empty(&s->connections) && ctx)
		xe_session_teardown(s, ctx);
	return 0;
}

void xe_conn_detach(struct xio_connection *c)
{
	struct xe_list *lists[] = {
		&c->waiting, &c->unsent, &c->ctl_queue, &c->req_queue, &c->answering,
		&c->rsp_queue, &c->receiving,
	};
	unsigned int i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		while (!xe_list_empty(lists[i]))
			xe_task_put(first(lists[i]));
	drop_held(c);
	xe_timer_cancel(&c->fin_timer);
	xe_timer_cancel(&c->ka_timer);
	xe_work_cancel(&c->setup);
	xe_work_cancel(&c->teardown);
	xe_loop_unpost(&c->ctx->loop, &c->disconnect);
	leave_nexus(c);
	xe_list_del(&c->ctx_link);
	c->state = XE_CONN_DEAD;
	c->open = false;
	c->ctx = NULL;
}
