/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes
 *
 * Each side may have as many messages and bytes with the other as that one's
 * receive depths allow. The receiver gives credits back when a request is
 * answered and when a one-way or a response is released; they travel in the
 * session header of whatever is sent next, or in an ACK_REQ.
 *
 * libxio 1.7 counts an ACK_REQ as a message and lets it wait for credits
 * too. Two sides that have used up each other's windows then wait for ever,
 * and so does a window of one message. These rules avoid it; they serve
 * toward libxio as well, because a receiver on TCP sets nothing aside for
 * its window:
 *
 * - An ACK_REQ never waits for credits, and it is called for too when as
 *   many were collected by answers that wait themselves.
 * - An ACK_REQ takes no lasting place at the peer, which yet returns its
 *   credit only when it has something to send (and libxio not always). A
 *   credit does not say what it is for, so two bounds are kept of how many
 *   of those that are out are ACK_REQs. Certain ones alone hold nothing
 *   back; possible ones are written off when nothing has moved for a while.
 * - After the same while few credits are returned too: the peer may be
 *   waiting for these.
 * - A peer keeps up to half of the bytes back without a word. While less
 *   than half is out, even a message larger than what is left may go.
 * - When the connection closes, nobody gives credits any more: what is
 *   queued goes out, and then the closing frame.
 *
 * ACK_REQs call for an ACK_REQ when there are two or more of them, so that
 * an exchange of nothing but ACK_REQs dies out.
 *
 * A peer that returns more than it got gains nothing: no count goes below
 * zero. One that returns fewer bytes than it got (libxio computes them from
 * what the application left in the request) is even when all its messages
 * are returned.
 */
#include "flow.h"

#include "connection.h"
#include "message.h"
#include "option.h"
#include "session.h"

#define PATIENCE	(10 * XE_NS_PER_MS)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A depth of 0 would be a connection that can say nothing. */
static uint64_t peer_msgs(const struct xio_connection *c)
{
	return c->session->peer_rcv_msgs ? c->session->peer_rcv_msgs : 1;
}

static void on_timer(struct xe_timer *t);

void xe_flow_init(struct xio_connection *c)
{
	c->flow.on = xe_opt.enable_flow_control != 0;
	xe_timer_init(&c->flow.timer, on_timer);
}

void xe_flow_stop(struct xio_connection *c)
{
	xe_timer_cancel(&c->flow.timer);
}

uint64_t xe_flow_bytes(const struct xio_vmsg *v)
{
	return xe_vmsg_bytes(v) + v->header.iov_len;
}

/* The own window as it was announced, which has 16 bits on the wire. */
static uint64_t own_msgs(const struct xio_connection *c)
{
	return least(c->session->rcv_msgs, UINT16_MAX);
}

static uint64_t half_msgs(const struct xio_connection *c)
{
	return own_msgs(c) / 2;
}

/* ---- the send queue --------------------------------------------------- */

int xe_flow_queue(struct xe_task *t)
{
	const struct xio_session *s = t->conn->session;
	struct xe_flow *w = &t->conn->flow;
	uint64_t n = xe_flow_bytes(&t->omsg->out);

	/* libxio's limit lets one message more in than its name says. */
	if (w->queued_msgs > s->snd_msgs || n > s->snd_bytes ||
	    w->queued_bytes > s->snd_bytes - n)
		return XIO_E_TX_QUEUE_OVERFLOW;
	if (w->on) {
		t->in_queue = true;
		t->queue_bytes = n;
		w->queued_msgs++;
		w->queued_bytes += n;
	}
	return 0;
}

void xe_flow_unqueue(struct xe_task *t)
{
	if (!t->in_queue || !t->conn)
		return;
	t->in_queue = false;
	t->conn->flow.queued_msgs--;
	t->conn->flow.queued_bytes -= t->queue_bytes;
}

uint64_t xe_flow_free_bytes(const struct xio_connection *c)
{
	return c->session->snd_bytes - c->flow.queued_bytes;
}

uint32_t xe_flow_free_msgs(const struct xio_connection *c)
{
	return c->session->snd_msgs - (uint32_t)least(c->flow.queued_msgs,
						      c->session->snd_msgs);
}

/* ---- sending ---------------------------------------------------------- */

int xe_flow_check(const struct xio_connection *c, const struct xio_vmsg *out)
{
	return c->flow.on && xe_flow_bytes(out) > c->session->peer_rcv_bytes ?
	       XIO_E_PEER_QUEUE_SIZE_MISMATCH : 0;
}

/* Receipts and control frames are free. */
static bool has_cost(const struct xe_task *t)
{
	return t->omsg || t->state == XE_TASK_ANSWERING;
}

static uint64_t cost(const struct xe_task *t)
{
	return t->omsg ? xe_flow_bytes(&t->omsg->out) : 0;
}

bool xe_flow_may_send(const struct xio_connection *c, const struct xe_task *t)
{
	const struct xe_flow *w = &c->flow;
	uint64_t window = c->session->peer_rcv_bytes;
	uint64_t n;

	if (!w->on || c->state != XE_CONN_ONLINE || !has_cost(t))
		return true;
	n = cost(t);
	if (n > window)
		return true;		/* to fail: it would wait for ever */
	if (w->out_msgs >= peer_msgs(c) && w->out_msgs > w->acks_min)
		return false;
	return n == 0 || w->out_bytes < window / 2 ||
	       (w->out_bytes <= window && n <= window - w->out_bytes);
}

