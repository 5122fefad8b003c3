/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_frame.c - TLV and frame codec: round trips, every rejection, every
 * truncation, and all single-byte changes of valid frames.
 */
#include <errno.h>

#include "be.h"
#include "check.h"
#include "frame.h"
#include "invariants.h"

#define BUF_SIZE	9216
#define MAX_MSG		(1u << 20)

static const struct xe_frame_limits single_lim = {
	false, BUF_SIZE, 4, 4, MAX_MSG
};
static const struct xe_frame_limits dual_lim = {
	true, BUF_SIZE, 4, 4, MAX_MSG
};

static const struct xe_frame_limits *limits(bool dual)
{
	return dual ? &dual_lim : &single_lim;
}

/* A frame to encode, its entries, and how it looks. */
struct shape {
	const char *name;
	struct xe_frame f;
	struct xio_sge in[2];
	struct xio_sge out[3];
};

#define SEQ								\
	.session_id = 0x01020304, .tsn = 0xfffe, .ltid = 0xa1a2a3a4
#define SESSION								\
	.flags = 0x1800, .serial = 0x1122334455667788ull, .sn = 0xfff0,	\
	.ack_sn = 0xffff, .credit_msgs = 7, .receipt_res = 1,		\
	.credit_bytes = 0x99aabbccddeeff01ull

static const struct shape shapes[] = {
	{ .name = "request-empty", .f = { .type = XE_MSG_REQ, SEQ, SESSION,
	  .in_op = XE_OP_SEND, .out_op = XE_OP_SEND } },
	{ .name = "request-inline", .f = { .type = XE_MSG_REQ, SEQ, SESSION,
	  .tflags = XE_TFL_LAST_IN_BATCH, .in_op = XE_OP_SEND,
	  .out_op = XE_OP_SEND, .hdr_len = 5, .pad_len = 3, .imm_len = 23 } },
	{ .name = "request-header-only", .f = { .type = XE_MSG_REQ, SEQ,
	  SESSION, .in_op = XE_OP_SEND, .out_op = XE_OP_SEND,
	  .hdr_len = 256 } },
	{ .name = "request-advertise", .f = { .type = XE_MSG_REQ, SEQ,
	  SESSION, .tflags = XE_TFL_FORCE_WRITE, .in_op = XE_OP_WRITE,
	  .out_op = XE_OP_SEND, .in_nr = 2, .hdr_len = 8, .imm_len = 16 },
	  .in = { { 0x7fbbd5bee010ull, 1048576, 0 }, { 2, 4096, 0 } } },
	{ .name = "request-out-of-line", .f = { .type = XE_MSG_REQ, SEQ,
	  SESSION, .in_op = XE_OP_SEND, .out_op = XE_OP_READ, .in_nr = 1,
	  .out_nr = 3, .hdr_len = 16 },
	  .in = { { 0, 64, 0 } },
	  .out = { { 1, 65536, 0 }, { 2, 1, 0 }, { 3, 900000, 0 } } },
	{ .name = "one-way-inline", .f = { .type = XE_ONE_WAY_REQ, SEQ,
	  SESSION, .in_op = XE_OP_SEND, .out_op = XE_OP_SEND,
	  .hdr_len = 4, .imm_len = 8192 } },
	{ .name = "one-way-out-of-line", .f = { .type = XE_ONE_WAY_REQ, SEQ,
	  SESSION, .in_op = XE_OP_SEND, .out_op = XE_OP_READ, .out_nr = 1 },
	  .out = { { 9, 9000, 0 } } },
	{ .name = "response-inline", .f = { .type = XE_MSG_RSP, SEQ, SESSION,
	  .out_op = XE_OP_SEND, .rtid = 0xb1b2b3b4, .status = 0xc1c2c3c4,
	  .hdr_len = 29, .pad_len = 7, .imm_len = 24 } },
	{ .name = "response-empty", .f = { .type = XE_MSG_RSP, SEQ, SESSION,
	  .out_op = XE_OP_SEND, .rtid = 1 } },
	{ .name = "response-out-of-line", .f = { .type = XE_MSG_RSP, SEQ,
	  SESSION, .out_op = XE_OP_WRITE, .rtid = 2, .out_nr = 3,
	  .hdr_len = 8, .imm_len = 20000 },
	  .out = { { 0, 8000, 0 }, { 0, 5000, 0 }, { 0, 7000, 0 } } },
	{ .name = "receipt", .f = { .type = XE_ONE_WAY_RSP, SEQ, SESSION,
	  .out_op = XE_OP_SEND, .rtid = 3 } },
	{ .name = "ack", .f = { .type = XE_ACK_REQ, SEQ, SESSION,
	  .in_op = XE_OP_SEND, .out_op = XE_OP_SEND } },
	{ .name = "session-setup-request", .f = { .type = XE_SESSION_SETUP_REQ,
	  SEQ, .in_op = XE_OP_SEND, .out_op = XE_OP_SEND, .hdr_len = 49 } },
	{ .name = "session-setup-response", .f = {
	  .type = XE_SESSION_SETUP_RSP, SEQ, .out_op = XE_OP_SEND, .rtid = 4,
	  .hdr_len = 3840 } },
	{ .name = "hello", .f = { .type = XE_HELLO_REQ, SEQ,
	  .in_op = XE_OP_SEND, .out_op = XE_OP_SEND } },
	{ .name = "hello-response", .f = { .type = XE_HELLO_RSP, SEQ,
	  .out_op = XE_OP_SEND, .rtid = 5 } },
	{ .name = "fin", .f = { .type = XE_FIN_REQ, SEQ,
	  .in_op = XE_OP_SEND, .out_op = XE_OP_SEND } },
	{ .name = "fin-response", .f = { .type = XE_FIN_RSP, SEQ,
	  .out_op = XE_OP_SEND, .rtid = 6 } },
	{ .name = "keepalive", .f = { .type = XE_KA_REQ, SEQ,
	  .in_op = XE_OP_SEND, .out_op = XE_OP_SEND } },
	{ .name = "keepalive-response", .f = { .type = XE_KA_RSP, SEQ,
	  .out_op = XE_OP_SEND, .rtid = 7 } },
	{ .name = "cancel", .f = { .type = XE_CANCEL_REQ, .tsn = 9,
	  .ltid = 10, .in_op = XE_OP_SEND, .out_op = XE_OP_SEND,
	  .hdr_len = XE_CANCEL_LEN } },
	{ .name = "cancel-response", .f = { .type = XE_CANCEL_RSP, .tsn = 9,
	  .ltid = 10, .out_op = XE_OP_SEND, .rtid = 8,
	  .hdr_len = XE_CANCEL_LEN } }
};

