/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - TLV, session header, transport header and scatter lists
 * (accelio-wire 3). The payloads of setup and cancel are in payload.c.
 *
 * Design notes: pure functions on bytes. A decoder looks at no byte that it
 * has not been given and computes every sum of lengths in 64 bits, where
 * the sum of all 16 and 32-bit fields cannot overflow. Fields that libxio
 * leaves stale (accelio-wire 9, Q1 to Q3) are neither checked nor returned:
 * the session header of control frames says nothing but the session id, that
 * of cancel frames nothing at all.
 */
#include <errno.h>
#include <string.h>

#include "be.h"
#include "frame.h"

#define TRANSPORT_VERSION	1

/* Offsets in the body, which starts behind the TLV. */
enum {
	S_DST		= 0,
	S_FLAGS		= 4,
	S_SERIAL	= 8,
	S_SN		= 16,
	S_ACK_SN	= 18,
	S_CREDIT_MSGS	= 20,
	S_RECEIPT	= 28,
	S_CREDIT_BYTES	= 32,

	T_VERSION	= 40,
	T_FLAGS		= 41,
	T_HDR_LEN	= 42,
	T_SN		= 44,
	T_LTID		= 48,
	T_ULP_HDR_LEN	= 64,
	T_ULP_PAD_LEN	= 66,
	T_ULP_IMM_LEN	= 72,

	/* requests */
	T_IN_OP		= 54,
	T_REQ_OUT_OP	= 55,
	T_IN_NR		= 56,
	T_REQ_OUT_NR	= 58,

	/* responses */
	T_RTID		= 52,
	T_RSP_OUT_OP	= 56,
	T_RSP_OUT_NR	= 58,
	T_STATUS	= 60
};

static bool is_request(uint32_t type)
{
	return (type & XE_TYPE_REQUEST) != 0;
}

/* Frames whose session header is more than a destination. */
static bool has_session_fields(uint32_t type)
{
	return xe_type_is_app(type) || type == XE_ACK_REQ;
}

static bool is_cancel(uint32_t type)
{
	return type == XE_CANCEL_REQ || type == XE_CANCEL_RSP;
}

static size_t lists_len(const struct xe_frame *f)
{
	if (is_request(f->type))
		return XE_SGE_LEN * ((size_t)f->in_nr + f->out_nr);
	return XE_WLEN_LEN * (size_t)f->out_nr;
}

/*
 * Body bytes on the socket of the TLV (3.1). The only 64-bit part, imm_len,
 * is checked against the buffer size before a decoder comes here.
 */
static uint64_t body_len(const struct xe_frame *f, bool dual)
{
	uint64_t n = XE_BODY_MIN + lists_len(f);

	if (!xe_type_is_app(f->type))
		return dual ? n : n + f->hdr_len;
	n += f->hdr_len;
	if (f->out_op == XE_OP_SEND) {
		n += f->pad_len;
		if (!dual)
			n += f->imm_len;
	}
	return n;
}

/* Types with session and transport header. */
static bool is_frame_type(uint32_t type)
{
	switch (type) {
	case XE_MSG_REQ:
	case XE_MSG_RSP:
	case XE_ONE_WAY_REQ:
	case XE_ONE_WAY_RSP:
	case XE_SESSION_SETUP_REQ:
	case XE_SESSION_SETUP_RSP:
	case XE_HELLO_REQ:
	case XE_HELLO_RSP:
	case XE_FIN_REQ:
	case XE_FIN_RSP:
	case XE_CANCEL_REQ:
	case XE_CANCEL_RSP:
	case XE_ACK_REQ:
	case XE_KA_REQ:
	case XE_KA_RSP:
		return true;
	default:
		return false;
	}
}

int xe_tlv_decode(const uint8_t *src, const struct xe_frame_limits *lim,
		  uint32_t *type, uint32_t *len)
{
	uint64_t l = xe_get64(src + 8);
	uint32_t t = xe_get32(src + 4);

	if (xe_get32(src) != XE_MAGIC)
		return -EPROTO;
	if (t == XE_NEXUS_SETUP_REQ) {
		if (l != XE_NEXUS_REQ_LEN - XE_TLV_LEN)
			return -EPROTO;
	} else if (t == XE_NEXUS_SETUP_RSP) {
		if (l != XE_NEXUS_RSP_LEN - XE_TLV_LEN)
			return -EPROTO;
	} else if (!is_frame_type(t) || l < XE_BODY_MIN) {
		return -EPROTO;
	}
	if (lim->buf_size < XE_TLV_LEN || l > lim->buf_size - XE_TLV_LEN)
		return -EMSGSIZE;
	*type = t;
	*len = (uint32_t)l;
	return 0;
}

