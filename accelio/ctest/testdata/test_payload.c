/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_payload.c - connect message, nexus setup, session setup and cancel:
 * round trips, rejections, every truncation.
 */
#include <errno.h>

#include "be.h"
#include "check.h"
#include "frame.h"

/* --- connect -------------------------------------------------------- */

static void connect_message(void)
{
	static const struct {
		uint32_t type;
		uint16_t second;
		uint16_t own;
		int err;
	} cases[] = {
		{ 1, 0, 4000, 0 },
		{ 1, 4000, 4000, 0 },	/* not looked at in single stream */
		{ 2, 5000, 4000, 0 },
		{ 3, 65535, 4000, 0 },
		{ 2, 0, 4000, -EPROTO },
		{ 3, 0, 4000, -EPROTO },
		{ 2, 4000, 4000, -EPROTO },
		{ 3, 4000, 4000, -EPROTO },
		{ 0, 5000, 4000, -EPROTO },
		{ 4, 5000, 4000, -EPROTO },
		{ 9, 5000, 4000, -EPROTO },
		{ 0x01000000, 0, 4000, -EPROTO },
		{ UINT32_MAX, 5000, 4000, -EPROTO }
	};
	static const uint8_t want[8] = { 0, 0, 0, 3, 0xa5, 0xc8, 0, 0 };
	struct xe_connect c;
	uint8_t b[8];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c.type = cases[i].type;
		c.second_port = cases[i].second;
		xe_connect_encode(&c, b);
		CHECK_EQ(xe_connect_decode(b, cases[i].own, &c),
			 cases[i].err);
		if (cases[i].err == 0)
			CHECK_EQ(c.second_port, cases[i].type == 1 ?
				 0 : cases[i].second);
	}
	memset(b, 0xff, sizeof(b));
	c.type = XE_SOCK_DATA;
	c.second_port = 0xa5c8;
	xe_connect_encode(&c, b);
	CHECK(memcmp(b, want, sizeof(want)) == 0);
}

/* --- nexus setup ---------------------------------------------------- */

static const struct xe_nexus_setup good_setup = {
	.response = false, .version = XE_PROTO_VERSION, .flags = 1,
	.cid = 0x11223344, .buf_size = 9216, .max_in = 4, .max_out = 256,
	.max_hdr = 0x55667788
};

static int setup_again(const struct xe_nexus_setup *s,
		       struct xe_nexus_setup *got)
{
	uint8_t b[XE_NEXUS_RSP_LEN];
	size_t n = xe_nexus_setup_encode(s, b);
	uint8_t *body = must_malloc(n - XE_TLV_LEN);
	uint32_t type = xe_get32(b + 4);
	int err;

	memcpy(body, b + XE_TLV_LEN, n - XE_TLV_LEN);
	err = xe_nexus_setup_decode(type, body, n - XE_TLV_LEN, got);
	free(body);
	return err;
}

static void check_setup(const struct xe_nexus_setup *s)
{
	struct xe_nexus_setup got;

	CHECK_EQ(setup_again(s, &got), 0);
	CHECK_EQ(got.response, s->response);
	CHECK_EQ(got.version, s->version);
	CHECK_EQ(got.flags, s->flags);
	CHECK_EQ(got.cid, s->cid);
	CHECK_EQ(got.status, s->response ? s->status : 0);
	CHECK_EQ(got.buf_size, s->buf_size);
	CHECK_EQ(got.max_in, s->max_in);
	CHECK_EQ(got.max_out, s->max_out);
	CHECK_EQ(got.max_hdr, s->max_hdr);
	CHECK_EQ(got.kin, s->kin);
}

