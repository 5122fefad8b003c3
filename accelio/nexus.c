/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes
 *
 * A nexus is freed by its timer or its context, never from inside an event
 * of its link. When the link is lost, the connections are told from a work
 * of the loop; each lets its reference go, and the last one frees the nexus.
 *
 * A client takes over a link that lingers from an earlier session, but two
 * connections never share one: the loss, the delay or the abort of one then
 * cannot touch the other, and the peer cannot tell the difference. A server
 * takes any number of sessions on a link.
 *
 * An ltid on the wire is a slot index with a generation above it, so that an
 * answer to an exchange that is over, or was never ours, is recognised.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "cancel.h"
#include "connection.h"
#include "limit.h"
#include "message.h"
#include "nexus.h"
#include "option.h"
#include "reconnect.h"
#include "server.h"
#include "session.h"

#define SLOT_BITS	20
#define SLOT_MASK	((1u << SLOT_BITS) - 1)
#define NO_FREE		UINT32_MAX
#define FRAMES_PER_TURN	32	/* of one connection before the next */

static const struct xe_link_events link_events;
static atomic_uint next_cid;

/* ---- slots --------------------------------------------------------- */

bool xe_nexus_slot_get(struct xe_nexus *n, struct xe_task *t)
{
	struct xe_slot *s;
	uint32_t i;

	if (n->slot_free == NO_FREE) {
		uint32_t nr = n->slots_nr ? n->slots_nr * 2 : 64;

		if (nr > SLOT_MASK) {
			xe_set_errno(EPERM);
			return false;
		}
		s = xe_zalloc(nr * sizeof(*s));
		if (!s)
			return false;
		if (n->slots)
			memcpy(s, n->slots, n->slots_nr * sizeof(*s));
		for (i = n->slots_nr; i < nr; i++)
			s[i].next_free = i + 1 < nr ? i + 1 : NO_FREE;
		n->slot_free = n->slots_nr;
		n->slots_nr = nr;
		xe_free(n->slots);
		n->slots = s;
	}
	i = n->slot_free;
	s = &n->slots[i];
	n->slot_free = s->next_free;
	s->task = t;
	t->nexus = n;
	t->slot = (s->gen << SLOT_BITS) | i;
	return true;
}

void xe_nexus_slot_put(struct xe_task *t)
{
	struct xe_slot *s;
	uint32_t i;

	if (t->slot == XE_NO_SLOT)
		return;
	i = t->slot & SLOT_MASK;
	s = &t->nexus->slots[i];
	s->task = NULL;
	s->gen = (s->gen + 1) & ((1u << (32 - SLOT_BITS)) - 1);
	/* XE_NO_SLOT must stay nobody's. */
	if (((s->gen << SLOT_BITS) | i) == XE_NO_SLOT)
		s->gen = 0;
	s->next_free = t->nexus->slot_free;
	t->nexus->slot_free = i;
	t->slot = XE_NO_SLOT;
}

static struct xe_task *slot_find(struct xe_nexus *n, uint32_t rtid)
{
	uint32_t i = rtid & SLOT_MASK;
	struct xe_task *t;

	if (i >= n->slots_nr)
		return NULL;
	t = n->slots[i].task;
	return t && t->slot == rtid ? t : NULL;
}

/* ---- life ---------------------------------------------------------- */

static void on_timer(struct xe_timer *t);
static void on_xmit(struct xe_work *w);
static void on_down(struct xe_work *w);
static void close_link(struct xe_nexus *n);

