/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes
 *
 * A nexus whose link was lost waits (re.lost) with its connections: the
 * client tries to connect, at once and then after some waits, the server has
 * patience for a little longer than that. The cid that the server gave to
 * the first link names the nexus; it is random, must come from the same
 * host, and is good only while the old link is really gone. libxio 1.7
 * crashes when it is asked to reconnect, so only engines that recognised
 * each other do it.
 *
 * What a connection does when its link is lost:
 * - Requests that are out go back to the head of their queue and are sent
 *   again, with new sequence and old serial numbers and their old ltid.
 * - What had come in only by half is forgotten: it comes again.
 * - Answers that are not sent, and requests that the application still has,
 *   are parked: the answer is sent when the request has come again. Sent
 *   before, it might end an exchange that the repeated request opens anew.
 * - A request that comes again and is nowhere was answered, and the answer
 *   was lost with the link: it ends with XIO_E_MSG_DISCARDED. The
 *   application never sees a request twice.
 * - Receipts are forgotten: who has not got one asks for it again.
 */
#include <errno.h>
#include <string.h>

#include "cancel.h"
#include "connection.h"
#include "message.h"
#include "nexus.h"
#include "option.h"
#include "reconnect.h"
#include "session.h"

#define WAITING_MAX	1024	/* nexuses of a context that wait */

int64_t xe_reconnect_wait_ns[XE_RECONNECT_WAITS] = {
	15 * XE_NS_PER_SEC, 30 * XE_NS_PER_SEC, 60 * XE_NS_PER_SEC,
};
int64_t xe_reconnect_keep_ns = 106 * XE_NS_PER_SEC;

static struct xe_task *task_at(struct xe_list *p)
{
	return xe_container_of(p, struct xe_task, link);
}

static struct xio_connection *conn_at(struct xe_list *p)
{
	return xe_container_of(p, struct xio_connection, nexus_link);
}

/* ---- a connection loses its link ------------------------------------- */

static bool has_type(const struct xe_list *l, uint32_t a, uint32_t b)
{
	struct xe_list *p;

	xe_list_for_each(p, l)
		if (task_at(p)->type == a || task_at(p)->type == b)
			return true;
	return false;
}

/*
 * Open, not closing, and the peer knows it. Credits of flow control that
 * were on their way would be lost.
 */
static bool lives_on(const struct xio_connection *c)
{
	return c->state == XE_CONN_ONLINE && c->open && !c->timed_out &&
	       !c->setup_only && !c->silent && !c->flow.on &&
	       xe_session_state(c->session) == XE_SESSION_ONLINE &&
	       !has_type(&c->ctl_queue, XE_SESSION_SETUP_RSP, XE_HELLO_RSP) &&
	       !has_type(&c->answering, XE_SESSION_SETUP_RSP, XE_HELLO_RSP);
}

/* Forgets what came in by half, and remembers up to where it was whole. */
static void rewind_received(struct xio_connection *c)
{
	bool any = c->rx_any;
	uint64_t last = c->rx_serial;
	struct xe_list *p;

	/* In the order of their numbers: the first one tells. */
	xe_list_for_each(p, &c->receiving) {
		struct xe_task *t = task_at(p);

		if (!xe_type_is_app(t->type))
			continue;
		any = t->serial > 0;
		last = t->serial - 1;
		break;
	}
	while (!xe_list_empty(&c->receiving))
		xe_task_put(task_at(c->receiving.next));
	if (any && (!c->rx_repeats || last > c->rx_done)) {
		c->rx_repeats = true;
		c->rx_done = last;
	}
	c->rx_any = false;
	c->any_req_sn = true;
	c->any_rsp_sn = true;
}

/* Control frames are not sent again; a cancel has failed. */
static void drop_control(struct xio_connection *c, struct xe_task *t)
{
	if (t->type != XE_CANCEL_REQ || !t->partner) {
		xe_task_put(t);
		return;
	}
	xe_nexus_slot_put(t);
	t->state = XE_TASK_QUEUED;
	xe_list_del(&t->link);
	xe_list_add_tail(&c->failing, &t->link);
	xe_loop_defer(&c->ctx->loop, &c->cancels);
}

static void requeue_requests(struct xio_connection *c)
{
	struct xe_list again;

	xe_list_init(&again);
	while (!xe_list_empty(&c->waiting)) {
		struct xe_task *t = task_at(c->waiting.next);

		if (!t->omsg) {
			drop_control(c, t);
			continue;
		}
		xe_task_rx_reset(t);
		t->state = XE_TASK_QUEUED;
		t->retry = true;
		xe_list_del(&t->link);
		xe_list_add_tail(&again, &t->link);
	}
	xe_list_splice_tail(&again, &c->req_queue);
	xe_list_splice_tail(&c->req_queue, &again);
}

