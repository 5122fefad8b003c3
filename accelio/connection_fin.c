/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing a connection (accelio-wire 5.5) and keepalive (6.6).
 *
 *   state        event         frame      next
 *   ONLINE       close         FIN_REQ    FIN_WAIT_1
 *   ONLINE       FIN_REQ       FIN_RSP    CLOSE_WAIT
 *   CLOSE_WAIT   FIN_RSP sent  FIN_REQ    LAST_ACK
 *   FIN_WAIT_1   FIN_RSP                  FIN_WAIT_2
 *   FIN_WAIT_1   FIN_RSP sent             CLOSING
 *   FIN_WAIT_2   FIN_RSP sent             CLOSED
 *   CLOSING      FIN_RSP                  CLOSED
 *   LAST_ACK     FIN_RSP                  CLOSED
 *
 * A FIN_REQ in FIN_WAIT_1 or FIN_WAIT_2 is answered with FIN_RSP; "FIN_RSP
 * sent" is when the kernel has it. Anything else breaks the protocol.
 */
#include <errno.h>

#include "connection.h"
#include "message.h"
#include "option.h"
#include "reconnect.h"
#include "session.h"

enum fin_event { EV_CLOSE, EV_FIN_REQ, EV_FIN_RSP, EV_RSP_SENT, EV_NR };

static const char *const state_names[] = {
	"INIT", "ONLINE", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "CLOSE_WAIT",
	"LAST_ACK", "CLOSED", "DISCONNECTED", "DEAD",
};

/* INIT, where nothing of this can happen, stands for "not allowed". */
static const enum xe_conn_state transitions[][EV_NR] = {
	[XE_CONN_ONLINE][EV_CLOSE] = XE_CONN_FIN_WAIT_1,
	[XE_CONN_ONLINE][EV_FIN_REQ] = XE_CONN_CLOSE_WAIT,
	[XE_CONN_CLOSE_WAIT][EV_RSP_SENT] = XE_CONN_LAST_ACK,
	[XE_CONN_FIN_WAIT_1][EV_FIN_REQ] = XE_CONN_FIN_WAIT_1,
	[XE_CONN_FIN_WAIT_1][EV_FIN_RSP] = XE_CONN_FIN_WAIT_2,
	[XE_CONN_FIN_WAIT_1][EV_RSP_SENT] = XE_CONN_CLOSING,
	[XE_CONN_FIN_WAIT_2][EV_FIN_REQ] = XE_CONN_FIN_WAIT_2,
	[XE_CONN_FIN_WAIT_2][EV_RSP_SENT] = XE_CONN_CLOSED,
	[XE_CONN_CLOSING][EV_FIN_RSP] = XE_CONN_CLOSED,
	[XE_CONN_LAST_ACK][EV_FIN_RSP] = XE_CONN_CLOSED,
	[XE_CONN_DEAD] = { XE_CONN_INIT },
};

static bool step(struct xio_connection *c, enum fin_event ev)
{
	enum xe_conn_state next = transitions[c->state][ev];

	XE_DEBUG("connection %p: %s, event %d -> %s", (void *)c,
		 state_names[c->state], (int)ev, state_names[next]);
	if (next == XE_CONN_INIT)
		return false;
	c->state = next;
	if (next == XE_CONN_CLOSED)
		xe_conn_teardown(c);
	return true;
}

/* The peer does not answer: only its link can be given up. */
static void on_answer_timer(struct xe_timer *t)
{
	struct xio_connection *c = xe_container_of(t, struct xio_connection,
						   answer_timer);

	XE_PEER_ERR(&c->peer, "no answer to %s in time",
		    c->state == XE_CONN_INIT ? "a hello" : "a close");
	if (c->nexus && c->nexus->l)
		xe_link_fail(c->nexus->l, ETIMEDOUT);
}

static void send_fin_req(struct xio_connection *c)
{
	int64_t secs = c->disconnect_secs ? c->disconnect_secs : 300;

	xe_timer_set(&c->ctx->loop, &c->answer_timer, secs * XE_NS_PER_SEC);
	if (xe_conn_send_control(c, XE_FIN_REQ, &c->req_queue))
		xe_link_fail(c->nexus->l, ENOMEM);
}

void xe_conn_hello_timer(struct xio_connection *c)
{
	xe_timer_set(&c->ctx->loop, &c->answer_timer,
		     XE_OPT(limit_setup_time) * XE_NS_PER_MS);
}