static void nexus_setup(void)
{
	const struct xe_frame_limits lim = { false, 4096, 4, 4, 1 };
	struct xe_nexus_setup s = good_setup;
	uint8_t b[XE_NEXUS_RSP_LEN];
	uint32_t type, len;

	check_setup(&s);
	CHECK_EQ(xe_nexus_setup_encode(&s, b), XE_NEXUS_REQ_LEN);
	CHECK_EQ(xe_tlv_decode(b, &lim, &type, &len), 0);
	CHECK_EQ(type, XE_NEXUS_SETUP_REQ);
	CHECK_EQ(len, 32);
	xe_put64(b + 8, 33);
	CHECK_EQ(xe_tlv_decode(b, &lim, &type, &len), -EPROTO);
	xe_put64(b + 8, 31);
	CHECK_EQ(xe_tlv_decode(b, &lim, &type, &len), -EPROTO);

	s.response = true;
	check_setup(&s);
	CHECK_EQ(xe_nexus_setup_encode(&s, b), XE_NEXUS_RSP_LEN);
	CHECK_EQ(xe_tlv_decode(b, &lim, &type, &len), 0);
	CHECK_EQ(type, XE_NEXUS_SETUP_RSP);
	CHECK_EQ(len, 36);
	xe_put64(b + 8, 32);
	CHECK_EQ(xe_tlv_decode(b, &lim, &type, &len), -EPROTO);
	xe_put64(b + 8, (1ull << 32) + 36);
	CHECK_EQ(xe_tlv_decode(b, &lim, &type, &len), -EPROTO);

	/* A refusal: the sizes may be anything. */
	s.status = XIO_E_UNSUCCESSFUL;
	s.buf_size = 0;
	s.max_in = 0;
	s.max_out = 0;
	check_setup(&s);
}

/* What libxio leaves in the last four bytes, and what it may get from us. */
static void kin_marks(void)
{
	static const uint32_t stale[] = { 0, 256, 0xffffffff };
	struct xe_nexus_setup s = good_setup;
	struct xe_nexus_setup got;
	uint8_t b[XE_NEXUS_RSP_LEN];
	size_t i, n;

	for (s.response = false;; s.response = true) {
		uint32_t type;

		s.kin = true;
		check_setup(&s);
		n = xe_nexus_setup_encode(&s, b);
		type = xe_get32(b + 4);
		CHECK_EQ(xe_nexus_setup_decode(type, b + 16, n - 16, &got), 0);
		CHECK(got.kin);
		for (i = 0; i < 3; i++) {
			xe_put32(b + n - 4, stale[i]);
			CHECK_EQ(xe_nexus_setup_decode(type, b + 16, n - 16,
						       &got), 0);
			CHECK(!got.kin);
		}
		/* The mark of the other direction is none. */
		xe_put32(b + n - 4, s.response ? XE_KIN_REQ : XE_KIN_RSP);
		CHECK_EQ(xe_nexus_setup_decode(type, b + 16, n - 16, &got), 0);
		CHECK(!got.kin);
		if (s.response)
			break;
	}
	/* A response's mark belongs to its cid. */
	n = xe_nexus_setup_encode(&s, b);
	xe_put32(b + 16, s.cid + 1);
	CHECK_EQ(xe_nexus_setup_decode(XE_NEXUS_SETUP_RSP, b + 16, n - 16,
				       &got), 0);
	CHECK(!got.kin);
	s.kin = false;
	n = xe_nexus_setup_encode(&s, b);
	CHECK_EQ(xe_get32(b + n - 4), 0);
}

static void nexus_setup_rejected(void)
{
	struct xe_nexus_setup s, got;
	int response;
	size_t n;
	uint8_t *p;

	for (response = 0; response < 2; response++) {
#define REJECT(field, value)						\
		do {							\
			s = good_setup;					\
			s.response = response;				\
			s.field = (value);				\
			CHECK_EQ(setup_again(&s, &got), -EPROTO);	\
		} while (0)
#define TAKE(field, value)						\
		do {							\
			s = good_setup;					\
			s.response = response;				\
			s.field = (value);				\
			CHECK_EQ(setup_again(&s, &got), 0);		\
		} while (0)

		REJECT(version, 0);
		REJECT(version, 0x0101);
		REJECT(version, 0x0001);
		REJECT(flags, 2);
		REJECT(flags, 0x8001);
		TAKE(buf_size, 1024);
		REJECT(buf_size, 1023);
		REJECT(buf_size, 0);
		TAKE(buf_size, UINT64_MAX);
		TAKE(max_in, 1);
		TAKE(max_in, 256);
		REJECT(max_in, 0);
		REJECT(max_in, 257);
		REJECT(max_in, UINT32_MAX);
		REJECT(max_out, 0);
		REJECT(max_out, 257);
		TAKE(max_hdr, 0);
	}
#undef REJECT
#undef TAKE

	for (n = 0; n <= 40; n++) {
		p = must_malloc(n);
		memset(p, 0, n);
		if (n != 32)
			CHECK_EQ(xe_nexus_setup_decode(XE_NEXUS_SETUP_REQ, p,
						       n, &got), -EPROTO);
		if (n != 36)
			CHECK_EQ(xe_nexus_setup_decode(XE_NEXUS_SETUP_RSP, p,
						       n, &got), -EPROTO);
		CHECK_EQ(xe_nexus_setup_decode(XE_HELLO_REQ, p, n, &got),
			 -EPROTO);
		free(p);
	}
}

