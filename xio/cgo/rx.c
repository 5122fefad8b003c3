/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rx.c - requests and one-way messages that the peer sends, and where large
 * ones are received into.
 *
 * Design notes
 * - A received message occupies a slot until Go answers or releases it. A reply
 *   is silent unless 'notify' asks for REPLIED.
 * - A reply is checked by Go against what the requester offered before the
 *   library sees it: the library would drop it and leave the requester waiting.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

static struct xg_event *rx_event(struct xg_rx *r, int kind, int status)
{
	struct xg_event *e = xg_push(r->conn->ctx, kind);

	e->status = status;
	e->index = r->index;
	e->gen = r->gen;
	e->p = r;
	e->conn = r->conn;
	e->conn_index = r->conn->index;
	return e;
}

void xg_rx_done(struct xg_rx *r, int status)
{
	if (r->notify)
		rx_event(r, XG_EV_REPLIED, status);
	xg_rx_put(r);
}

static uint64_t room_of(struct xio_msg *m)
{
	struct xio_iovec_ex *sg = vmsg_sglist(&m->out);
	uint32_t i, n = vmsg_sglist_nents(&m->out);
	uint64_t room = 0;

	if (!sg || n == 0)
		return 0;
	for (i = 0; i < n; i++)
		room += sg[i].iov_len;
	return room;
}

/* A slot for m, or NULL: no memory, or a peer with all of them in use. */
static struct xg_rx *rx_get(struct xg_conn *cn, struct xio_msg *m)
{
	struct xg_rx *r;

	if (!cn->rx_free && xg_rx_grow(cn))
		return NULL;
	r = cn->rx_free;
	cn->rx_free = r->next;
	r->gen++;
	r->next = NULL;
	r->state = XG_SLOT_READY;
	r->req = m;
	r->notify = 0;
	r->canceling = 0;
	xg_view_of(&r->in, &m->in);
	if (r->in.nseg && cn->assigned)
		r->block = xg_assigned_take(cn, r->in.seg[0].iov_base);
	return r;
}

int xg_on_request(struct xg_conn *cn, struct xio_msg *m, int status)
{
	struct xg_rx *r = rx_get(cn, m);

	if (!r) {
		xio_disconnect(cn->xio);
		return 0;
	}
	/* A cancel will name this message again. */
	m->user_context = r;
	r->room = room_of(m);
	rx_event(r, XG_EV_REQUEST, status);
	return 0;
}

int xg_on_one_way(struct xg_conn *cn, struct xio_msg *m)
{
	struct xg_rx *r = rx_get(cn, m);

	if (!r) {
		if (cn->assigned && vmsg_sglist_nents(&m->in))
			xg_block_put(cn->ctx, xg_assigned_take(cn,
				     vmsg_sglist(&m->in)[0].iov_base));
		xio_release_msg(m);
		xio_disconnect(cn->xio);
		return 0;
	}
	rx_event(r, XG_EV_MSG, 0);
	return 0;
}

void xg_release_msg(struct xg_rx *r)
{
	if (r->conn->xio)
		xio_release_msg(r->req);
	xg_rx_put(r);
}

/* The answer to a cancel that was asked for; otherwise one that says as much. */
void xg_canceled(struct xg_rx *r)
{
	if (!r->conn->xio || !r->canceling ||
	    xio_cancel(r->req, XIO_E_MSG_CANCELED)) {
		xg_reply(r);
		return;
	}
	xg_rx_put(r);
}

void xg_reply(struct xg_rx *r)
{
	struct xio_msg *m = &r->msg;
	struct xg_conn *cn = r->conn;

	memset(m, 0, sizeof(*m));
	xg_fill_out(&m->out, &r->out, r->buf);
	m->request = r->req;
	m->user_context = r;
	/* Completions come in batches of 64; do not let memory wait for it. */
	if (r->notify || r->block)
		m->flags |= XIO_MSG_FLAG_IMM_SEND_COMP;
	r->state = XG_SLOT_BUSY;
	if (!cn->xio) {
		xg_rx_done(r, XIO_E_MSG_DISCARDED);
		return;
	}
	errno = 0;
	if (xio_send_response(m) && r->state == XG_SLOT_BUSY)
		xg_rx_done(r, xg_error());
}

int xg_on_sent(struct xio_session *s, struct xio_msg *m, void *user)
{
	struct xg_rx *r = m->user_context;

	(void)s;
	(void)user;
	if (r && r->kind == XG_RX && r->state == XG_SLOT_BUSY)
		xg_rx_done(r, 0);
	return 0;
}

int xg_on_cancel_request(struct xio_session *s, struct xio_msg *m, void *user)
{
	struct xg_rx *r = m->user_context;

	(void)s;
	(void)user;
	/* One that is being answered already needs no decision. */
	if (!r || r->kind != XG_RX || r->req != m || r->state != XG_SLOT_READY)
		return 0;
	if (!r->canceling)
		rx_event(r, XG_EV_CANCEL, 0);
	r->canceling = 1;
	return 0;
}

/* A large message was announced: choose where it goes. Leaving it without
 * memory makes the library end the connection, which is what a message above
 * the limit deserves; over RDMA it only forgets the message. */
int xg_on_assign(struct xio_msg *m, void *user)
{
	struct xg_conn *cn = user;
	struct xio_iovec_ex *sg = vmsg_sglist(&m->in);
	uint32_t i, n = vmsg_sglist_nents(&m->in);
	struct xg_block *b;
	uint64_t total = 0;
	uint8_t *p;

	if (!cn || cn->kind != XG_CONN || !sg || n == 0)
		return -1;
	for (i = 0; i < n; i++) {
		if (sg[i].iov_len > cn->ctx->lim.max_message - total)
			goto refuse;
		total += sg[i].iov_len;
	}
	b = xg_block_get(cn->ctx, total);
	if (!b)
		goto refuse;
	p = b->mem.addr;
	for (i = 0; i < n; i++) {
		sg[i].iov_base = p;
		sg[i].mr = b->mem.mr;
		p += sg[i].iov_len;
	}
	b->next = cn->assigned;
	cn->assigned = b;
	return 0;
refuse:
	vmsg_sglist_set_nents(&m->in, 0);
	if (xg_is_rdma(cn))
		xg_disconnect(cn);
	return 0;
}