static void get_session_header(const uint8_t *p, struct xe_frame *f)
{
	if (is_cancel(f->type)) {
		/* Noise, unless it was marked. */
		if (xe_get32(p + S_SERIAL) != XE_KIN_REQ)
			return;
		f->serial = xe_get64(p + S_SERIAL);
	}
	f->session_id = xe_get32(p + S_DST);
	if (!has_session_fields(f->type))
		return;
	f->flags = xe_get32(p + S_FLAGS);
	f->serial = xe_get64(p + S_SERIAL);
	f->sn = xe_get16(p + S_SN);
	f->ack_sn = xe_get16(p + S_ACK_SN);
	f->credit_msgs = xe_get16(p + S_CREDIT_MSGS);
	f->receipt_res = xe_get32(p + S_RECEIPT);
	f->credit_bytes = xe_get64(p + S_CREDIT_BYTES);
}

static void get_transport_header(const uint8_t *p, struct xe_frame *f)
{
	f->tflags = p[T_FLAGS];
	f->tsn = xe_get16(p + T_SN);
	f->ltid = xe_get32(p + T_LTID);
	f->hdr_len = xe_get16(p + T_ULP_HDR_LEN);
	f->pad_len = xe_get16(p + T_ULP_PAD_LEN);
	f->imm_len = xe_get64(p + T_ULP_IMM_LEN);
	if (is_request(f->type)) {
		f->in_op = p[T_IN_OP];
		f->out_op = p[T_REQ_OUT_OP];
		f->in_nr = xe_get16(p + T_IN_NR);
		f->out_nr = xe_get16(p + T_REQ_OUT_NR);
	} else {
		f->rtid = xe_get32(p + T_RTID);
		f->out_op = p[T_RSP_OUT_OP];
		f->out_nr = xe_get16(p + T_RSP_OUT_NR);
		f->status = xe_get32(p + T_STATUS);
	}
}

/* Largest payload of a control frame; none but these carries one. */
static uint16_t control_payload_max(uint32_t type)
{
	switch (type) {
	case XE_SESSION_SETUP_REQ:
	case XE_SESSION_SETUP_RSP:
		return XE_SETUP_MAX;
	case XE_CANCEL_REQ:
	case XE_CANCEL_RSP:
		return XE_CANCEL_LEN;
	default:
		return 0;
	}
}

static int check_control(const struct xe_frame *f)
{
	if (f->out_op != XE_OP_SEND || f->out_nr != 0 || f->in_nr != 0 ||
	    f->pad_len != 0 || f->imm_len != 0)
		return -EPROTO;
	if (is_request(f->type) && f->in_op != XE_OP_SEND)
		return -EPROTO;
	if (f->hdr_len > control_payload_max(f->type))
		return -EMSGSIZE;
	return 0;
}

/* Op codes and entry counts: what must hold before the lists are read. */
static int check_app(const struct xe_frame *f,
		     const struct xe_frame_limits *lim)
{
	bool req = is_request(f->type);
	bool out_of_line = f->out_op == (req ? XE_OP_READ : XE_OP_WRITE);

	if (!out_of_line && f->out_op != XE_OP_SEND)
		return -EPROTO;
	if (req && f->in_op != XE_OP_SEND && f->in_op != XE_OP_WRITE)
		return -EPROTO;
	if (out_of_line ? f->out_nr == 0 || f->pad_len != 0 : f->out_nr != 0)
		return -EPROTO;
	if (out_of_line && req && f->imm_len != 0)
		return -EPROTO;
	if (f->pad_len != 0 && f->imm_len == 0)
		return -EPROTO;
	/* The peer's in-buffers are where our responses go, hence crossed. */
	if (f->in_nr > lim->max_out || f->out_nr > lim->max_in)
		return -EMSGSIZE;
	if (!out_of_line && f->imm_len > lim->buf_size)
		return -EMSGSIZE;
	return 0;
}

/* Sets data_len; the lists are known to be in the body. */
static int sum_data(struct xe_frame *f, const struct xe_frame_limits *lim)
{
	struct xio_sge e;
	uint64_t sum = 0;
	unsigned int i;

	if (f->out_op == XE_OP_SEND) {
		sum = f->imm_len;
	} else if (is_request(f->type)) {
		for (i = 0; i < f->out_nr; i++) {
			xe_frame_sge(f, f->in_nr + i, &e);
			if (e.length == 0)
				return -EPROTO;
			sum += e.length;
		}
	} else {
		for (i = 0; i < f->out_nr; i++)
			sum += xe_frame_wlen(f, i);
		if (sum == 0 || sum != f->imm_len)
			return -EPROTO;
	}
	if (sum > lim->max_msg)
		return -EMSGSIZE;
	f->data_len = sum;
	return 0;
}

