/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving messages.
 *
 * When the head of a frame has been decoded the destination of its data is
 * chosen: the application's memory where it offered some, the library's
 * otherwise. The application hears of the message when all of it is there.
 */
#include <errno.h>
#include <string.h>

#include "cancel.h"
#include "connection.h"
#include "flow.h"
#include "message.h"
#include "option.h"
#include "reconnect.h"
#include "session.h"

#define ALIGN_UP(n, a)	(((n) + (a) - 1) & ~((uint64_t)(a) - 1))
#define DATA_ALIGN	64u	/* of each segment in library memory */
#define INLINE_ALIGN	16u

/* ---- library memory ------------------------------------------------ */

/*
 * The application header, and room for n bytes behind it. Returns where
 * these begin, NULL without memory.
 */
static uint8_t *take_header(struct xe_task *t, const struct xe_frame *f,
			    uint64_t n)
{
	uint64_t off = ALIGN_UP((uint64_t)f->hdr_len, INLINE_ALIGN);
	uint8_t *b = xe_task_buf(t, off + n);

	if (!b)
		return NULL;
	if (f->hdr_len && f->hdr)
		memcpy(b, f->hdr, f->hdr_len);
	t->hdr = f->hdr_len ? b : NULL;
	t->hdr_len = f->hdr_len;
	return b + off;
}

/* Lists longer than those inside the task: iov, in and out entries. */
static int take_lists(struct xe_task *t, unsigned int nr,
		      struct xio_iovec_ex **in, struct xio_iovec_ex **out)
{
	uint8_t *b;

	*in = t->in_small;
	*out = t->out_small;
	t->iov = t->iov_small;
	if (nr <= XE_TASK_SGL)
		return 0;
	b = xe_block_get(&t->ctx->blocks, nr * (2 * sizeof(**in) +
						sizeof(*t->iov)));
	if (!b)
		return -ENOMEM;
	t->aux = b;
	*in = (struct xio_iovec_ex *)(void *)b;
	*out = *in + nr;
	t->iov = (struct iovec *)(void *)(*out + nr);
	return 0;
}

static void set_sgl(struct xio_vmsg *v, struct xio_iovec_ex *sgl,
		    unsigned int nr)
{
	v->sgl_type = XIO_SGL_TYPE_IOV_PTR;
	v->pdata_iov.sglist = sgl;
	v->pdata_iov.nents = nr;
	v->pdata_iov.max_nents = nr;
}

/* Library memory for nr segments whose lengths stand in sgl. */
static int data_block(struct xe_task *t, struct xio_iovec_ex *sgl,
		      unsigned int nr)
{
	uint64_t total = 0;
	unsigned int i;
	uint8_t *b;

	for (i = 0; i < nr; i++)
		total += ALIGN_UP((uint64_t)sgl[i].iov_len, DATA_ALIGN);
	b = xe_block_get(&t->ctx->blocks, total);
	if (!b)
		return -XIO_E_NO_BUFS;
	t->data_block = b;
	for (i = 0; i < nr; i++) {
		sgl[i].iov_base = b;
		b += ALIGN_UP((uint64_t)sgl[i].iov_len, DATA_ALIGN);
	}
	return 0;
}

/* ---- a request or one-way message comes in -------------------------- */

/* What assign_data_in_buf gave must hold total bytes; trims it to them. */
static int check_assigned(struct xio_vmsg *in, unsigned int max,
			  uint64_t total)
{
	struct xio_iovec_ex *sgl = vmsg_sglist(in);
	unsigned int nr = vmsg_sglist_nents(in);
	unsigned int i;

	if (!sgl || nr == 0 || nr > max)
		return -XIO_E_NO_USER_BUFS;
	for (i = 0; i < nr && total > 0; i++) {
		if (!sgl[i].iov_base || sgl[i].iov_len == 0)
			return -XIO_E_NO_USER_BUFS;
		if (sgl[i].iov_len > total)
			sgl[i].iov_len = total;
		total -= sgl[i].iov_len;
	}
	if (total > 0)
		return -XIO_E_USER_BUF_OVERFLOW;
	vmsg_sglist_set_nents(in, i);
	return 0;
}

