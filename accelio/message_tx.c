/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending messages: inline or out-of-line, which buffers to offer for the
 * answer, and the numbers in the headers (accelio-wire 3.5 to 3.8, 6.2).
 */
#include <errno.h>
#include <string.h>

#include "flow.h"
#include "message.h"
#include "option.h"
#include "session.h"

#define TLV_LEN_MAX	65535u	/* libxio sends 16 bits of the length */
#define OW_NENTS_MAX	20u	/* beyond it completion needs a receipt */

uint64_t xe_vmsg_bytes(const struct xio_vmsg *v)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; sgl && i < vmsg_sglist_nents(v); i++)
		n += sgl[i].iov_len;
	return n;
}

void xe_message_error(struct xio_connection *c, struct xio_msg *m, int status,
		      enum xio_msg_direction dir)
{
	if (c->ops->on_msg_error)
		c->ops->on_msg_error(c->session, (enum xio_status)status, dir,
				     m, c->user_context);
}

/* Bytes that bring the inline data to the configured alignment (3.8). */
static uint32_t pad_of(const struct xio_connection *c, uint64_t before)
{
	uint32_t align = c->nexus->align;

	/* libxio mistakes the place of padded data in dual stream. */
	if (align < 2 || !c->nexus->l || xe_link_dual(c->nexus->l))
		return 0;
	return (uint32_t)(-before & (align - 1));
}

static void fill_common(struct xio_connection *c, struct xe_task *t,
			struct xe_frame *f)
{
	f->session_id = c->peer_session_id;
	f->serial = t->serial;
	f->tsn = c->nexus->tsn;
	xe_flow_fill(c, f);
}

/* ---- requests ------------------------------------------------------- */

/* The buffers for the response (3.6). 0, or the error of the message. */
static int offer_in(struct xe_task *t, struct xe_frame *f, struct xio_sge *in)
{
	const struct xio_msg *m = t->omsg;
	const struct xe_nexus *n = t->conn->nexus;
	const struct xio_iovec_ex *sgl = vmsg_sglist(&m->in);
	unsigned int nr = sgl ? vmsg_sglist_nents(&m->in) : 0;
	uint64_t cap = xe_vmsg_bytes(&m->in);
	bool force = m->flags & XIO_MSG_FLAG_PEER_WRITE_RSP;
	unsigned int i;
	bool hint;

	f->in_op = XE_OP_SEND;
	if (t->type != XE_MSG_REQ || nr == 0)
		return 0;
	if (nr > n->peer_max_out)
		return EMSGSIZE;
	hint = !force && cap + m->in.header.iov_len + XE_PREFIX_LEN +
	       XE_SGE_LEN * (uint64_t)nr < n->buf_size;
	if (hint && cap == 0)
		return 0;
	t->in_offered = !hint;
	f->in_op = hint ? XE_OP_SEND : XE_OP_WRITE;
	f->in_nr = (uint16_t)nr;
	for (i = 0; i < nr; i++) {
		if (sgl[i].iov_len > UINT32_MAX)
			return EMSGSIZE;
		in[i].addr = hint ? 0 : i + 1;	/* any mark but zero will do */
		in[i].length = (uint32_t)sgl[i].iov_len;
		in[i].stag = 0;
	}
	return 0;
}

static int prepare_request(struct xe_task *t, struct xe_frame *f,
			   struct xe_out *o, struct xio_sge *in,
			   struct xio_sge *out)
{
	struct xio_connection *c = t->conn;
	const struct xe_nexus *n = c->nexus;
	const struct xio_msg *m = t->omsg;
	const struct xio_iovec_ex *sgl = vmsg_sglist(&m->out);
	unsigned int nr = sgl ? vmsg_sglist_nents(&m->out) : 0;
	uint64_t data = xe_vmsg_bytes(&m->out);
	uint64_t head, pad, size;
	unsigned int i;
	int err = offer_in(t, f, in);

