/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes
 *
 * A request that was not sent yet is taken out of its queue at once. One that
 * is out is cancelled by a task of its own, its partner: CANCEL_REQ, which
 * the responder answers as its application decides. libxio 1.7 drops the
 * connection when it gets such a frame, so toward a peer that is not of our
 * kind the partner goes nowhere, and the loop reports that it failed.
 *
 * Each cancel of a request that is out is reported once, while the message is
 * still the library's: as "canceled", which ends it, or as anything else,
 * after which it ends as usual. When its response or the end of the
 * connection is there first, the report comes just before.
 */
#include <errno.h>
#include <string.h>

#include "cancel.h"
#include "flow.h"
#include "message.h"
#include "nexus.h"
#include "registry.h"
#include "session.h"

static void report(struct xio_connection *c, struct xio_msg *m,
		   enum xio_status result)
{
	if (c->ops->on_cancel)
		c->ops->on_cancel(c->session, m, result, c->user_context);
}

/* Queues a cancel frame; it goes before all else. */
static void queue(struct xio_connection *c, struct xe_task *t,
		  const struct xe_cancel *p)
{
	t->hdr = xe_task_buf(t, XE_CANCEL_LEN);	/* fits into the task */
	t->hdr_len = XE_CANCEL_LEN;
	xe_cancel_encode(p, t->hdr);
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(&c->ctl_queue, &t->link);
	xe_conn_ready(c);
}

/* ---- requester ------------------------------------------------------- */

static struct xe_task *find(struct xe_list *l, const struct xio_msg *m)
{
	struct xe_list *p;

	xe_list_for_each(p, l) {
		struct xe_task *t = xe_container_of(p, struct xe_task, link);

		if (t->omsg == m)
			return t;
	}
	return NULL;
}

/* Can the peer be asked, and will it hear of it? */
static bool peer_can(const struct xio_connection *c, const struct xe_task *t)
{
	return t->type == XE_MSG_REQ && t->state == XE_TASK_SENT &&
	       c->nexus && c->nexus->kin && c->nexus->state == XE_NEXUS_UP &&
	       c->state == XE_CONN_ONLINE;
}

static int start(struct xio_connection *c, struct xe_task *t)
{
	struct xe_task *k = xe_task_get_control(c->ctx);
	const struct xe_cancel p = {
		.tsn = t->tsn,
		.requester_session = c->session->id,
		.responder_session = c->peer_session_id,
		.serial = t->serial,
	};

	if (!k)
		return -1;
	k->conn = c;
	k->type = XE_CANCEL_REQ;
	k->serial = t->serial;
	k->partner = t;
	t->partner = k;
	k->state = XE_TASK_QUEUED;
	if (peer_can(c, t)) {
		queue(c, k, &p);
		return 0;
	}
	xe_list_add_tail(&c->failing, &k->link);
	xe_loop_defer_shown(&c->ctx->loop, &c->cancels);
	return 0;
}

int xio_cancel_request(struct xio_connection *conn, struct xio_msg *req)
{
	struct xio_connection *c = conn;
	struct xe_task *t;

	if (!c || !req)
		return xe_fail(EINVAL);
	if (!xe_registry_has(XE_HANDLE_CONNECTION, c))
		return xe_fail(XIO_E_USER_OBJ_NOT_FOUND);
	t = find(&c->req_queue, req);
	if (!t)
		t = find(&c->unsent, req);
	if (t && !t->retry) {
		xe_task_put(t);
		report(c, req, XIO_E_MSG_CANCELED);
		return 0;
	}
	if (!t)
		t = find(&c->waiting, req);
	if (!t) {
		/* Answered, or never sent here. */
		report(c, req, XIO_E_MSG_NOT_FOUND);
		return 0;
	}
	if (t->partner)
		return xe_fail(XIO_E_IN_PORGRESS);
	return start(c, t);
}

/* Cancels that go nowhere; new ones of the callbacks have their own turn. */
static void on_failing(struct xe_work *w)
{
	struct xio_connection *c = xe_container_of(w, struct xio_connection,
						   cancels);
	struct xe_list now;

	xe_list_init(&now);
	xe_list_splice_tail(&now, &c->failing);
	while (!xe_list_empty(&now)) {
		struct xe_task *k = xe_container_of(now.next, struct xe_task,
						    link);

		if (k->partner)
			xe_cancel_over(k->partner);
		else
			xe_task_put(k);
	}
}

void xe_cancel_over(struct xe_task *t)
{
	struct xe_task *k = t->partner;

	if (!k || t->type == XE_CANCEL_REQ)
		return;
	t->partner = NULL;
	k->partner = NULL;
	/* One that was sent stays, for its answer. */
	if (k->state != XE_TASK_SENT)
		xe_task_put(k);
	report(t->conn, t->omsg, XIO_E_MSG_CANCEL_FAILED);
}

/* Is this the answer to k, and may it say so? */
static bool answer_ok(const struct xe_task *k, uint32_t *result)
{
	const struct xio_connection *c = k->conn;
	const struct xe_task *t = k->partner;
	struct xe_cancel p;

	if (xe_cancel_decode(k->hdr, k->hdr_len, &p) ||
	    p.serial != k->serial || p.requester_session != c->session->id ||
	    p.responder_session != c->peer_session_id)
		return false;
	*result = p.result;
	/* Canceled and answered, or before the request can have come? */
	if (p.result == XIO_E_MSG_CANCELED)
		return !t || (xe_list_empty(&t->rx.link) &&
			      xe_list_empty(&t->tx.link));
	return p.result == XIO_E_MSG_CANCEL_FAILED ||
	       p.result == XIO_E_MSG_NOT_FOUND;
}