#define SHAPES	(sizeof(shapes) / sizeof(shapes[0]))

static const struct shape *shape_named(const char *name)
{
	size_t i;

	for (i = 0; i < SHAPES; i++)
		if (strcmp(shapes[i].name, name) == 0)
			return &shapes[i];
	fprintf(stderr, "no shape %s\n", name);
	exit(2);
}

/* The bytes behind the lists on the socket of the TLV. */
static size_t tail_len(const struct xe_frame *f, bool dual)
{
	bool app = xe_type_is_app(f->type);
	size_t n = 0;

	if (app || !dual)
		n += f->hdr_len;
	n += f->pad_len;
	if (f->out_op == XE_OP_SEND && !dual)
		n += (size_t)f->imm_len;
	return n;
}

/* TLV and body of a shape in an exact allocation. */
static uint8_t *build(const struct shape *s, bool dual, size_t *n)
{
	uint8_t prefix[XE_PREFIX_LEN + 5 * XE_SGE_LEN];
	size_t head = xe_frame_encode(&s->f, dual, s->in, s->out, prefix);
	size_t tail = tail_len(&s->f, dual), i;
	uint8_t *p = must_malloc(head + tail);

	memcpy(p, prefix, head);
	for (i = 0; i < tail; i++)
		p[head + i] = (uint8_t)(i * 7 + 1);
	*n = head + tail;
	return p;
}

static int decode(const uint8_t *p, const struct xe_frame_limits *lim,
		  struct xe_frame *f)
{
	uint32_t type, len;
	int err = xe_tlv_decode(p, lim, &type, &len);

	return err ? err : xe_frame_decode(type, p + XE_TLV_LEN, len, lim, f);
}