/* Out-of-line data: the application's memory, or else the library's. */
static int take_large(struct xe_task *t, const struct xe_frame *f,
		      struct xio_iovec_ex *in)
{
	struct xio_connection *c = t->conn;
	struct xio_vmsg *v = &t->imsg.in;
	unsigned int i;
	int err;

	for (i = 0; i < f->out_nr; i++) {
		struct xio_sge e;

		xe_frame_sge(f, f->in_nr + i, &e);
		in[i].iov_base = NULL;
		in[i].iov_len = e.length;
		in[i].mr = NULL;
		in[i].user_context = NULL;
	}
	set_sgl(v, in, f->out_nr);
	if (c->ops->assign_data_in_buf &&
	    c->ops->assign_data_in_buf(&t->imsg, c->user_context) == 0) {
		t->imsg.hints = XIO_MSG_HINT_ASSIGNED_DATA_IN_BUF;
		err = check_assigned(v, f->out_nr, f->data_len);
	} else if (xe_opt.enable_mem_pool) {
		set_sgl(v, in, f->out_nr);
		err = data_block(t, in, f->out_nr);
	} else {
		err = -XIO_E_NO_USER_BUFS;
	}
	if (err)
		return err;
	in = vmsg_sglist(v);
	for (i = 0; i < vmsg_sglist_nents(v); i++) {
		t->iov[i].iov_base = in[i].iov_base;
		t->iov[i].iov_len = in[i].iov_len;
	}
	t->rx.iov_nr = vmsg_sglist_nents(v);
	return 0;
}

static int take_request(struct xe_task *t, const struct xe_frame *f)
{
	struct xio_msg *m = &t->imsg;
	struct xio_iovec_ex *in, *out;
	unsigned int i;
	uint8_t *b;
	int err;

	err = take_lists(t, f->in_nr > f->out_nr ? f->in_nr : f->out_nr, &in,
			 &out);
	if (err)
		return err;
	/* The requester's buffers, as a hint for the answer. */
	for (i = 0; i < f->in_nr; i++) {
		struct xio_sge e;

		xe_frame_sge(f, i, &e);
		out[i].iov_base = NULL;
		out[i].iov_len = e.length;
		out[i].mr = NULL;
		out[i].user_context = NULL;
		if (i == 0)
			t->in_offered = e.addr != 0 && e.length != 0;
	}
	set_sgl(&m->out, out, f->in_nr);
	b = take_header(t, f, f->out_op == XE_OP_READ ? 0 : f->data_len);
	if (!b)
		return -ENOMEM;
	m->in.header.iov_base = t->hdr;
	m->in.header.iov_len = t->hdr_len;
	m->sn = f->serial;
	m->type = (enum xio_msg_type)f->type;
	m->flags = f->tflags & XE_TFL_LAST_IN_BATCH ?
		   XIO_MSG_FLAG_LAST_IN_BATCH : 0;
	set_sgl(&m->in, in, 0);
	t->rx.iov = t->iov;
	t->rx.left = f->imm ? 0 : f->data_len;
	if (f->data_len == 0)
		return 0;
	if (f->out_op == XE_OP_READ)
		return take_large(t, f, in);
	in[0].iov_base = b;
	in[0].iov_len = f->data_len;
	in[0].mr = NULL;
	in[0].user_context = NULL;
	set_sgl(&m->in, in, 1);
	if (f->imm) {
		memcpy(b, f->imm, f->data_len);
		return 0;
	}
	t->iov[0].iov_base = b;
	t->iov[0].iov_len = f->data_len;
	t->rx.iov_nr = 1;
	return 0;
}

/* The payload of a control frame. */
static int take_control(struct xe_task *t, const struct xe_frame *f)
{
	if (!take_header(t, f, 0))
		return -ENOMEM;
	if (!f->hdr && f->hdr_len) {
		t->rx.iov = t->iov_small;
		t->iov_small[0].iov_base = t->hdr;
		t->iov_small[0].iov_len = f->hdr_len;
		t->rx.iov_nr = 1;
		t->rx.left = f->hdr_len;
	}
	return 0;
}