int xe_cancel_on_rsp(struct xe_task *k)
{
	struct xio_connection *c = k->conn;
	struct xe_task *t = k->partner;
	struct xio_msg *m;
	uint32_t result;
	bool ok = answer_ok(k, &result);

	if (!t)			/* it has ended, and this was reported */
		return ok ? 0 : -EPROTO;
	if (!ok || xe_conn_closed_by_peer(c)) {
		xe_cancel_over(t);	/* and is flushed with the others */
		return ok ? 0 : -EPROTO;
	}
	m = t->omsg;
	if (result == XIO_E_MSG_CANCELED) {
		xe_task_put(t);
	} else {
		t->partner = NULL;
		k->partner = NULL;
	}
	report(c, m, (enum xio_status)result);
	return 0;
}

void xe_cancel_init(struct xio_connection *c)
{
	xe_work_init(&c->cancels, on_failing);
}

/* ---- responder ------------------------------------------------------- */

/* Answers CANCEL_REQ number ltid for a request. 0 or -ENOMEM. */
static int answer(struct xio_connection *c, uint32_t ltid, uint16_t tsn,
		  uint64_t serial, uint32_t result)
{
	struct xe_task *t = xe_task_get_control(c->ctx);
	const struct xe_cancel p = {
		.tsn = tsn,
		.result = result,
		.requester_session = c->peer_session_id,
		.responder_session = c->session->id,
		.serial = serial,
	};

	if (!t)
		return -ENOMEM;
	t->conn = c;
	t->type = XE_CANCEL_RSP;
	t->peer_ltid = ltid;
	xe_task_count_answer(t);
	queue(c, t, &p);
	return 0;
}

/* The request with that number, if the application has it. */
static struct xe_task *find_held(struct xio_connection *c, uint64_t serial)
{
	struct xe_list *p;

	xe_list_for_each(p, &c->held) {
		struct xe_task *t = xe_container_of(p, struct xe_task, link);

		if (t->received && t->type == XE_MSG_REQ &&
		    t->serial == serial)
			return t;
	}
	return NULL;
}

int xe_cancel_on_req(struct xe_task *r)
{
	struct xio_connection *c = r->conn;
	struct xe_task *t;
	struct xe_cancel p;

	if (xe_cancel_decode(r->hdr, r->hdr_len, &p) ||
	    p.requester_session != c->peer_session_id ||
	    p.responder_session != c->session->id)
		return -EPROTO;
	/* While it closes, the requester flushes all that is unanswered. */
	if (xe_session_state(c->session) != XE_SESSION_ONLINE || xe_conn_shut(c))
		return 0;
	t = find_held(c, p.serial);
	if (!t)
		return answer(c, r->peer_ltid, p.tsn, p.serial,
			      XIO_E_MSG_NOT_FOUND);
	if (t->cancel_asked || !c->ops->on_cancel_request)
		return answer(c, r->peer_ltid, p.tsn, p.serial,
			      XIO_E_MSG_CANCEL_FAILED);
	t->cancel_asked = true;
	t->cancel_ltid = r->peer_ltid;
	t->cancel_tsn = p.tsn;
	/* The callback may end the request: t is not ours after it. */
	c->ops->on_cancel_request(c->session, &t->imsg, c->user_context);
	return 0;
}

int xio_cancel(struct xio_msg *req, enum xio_status result)
{
	struct xe_task *t = xe_task_of(req);

	if ((result != XIO_E_MSG_CANCELED &&
	     result != XIO_E_MSG_CANCEL_FAILED) || !t || !t->received ||
	    t->type != XE_MSG_REQ || t->state != XE_TASK_HELD || !t->conn)
		return xe_fail(EINVAL);
	if (!t->cancel_asked)
		return xe_fail(XIO_E_STATE);
	if (t->cancel_ltid == XE_NO_SLOT && !xe_conn_shut(t->conn)) {
		/* The link has changed: the requester heard that it failed. */
		t->cancel_asked = false;
		if (result == XIO_E_MSG_CANCELED)
			xe_message_answer_status(t, result);
		return 0;
	}
	if (!xe_conn_shut(t->conn) &&
	    answer(t->conn, t->cancel_ltid, t->cancel_tsn, t->serial, result))
		return -1;
	t->cancel_asked = false;
	if (result == XIO_E_MSG_CANCELED) {
		/* No answer takes its credit along. */
		xe_flow_released(t);
		xe_task_put(t);
	}
	return 0;
}

void xe_cancel_answered(struct xe_task *t)
{
	if (!t->cancel_asked)
		return;
	t->cancel_asked = false;
	if (!xe_conn_shut(t->conn) && t->cancel_ltid != XE_NO_SLOT &&
	    answer(t->conn, t->cancel_ltid, t->cancel_tsn, t->serial,
		   XIO_E_MSG_CANCEL_FAILED))
		XE_WARN("no memory to answer a cancel request");
}