/* --- session setup -------------------------------------------------- */

static const char uri[] = "tcp://127.0.0.1:2061/volume?x=1";

static const struct xe_session_req good_req = {
	.session_id = 0x01020304, .snd_bytes = 0x1122334455667788ull,
	.rcv_bytes = 67108864, .snd_msgs = 1024, .rcv_msgs = 0xfffe,
	.uri = uri, .uri_len = sizeof(uri) - 1, .priv = "\0secret",
	.priv_len = 7
};

static bool same_bytes(const void *a, size_t an, const void *b, size_t bn)
{
	return an == bn && (an == 0 || memcmp(a, b, an) == 0);
}

static void session_request(void)
{
	uint8_t b[XE_SETUP_MAX + 1], *p;
	struct xe_session_req got;
	int n = xe_session_req_encode(&good_req, b, sizeof(b)), i;

	CHECK_EQ(n, 28 + (int)sizeof(uri) - 1 + 7);
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), 0);
	CHECK_EQ(got.session_id, good_req.session_id);
	CHECK_EQ(got.snd_bytes, good_req.snd_bytes);
	CHECK_EQ(got.rcv_bytes, good_req.rcv_bytes);
	CHECK_EQ(got.snd_msgs, good_req.snd_msgs);
	CHECK_EQ(got.rcv_msgs, good_req.rcv_msgs);
	CHECK(same_bytes(got.uri, got.uri_len, uri, sizeof(uri) - 1));
	CHECK(same_bytes(got.priv, got.priv_len, good_req.priv, 7));

	for (i = 0; i < n; i++) {
		p = must_malloc((size_t)i);
		memcpy(p, b, (size_t)i);
		CHECK_EQ(xe_session_req_decode(p, (size_t)i, &got), -EPROTO);
		free(p);
	}
	b[n] = 0;
	CHECK_EQ(xe_session_req_decode(b, (size_t)n + 1, &got), -EPROTO);

	b[28 + 3] = 0;		/* inside the URI */
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), -EPROTO);
	b[28 + 3] = 'x';
	xe_put16(b + 24, 0xffff);
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), -EPROTO);
	xe_put16(b + 24, 0);
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), -EPROTO);
	xe_put16(b + 24, sizeof(uri) - 1);
	xe_put16(b + 26, 0xffff);
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), -EPROTO);
	xe_put16(b + 26, 7);
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), 0);
}

/* Lengths of zero that add up. */
static void empty_texts(void)
{
	struct xe_session_req r = good_req, got;
	struct xe_session_rsp rsp = { .action = XE_ACTION_REDIRECT }, got_rsp;
	uint8_t b[64];
	int n;

	r.uri_len = 0;
	n = xe_session_req_encode(&r, b, sizeof(b));
	CHECK_EQ(n, 28 + 7);
	CHECK_EQ(xe_session_req_decode(b, (size_t)n, &got), -EPROTO);
	rsp.portals_nr = 1;
	n = xe_session_rsp_encode(&rsp, b, sizeof(b));
	CHECK_EQ(n, 10 + 2);
	CHECK_EQ(xe_session_rsp_decode(b, (size_t)n, &got_rsp), -EPROTO);
}

static void session_request_size(void)
{
	static uint8_t big[XE_SETUP_MAX + 1];
	uint8_t b[XE_SETUP_MAX + 1];
	struct xe_session_req r = good_req, got;

	memset(big, 'p', sizeof(big));
	r.priv = big;
	r.priv_len = XE_SETUP_MAX - 28 - (sizeof(uri) - 1);
	CHECK_EQ(xe_session_req_encode(&r, b, sizeof(b)), XE_SETUP_MAX);
	CHECK_EQ(xe_session_req_decode(b, XE_SETUP_MAX, &got), 0);
	CHECK_EQ(got.priv_len, r.priv_len);
	CHECK_EQ(xe_session_req_encode(&r, b, XE_SETUP_MAX - 1), -EMSGSIZE);
	CHECK_EQ(xe_session_req_encode(&r, b, 0), -EMSGSIZE);
	CHECK_EQ(xe_session_req_encode(&r, b, 27), -EMSGSIZE);
	r.priv_len++;
	CHECK_EQ(xe_session_req_encode(&r, b, sizeof(b)), -EMSGSIZE);
	CHECK_EQ(xe_session_req_decode(b, XE_SETUP_MAX + 1, &got), -EMSGSIZE);
	r.uri_len = 0xffff;
	r.priv_len = 0xffff;
	r.uri = NULL;		/* sizes alone decide; nothing is read */
	r.priv = NULL;
	CHECK_EQ(xe_session_req_encode(&r, b, sizeof(b)), -EMSGSIZE);
}

