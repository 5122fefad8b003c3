/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.c - what holds a message while it is in flight: everything that the
 * library keeps of it, the xio_msg, its segments, a buffer for the header and
 * small data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define TX_EVENTS	2	/* records of a slot: DELIVERED and its end */
#define RX_EVENTS	3	/* REQUEST, CANCEL and REPLIED */

static uint8_t *buf_map(size_t n)
{
	void *p = mmap(NULL, n * XG_BUF_LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int xg_conn_slots(struct xg_conn *cn, uint32_t depth)
{
	struct xg_tx *tx;
	uint8_t *buf;
	uint32_t i;

	if (cn->tx || depth == 0)
		return 0;
	tx = calloc(depth, sizeof(*tx));
	buf = buf_map(depth);
	if (!tx || !buf) {
		if (buf)
			munmap(buf, (size_t)depth * XG_BUF_LEN);
		free(tx);
		return ENOMEM;
	}
	for (i = 0; i < depth; i++) {
		struct xg_tx *t = &tx[i];

		t->kind = XG_TX;
		t->index = i;
		t->conn = cn;
		t->buf = buf + (size_t)i * XG_BUF_LEN;
	}
	cn->tx = tx;
	cn->tx_buf = buf;
	cn->depth = depth;
	return 0;
}

int xg_conn_reserve(struct xg_conn *cn)
{
	if (cn->tx_reserved)
		return 0;
	if (xg_reserve(cn->ctx, TX_EVENTS * (int)cn->depth))
		return ENOMEM;
	cn->tx_reserved = 1;
	return 0;
}

struct xg_tx *xg_conn_tx(struct xg_conn *cn, uint32_t index)
{
	return &cn->tx[index];
}

int xg_rx_grow(struct xg_conn *cn)
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
	if (xg_reserve(cn->ctx, RX_EVENTS * XG_RX_CHUNK))
		return ENOMEM;
	c = calloc(XG_RX_CHUNK, sizeof(*c));
	b = buf_map(XG_RX_CHUNK);
	if (!c || !b) {
		if (b)
			munmap(b, (size_t)XG_RX_CHUNK * XG_BUF_LEN);
		free(c);
		xg_reserve(cn->ctx, -RX_EVENTS * XG_RX_CHUNK);
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
	}
	if (cn->tx_reserved)
		xg_reserve(cn->ctx, -TX_EVENTS * (int)cn->depth);
	for (i = 0; i < cn->rx_chunks; i++) {
		for (k = 0; k < XG_RX_CHUNK; k++)
			xg_block_put(cn->ctx, cn->rx_chunk[i][k].block);
		munmap(cn->rx_buf[i], (size_t)XG_RX_CHUNK * XG_BUF_LEN);
		free(cn->rx_chunk[i]);
		xg_reserve(cn->ctx, -RX_EVENTS * XG_RX_CHUNK);
	}
	free(cn->rx_chunk);
	free(cn->rx_buf);
}

/* Late callbacks find slots that await nothing; those of requests have ended. */
void xg_slots_leave(struct xg_conn *cn)
{
	struct xg_block *b;
	uint32_t i, k;

	for (i = 0; i < cn->rx_chunks; i++)
		for (k = 0; k < XG_RX_CHUNK; k++) {
			struct xg_rx *r = &cn->rx_chunk[i][k];

			r->state = XG_SLOT_FREE;
			xg_block_leave(cn->ctx, r->block);
		}
	for (b = cn->assigned; b; b = b->next)
		xg_block_leave(cn->ctx, b);
	if (cn->tx_reserved)
		xg_reserve(cn->ctx, -TX_EVENTS * (int)cn->depth);
	xg_reserve(cn->ctx, -RX_EVENTS * XG_RX_CHUNK * (int)cn->rx_chunks);
}

void xg_rx_put(struct xg_rx *r)
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

void xg_view_of(struct xg_view *v, struct xio_vmsg *m)
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

/* Describes to the library what Go left in the slot. */
void xg_fill_out(struct xio_vmsg *m, const struct xg_out *o, uint8_t *buf)
{
	struct xio_iovec_ex *sg = m->data_iov.sglist;
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
	}
	m->data_iov.nents = n;
}