static struct xe_nexus *nexus_new(struct xio_context *ctx)
{
	struct xe_nexus *n = xe_zalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->ctx = ctx;
	n->slot_free = NO_FREE;
	xe_list_init(&n->connections);
	xe_list_init(&n->ready);
	xe_work_init(&n->xmit, on_xmit);
	xe_work_init(&n->down, on_down);
	xe_timer_init(&n->timer, on_timer);
	n->own_buf_size = xe_inline_buf_size();
	n->inline_data = (uint32_t)xe_opt.max_inline_data;
	n->align = (uint32_t)xe_opt.inline_data_align;
	n->max_in = (uint32_t)xe_opt.max_in_iovlen;
	n->max_out = (uint32_t)xe_opt.max_out_iovlen;
	n->max_hdr = (uint32_t)xe_opt.max_inline_header;
	n->re.enabled = xe_opt.enable_reconnect != 0;
	xe_list_add_tail(&ctx->nexuses, &n->link);
	return n;
}

void xe_nexus_destroy(struct xe_nexus *n)
{
	if (n->l)
		close_link(n);
	xe_reconnect_forget(n);
	xe_work_cancel(&n->xmit);
	xe_work_cancel(&n->down);
	xe_timer_cancel(&n->timer);
	xe_list_del(&n->link);
	if (n->server)
		xe_server_put(n->server);
	xe_free(n->slots);
	xe_free(n);
}

void xe_nexus_ref(struct xe_nexus *n)
{
	if (n->server)
		n->server->conns++;
	if (n->refs++ == 0 && n->state == XE_NEXUS_UP)
		xe_timer_cancel(&n->timer);
}

void xe_nexus_put(struct xe_nexus *n)
{
	if (n->server)
		n->server->conns--;
	if (--n->refs > 0)
		return;
	/*
	 * An idle link waits for the next session. One that is not up yet or
	 * is lost has nothing to wait for; the timer keeps this out of the
	 * link's own call.
	 */
	xe_timer_set(&n->ctx->loop, &n->timer, n->state == XE_NEXUS_UP ?
		     xe_opt.transport_close_timeout * XE_NS_PER_MS : 0);
}

static void on_timer(struct xe_timer *t)
{
	struct xe_nexus *n = xe_container_of(t, struct xe_nexus, timer);

	if (n->state == XE_NEXUS_CONNECTING && n->l &&
	    (n->server || n->refs > 0))
		XE_PEER_ERR(xe_link_peer(n->l),
			    "the set-up was not complete in time");
	if (n->refs > 0) {
		if (n->l)
			xe_link_fail(n->l, ETIMEDOUT);
		else if (n->re.lost)
			xe_reconnect_timer(n);
		return;
	}
	xe_nexus_destroy(n);
}

struct xe_nexus *xe_nexus_get(struct xio_context *ctx, const struct xe_uri *u,
			      int tos, const char *out_addr)
{
	struct sockaddr_storage addr, from;
	socklen_t len;
	struct xe_list *p;
	struct xe_nexus *n;
	int err;

	xe_list_for_each(p, &ctx->nexuses) {
		n = xe_container_of(p, struct xe_nexus, link);
		if (!out_addr && n->shareable && n->state == XE_NEXUS_UP &&
		    n->refs == 0 && !xe_link_failed(n->l) && n->tos == tos &&
		    strcmp(n->portal, u->portal) == 0) {
			xe_nexus_ref(n);
			return n;
		}
	}
	err = xe_uri_resolve(u, false, &addr, &len);
	if (!err && out_addr)
		err = xe_out_addr_resolve(out_addr, addr.ss_family, &from,
					  &len);
	if (err) {
		xe_set_errno(err);
		return NULL;
	}
	n = nexus_new(ctx);
	if (!n)
		return NULL;
	strcpy(n->portal, u->portal);	/* arrays of one size */
	n->tos = tos;
	n->shareable = out_addr == NULL;
	if (out_addr)
		n->re.from = from;
	n->l = xe_link_connect(ctx, &addr, out_addr ? &from : NULL, tos,
			       &link_events, n);
	if (!n->l) {
		xe_nexus_destroy(n);
		return NULL;
	}
	xe_timer_set(&ctx->loop, &n->timer,
		     XE_OPT(limit_setup_time) * XE_NS_PER_MS);
	n->refs = 1;
	return n;
}