static struct xe_session_rsp response(int action)
{
	struct xe_session_rsp r = {
		.session_id = 0x0a0b0c0d, .action = (uint16_t)action,
		.snd_bytes = 1, .rcv_bytes = UINT64_MAX, .snd_msgs = 2,
		.rcv_msgs = 3
	};

	if (action != XE_ACTION_REJECT) {
		r.portals_nr = 2;
		r.portals[0].s = "tcp://10.0.0.1:2062";
		r.portals[0].len = 19;
		r.portals[1].s = "tcp://10.0.0.2:2063/x";
		r.portals[1].len = 21;
	} else {
		r.reason = XIO_E_SESSION_REFUSED;
	}
	if (action != XE_ACTION_REDIRECT) {
		r.priv = "srv-priv";
		r.priv_len = 8;
	}
	return r;
}

static void check_response(const struct xe_session_rsp *r, int want_size)
{
	uint8_t b[XE_SETUP_MAX], *p;
	struct xe_session_rsp got;
	int n = xe_session_rsp_encode(r, b, sizeof(b)), i;

	CHECK_EQ(n, want_size);
	if (n < 0)
		return;
	CHECK_EQ(xe_session_rsp_decode(b, (size_t)n, &got), 0);
	CHECK_EQ(got.session_id, r->session_id);
	CHECK_EQ(got.action, r->action);
	CHECK_EQ(got.portals_nr, r->portals_nr);
	CHECK(same_bytes(got.priv, got.priv_len, r->priv, r->priv_len));
	for (i = 0; i < r->portals_nr; i++)
		CHECK(same_bytes(got.portals[i].s, got.portals[i].len,
				 r->portals[i].s, r->portals[i].len));
	if (r->action == XE_ACTION_ACCEPT) {
		CHECK_EQ(got.snd_bytes, r->snd_bytes);
		CHECK_EQ(got.rcv_bytes, r->rcv_bytes);
		CHECK_EQ(got.snd_msgs, r->snd_msgs);
		CHECK_EQ(got.rcv_msgs, r->rcv_msgs);
	}
	if (r->action == XE_ACTION_REJECT)
		CHECK_EQ(got.reason, r->reason);

	for (i = 0; i < n; i++) {
		p = must_malloc((size_t)i);
		memcpy(p, b, (size_t)i);
		CHECK_EQ(xe_session_rsp_decode(p, (size_t)i, &got), -EPROTO);
		free(p);
	}
	p = must_malloc((size_t)n + 1);
	memcpy(p, b, (size_t)n);
	p[n] = 'x';
	CHECK_EQ(xe_session_rsp_decode(p, (size_t)n + 1, &got), -EPROTO);
	free(p);
}

static void session_response(void)
{
	struct xe_session_rsp r = response(XE_ACTION_ACCEPT);

	check_response(&r, 30 + 2 + 19 + 2 + 21 + 8);
	r.portals_nr = 0;
	check_response(&r, 30 + 8);
	r.priv_len = 0;
	check_response(&r, 30);
	r = response(XE_ACTION_REDIRECT);
	check_response(&r, 10 + 2 + 19 + 2 + 21);
	r = response(XE_ACTION_REJECT);
	check_response(&r, 12 + 8);
	r.priv_len = 0;
	check_response(&r, 12);
}