/* Takes the data of a frame that nobody wants off the stream. */
static void take_nothing(struct xe_task *t, const struct xe_frame *f)
{
	bool control = !xe_type_is_app(f->type);

	t->rx.left = control ? (f->hdr ? 0 : f->hdr_len) :
		     f->imm ? 0 : f->data_len;
	t->rx.iov = t->iov_small;
	t->iov_small[0].iov_base = NULL;
	t->iov_small[0].iov_len = t->rx.left;
	t->rx.iov_nr = t->rx.left ? 1 : 0;
}

static void remember(struct xe_task *t, const struct xe_frame *f)
{
	t->rx_type = f->type;
	t->rx_flags = f->flags;
	t->rx_tflags = f->tflags;
	t->rx_receipt = f->receipt_res;
	t->rx_status = f->type & XE_TYPE_RESPONSE ? f->status : 0;
}

/* Is this request-type frame allowed now, and the one we expect? */
static int check_request(struct xio_connection *c, const struct xe_frame *f)
{
	bool app = xe_type_is_app(f->type);

	if (!app && f->type != XE_ACK_REQ)
		return 0;
	if (c->any_req_sn)
		c->rx_req_sn = f->sn;
	c->any_req_sn = false;
	if (!c->open || c->setup_only || (app && c->fin_seen) ||
	    f->sn != c->rx_req_sn ||
	    xe_session_state(c->session) >= XE_SESSION_REDIRECTED)
		return -EPROTO;
	if (app && c->rx_any && f->serial <= c->rx_serial)
		return -EPROTO;
	return 0;
}

/*
 * Does the application hold so much that reading must wait for it? The next
 * message is always taken when it holds nothing.
 */
static bool too_much(const struct xio_connection *c, bool fresh)
{
	const struct xio_context *ctx = c->ctx;

	/* The peer asks, and does not read what it is told. */
	if (c->answers >= (unsigned int)XE_OPT(limit_unsent_answers))
		return true;
	if (!fresh)
		return false;
	return ctx->rx_tasks >= ctx->max_tasks ||
	       c->rx_held >= (unsigned int)XE_OPT(limit_held_msgs) ||
	       c->rx_bytes > xe_flow_rx_limit(c) ||
	       (c->rx_held > 0 && ctx->rx_bytes > XE_OPT(limit_context_bytes));
}

int xe_message_receive_new(struct xe_nexus *n, const struct xe_frame *f,
			   struct xe_task **tp)
{
	struct xio_connection *c = NULL;
	bool app = xe_type_is_app(f->type);
	struct xe_task *t;
	bool fresh;
	int err;

	switch (f->type) {
	case XE_SESSION_SETUP_REQ:
	case XE_HELLO_REQ:
		if (!n->server)
			return -EPROTO;
		break;
	case XE_CANCEL_REQ:
		/* libxio's is ignored: it cannot take the answer. */
		if (n->kin && f->serial == xe_cancel_mark(n->cid))
			c = xe_nexus_find(n, f->session_id);
		break;
	default:
		c = xe_nexus_find(n, f->session_id);
		if (!c)
			XE_DEBUG("frame 0x%x for unknown session %u",
				 (unsigned int)f->type,
				 (unsigned int)f->session_id);
		break;
	}
	err = c ? check_request(c, f) : 0;
	if (err)
		return err;
	/* What only comes again is held already, and may be waited for. */
	fresh = app && c && !xe_reconnect_is_repeat(c, f->serial);
	if (c && (app || f->type == XE_KA_REQ || f->type == XE_CANCEL_REQ) &&
	    too_much(c, fresh)) {
		if (fresh && xe_list_empty(&c->receiving) &&
		    xe_reconnect_left_out(c))
			return -EPROTO;	/* it would be for ever */
		n->ctx->rx_starved = true;
		return -EAGAIN;
	}
	t = fresh ? xe_task_get(n->ctx, true) : xe_task_get_control(n->ctx);
	if (!t)
		return -ENOMEM;
	t->repeat = app && c && !fresh;
	t->type = f->type;
	t->received = true;
	t->state = XE_TASK_RECEIVING;
	t->peer_ltid = f->ltid;
	t->session_id = f->session_id;
	t->serial = f->serial;
	t->credit_bytes = f->hdr_len + f->data_len;
	remember(t, f);
	t->conn = c;
	if (fresh) {
		t->rx_bytes = f->data_len;
		c->rx_bytes += t->rx_bytes;
		c->ctx->rx_bytes += t->rx_bytes;
		c->rx_held++;
	}
	xe_list_add_tail(c ? &c->receiving : &n->ctx->orphans, &t->link);
	if (c && (app || f->type == XE_ACK_REQ)) {
		c->rx_req_sn++;
		xe_flow_received(c, f);
	}
	if (c && app) {
		c->rx_any = true;
		c->rx_serial = f->serial;
		if (fresh)
			err = take_request(t, f);
		else
			take_nothing(t, f);
	} else if (c || xe_type_opens(f->type)) {
		err = take_control(t, f);
	} else {
		take_nothing(t, f);
	}
	if (err) {
		xe_task_put(t);
		return err;
	}
	*tp = t;
	return 0;
}