void xe_nexus_accept(struct xio_server *server, struct xe_link *l)
{
	struct xe_frame_limits lim = { 0 };
	const char *why = xe_limit_link(xe_link_peer(l), server->links);
	struct xe_nexus *n = why ? NULL : nexus_new(server->ctx);

	if (why)
		XE_PEER_ERR(xe_link_peer(l), "refused: %s", why);
	if (!n) {
		if (!why)
			xe_limit_link_end(xe_link_peer(l));
		xe_link_close(l);
		return;
	}
	n->l = l;
	n->server = server;
	server->links++;
	xe_server_ref(server);
	n->cid = atomic_fetch_add(&next_cid, 1) + 1;
	lim.buf_size = n->own_buf_size;
	xe_link_set_limits(l, &lim);
	xe_link_own(l, &link_events, n);
	xe_timer_set(&n->ctx->loop, &n->timer,
		     XE_OPT(limit_setup_time) * XE_NS_PER_MS);
}

/* ---- setup --------------------------------------------------------- */

static void on_link_up(void *owner)
{
	struct xe_nexus *n = owner;
	struct xe_nexus_setup s = {
		.version = XE_PROTO_VERSION,
		.flags = n->re.lost,
		.cid = n->re.lost ? n->cid : 0,
		.buf_size = n->own_buf_size,
		.max_in = n->max_in,
		.max_out = n->max_out,
		.max_hdr = n->max_hdr,
		.kin = true,
	};

	xe_link_push_setup(n->l, &s);
}

/* Nobody but the peer shall know the cid by which a nexus can be resumed. */
static void secret_cid(struct xe_nexus *n)
{
	uint32_t cid;

	if (getrandom(&cid, sizeof(cid), GRND_NONBLOCK) == sizeof(cid))
		n->cid = cid;
}

static void set_limits(struct xe_nexus *n)
{
	struct xe_frame_limits lim = {
		.buf_size = n->own_buf_size,
		.max_in = n->max_in > n->max_out ? n->max_in : n->max_out,
		.max_msg = xe_limit_message(),
	};

	lim.max_out = lim.max_in;
	xe_link_set_limits(n->l, &lim);
}

void xe_nexus_up(struct xe_nexus *n)
{
	n->state = XE_NEXUS_UP;
	set_limits(n);
	xe_timer_cancel(&n->timer);
}

static int on_link_setup(void *owner, const struct xe_nexus_setup *s)
{
	struct xe_nexus *n = owner;
	struct xe_list *p, *tmp;

	if (s->version != XE_PROTO_VERSION)
		return -EPROTONOSUPPORT;
	if (n->re.lost || s->flags & 1)
		return xe_reconnect_on_setup(n, s);
	if (s->response) {
		/* Not ECONNREFUSED: somebody listens, and is in trouble. */
		if (s->status)
			return -ECONNRESET;
		n->cid = s->cid;
	}
	n->kin = s->kin;
	if (n->kin && n->server)
		secret_cid(n);
	n->buf_size = n->own_buf_size;
	if (s->buf_size < n->buf_size)
		n->buf_size = (uint32_t)s->buf_size;
	n->peer_max_in = s->max_in;
	n->peer_max_out = s->max_out;
	n->peer_max_hdr = s->max_hdr;
	xe_nexus_up(n);
	if (!s->response) {
		struct xe_nexus_setup r = {
			.response = true,
			.version = XE_PROTO_VERSION,
			.cid = n->cid,
			.buf_size = n->buf_size,
			.max_in = n->max_in,
			.max_out = n->max_out,
			.max_hdr = n->max_hdr,
			.kin = n->kin,
		};

		xe_link_push_setup(n->l, &r);
		xe_loop_defer(&n->ctx->loop, &n->xmit);
		/* Until a session comes it is an idle link like any other. */
		xe_timer_set(&n->ctx->loop, &n->timer,
			     xe_opt.transport_close_timeout * XE_NS_PER_MS);
	}
	xe_list_for_each_safe(p, tmp, &n->connections)
		xe_conn_nexus_up(xe_container_of(p, struct xio_connection,
						 nexus_link));
	return 0;
}