static void check_same(const struct shape *s, const struct xe_frame *f)
{
	CHECK_EQ(f->type, s->f.type);
	CHECK_EQ(f->session_id, s->f.session_id);
	CHECK_EQ(f->flags, s->f.flags);
	CHECK_EQ(f->serial, s->f.serial);
	CHECK_EQ(f->sn, s->f.sn);
	CHECK_EQ(f->ack_sn, s->f.ack_sn);
	CHECK_EQ(f->credit_msgs, s->f.credit_msgs);
	CHECK_EQ(f->receipt_res, s->f.receipt_res);
	CHECK_EQ(f->credit_bytes, s->f.credit_bytes);
	CHECK_EQ(f->tflags, s->f.tflags);
	CHECK_EQ(f->in_op, s->f.in_op);
	CHECK_EQ(f->out_op, s->f.out_op);
	CHECK_EQ(f->tsn, s->f.tsn);
	CHECK_EQ(f->in_nr, s->f.in_nr);
	CHECK_EQ(f->out_nr, s->f.out_nr);
	CHECK_EQ(f->hdr_len, s->f.hdr_len);
	CHECK_EQ(f->pad_len, s->f.pad_len);
	CHECK_EQ(f->ltid, s->f.ltid);
	CHECK_EQ(f->rtid, s->f.rtid);
	CHECK_EQ(f->status, s->f.status);
	CHECK_EQ(f->imm_len, s->f.imm_len);
}

static void check_lists(const struct shape *s, const struct xe_frame *f)
{
	struct xio_sge e;
	unsigned int i;

	for (i = 0; i < f->out_nr; i++) {
		if (!(f->type & XE_TYPE_REQUEST)) {
			CHECK_EQ(xe_frame_wlen(f, i), s->out[i].length);
			continue;
		}
		xe_frame_sge(f, f->in_nr + i, &e);
		CHECK_EQ(e.addr, s->out[i].addr);
		CHECK_EQ(e.length, s->out[i].length);
	}
	for (i = 0; i < f->in_nr; i++) {
		xe_frame_sge(f, i, &e);
		CHECK_EQ(e.addr, s->in[i].addr);
		CHECK_EQ(e.length, s->in[i].length);
		CHECK_EQ(e.stag, 0);
	}
}

static void check_shape(const struct shape *s, bool dual)
{
	bool app = xe_type_is_app(s->f.type);
	uint64_t data = s->f.imm_len;
	struct xe_frame f;
	unsigned int i;
	size_t n;
	uint8_t *p = build(s, dual, &n);

	CHECK_EQ(xe_get64(p + 8), n - XE_TLV_LEN);
	CHECK_EQ(decode(p, limits(dual), &f), 0);
	check_same(s, &f);
	check_lists(s, &f);
	CHECK(frame_is_sound(&f, p + XE_TLV_LEN, n - XE_TLV_LEN,
			     limits(dual)));
	if (s->f.out_op == XE_OP_READ)
		for (i = 0; i < s->f.out_nr; i++)
			data += s->out[i].length;
	CHECK_EQ(f.data_len, data);
	CHECK_EQ(f.hdr != NULL, s->f.hdr_len != 0 && (app || !dual));
	CHECK_EQ(f.imm != NULL, !dual && s->f.out_op == XE_OP_SEND &&
		 s->f.imm_len != 0);
	if (f.hdr)
		CHECK_EQ(f.hdr[0], 1);
	free(p);
}

static void round_trips(void)
{
	size_t i;

	for (i = 0; i < SHAPES; i++) {
		check_shape(&shapes[i], false);
		check_shape(&shapes[i], true);
	}
}

/* One request spelt out by hand, from the tables of the protocol. */
static void known_bytes(void)
{
	static const uint8_t want[] = {
		0x58, 0x49, 0x4f, 0x50, 0, 0, 0, 0x12,
		0, 0, 0, 0, 0, 0, 0, 0x60,
		0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2,
		0, 3, 0xff, 0xff, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 6,
		1, 0x10, 0, 0x28, 0, 7, 0, 0, 0, 0, 0, 8, 0, 0, 3, 4,
		0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0x10, 0, 0, 0, 0, 0
	};
	const struct xio_sge out = { 9, 4096, 0xdead };
	const struct xe_frame f = {
		.type = XE_MSG_REQ, .session_id = 5, .flags = 1, .serial = 2,
		.sn = 3, .ack_sn = 0xffff, .credit_msgs = 4,
		.credit_bytes = 6, .tflags = 0x10, .tsn = 7, .ltid = 8,
		.in_op = XE_OP_WRITE, .out_op = XE_OP_READ, .out_nr = 1
	};
	uint8_t got[sizeof(want)];

	memset(got, 0xff, sizeof(got));
	CHECK_EQ(xe_frame_encode(&f, true, NULL, &out, got), sizeof(want));
	CHECK(memcmp(got, want, sizeof(want)) == 0);
}