/* ---- the answer to one of ours comes in ----------------------------- */

/* One segment of ours, behind the header. */
static int take_inline_own(struct xe_task *t, const struct xe_frame *f)
{
	uint8_t *b = take_header(t, f, f->data_len);

	if (!b)
		return -ENOMEM;
	if (f->data_len == 0)
		return 0;
	t->sgl = t->in_small;
	t->sgl_nr = 1;
	t->sgl[0].iov_base = b;
	t->sgl[0].iov_len = f->data_len;
	t->sgl[0].mr = NULL;
	t->sgl[0].user_context = NULL;
	return 0;
}

/* The requester's buffers are filled in their order. */
static int take_inline_user(struct xe_task *t, const struct xe_frame *f,
			    const struct xio_iovec_ex *sgl, unsigned int nr)
{
	struct xio_iovec_ex *in, *unused;
	uint64_t left = f->data_len;
	unsigned int i;

	if (take_lists(t, nr, &in, &unused) || !take_header(t, f, 0))
		return -ENOMEM;
	for (i = 0; i < nr && left > 0; i++) {
		in[i] = sgl[i];
		if (in[i].iov_len > left)
			in[i].iov_len = left;
		left -= in[i].iov_len;
	}
	if (left > 0) {
		t->rx_truncated = true;
		take_nothing(t, f);
		return 0;
	}
	t->sgl = in;
	t->sgl_nr = i;
	return 0;
}

static int take_inline_response(struct xe_task *t, const struct xe_frame *f)
{
	struct xio_vmsg *v = &t->omsg->in;
	struct xio_iovec_ex *sgl = vmsg_sglist(v);
	unsigned int nr = sgl ? vmsg_sglist_nents(v) : 0;
	const uint8_t *imm = f->imm;
	unsigned int i;
	int err;

	for (i = 0; i < nr && sgl[i].iov_base; i++)
		;
	err = nr == 0 || i < nr ? take_inline_own(t, f) :
	      take_inline_user(t, f, sgl, nr);
	if (err || t->rx_truncated)
		return err;
	for (i = 0; imm && i < t->sgl_nr; i++) {
		memcpy(t->sgl[i].iov_base, imm, t->sgl[i].iov_len);
		imm += t->sgl[i].iov_len;
	}
	return 0;
}

/* Out-of-line data goes where the request said, and nowhere else. */
static int take_large_response(struct xe_task *t, const struct xe_frame *f)
{
	struct xio_vmsg *v = &t->omsg->in;
	struct xio_iovec_ex *sgl = vmsg_sglist(v);
	unsigned int nr = sgl ? vmsg_sglist_nents(v) : 0;
	struct xio_iovec_ex *in, *unused;
	bool ours = false;
	unsigned int i;

	if (!t->in_offered || f->out_nr > nr)
		return -EPROTO;
	if (take_lists(t, f->out_nr, &in, &unused) || !take_header(t, f, 0))
		return -ENOMEM;
	for (i = 0; i < f->out_nr; i++) {
		in[i] = sgl[i];
		in[i].iov_len = xe_frame_wlen(f, i);
		if (in[i].iov_len > sgl[i].iov_len)
			return -EPROTO;
		if (!in[i].iov_base)
			ours = true;
	}
	t->sgl = in;
	t->sgl_nr = f->out_nr;
	return ours ? data_block(t, in, f->out_nr) : 0;
}