static void park_answers(struct xio_connection *c, struct xe_list *l)
{
	while (!xe_list_empty(l)) {
		struct xe_task *t = task_at(l->next);

		if (t->state != XE_TASK_ANSWERING) {
			xe_task_put(t);
			continue;
		}
		t->parked = true;
		xe_list_del(&t->link);
		xe_list_add_tail(&c->parked, &t->link);
	}
}

static void lose_link(struct xio_connection *c)
{
	struct xe_list *p;

	xe_timer_cancel(&c->ka_timer);
	c->ka_out = false;
	xe_list_del(&c->ready_link);
	rewind_received(c);
	requeue_requests(c);
	while (!xe_list_empty(&c->ctl_queue))
		drop_control(c, task_at(c->ctl_queue.next));
	park_answers(c, &c->answering);
	park_answers(c, &c->rsp_queue);
	xe_list_for_each(p, &c->held) {
		struct xe_task *t = task_at(p);

		if (!t->received || t->type != XE_MSG_REQ)
			continue;
		t->parked = true;
		t->cancel_ltid = XE_NO_SLOT;	/* nobody waits for it now */
	}
}

/* ---- events ----------------------------------------------------------- */

/* Callbacks may take connections away: look from the start each time. */
static void tell_all(struct xe_nexus *n, enum xio_session_event ev,
		     enum xio_status reason)
{
	struct xe_list *p;

	xe_list_for_each(p, &n->connections)
		conn_at(p)->tell = conn_at(p)->state == XE_CONN_ONLINE;
	for (p = n->connections.next; p != &n->connections;) {
		struct xio_connection *c = conn_at(p);

		p = p->next;
		if (!c->tell)
			continue;
		c->tell = false;
		xe_conn_event(c, ev, reason);
		p = n->connections.next;
	}
}

struct xio_connection *xe_reconnect_hopeless(struct xe_nexus *n)
{
	struct xe_list *p;

	xe_list_for_each(p, &n->connections)
		if (!conn_at(p)->waits)
			return conn_at(p);
	return NULL;
}

void xe_reconnect_abandon(struct xio_connection *c, int reason,
			  int at_teardown)
{
	if (c->state != XE_CONN_ONLINE)
		return;
	xe_list_del(&c->nexus_link);
	c->reason = (enum xio_status)at_teardown;
	c->state = XE_CONN_CLOSED;
	c->open = false;
	xe_conn_event(c, XIO_SESSION_CONNECTION_CLOSED_EVENT, reason);
	xe_conn_teardown(c);
}

/* ---- waiting ----------------------------------------------------------- */

void xe_reconnect_forget(struct xe_nexus *n)
{
	if (n->re.lost)
		n->ctx->lost_nexuses--;
	n->re.lost = false;
}

static void give_up(struct xe_nexus *n)
{
	xe_reconnect_forget(n);
	n->state = XE_NEXUS_DOWN;
	n->down_reason = 0;
	xe_loop_defer(&n->ctx->loop, &n->down);
}

/* The next attempt of a client, or the end. */
static void schedule(struct xe_nexus *n)
{
	unsigned int i = n->re.attempt;

	if (i > XE_RECONNECT_WAITS)
		give_up(n);
	else
		xe_timer_set(&n->ctx->loop, &n->timer,
			     i == 0 ? 0 : xe_reconnect_wait_ns[i - 1]);
}

bool xe_reconnect_wanted(struct xe_nexus *n)
{
	struct xe_list *p;
	bool any = false;

	if (n->re.lost)
		return true;	/* an attempt has failed */
	if (!n->re.enabled || !n->kin || n->state != XE_NEXUS_UP ||
	    !xe_link_lost(n->l) || n->ctx->lost_nexuses >= WAITING_MAX)
		return false;
	xe_list_for_each(p, &n->connections) {
		conn_at(p)->waits = lives_on(conn_at(p));
		any = any || conn_at(p)->waits;
	}
	n->re.peer = *xe_link_peer(n->l);
	return any;
}