/* Every shorter body must fail, and so must one byte more. */
static void truncation(void)
{
	struct xe_frame f;
	size_t i, n, cut, body;
	uint8_t *p, *q;
	int dual;

	for (i = 0; i < SHAPES; i++) {
		for (dual = 0; dual < 2; dual++) {
			p = build(&shapes[i], dual, &n);
			body = n - XE_TLV_LEN;
			for (cut = 0; cut < body; cut++) {
				q = must_malloc(cut);
				memcpy(q, p + XE_TLV_LEN, cut);
				CHECK_EQ(xe_frame_decode(shapes[i].f.type, q,
							 (uint32_t)cut,
							 limits(dual), &f),
					 -EPROTO);
				free(q);
			}
			q = calloc(1, body + 1);
			if (!q)
				exit(2);
			memcpy(q, p + XE_TLV_LEN, body);
			CHECK_EQ(xe_frame_decode(shapes[i].f.type, q,
						 (uint32_t)body + 1,
						 limits(dual), &f), -EPROTO);
			free(q);
			free(p);
		}
	}
}

/* All 256 values of every byte: never a read outside, never an unsound
 * result, and what is accepted survives another round. */
static void single_byte_changes(void)
{
	uint8_t again[XE_PREFIX_LEN + 8 * XE_SGE_LEN], old, *p;
	struct xe_frame f, g;
	size_t i, n, at, m;
	int dual, v;

	for (i = 0; i < SHAPES; i++) {
		for (dual = 0; dual < 2; dual++) {
			p = build(&shapes[i], dual, &n);
			for (at = 0; at < n && at < 192; at++) {
				old = p[at];
				for (v = 0; v < 256; v++) {
					p[at] = (uint8_t)v;
					if (xe_get64(p + 8) > n - XE_TLV_LEN ||
					    decode(p, limits(dual), &f) != 0)
						continue;
					CHECK(frame_is_sound(&f,
						p + XE_TLV_LEN,
						(size_t)xe_get64(p + 8),
						limits(dual)));
					m = frame_again(&f, dual, again);
					CHECK_EQ(m, XE_PREFIX_LEN +
						 frame_lists_len(&f));
					CHECK_EQ(xe_get64(again + 8),
						 xe_get64(p + 8));
					memcpy(p + XE_TLV_LEN, again +
					       XE_TLV_LEN, m - XE_TLV_LEN);
					CHECK_EQ(decode(p, limits(dual), &g),
						 0);
					CHECK_EQ(f.data_len, g.data_len);
				}
				p[at] = old;
				/* undo what the second round changed */
				free(p);
				p = build(&shapes[i], dual, &n);
			}
			free(p);
		}
	}
}

struct reject {
	const char *what;
	const char *shape;
	int dual;	/* 0, 1, or -1 for both */
	size_t off;	/* from the TLV, as in the document */
	int width;	/* bytes */
	uint64_t value;
	int err;
};