static void session_response_rejected(void)
{
	struct xe_session_rsp r = response(XE_ACTION_ACCEPT), got;
	uint8_t b[XE_SETUP_MAX + 1];
	size_t n = (size_t)xe_session_rsp_encode(&r, b, sizeof(b));
	unsigned int action;

	for (action = 0; action < 0x10000; action++) {
		xe_put16(b + 4, (uint16_t)action);
		if (action < 1 || action > 3)
			CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	}
	xe_put16(b + 4, XE_ACTION_ACCEPT);
	xe_put16(b + 26, XE_PORTALS_MAX + 1);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EMSGSIZE);
	xe_put16(b + 26, 65535);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EMSGSIZE);
	xe_put16(b + 26, 3);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	xe_put16(b + 26, 2);
	xe_put16(b + 28, 9);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	xe_put16(b + 28, 65535);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	xe_put16(b + 28, 8);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), 0);
	xe_put16(b + 30, 65535);	/* length of the first portal */
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	xe_put16(b + 30, 0);
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	xe_put16(b + 30, 19);
	b[35] = 0;
	CHECK_EQ(xe_session_rsp_decode(b, n, &got), -EPROTO);
	CHECK_EQ(xe_session_rsp_decode(b, XE_SETUP_MAX + 1, &got), -EMSGSIZE);

	r = response(XE_ACTION_REDIRECT);
	r.portals_nr = 0;
	CHECK_EQ(xe_session_rsp_encode(&r, b, sizeof(b)), -EINVAL);
	memset(b, 0, 10);
	xe_put16(b + 4, XE_ACTION_REDIRECT);
	CHECK_EQ(xe_session_rsp_decode(b, 10, &got), -EPROTO);
	r.action = 0;
	CHECK_EQ(xe_session_rsp_encode(&r, b, sizeof(b)), -EINVAL);
	r.action = 4;
	CHECK_EQ(xe_session_rsp_encode(&r, b, sizeof(b)), -EINVAL);
}

static void session_response_size(void)
{
	static char text[XE_SETUP_MAX];
	struct xe_session_rsp r = response(XE_ACTION_ACCEPT), got;
	uint8_t b[2 * XE_SETUP_MAX];
	unsigned int i;
	int n;

	memset(text, 't', sizeof(text));
	r.portals_nr = XE_PORTALS_MAX;
	for (i = 0; i < XE_PORTALS_MAX; i++) {
		r.portals[i].s = text;
		r.portals[i].len = 12;
	}
	n = xe_session_rsp_encode(&r, b, sizeof(b));
	CHECK_EQ(n, 30 + XE_PORTALS_MAX * 14 + 8);
	CHECK_EQ(xe_session_rsp_decode(b, (size_t)n, &got), 0);
	CHECK_EQ(got.portals_nr, XE_PORTALS_MAX);
	r.portals_nr++;
	CHECK_EQ(xe_session_rsp_encode(&r, b, sizeof(b)), -EMSGSIZE);
	r.portals_nr--;
	for (i = 0; i < XE_PORTALS_MAX; i++)
		r.portals[i].len = 13;
	CHECK_EQ(xe_session_rsp_encode(&r, b, sizeof(b)), -EMSGSIZE);
}

/* --- cancel --------------------------------------------------------- */

static void cancel(void)
{
	/* from the capture "cancel", with other numbers */
	static const uint8_t want[XE_CANCEL_LEN] = {
		0, 8, 0, 1, 0x4a, 0x5e, 0x3a, 0x6e, 0, 16, 0, 0, 0, 2,
		0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5
	};
	const struct xe_cancel c = {
		1, XIO_E_MSG_CANCELED, 2, 3, 0x400000005ull
	};
	struct xe_cancel got;
	uint8_t b[XE_CANCEL_LEN + 1], *p;
	size_t n;

	memset(b, 0xff, sizeof(b));
	xe_cancel_encode(&c, b);
	CHECK(memcmp(b, want, sizeof(want)) == 0);
	CHECK_EQ(xe_cancel_decode(b, XE_CANCEL_LEN, &got), 0);
	CHECK_EQ(got.tsn, c.tsn);
	CHECK_EQ(got.result, c.result);
	CHECK_EQ(got.requester_session, c.requester_session);
	CHECK_EQ(got.responder_session, c.responder_session);
	CHECK_EQ(got.serial, c.serial);

	for (n = 0; n < XE_CANCEL_LEN; n++) {
		p = must_malloc(n);
		memcpy(p, b, n);
		CHECK_EQ(xe_cancel_decode(p, n, &got), -EPROTO);
		free(p);
	}
	CHECK_EQ(xe_cancel_decode(b, XE_CANCEL_LEN + 1, &got), -EPROTO);
	b[1] = 9;
	CHECK_EQ(xe_cancel_decode(b, XE_CANCEL_LEN, &got), -EPROTO);
	b[1] = 8;
	b[9] = 17;
	CHECK_EQ(xe_cancel_decode(b, XE_CANCEL_LEN, &got), -EPROTO);
}

int main(void)
{
	RUN(connect_message);
	RUN(nexus_setup);
	RUN(kin_marks);
	RUN(nexus_setup_rejected);
	RUN(session_request);
	RUN(empty_texts);
	RUN(session_request_size);
	RUN(session_response);
	RUN(session_response_rejected);
	RUN(session_response_size);
	RUN(cancel);
	return check_done();
}