int xe_frame_decode(uint32_t type, const uint8_t *body, uint32_t len,
		    const struct xe_frame_limits *lim, struct xe_frame *f)
{
	bool app = xe_type_is_app(type);
	const uint8_t *p;
	int err;

	memset(f, 0, sizeof(*f));
	if (!is_frame_type(type) || len < XE_BODY_MIN ||
	    body[T_VERSION] != TRANSPORT_VERSION ||
	    xe_get16(body + T_HDR_LEN) != XE_TRANSPORT_HDR_LEN)
		return -EPROTO;
	f->type = type;
	get_session_header(body, f);
	get_transport_header(body, f);

	err = app ? check_app(f, lim) : check_control(f);
	if (err)
		return err;
	if (body_len(f, lim->dual) != len)
		return -EPROTO;

	f->lists = body + XE_BODY_MIN;
	err = sum_data(f, lim);
	if (err)
		return err;

	p = f->lists + lists_len(f);
	if (f->hdr_len != 0 && (app || !lim->dual)) {
		f->hdr = p;
		p += f->hdr_len;
	}
	if (f->out_op == XE_OP_SEND && f->imm_len != 0 && !lim->dual)
		f->imm = p + f->pad_len;
	return 0;
}

void xe_frame_sge(const struct xe_frame *f, unsigned int i, struct xio_sge *e)
{
	const uint8_t *p = f->lists + (size_t)i * XE_SGE_LEN;

	e->addr = xe_get64(p);
	e->length = xe_get32(p + 8);
	e->stag = xe_get32(p + 12);
}

uint32_t xe_frame_wlen(const struct xe_frame *f, unsigned int i)
{
	return xe_get32(f->lists + (size_t)i * XE_WLEN_LEN);
}

static void put_session_header(const struct xe_frame *f, uint8_t *p)
{
	xe_put32(p + S_DST, f->session_id);
	if (is_cancel(f->type))
		xe_put64(p + S_SERIAL, f->serial);
	if (!has_session_fields(f->type))
		return;
	xe_put32(p + S_FLAGS, f->flags);
	xe_put64(p + S_SERIAL, f->serial);
	xe_put16(p + S_SN, f->sn);
	xe_put16(p + S_ACK_SN, f->ack_sn);
	xe_put16(p + S_CREDIT_MSGS, f->credit_msgs);
	xe_put32(p + S_RECEIPT, f->receipt_res);
	xe_put64(p + S_CREDIT_BYTES, f->credit_bytes);
}

static void put_transport_header(const struct xe_frame *f, uint8_t *p)
{
	p[T_VERSION] = TRANSPORT_VERSION;
	p[T_FLAGS] = f->tflags;
	xe_put16(p + T_HDR_LEN, XE_TRANSPORT_HDR_LEN);
	xe_put16(p + T_SN, f->tsn);
	xe_put32(p + T_LTID, f->ltid);
	xe_put16(p + T_ULP_HDR_LEN, f->hdr_len);
	xe_put16(p + T_ULP_PAD_LEN, f->pad_len);
	xe_put64(p + T_ULP_IMM_LEN, f->imm_len);
	if (is_request(f->type)) {
		p[T_IN_OP] = f->in_op;
		p[T_REQ_OUT_OP] = f->out_op;
		xe_put16(p + T_IN_NR, f->in_nr);
		xe_put16(p + T_REQ_OUT_NR, f->out_nr);
	} else {
		xe_put32(p + T_RTID, f->rtid);
		p[T_RSP_OUT_OP] = f->out_op;
		xe_put16(p + T_RSP_OUT_NR, f->out_nr);
		xe_put32(p + T_STATUS, f->status);
	}
}

static uint8_t *put_sges(const struct xio_sge *e, unsigned int n, uint8_t *p)
{
	unsigned int i;

	for (i = 0; i < n; i++, p += XE_SGE_LEN) {
		xe_put64(p, e[i].addr);
		xe_put32(p + 8, e[i].length);
		xe_put32(p + 12, 0);
	}
	return p;
}

size_t xe_frame_encode(const struct xe_frame *f, bool dual,
		       const struct xio_sge *in, const struct xio_sge *out,
		       uint8_t *dst)
{
	uint8_t *body = dst + XE_TLV_LEN;
	uint8_t *p = dst + XE_PREFIX_LEN;
	unsigned int i;

	memset(dst, 0, XE_PREFIX_LEN);
	xe_put32(dst, XE_MAGIC);
	xe_put32(dst + 4, f->type);
	xe_put64(dst + 8, body_len(f, dual));
	put_session_header(f, body);
	put_transport_header(f, body);

	if (is_request(f->type)) {
		p = put_sges(in, f->in_nr, p);
		p = put_sges(out, f->out_nr, p);
	} else {
		for (i = 0; i < f->out_nr; i++, p += XE_WLEN_LEN)
			xe_put32(p, out[i].length);
	}
	return (size_t)(p - dst);
}