static const struct reject rejects[] = {
	{ "magic", "hello", -1, 0, 4, 0x58494f51, -EPROTO },
	{ "type 0", "hello", -1, 4, 4, 0, -EPROTO },
	{ "neither request nor response", "hello", -1, 4, 4, 0x200, -EPROTO },
	{ "unknown request", "hello", -1, 4, 4, 0x8002, -EPROTO },
	{ "unknown response", "hello", -1, 4, 4, 0x8004, -EPROTO },
	{ "remote memory access", "hello", -1, 4, 4, 0x8, -EPROTO },
	{ "credit nop", "hello", -1, 4, 4, 0x41, -EPROTO },
	{ "memory read ack", "hello", -1, 4, 4, 0x2004, -EPROTO },
	{ "high type bits", "hello", -1, 4, 4, 0x10202, -EPROTO },
	{ "request and response", "request-empty", -1, 4, 4, 0x16, -EPROTO },
	{ "length 0", "hello", -1, 8, 8, 0, -EPROTO },
	{ "length 79", "hello", -1, 8, 8, 79, -EPROTO },
	{ "length above the buffer", "hello", -1, 8, 8, BUF_SIZE - 15,
	  -EMSGSIZE },
	{ "length 2^31", "hello", -1, 8, 8, 1ull << 31, -EMSGSIZE },
	{ "length 2^32 + 80", "hello", -1, 8, 8, (1ull << 32) + 80,
	  -EMSGSIZE },
	{ "length 2^64 - 1", "hello", -1, 8, 8, UINT64_MAX, -EMSGSIZE },
	{ "transport version 0", "hello", -1, 56, 1, 0, -EPROTO },
	{ "transport version 2", "request-inline", -1, 56, 1, 2, -EPROTO },
	{ "header length 39", "request-inline", -1, 58, 2, 39, -EPROTO },
	{ "header length 41", "response-inline", -1, 58, 2, 41, -EPROTO },

	{ "in op none", "request-inline", -1, 70, 1, 0, -EPROTO },
	{ "in op receive", "request-inline", -1, 70, 1, 1, -EPROTO },
	{ "in op read", "request-inline", -1, 70, 1, 4, -EPROTO },
	{ "in op 5", "request-inline", -1, 70, 1, 5, -EPROTO },
	{ "request op none", "request-inline", -1, 71, 1, 0, -EPROTO },
	{ "request op receive", "request-inline", -1, 71, 1, 1, -EPROTO },
	{ "request op write", "request-inline", -1, 71, 1, 3, -EPROTO },
	{ "request op 0xff", "request-inline", -1, 71, 1, 255, -EPROTO },
	{ "response op none", "response-inline", -1, 72, 1, 0, -EPROTO },
	{ "response op receive", "response-inline", -1, 72, 1, 1, -EPROTO },
	{ "response op read", "response-inline", -1, 72, 1, 4, -EPROTO },

	{ "too many in entries", "request-advertise", -1, 72, 2, 5,
	  -EMSGSIZE },
	{ "65535 in entries", "request-advertise", -1, 72, 2, 65535,
	  -EMSGSIZE },
	{ "in entries beyond the body", "request-empty", -1, 72, 2, 4,
	  -EPROTO },
	{ "fewer in entries", "request-advertise", -1, 72, 2, 1, -EPROTO },
	{ "too many out entries", "request-out-of-line", -1, 74, 2, 5,
	  -EMSGSIZE },
	{ "65535 out entries", "request-out-of-line", -1, 74, 2, 65535,
	  -EMSGSIZE },
	{ "out entries beyond the body", "request-out-of-line", -1, 74, 2, 4,
	  -EPROTO },
	{ "no out entries", "one-way-out-of-line", -1, 74, 2, 0, -EPROTO },
	{ "out entries of inline data", "request-inline", -1, 74, 2, 1,
	  -EPROTO },
	{ "too many lengths", "response-out-of-line", -1, 74, 2, 5,
	  -EMSGSIZE },
	{ "lengths beyond the body", "response-out-of-line", -1, 74, 2, 4,
	  -EPROTO },
	{ "no lengths", "response-out-of-line", -1, 74, 2, 0, -EPROTO },
	{ "lengths of inline data", "response-inline", -1, 74, 2, 1,
	  -EPROTO },

	{ "application header too long", "request-inline", -1, 80, 2, 6,
	  -EPROTO },
	{ "application header 65535", "request-inline", -1, 80, 2, 65535,
	  -EPROTO },
	{ "application header too short", "request-inline", -1, 80, 2, 4,
	  -EPROTO },
	{ "pad too long", "request-inline", -1, 82, 2, 4, -EPROTO },
	{ "pad 65535", "response-inline", -1, 82, 2, 65535, -EPROTO },
	{ "pad without data", "request-header-only", -1, 82, 2, 1, -EPROTO },
	{ "pad and out-of-line request", "request-out-of-line", -1, 82, 2, 8,
	  -EPROTO },
	{ "pad and out-of-line response", "response-out-of-line", -1, 82, 2,
	  8, -EPROTO },

	{ "inline data longer", "request-inline", 0, 88, 8, 24, -EPROTO },
	{ "inline data shorter", "request-inline", 0, 88, 8, 22, -EPROTO },
	{ "inline data above the buffer", "request-inline", -1, 88, 8,
	  BUF_SIZE + 1, -EMSGSIZE },
	{ "inline data 2^32", "request-inline", -1, 88, 8, 1ull << 32,
	  -EMSGSIZE },
	{ "inline data that wraps", "request-inline", -1, 88, 8,
	  UINT64_MAX - 10, -EMSGSIZE },
	{ "inline response that wraps", "response-inline", -1, 88, 8,
	  UINT64_MAX, -EMSGSIZE },
	{ "inline length of out-of-line data", "request-out-of-line", -1, 88,
	  8, 966537, -EPROTO },
	{ "sum of lengths larger", "response-out-of-line", -1, 88, 8, 19999,
	  -EPROTO },
	{ "sum of lengths smaller", "response-out-of-line", -1, 88, 8, 20001,
	  -EPROTO },
	{ "sum of lengths modulo 2^32", "response-out-of-line", -1, 88, 8,
	  (1ull << 32) + 20000, -EPROTO },
	{ "empty out entry", "request-out-of-line", -1, 96 + 16 + 24, 4, 0,
	  -EPROTO },
	{ "message above the limit", "request-out-of-line", -1, 96 + 16 + 24,
	  4, MAX_MSG - 965536 + 1, -EMSGSIZE },
	{ "entry of 2^32 - 1", "one-way-out-of-line", -1, 96 + 8, 4,
	  UINT32_MAX, -EMSGSIZE },

	{ "control in op", "fin", -1, 70, 1, 3, -EPROTO },
	{ "control out op", "fin", -1, 71, 1, 4, -EPROTO },
	{ "control response op", "fin-response", -1, 72, 1, 3, -EPROTO },
	{ "control in entries", "keepalive", -1, 72, 2, 1, -EPROTO },
	{ "control out entries", "hello", -1, 74, 2, 1, -EPROTO },
	{ "control pad", "session-setup-request", -1, 82, 2, 1, -EPROTO },
	{ "control data", "session-setup-request", -1, 88, 8, 1, -EPROTO },
	{ "control data that wraps", "fin", -1, 88, 8, UINT64_MAX, -EPROTO },
	{ "payload of hello", "hello", -1, 80, 2, 1, -EMSGSIZE },
	{ "payload of keepalive", "keepalive-response", -1, 80, 2, 1,
	  -EMSGSIZE },
	{ "setup payload 3841", "session-setup-response", -1, 80, 2, 3841,
	  -EMSGSIZE },
	{ "cancel payload 27", "cancel", -1, 80, 2, 27, -EMSGSIZE },
	{ "setup payload shorter", "session-setup-response", 0, 80, 2, 3839,
	  -EPROTO }
};