void xe_reconnect_begin(struct xe_nexus *n)
{
	struct xe_list *p;
	bool first = !n->re.lost;

	n->state = XE_NEXUS_CONNECTING;
	if (!first) {
		schedule(n);
		return;
	}
	n->re.lost = true;
	n->ctx->lost_nexuses++;
	if (xe_now_ns() - n->re.since > xe_reconnect_wait_ns[0])
		n->re.attempt = 0;
	xe_list_for_each(p, &n->connections) {
		if (conn_at(p)->waits)
			lose_link(conn_at(p));
		else
			xe_work_cancel(&conn_at(p)->setup);
	}
	if (xe_reconnect_hopeless(n))
		xe_loop_defer(&n->ctx->loop, &n->down);
	if (n->server)
		xe_timer_set(&n->ctx->loop, &n->timer, xe_reconnect_keep_ns);
	else
		schedule(n);
	if (n->re.lost)
		tell_all(n, XIO_SESSION_CONNECTION_RECONNECTING_EVENT,
			 XIO_E_SESSION_DISCONNECTED);
}

void xe_reconnect_timer(struct xe_nexus *n)
{
	if (n->server) {
		give_up(n);
		return;
	}
	n->re.attempt++;
	n->l = xe_link_connect(n->ctx, &n->re.peer,
			       n->re.from.ss_family ? &n->re.from : NULL,
			       n->tos, xe_nexus_link_events, n);
	if (n->l)
		xe_timer_set(&n->ctx->loop, &n->timer,
			     XE_OPT(limit_setup_time) * XE_NS_PER_MS);
	else
		schedule(n);
}

/* ---- the link is back --------------------------------------------------- */

static void resume(struct xe_nexus *n)
{
	struct xe_list *p;

	xe_reconnect_forget(n);
	n->re.since = xe_now_ns();
	/* Should it die at once, before a frame has come, the next one waits. */
	n->re.attempt = 1;
	n->tsn = 0;
	xe_nexus_up(n);
	xe_list_for_each(p, &n->connections) {
		struct xio_connection *c = conn_at(p);

		if (c->state != XE_CONN_ONLINE)
			continue;
		c->local = *xe_link_local(n->l);
		c->peer = *xe_link_peer(n->l);
		xe_conn_ready(c);
		xe_conn_keepalive_start(c, xe_opt.keepalive.time);
	}
	tell_all(n, XIO_SESSION_CONNECTION_RECONNECTED_EVENT, XIO_E_SUCCESS);
}

static int on_response(struct xe_nexus *n, const struct xe_nexus_setup *s)
{
	if (!n->re.lost)
		return -EPROTO;
	/* The server does not know yet that the old link is dead. */
	if (s->status == XIO_E_IN_PORGRESS)
		return -ECONNRESET;
	if (s->status || !(s->flags & 1) || !s->kin || s->cid != n->cid ||
	    s->buf_size != n->buf_size || s->max_in != n->peer_max_in ||
	    s->max_out != n->peer_max_out || s->max_hdr != n->peer_max_hdr) {
		n->re.attempt = XE_RECONNECT_WAITS + 1;
		return -ECONNRESET;
	}
	resume(n);
	return 0;
}

/*
 * The nexus that a client on the new link of fresh means. *status: what to
 * say when there is none.
 */
static struct xe_nexus *find(struct xe_nexus *fresh,
			     const struct xe_nexus_setup *s, uint32_t *status)
{
	const struct sockaddr_storage *from = xe_link_peer(fresh->l);
	struct xe_nexus *n = NULL;
	struct xe_list *p;

	*status = XIO_E_UNSUCCESSFUL;
	if (!s->kin)
		return NULL;
	xe_list_for_each(p, &fresh->ctx->nexuses) {
		n = xe_container_of(p, struct xe_nexus, link);
		if (n != fresh && n->cid == s->cid && n->kin &&
		    n->re.enabled && n->server == fresh->server && n->refs > 0)
			break;
	}
	if (p == &fresh->ctx->nexuses)
		return NULL;
	if (!n->re.lost) {
		if (n->state != XE_NEXUS_UP ||
		    !xe_same_host(from, xe_link_peer(n->l)))
			return NULL;
		if (!xe_link_gone(n->l)) {
			*status = XIO_E_IN_PORGRESS;
			return NULL;
		}
		/* Its end is only waiting to be read. */
		xe_nexus_link_events->down(n, 0);
	}
	if (!n->re.lost || !xe_same_host(from, &n->re.peer) ||
	    s->max_in != n->peer_max_in || s->max_out != n->peer_max_out ||
	    s->max_hdr != n->peer_max_hdr ||
	    (s->buf_size < n->own_buf_size ? s->buf_size : n->own_buf_size) !=
	    n->buf_size)
		return NULL;
	return n;
}

