/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What applications call to send and release messages (accelio-api 1.8, 5).
 * A call only checks and queues; the loop sends. A chain is taken as a whole
 * or not at all.
 */
#include <errno.h>

#include "cancel.h"
#include "flow.h"
#include "message.h"
#include "option.h"
#include "session.h"

/* ---- validation (accelio-api 5.3) ----------------------------------- */

static bool nents_ok(const struct xio_vmsg *v, int limit)
{
	uint32_t nr = vmsg_sglist_nents(v);
	uint32_t max = v->data_tbl.max_nents;

	/* libxio does not look at max_nents of entries inside the message. */
	if (v->sgl_type == XIO_SGL_TYPE_IOV)
		return nr <= XIO_IOVLEN && nr <= (uint32_t)limit;
	return v->sgl_type == XIO_SGL_TYPE_IOV_PTR && nr <= max &&
	       max <= (uint32_t)limit && (nr == 0 || v->pdata_iov.sglist);
}

static bool out_ok(const struct xio_vmsg *v)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	unsigned int with_mr = 0;
	unsigned int i;

	if (!nents_ok(v, xe_opt.max_out_iovlen))
		return false;
	if (!v->header.iov_base != !v->header.iov_len ||
	    v->header.iov_len > (size_t)xe_opt.max_inline_header ||
	    v->header.iov_len > UINT16_MAX)
		return false;
	for (i = 0; i < vmsg_sglist_nents(v); i++) {
		if (!sgl[i].iov_base || sgl[i].iov_len == 0)
			return false;
		with_mr += sgl[i].mr != NULL;
	}
	return !xe_opt.tcp_mr_check || with_mr == 0 || with_mr == i;
}

static bool in_ok(const struct xio_vmsg *v)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	unsigned int i;

	if (!nents_ok(v, xe_opt.max_in_iovlen))
		return false;
	if (v->header.iov_base && v->header.iov_len == 0)
		return false;
	for (i = 0; i < vmsg_sglist_nents(v); i++) {
		if (sgl[i].iov_base ? sgl[i].iov_len == 0 : sgl[i].mr != NULL)
			return false;
	}
	return true;
}

/* ---- sending --------------------------------------------------------- */

/* Undoes what send_chain has made so far. */
static void drop_chain(struct xe_list *tasks)
{
	struct xe_list *p;

	while ((p = xe_list_pop(tasks)))
		xe_task_put(xe_container_of(p, struct xe_task, link));
}

static int send_chain(struct xio_connection *c, struct xio_msg *m,
		      uint32_t type)
{
	struct xe_list tasks;
	struct xe_list *p;
	struct xe_task *t;
	int err;

	if (!c || !m)
		return xe_fail(EINVAL);
	if (xe_conn_shut(c))
		return xe_fail(ESHUTDOWN);
	xe_list_init(&tasks);
	for (; m; m = m->next) {
		if (!out_ok(&m->out) ||
		    (type == XE_MSG_REQ && !in_ok(&m->in))) {
			drop_chain(&tasks);
			return xe_fail(EINVAL);
		}
		t = xe_task_get(c->ctx, false);
		if (!t) {
			drop_chain(&tasks);
			return -1;
		}
		t->omsg = m;
		t->conn = c;
		xe_list_add_tail(&tasks, &t->link);
		err = xe_flow_queue(t);
		if (err) {
			drop_chain(&tasks);
			return xe_fail(err);
		}
	}
	xe_list_for_each(p, &tasks) {
		t = xe_container_of(p, struct xe_task, link);
		t->type = type;
		t->state = XE_TASK_QUEUED;
		t->serial = atomic_fetch_add(&c->session->next_serial, 1);
		t->omsg->sn = t->serial;
		t->omsg->type = (enum xio_msg_type)type;
		t->omsg->next = NULL;
	}
	xe_list_splice_tail(&c->req_queue, &tasks);
	xe_conn_ready(c);
	return 0;
}

int xio_send_request(struct xio_connection *conn, struct xio_msg *req)
{
	return send_chain(conn, req, XE_MSG_REQ);
}

int xio_send_msg(struct xio_connection *conn, struct xio_msg *msg)
{
	return send_chain(conn, msg, XE_ONE_WAY_REQ);
}

/* The received request that rsp answers, or NULL. */
static struct xe_task *request_of(struct xio_msg *rsp)
{
	struct xe_task *t = xe_task_of(rsp->request);

	return t && t->received && t->type == XE_MSG_REQ &&
	       t->state == XE_TASK_HELD && t->conn ? t : NULL;
}

static int send_response(struct xio_msg *rsp)
{
	struct xe_task *t = request_of(rsp);
	struct xio_connection *c;
	int err;

	if (!t || !out_ok(&rsp->out))
		return xe_fail(EINVAL);
	c = t->conn;
	rsp->type = XIO_MSG_TYPE_RSP;
	rsp->next = NULL;
	xe_cancel_answered(t);
	if (xe_conn_shut(c)) {
		xe_task_put(t);
		xe_message_error(c, rsp, XIO_E_MSG_DISCARDED,
				 XIO_MSG_DIRECTION_OUT);
		xe_set_errno(ESHUTDOWN);
		return 0;
	}
	err = xe_message_response_fits(t, rsp) ? xe_flow_check(c, &rsp->out) :
						 XIO_E_MSG_SIZE;
	if (err) {
		/* The requester must learn that nothing will come. */
		xe_message_answer_status(t, (uint32_t)err);
		xe_message_error(c, rsp, err, XIO_MSG_DIRECTION_OUT);
		return 0;
	}
	xe_flow_answered(t);
	t->omsg = rsp;
	xe_message_queue_answer(t);
	return 0;
}

int xio_send_response(struct xio_msg *rsp)
{
	while (rsp) {
		struct xio_msg *next = rsp->next;

		if (send_response(rsp))
			return -1;
		rsp = next;
	}
	return 0;
}

int xio_send_rdma(struct xio_connection *conn, struct xio_msg *msg)
{
	(void)conn;
	(void)msg;
	return xe_fail(XIO_E_NOT_SUPPORTED);
}

/* ---- releasing ------------------------------------------------------- */

int xio_release_response(struct xio_msg *rsp)
{
	while (rsp) {
		struct xio_msg *next = rsp->next;
		struct xe_task *t;

		if (rsp->type != XIO_MSG_TYPE_RSP)
			return xe_fail(EINVAL);
		t = xe_task_of(rsp->request);
		if (!t || t->received || t->state != XE_TASK_HELD ||
		    t->omsg != rsp)
			return xe_fail(EINVAL);
		xe_flow_released(t);
		xe_task_put(t);
		rsp = next;
	}
	return 0;
}

int xio_release_msg(struct xio_msg *msg)
{
	while (msg) {
		struct xio_msg *next = msg->next;
		struct xe_task *t;

		if (msg->type != XIO_MSG_TYPE_ONE_WAY)
			return xe_fail(EINVAL);
		t = xe_task_of(msg);
		if (!t || !t->received || t->state != XE_TASK_HELD)
			return xe_fail(EINVAL);
		xe_flow_released(t);
		xe_task_put(t);
		msg = next;
	}
	return 0;
}