static void put(uint8_t *p, int width, uint64_t v)
{
	while (width-- > 0) {
		p[width] = (uint8_t)v;
		v >>= 8;
	}
}

static void rejections(void)
{
	struct xe_frame f;
	size_t i, n;
	uint8_t *p;
	int dual, got;

	for (i = 0; i < sizeof(rejects) / sizeof(rejects[0]); i++) {
		const struct reject *r = &rejects[i];

		for (dual = 0; dual < 2; dual++) {
			if (r->dual >= 0 && r->dual != dual)
				continue;
			p = build(shape_named(r->shape), dual, &n);
			put(p + r->off, r->width, r->value);
			got = decode(p, limits(dual), &f);
			if (got != r->err)
				fprintf(stderr, "%s (%s)\n", r->what,
					dual ? "dual" : "single");
			CHECK_EQ(got, r->err);
			free(p);
		}
	}
}

/* The wrong stream mode does not go unnoticed. */
static void modes_differ(void)
{
	const struct shape *s = shape_named("request-inline");
	struct xe_frame f;
	size_t n;
	uint8_t *p = build(s, false, &n);

	CHECK_EQ(decode(p, &dual_lim, &f), -EPROTO);
	free(p);
	s = shape_named("session-setup-request");
	p = build(s, false, &n);
	CHECK_EQ(decode(p, &dual_lim, &f), -EPROTO);
	free(p);
}

