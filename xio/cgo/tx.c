/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx.c - requests and one-way messages that we send.
 *
 * Design notes
 * - Every submitted slot produces exactly one record that ends it: RESPONSE or
 *   ENDED. A DELIVERED may come before.
 * - A small response is released by the shim when its record is dropped; Go has
 *   copied it by then. A large one stays until Go submits XG_OP_RELEASE.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

static void tx_event(struct xg_tx *t, int kind, int status, int flags)
{
	struct xg_event *e = xg_push(t->conn->ctx, kind);

	e->status = status;
	e->flags = (uint16_t)flags;
	e->index = t->index;
	e->gen = t->gen;
	e->p = t;
	e->conn = t->conn;
	e->conn_index = t->conn->index;
}

void xg_tx_ended(struct xg_tx *t, int status)
{
	if (t->state != XG_SLOT_BUSY)
		return;
	t->state = XG_SLOT_READY;
	tx_event(t, XG_EV_ENDED, status, 0);
}

void xg_send(struct xg_tx *t)
{
	struct xio_msg *m = &t->msg;
	struct xio_vmsg *in = &m->in;
	int rc;

	memset(m, 0, sizeof(*m));
	xg_fill_out(&m->out, &t->out, t->buf);
	in->sgl_type = XIO_SGL_TYPE_IOV;
	in->data_iov.max_nents = XIO_IOVLEN;
	if (t->max_rsp) {
		in->data_iov.nents = 1;
		in->data_iov.sglist[0].iov_len = t->max_rsp;
	}
	if (t->receipt)
		m->flags |= XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	m->user_context = t;
	t->state = XG_SLOT_BUSY;
	if (t->conn->torn || !t->conn->xio) {
		xg_tx_ended(t, XIO_E_MSG_FLUSHED);
		return;
	}
	errno = 0;
	rc = t->oneway ? xio_send_msg(t->conn->xio, m) :
			 xio_send_request(t->conn->xio, m);
	if (rc)
		xg_tx_ended(t, xg_error());
}

void xg_release(struct xg_tx *t)
{
	if (t->conn->xio)
		xio_release_response(&t->msg);
}

/* A record is dropped: the small response that it told of goes back. */
void xg_response_read(struct xg_event *e)
{
	struct xg_tx *t = e->p;

	if (e->kind != XG_EV_RESPONSE || !t->unread)
		return;
	t->unread = 0;
	xg_release(t);
}

/* Gives back the responses of cn whose records are still there. */
void xg_release_unread(struct xg_conn *cn)
{
	struct xg_ctx *c = cn->ctx;
	uint32_t i;

	for (i = 0; i < c->nev; i++)
		if (c->ev[i].conn == cn)
			xg_response_read(&c->ev[i]);
}

/*
 * libxio's peers cannot bear it: the receiving end drops the connection. There
 * the caller has left and the answer, when it comes, is thrown away.
 */
void xg_cancel(struct xg_tx *t, uint32_t gen)
{
	if (xg_kin() && t->state == XG_SLOT_BUSY && t->gen == gen && t->conn->xio)
		xio_cancel_request(t->conn->xio, &t->msg);
}

/* ---- callbacks ---- */

static struct xg_tx *tx_of(struct xio_msg *m)
{
	struct xg_tx *t = m->user_context;

	return t && t->kind == XG_TX && t->state == XG_SLOT_BUSY ? t : NULL;
}

int xg_on_response(struct xio_msg *m)
{
	struct xg_tx *t = tx_of(m);

	if (!t)
		return 0;
	t->state = XG_SLOT_READY;
	xg_view_of(&t->in, &m->in);
	if (t->in.len > t->conn->copy_max || t->keep) {
		tx_event(t, XG_EV_RESPONSE, 0, XG_KEEP);
		return 0;
	}
	t->unread = 1;
	tx_event(t, XG_EV_RESPONSE, 0, 0);
	return 0;
}

int xg_on_delivered(struct xio_session *s, struct xio_msg *m, int last, void *user)
{
	struct xg_tx *t = tx_of(m);

	(void)s;
	(void)last;
	(void)user;
	if (!t)
		return 0;
	if (t->oneway)
		xg_tx_ended(t, 0);
	else
		tx_event(t, XG_EV_DELIVERED, 0, 0);
	return 0;
}

int xg_on_msg_gone(struct xio_session *s, struct xio_msg *m, void *user)
{
	struct xg_tx *t = tx_of(m);

	(void)s;
	(void)user;
	if (t)
		xg_tx_ended(t, 0);
	return 0;
}

int xg_on_cancel(struct xio_session *s, struct xio_msg *m,
		 enum xio_status result, void *user)
{
	struct xg_tx *t = tx_of(m);

	(void)s;
	(void)user;
	/* With any other result the request ends as it would have. */
	if (t && result == XIO_E_MSG_CANCELED)
		xg_tx_ended(t, result);
	return 0;
}