static int on_request(struct xe_nexus *fresh, const struct xe_nexus_setup *s)
{
	struct xe_nexus_setup r = {
		.response = true,
		.version = XE_PROTO_VERSION,
		.flags = 1,
		.cid = s->cid,
		.kin = s->kin,
	};
	struct xe_nexus *n = find(fresh, s, &r.status);

	if (!n) {
		XE_PEER_ERR(xe_link_peer(fresh->l), "no link to reconnect: %s",
			    xio_strerror((int)r.status));
		xe_link_push_setup(fresh->l, &r);
		xe_link_flush(fresh->l);
		xe_link_fail(fresh->l, 0);
		return 0;
	}
	r.status = 0;
	r.buf_size = n->buf_size;
	r.max_in = n->max_in;
	r.max_out = n->max_out;
	r.max_hdr = n->max_hdr;
	n->l = fresh->l;
	fresh->l = NULL;
	xe_link_own(n->l, xe_nexus_link_events, n);
	/* Not from inside an event of what was its link. */
	xe_timer_set(&fresh->ctx->loop, &fresh->timer, 0);
	xe_link_push_setup(n->l, &r);
	resume(n);
	xe_loop_defer(&n->ctx->loop, &n->xmit);
	return 0;
}

int xe_reconnect_on_setup(struct xe_nexus *n, const struct xe_nexus_setup *s)
{
	return s->response ? on_response(n, s) : on_request(n, s);
}

/* ---- requests that come again -------------------------------------------- */

bool xe_reconnect_is_repeat(const struct xio_connection *c, uint64_t serial)
{
	return c->rx_repeats && serial <= c->rx_done;
}

bool xe_reconnect_left_out(const struct xio_connection *c)
{
	struct xe_list *p;

	if (!c->rx_repeats)
		return false;
	xe_list_for_each(p, &c->held)
		if (task_at(p)->parked)
			return true;
	return !xe_list_empty(&c->parked);
}

/*
 * The parked exchange with that number. Requests come again in the order in
 * which they were delivered, so it is near the start of the list when those
 * found before have been moved.
 */
static struct xe_task *find_parked(struct xe_list *l, uint64_t serial)
{
	struct xe_list *p;

	xe_list_for_each(p, l) {
		struct xe_task *t = task_at(p);

		if (t->parked && t->serial == serial)
			return t;
	}
	return NULL;
}

/* The link is another one: does the answer still fit? */
static void unpark_answer(struct xio_connection *c, struct xe_task *t)
{
	struct xio_msg *m = t->omsg;

	xe_list_del(&t->link);
	xe_list_add_tail(&c->rsp_queue, &t->link);
	xe_conn_ready(c);
	if (!m || xe_message_response_fits(t, m))
		return;
	xe_message_answer_status(t, XIO_E_MSG_SIZE);
	xe_message_error(c, m, XIO_E_MSG_SIZE, XIO_MSG_DIRECTION_OUT);
}

static int repeated_request(struct xio_connection *c, struct xe_task *t)
{
	bool receipt = t->rx_flags & XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	struct xe_task *h = find_parked(&c->held, t->serial);
	int err = 0;

	if (h) {
		h->parked = false;
		h->peer_ltid = t->peer_ltid;
		xe_list_del(&h->link);
		xe_list_add_tail(&c->held, &h->link);
		if (receipt)
			err = xe_message_send_receipt(c, XE_MSG_RSP,
						      t->peer_ltid, t->serial);
		xe_task_put(t);
		return err;
	}
	h = find_parked(&c->parked, t->serial);
	if (h) {
		h->parked = false;
		h->peer_ltid = t->peer_ltid;
		h->receipt_due = receipt;
		xe_task_put(t);
		unpark_answer(c, h);
		return 0;
	}
	xe_task_count_answer(t);
	xe_message_answer_status(t, XIO_E_MSG_DISCARDED);
	return 0;
}

int xe_reconnect_repeat(struct xe_task *t)
{
	struct xio_connection *c = t->conn;
	int err = 0;

	if (c->fin_seen)
		return -EPROTO;
	if (t->type == XE_MSG_REQ)
		return repeated_request(c, t);
	if (t->rx_flags & (XIO_MSG_FLAG_REQUEST_READ_RECEIPT |
			   XE_FL_IMM_RECEIPT))
		err = xe_message_send_receipt(c, XE_ONE_WAY_RSP, t->peer_ltid,
					      t->serial);
	xe_task_put(t);
	return err;
}