void xe_flow_fill(const struct xio_connection *c, struct xe_frame *f)
{
	f->credit_msgs = (uint16_t)least(c->flow.own_msgs, UINT16_MAX);
	f->credit_bytes = c->flow.own_bytes;
}

void xe_flow_sent(struct xio_connection *c, const struct xe_task *t,
		  const struct xe_frame *f)
{
	struct xe_flow *w = &c->flow;

	if (!w->on)
		return;
	w->own_msgs -= f->credit_msgs;
	w->own_acks = least(w->own_acks, w->own_msgs);
	w->own_bytes -= f->credit_bytes;
	w->ack_due = w->own_msgs > 0;
	if (t->type == XE_ACK_REQ) {
		w->out_msgs++;
		w->acks_min++;
		w->acks_max++;
	} else if (has_cost(t)) {
		w->out_msgs++;
		w->out_bytes += cost(t);
		xe_timer_cancel(&w->timer);
	}
}

/* Nothing has moved for a while. */
static void on_timer(struct xe_timer *t)
{
	struct xio_connection *c = xe_container_of(t, struct xio_connection,
						   flow.timer);
	struct xe_flow *w = &c->flow;

	w->out_msgs -= w->acks_max;
	w->acks_max = 0;
	w->acks_min = 0;
	if (w->out_msgs == 0)
		w->out_bytes = 0;
	w->ack_due = w->ack_due || w->own_msgs > w->own_acks;
	xe_conn_ready(c);
}

bool xe_flow_ack_wanted(struct xio_connection *c, bool waiting)
{
	struct xe_flow *w = &c->flow;
	bool owing = w->own_msgs > w->own_acks;

	if (!w->on || c->state != XE_CONN_ONLINE || c->fin_seen)
		return false;
	if (w->ack_due || (waiting && owing && w->own_msgs >= half_msgs(c)))
		return true;
	if (waiting && (owing || w->acks_max > 0) &&
	    xe_list_empty(&w->timer.link))
		xe_timer_set(&c->ctx->loop, &w->timer, PATIENCE);
	return false;
}

/* ---- receiving -------------------------------------------------------- */

/*
 * With flow control reading must go on while answers wait for the credits
 * that are still to be read. The requests that they answer are credited, but
 * the peer counts them against its send queue, which is as deep as ours.
 */
uint64_t xe_flow_rx_limit(const struct xio_connection *c)
{
	uint64_t n = c->session->rcv_bytes;

	if (!c->flow.on)
		return n;
	n = n > UINT64_MAX / 2 ? UINT64_MAX : 2 * n;
	return n > UINT64_MAX - c->session->snd_bytes ? UINT64_MAX :
	       n + c->session->snd_bytes;
}

static bool is_waiting(const struct xio_connection *c)
{
	return !xe_list_empty(&c->req_queue) || !xe_list_empty(&c->rsp_queue);
}

static void returned(struct xio_connection *c, uint64_t msgs, uint64_t bytes)
{
	struct xe_flow *w = &c->flow;

	w->out_msgs -= least(w->out_msgs, msgs);
	w->acks_min -= least(w->acks_min, msgs);
	w->acks_max = least(w->acks_max, w->out_msgs);
	w->out_bytes -= least(w->out_bytes, bytes);
	if (w->out_msgs == w->acks_min)
		w->out_bytes = 0;
	if (is_waiting(c))
		xe_conn_ready(c);
}

static void want_ack(struct xio_connection *c)
{
	c->flow.ack_due = true;
	xe_conn_ready(c);
}

void xe_flow_received(struct xio_connection *c, const struct xe_frame *f)
{
	struct xe_flow *w = &c->flow;
	bool real = w->out_msgs > w->acks_max;

	if (!w->on)
		return;
	if (f->credit_msgs || f->credit_bytes)
		returned(c, f->credit_msgs, f->credit_bytes);
	if (f->type != XE_ACK_REQ)
		return;
	w->own_msgs++;
	w->own_acks++;
	/* All of a window of one: the peer can say nothing any more. */
	if ((w->own_msgs >= 2 && w->own_msgs >= half_msgs(c)) ||
	    (real && w->own_msgs >= own_msgs(c)))
		want_ack(c);
}

static void collect(struct xe_task *t)
{
	struct xe_flow *w = &t->conn->flow;

	w->own_msgs++;
	w->own_bytes += t->credit_bytes;
}

void xe_flow_answered(struct xe_task *t)
{
	if (t->conn->flow.on)
		collect(t);
}

void xe_flow_released(struct xe_task *t)
{
	struct xio_connection *c = t->conn;

	if (!c || !c->flow.on)
		return;
	collect(t);
	if (c->flow.own_msgs >= half_msgs(c) ||
	    c->flow.own_bytes >= c->session->rcv_bytes / 2)
		want_ack(c);
	else if (is_waiting(c))
		xe_conn_ready(c);
}