/* Bytes at the borders that must still be taken. */
static void borders(void)
{
	struct xe_frame_limits lim = single_lim;
	struct shape s = *shape_named("request-inline");
	uint32_t type, len;
	struct xe_frame f;
	size_t n;
	uint8_t *p;

	s.f.hdr_len = 0;
	s.f.pad_len = 0;
	s.f.imm_len = BUF_SIZE - XE_PREFIX_LEN;
	p = build(&s, false, &n);
	CHECK_EQ(n, BUF_SIZE);
	CHECK_EQ(decode(p, &lim, &f), 0);
	lim.max_msg = s.f.imm_len;
	CHECK_EQ(decode(p, &lim, &f), 0);
	lim.max_msg--;
	CHECK_EQ(decode(p, &lim, &f), -EMSGSIZE);
	lim.max_msg = MAX_MSG;
	lim.buf_size--;
	CHECK_EQ(xe_tlv_decode(p, &lim, &type, &len), -EMSGSIZE);
	lim.buf_size = 15;
	CHECK_EQ(xe_tlv_decode(p, &lim, &type, &len), -EMSGSIZE);
	lim.buf_size = 0;
	CHECK_EQ(xe_tlv_decode(p, &lim, &type, &len), -EMSGSIZE);
	free(p);

	/* The limits are crossed: responses go into the peer's in-buffers. */
	lim = single_lim;
	p = build(shape_named("request-out-of-line"), false, &n);
	lim.max_in = 3;
	lim.max_out = 1;
	CHECK_EQ(decode(p, &lim, &f), 0);
	lim.max_in = 2;
	CHECK_EQ(decode(p, &lim, &f), -EMSGSIZE);
	lim.max_in = 3;
	lim.max_out = 0;
	CHECK_EQ(decode(p, &lim, &f), -EMSGSIZE);
	free(p);

	/* A length of zero is what a buffer of no capacity gets. */
	s = *shape_named("response-out-of-line");
	s.out[1].length = 0;
	s.f.imm_len = 15000;
	p = build(&s, true, &n);
	CHECK_EQ(decode(p, &dual_lim, &f), 0);
	CHECK_EQ(f.data_len, 15000);
	free(p);
	s.out[0].length = 0;
	s.out[2].length = 0;
	s.f.imm_len = 0;
	p = build(&s, true, &n);
	CHECK_EQ(decode(p, &dual_lim, &f), -EPROTO);
	free(p);
}

/* Sums do not wrap: 256 entries of 2^32 - 1 bytes. */
static void huge_sums(void)
{
	static struct xio_sge out[XIO_MAX_IOV];
	static uint8_t buf[XE_PREFIX_LEN + XIO_MAX_IOV * XE_SGE_LEN];
	struct xe_frame_limits lim = {
		true, BUF_SIZE, XIO_MAX_IOV, XIO_MAX_IOV, UINT64_MAX
	};
	struct xe_frame f = {
		.type = XE_MSG_REQ, .in_op = XE_OP_SEND,
		.out_op = XE_OP_READ, .out_nr = XIO_MAX_IOV
	};
	struct xe_frame g;
	unsigned int i;

	for (i = 0; i < XIO_MAX_IOV; i++) {
		out[i].addr = 1;
		out[i].length = UINT32_MAX;
	}
	CHECK_EQ(xe_frame_encode(&f, true, NULL, out, buf), sizeof(buf));
	CHECK_EQ(decode(buf, &lim, &g), 0);
	CHECK_EQ(g.data_len, 256ull * UINT32_MAX);
	lim.max_msg = 256ull * UINT32_MAX - 1;
	CHECK_EQ(decode(buf, &lim, &g), -EMSGSIZE);
}