/* ---- receiving ----------------------------------------------------- */

struct xio_connection *xe_nexus_find(struct xe_nexus *n, uint32_t session_id)
{
	struct xe_list *p;

	xe_list_for_each(p, &n->connections) {
		struct xio_connection *c = xe_container_of(
			p, struct xio_connection, nexus_link);

		if (c->session->id == session_id)
			return c;
	}
	return NULL;
}

/* The first frame of an exchange, or the answer to one of ours. */
static int on_link_frame(void *owner, const struct xe_frame *f,
			 struct xe_rx **rx)
{
	struct xe_nexus *n = owner;
	struct xe_task *t;
	int err;

	n->re.attempt = 0;
	if (f->type & XE_TYPE_RESPONSE) {
		t = slot_find(n, f->rtid);
		/* A session that was closed meanwhile left no task. */
		if (!t || (t->type ^ (XE_TYPE_REQUEST | XE_TYPE_RESPONSE)) !=
		    f->type || !xe_list_empty(&t->tx.link)) {
			XE_DEBUG("answer 0x%x to nothing (id %u)",
				 (unsigned int)f->type, (unsigned int)f->rtid);
			return -EPROTO;
		}
		/* Its receipt waits behind the data of another message. */
		if (!xe_list_empty(&t->rx.link))
			return -EINPROGRESS;
		err = xe_message_receive(t, f);
	} else {
		err = xe_message_receive_new(n, f, &t);
	}
	if (!err)
		*rx = &t->rx;
	return err;
}

/* A control frame is complete. */
static int on_control(struct xe_nexus *n, struct xe_task *t)
{
	struct xio_connection *c = t->conn;
	uint32_t ltid = t->peer_ltid;
	uint32_t type = t->rx_type;
	int err = 0;

	switch (type) {
	case XE_SESSION_SETUP_REQ:
		err = xe_session_on_setup_req(n, ltid, t->hdr, t->hdr_len);
		break;
	case XE_HELLO_REQ:
		err = xe_session_on_hello_req(n, t->session_id, ltid);
		break;
	case XE_HELLO_RSP:
		if (c)
			err = xe_session_on_hello_rsp(c);
		break;
	case XE_SESSION_SETUP_RSP:
		if (c)
			err = xe_session_on_setup_rsp(c, t->hdr, t->hdr_len);
		break;
	case XE_FIN_REQ:
		if (c)
			err = xe_conn_on_fin_req(c, ltid);
		break;
	case XE_FIN_RSP:
		if (c)
			err = xe_conn_on_fin_rsp(c);
		break;
	case XE_KA_REQ:
		if (c)
			err = xe_conn_on_keepalive_req(c, ltid);
		break;
	case XE_KA_RSP:
		if (c)
			xe_conn_on_keepalive_rsp(c);
		break;
	case XE_CANCEL_REQ:
		if (c)
			err = xe_cancel_on_req(t);
		break;
	case XE_CANCEL_RSP:
		if (c)
			err = xe_cancel_on_rsp(t);
		break;
	default:
		break;
	}
	xe_task_put(t);
	return err;
}

static int on_link_done(void *owner, struct xe_rx *rx, bool last)
{
	struct xe_task *t = xe_container_of(rx, struct xe_task, rx);

	if (!t->conn && !xe_type_opens(t->rx_type)) {
		xe_task_put(t);		/* an orphan: see xe_task_put */
		return 0;
	}
	if (xe_type_is_app(t->rx_type))
		return xe_message_deliver(t, last);
	return on_control(owner, t);
}

void xe_nexus_resume_all(struct xio_context *ctx)
{
	struct xe_list *p;

	ctx->rx_starved = false;
	xe_list_for_each(p, &ctx->nexuses) {
		struct xe_nexus *n = xe_container_of(p, struct xe_nexus, link);

		if (n->l)
			xe_link_resume(n->l);
	}
}