static int take_response(struct xe_task *t, const struct xe_frame *f)
{
	struct xio_connection *c = t->conn;
	bool receipt = f->flags & XE_FL_RECEIPT;
	bool last = f->flags & XE_FL_LAST;
	unsigned int i;
	int err;

	if (f->sn != c->rx_rsp_sn && !c->any_rsp_sn)
		return -EPROTO;
	/* One-ways have a receipt and no answer. */
	if (t->type == XE_ONE_WAY_REQ ? !receipt || last : !receipt && !last)
		return -EPROTO;
	if ((receipt && (t->receipt_seen || !t->receipt_wanted)) ||
	    (!last && (f->data_len || f->hdr_len)))
		return -EPROTO;
	c->any_rsp_sn = false;
	c->rx_rsp_sn = (uint16_t)(f->sn + 1);
	xe_flow_received(c, f);
	t->credit_bytes = f->hdr_len + f->data_len;
	t->receipt_seen = t->receipt_seen || receipt;
	t->rx.iov_nr = 0;
	t->rx.left = 0;
	t->iov = t->iov_small;
	if (!last)
		return 0;
	if (f->status) {
		take_nothing(t, f);
		return 0;
	}
	err = f->out_op == XE_OP_WRITE ? take_large_response(t, f) :
					 take_inline_response(t, f);
	if (err || t->rx_truncated || f->imm)
		return err;
	t->rx.left = f->data_len;
	t->rx.iov = t->iov;
	t->rx.iov_nr = t->sgl_nr;
	for (i = 0; i < t->sgl_nr; i++) {
		t->iov[i].iov_base = t->sgl[i].iov_base;
		t->iov[i].iov_len = t->sgl[i].iov_len;
	}
	return 0;
}

int xe_message_receive(struct xe_task *t, const struct xe_frame *f)
{
	remember(t, f);
	if (!xe_type_is_app(f->type)) {
		t->rx.left = 0;
		t->rx.iov_nr = 0;
		return take_control(t, f);
	}
	if (!t->omsg)
		return -EPROTO;
	return take_response(t, f);
}

/* ---- delivery ------------------------------------------------------- */

static void drop_one_way(struct xe_task *t)
{
	xe_flow_released(t);
	xe_task_put(t);
}

static int deliver_request(struct xe_task *t, bool last)
{
	struct xio_connection *c = t->conn;
	uint32_t rsp = t->type ^ (XE_TYPE_REQUEST | XE_TYPE_RESPONSE);
	bool receipt = t->rx_flags & XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	uint32_t ltid = t->peer_ltid;
	uint64_t serial = t->serial;
	int err = 0;

	if (t->repeat)
		return xe_reconnect_repeat(t);
	if (c->fin_seen || xe_reconnect_left_out(c))
		return -EPROTO;
	c->rx_repeats = false;	/* numbers only grow */
	xe_list_del(&t->link);
	xe_list_add_tail(&c->held, &t->link);
	t->state = XE_TASK_HELD;
	if (t->type == XE_ONE_WAY_REQ && (t->rx_flags & XE_FL_IMM_RECEIPT)) {
		err = xe_message_send_receipt(c, rsp, ltid, serial);
		receipt = false;
	}
	if (!c->ops->on_msg) {
		XE_PEER_ERR(&c->peer, "sent a message to a session without an "
			    "on_msg callback");
		if (t->type == XE_MSG_REQ)
			xe_message_answer_status(t, XIO_E_NOT_SUPPORTED);
		else
			drop_one_way(t);
		return err;
	}
	if (t->type == XE_ONE_WAY_REQ || !receipt) {
		/* The callback may end the task: t is not ours after it. */
		c->ops->on_msg(c->session, &t->imsg, last, c->user_context);
		if (receipt)
			err = xe_message_send_receipt(c, rsp, ltid, serial);
		return err;
	}
	/* An answer given inside the callback carries the receipt with it. */
	t->receipt_due = true;
	t->in_callback = true;
	c->ops->on_msg(c->session, &t->imsg, last, c->user_context);
	t->in_callback = false;
	if (t->dead) {
		t->dead = false;
		xe_task_put(t);
	} else if (t->state == XE_TASK_HELD) {
		t->receipt_due = false;
		err = xe_message_send_receipt(c, rsp, ltid, serial);
	}
	return err;
}