	if (err)
		return err;
	f->hdr_len = (uint16_t)m->out.header.iov_len;
	head = XE_PREFIX_LEN + XE_SGE_LEN * (uint64_t)f->in_nr + f->hdr_len;
	pad = data ? pad_of(c, head) : 0;
	size = head + XE_SGE_LEN * (uint64_t)nr + pad + data;
	o->hdr = m->out.header.iov_base;
	o->data = sgl;
	o->data_nr = nr;
	if (!((m->flags & XIO_MSG_FLAG_PEER_READ_REQ) && nr > 0) &&
	    size <= n->buf_size && size <= TLV_LEN_MAX &&
	    data <= n->inline_data) {
		f->out_op = XE_OP_SEND;
		f->pad_len = (uint16_t)pad;
		f->imm_len = data;
		return 0;
	}
	if (nr > n->peer_max_in)
		return EMSGSIZE;
	if (head + XE_SGE_LEN * (uint64_t)nr > n->buf_size)
		return XIO_E_MSG_SIZE;
	f->out_op = XE_OP_READ;
	f->out_nr = (uint16_t)nr;
	for (i = 0; i < nr; i++) {
		if (sgl[i].iov_len > UINT32_MAX)
			return EMSGSIZE;
		out[i].addr = i + 1;
		out[i].length = (uint32_t)sgl[i].iov_len;
		out[i].stag = 0;
	}
	return 0;
}

/* A one-way that wants to know its end and does not ask for a receipt. */
static uint32_t ow_flags(struct xe_task *t)
{
	const struct xio_msg *m = t->omsg;

	if (t->type != XE_ONE_WAY_REQ || t->receipt_wanted ||
	    !t->conn->ops->on_ow_msg_send_complete)
		return 0;
	if (xe_vmsg_bytes(&m->out) <= t->conn->nexus->inline_data &&
	    vmsg_sglist_nents(&m->out) <= OW_NENTS_MAX)
		return XIO_MSG_FLAG_IMM_SEND_COMP;
	t->receipt_wanted = true;
	t->receipt_implicit = true;
	return XE_FL_IMM_RECEIPT;
}

static void request_done(struct xe_tx *tx)
{
	struct xe_task *t = xe_container_of(tx, struct xe_task, tx);
	struct xio_connection *c = t->conn;
	struct xio_msg *m = t->omsg;

	if (t->type != XE_ONE_WAY_REQ || t->receipt_wanted)
		return;		/* its end comes from the peer */
	xe_task_put(t);
	if (c->ops->on_ow_msg_send_complete)
		c->ops->on_ow_msg_send_complete(c->session, m,
						c->user_context);
}

static int push_request(struct xio_connection *c, struct xe_task *t)
{
	struct xio_sge in[XIO_MAX_IOV], out[XIO_MAX_IOV];
	struct xe_frame f = { .type = t->type };
	struct xio_msg *m = t->omsg;
	struct xe_out o = { .frame = &f, .in = in, .out = out };
	int err = xe_flow_check(c, &m->out);

	if (!err)
		err = prepare_request(t, &f, &o, in, out);
	t->receipt_wanted = m->flags & XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	if (!err && t->slot == XE_NO_SLOT && !xe_nexus_slot_get(c->nexus, t))
		err = ENOMEM;
	if (err) {
		xe_task_put(t);
		xe_message_error(c, m, err, XIO_MSG_DIRECTION_OUT);
		return 1;
	}
	fill_common(c, t, &f);
	f.flags = ((uint32_t)m->flags & 0x3ff) | ow_flags(t);
	if (t->receipt_seen)
		f.flags &= ~(uint32_t)XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	f.sn = c->tx_req_sn;
	f.ack_sn = (uint16_t)(c->rx_req_sn - 1);
	f.ltid = t->slot;
	if (m->flags & XIO_MSG_FLAG_PEER_WRITE_RSP)
		f.tflags = XE_TFL_FORCE_WRITE;
	else if (m->flags & XIO_MSG_FLAG_LAST_IN_BATCH)
		f.tflags = XE_TFL_LAST_IN_BATCH;
	t->tx.done = request_done;
	if (!xe_link_push(c->nexus->l, &o, &t->tx))
		return -EAGAIN;
	xe_flow_sent(c, t, &f);
	t->tsn = f.tsn;
	c->tx_req_sn++;
	c->nexus->tsn++;
	t->state = XE_TASK_SENT;
	xe_list_del(&t->link);
	xe_list_add_tail(&c->waiting, &t->link);
	return 1;
}