void xe_conn_close(struct xio_connection *c, int reason, int at_teardown)
{
	if (c->nexus && c->nexus->re.lost) {
		xe_reconnect_abandon(c, reason, at_teardown);
		return;
	}
	if (!step(c, EV_CLOSE))
		return;
	xe_timer_cancel(&c->ka_timer);
	c->reason = (enum xio_status)at_teardown;
	send_fin_req(c);
	xe_conn_event(c, XIO_SESSION_CONNECTION_CLOSED_EVENT, reason);
}

int xe_conn_on_fin_req(struct xio_connection *c, uint32_t peer_ltid)
{
	bool passive = c->state == XE_CONN_ONLINE;
	struct xe_task *t;

	if (c->fin_seen || !c->open || !step(c, EV_FIN_REQ))
		return -EPROTO;
	c->fin_seen = true;
	xe_timer_cancel(&c->ka_timer);
	t = xe_task_get_control(c->ctx);
	if (!t)
		return -ENOMEM;
	t->conn = c;
	t->type = XE_FIN_RSP;
	t->peer_ltid = peer_ltid;
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(&c->rsp_queue, &t->link);
	xe_conn_ready(c);
	if (passive) {
		c->reason = XIO_E_SESSION_DISCONNECTED;
		xe_conn_event(c, XIO_SESSION_CONNECTION_CLOSED_EVENT,
			      c->reason);
		xe_conn_drop_queued(c);
	}
	return 0;
}

int xe_conn_on_fin_rsp(struct xio_connection *c)
{
	if (!step(c, EV_FIN_RSP))
		return -EPROTO;
	/* FIN_WAIT_2 keeps the timer: the peer must send its own FIN_REQ. */
	if (c->state == XE_CONN_CLOSED)
		xe_timer_cancel(&c->answer_timer);
	return 0;
}

void xe_conn_fin_rsp_sent(struct xio_connection *c)
{
	if (step(c, EV_RSP_SENT) && c->state == XE_CONN_LAST_ACK)
		send_fin_req(c);
}

/* ---- keepalive ------------------------------------------------------- */

void xe_conn_keepalive_start(struct xio_connection *c, int64_t secs)
{
	c->ka_out = false;
	if (!xe_opt.enable_keepalive || c->state != XE_CONN_ONLINE)
		return;
	xe_timer_set(&c->ctx->loop, &c->ka_timer, secs * XE_NS_PER_SEC);
}

static void on_ka_timer(struct xe_timer *t)
{
	struct xio_connection *c = xe_container_of(t, struct xio_connection,
						   ka_timer);
	int64_t wait = (int64_t)xe_opt.keepalive.probes *
		       xe_opt.keepalive.intvl;

	if (c->state != XE_CONN_ONLINE)
		return;
	if (c->ka_out) {
		XE_PEER_ERR(&c->peer, "no answer to keepalive for %lld seconds",
			    (long long)wait);
		c->timed_out = true;
		xe_link_fail(c->nexus->l, ETIMEDOUT);
		return;
	}
	if (wait <= 0)
		return;		/* no probes: never give up */
	if (xe_conn_send_control(c, XE_KA_REQ, &c->ctl_queue)) {
		xe_conn_keepalive_start(c, xe_opt.keepalive.time);
		return;
	}
	c->ka_out = true;
	xe_timer_set(&c->ctx->loop, &c->ka_timer, wait * XE_NS_PER_SEC);
}

int xe_conn_on_keepalive_req(struct xio_connection *c, uint32_t peer_ltid)
{
	struct xe_task *t = xe_task_get_control(c->ctx);

	if (!t)
		return -ENOMEM;
	t->conn = c;
	t->type = XE_KA_RSP;
	xe_task_count_answer(t);
	t->peer_ltid = peer_ltid;
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(&c->ctl_queue, &t->link);
	xe_conn_ready(c);
	if (!c->ka_out)
		xe_conn_keepalive_start(c, 2 * (int64_t)xe_opt.keepalive.time);
	return 0;
}

void xe_conn_on_keepalive_rsp(struct xio_connection *c)
{
	if (c->ka_out)
		xe_conn_keepalive_start(c, xe_opt.keepalive.time);
}

void xe_conn_timers_init(struct xio_connection *c)
{
	xe_timer_init(&c->answer_timer, on_answer_timer);
	xe_timer_init(&c->ka_timer, on_ka_timer);
}
