/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg.c - the message path: slots, sending, receiving, receive buffers.
 *
 * Design notes
 * - A slot holds everything that the library keeps while a message is in
 *   flight: the xio_msg, its segments, a buffer for the header and small data.
 * - Every submitted slot produces exactly one record: RESPONSE or ENDED for a
 *   request; a reply is silent unless 'notify' asks for REPLIED.
 * - A small response is released by the shim at the next turn; Go copies it in
 *   between. A large one stays until Go submits XG_OP_RELEASE.
 * - A reply is checked against what the requester offered before the library
 *   sees it: the library would drop it and leave the requester waiting.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define SMALL_RSP	16384	/* responses up to this are copied by Go */

/* ---- slots ---- */

static uint8_t *buf_map(size_t n)
{
	void *p = mmap(NULL, n * XG_BUF_LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int xg_conn_reserve(struct xg_conn *cn, uint32_t depth)
{
	uint32_t i;

	if (cn->tx || depth == 0)
		return 0;
	if (xg_reserve(cn->ctx, (int)depth))
		return ENOMEM;
	cn->tx = calloc(depth, sizeof(*cn->tx));
	cn->tx_buf = buf_map(depth);
	if (!cn->tx || !cn->tx_buf) {
		if (cn->tx_buf)
			munmap(cn->tx_buf, (size_t)depth * XG_BUF_LEN);
		free(cn->tx);
		cn->tx = NULL;
		cn->tx_buf = NULL;
		xg_reserve(cn->ctx, -(int)depth);
		return ENOMEM;
	}
	for (i = 0; i < depth; i++) {
		struct xg_tx *t = &cn->tx[i];

		t->kind = XG_TX;
		t->index = i;
		t->conn = cn;
		t->buf = cn->tx_buf + (size_t)i * XG_BUF_LEN;
	}
	cn->depth = depth;
	return 0;
}

struct xg_tx *xg_conn_tx(struct xg_conn *cn, uint32_t index)
{
	return &cn->tx[index];
}

static int rx_grow(struct xg_conn *cn)
{
	uint32_t n = cn->rx_chunks, i;
	struct xg_rx **cs, *c;
	uint8_t **bs, *b;

	if ((n + 1) * XG_RX_CHUNK > XG_RX_MAX)
		return ENOMEM;
	cs = realloc(cn->rx_chunk, (n + 1) * sizeof(*cs));
	if (!cs)
		return ENOMEM;
	cn->rx_chunk = cs;
	bs = realloc(cn->rx_buf, (n + 1) * sizeof(*bs));
	if (!bs)
		return ENOMEM;
	cn->rx_buf = bs;
	if (xg_reserve(cn->ctx, 2 * XG_RX_CHUNK))
		return ENOMEM;
	c = calloc(XG_RX_CHUNK, sizeof(*c));
	b = buf_map(XG_RX_CHUNK);
	if (!c || !b) {
		if (b)
			munmap(b, (size_t)XG_RX_CHUNK * XG_BUF_LEN);
		free(c);
		xg_reserve(cn->ctx, -2 * XG_RX_CHUNK);
		return ENOMEM;
	}
	for (i = XG_RX_CHUNK; i-- > 0;) {
		c[i].kind = XG_RX;
		c[i].index = n * XG_RX_CHUNK + i;
		c[i].conn = cn;
		c[i].buf = b + (size_t)i * XG_BUF_LEN;
		c[i].next = cn->rx_free;
		cn->rx_free = &c[i];
	}
	cs[n] = c;
	bs[n] = b;
	cn->rx_chunks = n + 1;
	return 0;
}

void xg_slots_free(struct xg_conn *cn)
{
	uint32_t i, k;

	if (cn->tx) {
		munmap(cn->tx_buf, (size_t)cn->depth * XG_BUF_LEN);
		free(cn->tx);
		xg_reserve(cn->ctx, -(int)cn->depth);
	}
	for (i = 0; i < cn->rx_chunks; i++) {
		for (k = 0; k < XG_RX_CHUNK; k++)
			xg_block_put(cn->ctx, cn->rx_chunk[i][k].block);
		munmap(cn->rx_buf[i], (size_t)XG_RX_CHUNK * XG_BUF_LEN);
		free(cn->rx_chunk[i]);
		xg_reserve(cn->ctx, -2 * XG_RX_CHUNK);
	}
	free(cn->rx_chunk);
	free(cn->rx_buf);
}

/* Gives back the responses of cn that wait for the next turn. */
void xg_auto_release(struct xg_conn *cn)
{
	struct xg_tx **pp = &cn->ctx->auto_rel;

	while (*pp) {
		struct xg_tx *t = *pp;

		if (t->conn != cn) {
			pp = &t->next;
			continue;
		}
		*pp = t->next;
		t->next = NULL;
		xg_release(t);
	}
}

static void rx_put(struct xg_rx *r)
{
	struct xg_conn *cn = r->conn;

	xg_block_put(cn->ctx, r->block);
	r->block = NULL;
	r->req = NULL;
	r->state = XG_SLOT_FREE;
	r->next = cn->rx_free;
	cn->rx_free = r;
}

/* ---- views and outgoing sides ---- */

static void view_of(struct xg_view *v, struct xio_vmsg *m)
{
	struct xio_iovec_ex *sg = vmsg_sglist(m);
	uint32_t i, n = vmsg_sglist_nents(m);

	v->hdr = m->header.iov_len ? m->header.iov_base : NULL;
	v->hdr_len = v->hdr ? m->header.iov_len : 0;
	v->len = 0;
	v->contiguous = 1;
	if (!sg)
		n = 0;
	for (i = 0; i < n; i++) {
		if (i && (uint8_t *)sg[i - 1].iov_base + sg[i - 1].iov_len !=
		    (uint8_t *)sg[i].iov_base)
			v->contiguous = 0;
		v->len += sg[i].iov_len;
	}
	v->seg = sg;
	v->nseg = n;
}

/* Describes to the library what Go left in the slot; returns the data length. */
static uint64_t fill_out(struct xio_vmsg *m, const struct xg_out *o, uint8_t *buf)
{
	struct xio_iovec_ex *sg = m->data_iov.sglist;
	uint64_t len = o->data_len;
	uint32_t i, n = 0;

	m->header.iov_base = o->hdr_len ? buf : NULL;
	m->header.iov_len = o->hdr_len;
	m->sgl_type = XIO_SGL_TYPE_IOV;
	m->data_iov.max_nents = XIO_IOVLEN;
	if (o->data_len) {
		sg[n].iov_base = buf + XG_BUF_DATA;
		sg[n].iov_len = o->data_len;
		sg[n].mr = NULL;
		n++;
	}
	for (i = 0; i < o->nseg && n < XIO_IOVLEN; i++, n++) {
		sg[n].iov_base = o->seg[i].base;
		sg[n].iov_len = o->seg[i].len;
		sg[n].mr = o->seg[i].mr;
		len += o->seg[i].len;
	}
	m->data_iov.nents = n;
	return len;
}

/* ---- requests we send ---- */

static void tx_event(struct xg_tx *t, int kind, int status, int flags)
{
	struct xg_event *e = xg_push(t->conn->ctx, kind);

	t->state = XG_SLOT_READY;
	e->status = status;
	e->flags = (uint16_t)flags;
	e->index = t->index;
	e->gen = t->gen;
	e->p = t;
	e->conn = t->conn;
	e->conn_index = t->conn->index;
}

void xg_send(struct xg_tx *t)
{
	struct xio_msg *m = &t->msg;
	struct xio_vmsg *in = &m->in;

	memset(m, 0, sizeof(*m));
	fill_out(&m->out, &t->out, t->buf);
	in->sgl_type = XIO_SGL_TYPE_IOV;
	in->data_iov.max_nents = XIO_IOVLEN;
	if (t->max_rsp) {
		in->data_iov.nents = 1;
		in->data_iov.sglist[0].iov_len = t->max_rsp;
	}
	m->user_context = t;
	t->state = XG_SLOT_BUSY;
	if (t->conn->torn || !t->conn->xio) {
		tx_event(t, XG_EV_ENDED, XIO_E_MSG_FLUSHED, 0);
		return;
	}
	errno = 0;
	if (xio_send_request(t->conn->xio, m) && t->state == XG_SLOT_BUSY)
		tx_event(t, XG_EV_ENDED, xg_error(), 0);
}

void xg_release(struct xg_tx *t)
{
	if (!t->conn->xio)
		return;
	xio_release_response(&t->msg);
}

static int on_response(struct xio_msg *m)
{
	struct xg_tx *t = m->user_context;
	struct xg_ctx *c;

	if (!t || t->kind != XG_TX || t->state != XG_SLOT_BUSY)
		return 0;
	c = t->conn->ctx;
	view_of(&t->in, &m->in);
	if (t->in.len > SMALL_RSP) {
		tx_event(t, XG_EV_RESPONSE, 0, XG_KEEP);
		return 0;
	}
	t->next = c->auto_rel;
	c->auto_rel = t;
	tx_event(t, XG_EV_RESPONSE, 0, 0);
	return 0;
}

/* ---- requests we receive ---- */

static void rx_done(struct xg_rx *r, int status)
{
	if (r->notify) {
		struct xg_event *e = xg_push(r->conn->ctx, XG_EV_REPLIED);

		e->status = status;
		e->index = r->index;
		e->gen = r->gen;
		e->p = r;
		e->conn = r->conn;
		e->conn_index = r->conn->index;
	}
	rx_put(r);
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

static int on_request(struct xg_conn *cn, struct xio_msg *m, int status)
{
	struct xg_ctx *c = cn->ctx;
	struct xg_event *e;
	struct xg_rx *r;

	if (!cn->rx_free && rx_grow(cn)) {
		/* No memory, or a peer with 65536 requests unanswered. */
		xio_disconnect(cn->xio);
		return 0;
	}
	r = cn->rx_free;
	cn->rx_free = r->next;
	r->gen++;
	r->next = NULL;
	r->state = XG_SLOT_READY;
	r->req = m;
	r->notify = 0;
	r->room = room_of(m);
	view_of(&r->in, &m->in);
	if (r->in.nseg && cn->assigned)
		r->block = xg_assigned_take(cn, r->in.seg[0].iov_base);

	e = xg_push(c, XG_EV_REQUEST);
	e->index = r->index;
	e->gen = r->gen;
	e->status = status;
	e->p = r;
	e->conn = cn;
	e->conn_index = cn->index;
	return 0;
}

void xg_reply(struct xg_rx *r)
{
	struct xio_msg *m = &r->msg;
	struct xg_conn *cn = r->conn;

	memset(m, 0, sizeof(*m));
	fill_out(&m->out, &r->out, r->buf);
	m->request = r->req;
	m->user_context = r;
	/* Completions come in batches of 64; do not let memory wait for it. */
	if (r->notify || r->block)
		m->flags |= XIO_MSG_FLAG_IMM_SEND_COMP;
	r->state = XG_SLOT_BUSY;
	if (!cn->xio) {
		rx_done(r, XIO_E_MSG_DISCARDED);
		return;
	}
	errno = 0;
	if (xio_send_response(m) && r->state == XG_SLOT_BUSY)
		rx_done(r, xg_error());
}

int xg_on_sent(struct xio_session *s, struct xio_msg *m, void *user)
{
	struct xg_rx *r = m->user_context;

	(void)s;
	(void)user;
	if (r && r->kind == XG_RX && r->state == XG_SLOT_BUSY)
		rx_done(r, 0);
	return 0;
}

/* ---- callbacks common to both ---- */

int xg_on_msg(struct xio_session *s, struct xio_msg *m, int last, void *user)
{
	struct xg_conn *cn = user;

	(void)s;
	(void)last;
	switch (m->type) {
	case XIO_MSG_TYPE_RSP:
		return on_response(m);
	case XIO_MSG_TYPE_REQ:
		if (cn && cn->kind == XG_CONN)
			return on_request(cn, m, 0);
		return 0;
	case XIO_MSG_TYPE_ONE_WAY:
		/* Not offered yet: give it back at once, with its memory. */
		if (cn && cn->kind == XG_CONN && cn->assigned &&
		    vmsg_sglist_nents(&m->in))
			xg_block_put(cn->ctx, xg_assigned_take(cn,
				     vmsg_sglist(&m->in)[0].iov_base));
		xio_release_msg(m);
		return 0;
	default:
		return 0;
	}
}

int xg_on_msg_error(struct xio_session *s, enum xio_status st,
		    enum xio_msg_direction dir, struct xio_msg *m, void *user)
{
	struct xg_conn *cn = user;
	struct xg_tx *t = m->user_context;

	(void)s;
	if (dir == XIO_MSG_DIRECTION_IN && m->type != XIO_MSG_TYPE_RSP) {
		/* A request that could not be received: answer it with an error. */
		if (m->type == XIO_MSG_TYPE_REQ && cn && cn->kind == XG_CONN)
			return on_request(cn, m, st);
		return 0;
	}
	if (!t)
		return 0;
	if (t->kind == XG_TX && t->state == XG_SLOT_BUSY) {
		if (dir == XIO_MSG_DIRECTION_IN)
			xio_release_response(m);
		tx_event(t, XG_EV_ENDED, st, 0);
	} else if (t->kind == XG_RX) {
		struct xg_rx *r = m->user_context;

		if (r->state == XG_SLOT_BUSY)
			rx_done(r, st);
	}
	return 0;
}

/* A large message was announced: choose where it goes. Leaving it without
 * memory makes the library end the connection, which is what a message above
 * the limit deserves. */
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
	return 0;
}