/* ---- responses ------------------------------------------------------ */

static bool response_inline(const struct xe_task *t, uint64_t hdr,
			    uint64_t data, uint32_t *pad)
{
	const struct xe_nexus *n = t->conn->nexus;
	uint64_t head = XE_PREFIX_LEN + hdr +
			XE_SGE_LEN * (uint64_t)vmsg_sglist_nents(&t->imsg.out);
	uint64_t size;

	*pad = data ? pad_of(t->conn, head) : 0;
	size = head + *pad + data;
	return data == 0 || (size < n->buf_size && size <= TLV_LEN_MAX);
}

/* The requester's offer: entries of which the first must be real. */
static bool response_large(const struct xe_task *t, uint64_t data)
{
	return t->in_offered && xe_vmsg_bytes(&t->imsg.out) >= data;
}

bool xe_message_response_fits(const struct xe_task *t,
			      const struct xio_msg *rsp)
{
	uint64_t data = xe_vmsg_bytes(&rsp->out);
	uint64_t hdr = rsp->out.header.iov_len;
	uint32_t pad;

	if (XE_PREFIX_LEN + hdr + XE_WLEN_LEN *
	    (uint64_t)vmsg_sglist_nents(&t->imsg.out) > t->conn->nexus->buf_size)
		return false;
	return response_inline(t, hdr, data, &pad) || response_large(t, data);
}

static void prepare_response(struct xe_task *t, struct xe_frame *f,
			     struct xe_out *o, struct xio_sge *out)
{
	const struct xio_msg *m = t->omsg;
	const struct xio_iovec_ex *offer = vmsg_sglist(&t->imsg.out);
	uint64_t data = xe_vmsg_bytes(&m->out);
	bool force = t->rx_tflags & (XE_TFL_FORCE_WRITE | 0x01);
	uint32_t pad;

	f->hdr_len = (uint16_t)m->out.header.iov_len;
	f->imm_len = data;
	o->hdr = m->out.header.iov_base;
	o->data = vmsg_sglist(&m->out);
	o->data_nr = o->data ? vmsg_sglist_nents(&m->out) : 0;
	if (response_inline(t, f->hdr_len, data, &pad) &&
	    !(force && data > 0 && response_large(t, data))) {
		f->out_op = XE_OP_SEND;
		f->pad_len = (uint16_t)pad;
		return;
	}
	f->out_op = XE_OP_WRITE;
	while (data > 0) {
		struct xio_sge *e = &out[f->out_nr];

		e->length = (uint32_t)offer[f->out_nr++].iov_len;
		if (e->length > data)
			e->length = (uint32_t)data;
		data -= e->length;
	}
}

static void response_done(struct xe_tx *tx)
{
	struct xe_task *t = xe_container_of(tx, struct xe_task, tx);
	struct xio_connection *c = t->conn;

	if (t->omsg && c->ops->on_msg_send_complete)
		c->ops->on_msg_send_complete(c->session, t->omsg,
					     c->user_context);
	xe_task_put(t);
}

static int push_response(struct xio_connection *c, struct xe_task *t)
{
	struct xio_sge out[XIO_MAX_IOV];
	struct xe_frame f = { .type = XE_MSG_RSP, .out_op = XE_OP_SEND };
	struct xe_out o = { .frame = &f, .out = out };

	if (t->omsg)
		prepare_response(t, &f, &o, out);
	fill_common(c, t, &f);
	f.status = t->status;
	f.flags = XE_FL_LAST | (t->receipt_due ? XE_FL_RECEIPT : 0);
	if (t->omsg)
		f.flags |= (uint32_t)t->omsg->flags & 0x3ff;
	f.sn = c->tx_rsp_sn;
	f.ack_sn = (uint16_t)(c->rx_rsp_sn - 1);
	f.ltid = 0;
	f.rtid = t->peer_ltid;
	t->tx.done = response_done;
	if (!xe_link_push(c->nexus->l, &o, &t->tx))
		return -EAGAIN;
	xe_flow_sent(c, t, &f);
	c->tx_rsp_sn++;
	c->nexus->tsn++;
	xe_list_del(&t->link);
	xe_list_add_tail(&c->answering, &t->link);
	return 1;
}