/* ---- sending ------------------------------------------------------- */

void xe_nexus_ready(struct xe_nexus *n, struct xio_connection *c)
{
	if (n->state != XE_NEXUS_UP)
		return;
	if (xe_list_empty(&c->ready_link))
		xe_list_add_tail(&n->ready, &c->ready_link);
	/* A program that sends from events of its own sleeps on the poll fd. */
	xe_loop_defer_shown(&n->ctx->loop, &n->xmit);
}

/* Pushes frames until nobody has one or the link is full. */
static bool push_frames(struct xe_nexus *n)
{
	while (!xe_list_empty(&n->ready)) {
		struct xio_connection *c = xe_container_of(
			n->ready.next, struct xio_connection, ready_link);
		int i, r = 1;

		for (i = 0; i < FRAMES_PER_TURN && r > 0; i++)
			r = xe_conn_xmit(c);
		if (r < 0)
			return false;
		xe_list_del(&c->ready_link);
		if (r > 0)
			xe_list_add_tail(&n->ready, &c->ready_link);
	}
	return true;
}

static void on_xmit(struct xe_work *w)
{
	struct xe_nexus *n = xe_container_of(w, struct xe_nexus, xmit);
	bool all;

	do {
		if (!n->l || n->state != XE_NEXUS_UP)
			return;
		all = push_frames(n);
		xe_link_flush(n->l);
		/* A full queue that the kernel has emptied takes more. */
	} while ((!all || !xe_list_empty(&n->ready)) && xe_link_idle(n->l) &&
		 n->state == XE_NEXUS_UP && !xe_link_failed(n->l));
}

static void on_link_room(void *owner)
{
	struct xe_nexus *n = owner;

	xe_loop_defer(&n->ctx->loop, &n->xmit);
}

/* ---- loss ---------------------------------------------------------- */

/* Tasks that only waited for the end of their data need not any more. */
static void close_link(struct xe_nexus *n)
{
	struct xe_list *p, *tmp;

	if (n->server) {
		n->server->links--;
		xe_limit_link_end(xe_link_peer(n->l));
	}
	xe_link_close(n->l);
	n->l = NULL;
	xe_list_for_each_safe(p, tmp, &n->ctx->orphans) {
		struct xe_task *t = xe_container_of(p, struct xe_task, link);

		if (xe_list_empty(&t->rx.link))
			xe_task_put(t);
	}
}

static void on_link_down(void *owner, int reason)
{
	struct xe_nexus *n = owner;
	bool again = xe_reconnect_wanted(n);

	XE_DEBUG("link lost: %s", reason ? strerror(reason) : "end of stream");
	close_link(n);
	n->state = XE_NEXUS_DOWN;
	n->down_reason = reason;
	xe_work_cancel(&n->xmit);
	xe_timer_cancel(&n->timer);
	if (again && n->refs > 0)
		xe_reconnect_begin(n);
	else if (n->refs == 0)
		xe_nexus_destroy(n);
	else
		on_down(&n->down);
}

/* One connection at a time: what the application does in between counts. */
static void on_down(struct xe_work *w)
{
	struct xe_nexus *n = xe_container_of(w, struct xe_nexus, down);
	struct xio_connection *c;

	if (xe_list_empty(&n->connections))
		return;
	c = xe_container_of(n->connections.next, struct xio_connection,
			    nexus_link);
	/* Others wait for another link. */
	if (n->re.lost)
		c = xe_reconnect_hopeless(n);
	if (!c)
		return;
	xe_list_del(&c->nexus_link);
	if (!xe_list_empty(&n->connections))
		xe_loop_defer(&n->ctx->loop, &n->down);
	xe_conn_lost(c, n->down_reason);
}

static const struct xe_link_events link_events = {
	.up = on_link_up,
	.setup = on_link_setup,
	.frame = on_link_frame,
	.done = on_link_done,
	.room = on_link_room,
	.down = on_link_down,
};

const struct xe_link_events *const xe_nexus_link_events = &link_events;