/* Fills the "in" side of the application's request with what has come. */
static void fill_response(struct xe_task *t)
{
	struct xio_vmsg *v = &t->omsg->in;
	struct xio_iovec_ex *sgl;
	unsigned int i;

	if (v->header.iov_base && v->header.iov_len && t->hdr) {
		if (t->hdr_len > v->header.iov_len) {
			t->rx_truncated = true;
		} else {
			memcpy(v->header.iov_base, t->hdr, t->hdr_len);
			v->header.iov_len = t->hdr_len;
		}
	} else {
		v->header.iov_base = t->hdr;
		v->header.iov_len = t->hdr_len;
	}
	if (t->rx_truncated || t->rx_status) {
		vmsg_sglist_set_nents(v, 0);
		return;
	}
	sgl = vmsg_sglist(v);
	if (v->sgl_type == XIO_SGL_TYPE_IOV_PTR &&
	    (!sgl || v->pdata_iov.max_nents < t->sgl_nr)) {
		/* The application gave no array: it gets ours. */
		set_sgl(v, t->sgl, t->sgl_nr);
		return;
	}
	for (i = 0; i < t->sgl_nr; i++) {
		sgl[i].iov_base = t->sgl[i].iov_base;
		sgl[i].iov_len = t->sgl[i].iov_len;
	}
	vmsg_sglist_set_nents(v, t->sgl_nr);
}

static void deliver_receipt(struct xe_task *t, bool last)
{
	struct xio_connection *c = t->conn;
	struct xio_msg *m = t->omsg;

	m->type = (enum xio_msg_type)t->rx_type;
	m->receipt_res = t->rx_receipt ? XIO_READ_RECEIPT_REJECT :
					 XIO_READ_RECEIPT_ACCEPT;
	if (t->type == XE_ONE_WAY_REQ) {
		bool implicit = t->receipt_implicit;

		xe_task_put(t);
		if (implicit)
			m->type = XIO_MSG_TYPE_ONE_WAY;
		if (implicit && c->ops->on_ow_msg_send_complete)
			c->ops->on_ow_msg_send_complete(c->session, m,
							c->user_context);
		else if (!implicit && c->ops->on_msg_delivered)
			c->ops->on_msg_delivered(c->session, m, last,
						 c->user_context);
		return;
	}
	if (c->ops->on_msg_delivered)
		c->ops->on_msg_delivered(c->session, m, last,
					 c->user_context);
}

static int deliver_response(struct xe_task *t, bool last)
{
	struct xio_connection *c = t->conn;
	struct xio_msg *m = t->omsg;
	bool final = t->rx_flags & XE_FL_LAST;

	/*
	 * After CLOSED every message comes back as flushed, in the order of
	 * sending; answers that the peer's FIN_REQ has overtaken are dropped.
	 */
	if (xe_conn_closed_by_peer(c)) {
		if (final)
			xe_nexus_slot_put(t);
		return 0;
	}
	if (t->rx_flags & XE_FL_RECEIPT) {
		deliver_receipt(t, last && !final);
		if (!final)
			return 0;
	}
	xe_list_del(&t->link);
	xe_list_add_tail(&c->held, &t->link);
	xe_nexus_slot_put(t);
	t->state = XE_TASK_HELD;
	xe_cancel_over(t);
	fill_response(t);
	t->imsg.sn = t->serial;
	t->imsg.type = XIO_MSG_TYPE_RSP;
	m->type = XIO_MSG_TYPE_RSP;
	m->request = &t->imsg;
	if (t->rx_status)
		xe_message_error(c, m, (int)t->rx_status,
				 XIO_MSG_DIRECTION_IN);
	else if (t->rx_truncated)
		xe_message_error(c, m, XIO_E_MSG_SIZE, XIO_MSG_DIRECTION_IN);
	else if (c->ops->on_msg)
		c->ops->on_msg(c->session, m, last, c->user_context);
	return 0;
}

int xe_message_deliver(struct xe_task *t, bool last)
{
	if (t->rx_type & XE_TYPE_RESPONSE)
		return deliver_response(t, last);
	return deliver_request(t, last);
}