void xe_message_queue_answer(struct xe_task *t)
{
	t->state = XE_TASK_ANSWERING;
	xe_list_del(&t->link);
	xe_list_add_tail(t->parked ? &t->conn->parked : &t->conn->rsp_queue,
			 &t->link);
	xe_conn_ready(t->conn);
}

void xe_message_answer_status(struct xe_task *t, uint32_t status)
{
	xe_flow_answered(t);
	t->status = status;
	t->omsg = NULL;
	xe_message_queue_answer(t);
}

/* ---- control frames and receipts ------------------------------------ */

int xe_message_send_receipt(struct xio_connection *c, uint32_t type,
			    uint32_t peer_ltid, uint64_t serial)
{
	struct xe_task *t;

	if (!c->open)
		return 0;
	t = xe_task_get_control(c->ctx);
	if (!t)
		return -ENOMEM;
	t->conn = c;
	t->type = type;
	xe_task_count_answer(t);
	t->peer_ltid = peer_ltid;
	t->serial = serial;
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(&c->rsp_queue, &t->link);
	xe_conn_ready(c);
	return 0;
}

/* All requests but the one that only gives credits back. */
static bool is_answered(uint32_t type)
{
	return (type & XE_TYPE_REQUEST) && type != XE_ACK_REQ;
}

static void control_done(struct xe_tx *tx)
{
	struct xe_task *t = xe_container_of(tx, struct xe_task, tx);
	struct xio_connection *c = t->conn;
	uint32_t type = t->type;

	if (is_answered(type))
		return;		/* waits for it */
	xe_task_put(t);
	if (type == XE_FIN_RSP)
		xe_conn_fin_rsp_sent(c);
}

/* Receipts and ACK_REQ have a number, other control frames have none. */
static uint16_t *sn_of(struct xio_connection *c, uint32_t type)
{
	if (type == XE_ACK_REQ)
		return &c->tx_req_sn;
	return xe_type_is_app(type) ? &c->tx_rsp_sn : NULL;
}

static int push_control(struct xio_connection *c, struct xe_task *t)
{
	struct xe_frame f = { .type = t->type, .out_op = XE_OP_SEND };
	struct xe_out o = { .frame = &f, .hdr = t->hdr };
	uint16_t *sn;

	f.session_id = c->peer_session_id;
	f.tsn = c->nexus->tsn;
	f.hdr_len = (uint16_t)t->hdr_len;
	if (is_answered(t->type)) {
		if (t->slot == XE_NO_SLOT && !xe_nexus_slot_get(c->nexus, t)) {
			xe_link_fail(c->nexus->l, ENOMEM);
			return -EAGAIN;
		}
		f.ltid = t->slot;
	}
	if (t->type & XE_TYPE_REQUEST)
		f.in_op = XE_OP_SEND;
	else
		f.rtid = t->peer_ltid;
	if (xe_type_is_app(t->type)) {	/* a receipt */
		f.flags = XE_FL_RECEIPT;
		f.serial = t->serial;
	} else if (t->type == XE_CANCEL_REQ || t->type == XE_CANCEL_RSP) {
		f.serial = xe_cancel_mark(c->nexus->cid);
	}
	sn = sn_of(c, t->type);
	if (sn) {
		f.sn = *sn;
		f.ack_sn = (uint16_t)((t->type & XE_TYPE_REQUEST ?
				       c->rx_req_sn : c->rx_rsp_sn) - 1);
		xe_flow_fill(c, &f);
	}
	t->tx.done = control_done;
	if (!xe_link_push(c->nexus->l, &o, &t->tx))
		return -EAGAIN;
	if (sn) {
		(*sn)++;
		xe_flow_sent(c, t, &f);
	}
	c->nexus->tsn++;
	t->state = XE_TASK_SENT;
	xe_list_del(&t->link);
	xe_list_add_tail(is_answered(t->type) ? &c->waiting : &c->answering,
			 &t->link);
	return 1;
}

int xe_message_push(struct xio_connection *c, struct xe_task *t)
{
	if (t->state == XE_TASK_ANSWERING)
		return push_response(c, t);
	if (t->omsg)
		return push_request(c, t);
	return push_control(c, t);
}