/* What libxio leaves in stale fields neither matters nor comes through. */
static void stale_fields(void)
{
	static const char *const names[] = {
		"session-setup-request", "session-setup-response", "hello",
		"hello-response", "fin", "fin-response", "keepalive",
		"keepalive-response"
	};
	struct xe_frame f;
	size_t i, n;
	uint8_t *p;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		p = build(shape_named(names[i]), false, &n);
		memset(p + 20, 0xee, 36);	/* all but the session id */
		CHECK_EQ(decode(p, &single_lim, &f), 0);
		check_same(shape_named(names[i]), &f);
		free(p);
	}
	p = build(shape_named("cancel"), true, &n);
	memset(p + 16, 0xee, 40);
	CHECK_EQ(decode(p, &dual_lim, &f), 0);
	check_same(shape_named("cancel"), &f);
	free(p);

	/* A mark in it says that the rest was meant. */
	p = build(shape_named("cancel"), true, &n);
	memset(p + 16, 0xee, 40);
	put(p + 24, 8, xe_cancel_mark(0x11223344));
	CHECK_EQ(decode(p, &dual_lim, &f), 0);
	CHECK_EQ(f.session_id, 0xeeeeeeee);
	CHECK_EQ(f.serial, xe_cancel_mark(0x11223344));
	CHECK_EQ(f.flags, 0);
	free(p);

	p = build(shape_named("request-inline"), true, &n);
	memset(p + 38, 0xee, 6);
	memset(p + 62, 0xee, 2);
	memset(p + 68, 0xee, 2);
	memset(p + 76, 0xee, 4);
	memset(p + 84, 0xee, 4);
	CHECK_EQ(decode(p, &dual_lim, &f), 0);
	check_same(shape_named("request-inline"), &f);
	free(p);

	p = build(shape_named("response-inline"), true, &n);
	memset(p + 38, 0xee, 6);
	memset(p + 62, 0xee, 2);
	p[73] = 0xee;
	memset(p + 84, 0xee, 4);
	CHECK_EQ(decode(p, &dual_lim, &f), 0);
	check_same(shape_named("response-inline"), &f);
	free(p);
}

/* Control frames of ours say nothing in the fields that mean nothing. */
static void unused_is_zero(void)
{
	struct shape s = *shape_named("fin");
	uint8_t zero[36] = { 0 };
	size_t n;
	uint8_t *p;

	s.f.flags = 1;
	s.f.serial = 2;
	s.f.sn = 3;
	s.f.ack_sn = 4;
	s.f.credit_msgs = 5;
	s.f.receipt_res = 6;
	s.f.credit_bytes = 7;
	p = build(&s, true, &n);
	CHECK(memcmp(p + 20, zero, sizeof(zero)) == 0);
	free(p);
}

/* Wrong although all lengths add up, so that nothing else refuses them. */
static void consistent_but_wrong(void)
{
	struct shape s = *shape_named("keepalive");
	uint32_t type, len;
	struct xe_frame f;
	size_t n;
	uint8_t *p;

	p = build(&s, true, &n);
	xe_put64(p + 8, XE_BODY_MIN - 1);
	CHECK_EQ(xe_tlv_decode(p, &dual_lim, &type, &len), -EPROTO);
	xe_put64(p + 8, XE_BODY_MIN);
	CHECK_EQ(xe_tlv_decode(p, &dual_lim, &type, &len), 0);
	free(p);

	s.f.in_nr = 1;
	p = build(&s, true, &n);
	CHECK_EQ(n, XE_PREFIX_LEN + XE_SGE_LEN);
	CHECK_EQ(decode(p, &dual_lim, &f), -EPROTO);
	free(p);
	s.f.in_nr = 0;
	s.f.out_nr = 1;
	p = build(&s, true, &n);
	CHECK_EQ(decode(p, &dual_lim, &f), -EPROTO);
	free(p);

	s = *shape_named("request-header-only");
	s.f.pad_len = 1;
	p = build(&s, true, &n);
	CHECK_EQ(n, XE_PREFIX_LEN + 256 + 1);
	CHECK_EQ(decode(p, &dual_lim, &f), -EPROTO);
	free(p);
}

static void unknown_types(void)
{
	struct xe_frame f;
	size_t n;
	uint8_t *p = build(shape_named("hello"), true, &n);
	uint32_t type;

	for (type = 0; type < 0x10000; type++) {
		size_t i;
		bool known = false;

		for (i = 0; i < SHAPES; i++)
			known = known || shapes[i].f.type == type;
		if (!known)
			CHECK_EQ(xe_frame_decode(type, p + XE_TLV_LEN, 80,
						 &dual_lim, &f), -EPROTO);
	}
	free(p);
}

int main(void)
{
	RUN(round_trips);
	RUN(known_bytes);
	RUN(truncation);
	RUN(single_byte_changes);
	RUN(rejections);
	RUN(modes_differ);
	RUN(borders);
	RUN(huge_sums);
	RUN(stale_fields);
	RUN(unused_is_zero);
	RUN(consistent_but_wrong);
	RUN(unknown_types);
	return check_done();
}
