/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_wrong.c - messages that must be refused, answers that are none,
 * chains, and answers out of order (accelio-api 5.3, 5.8).
 */
#include "exchange.h"

/* ---- wrong messages (5.3) --------------------------------------------- */

struct wrong {
	const char *what;
	void (*make)(struct xio_msg *m);
	bool in_side;
};

static void w_max_nents(struct xio_msg *m)
{
	m->out.pdata_iov.max_nents = 0;
}

static void w_nents(struct xio_msg *m)
{
	m->out.pdata_iov.max_nents = 5;
	m->out.pdata_iov.nents = 5;
}

static void w_iov_nents(struct xio_msg *m)
{
	m->out.sgl_type = XIO_SGL_TYPE_IOV;
	m->out.data_iov.nents = 5;
	m->out.data_iov.max_nents = 5;
}

static void w_base(struct xio_msg *m)
{
	m->out.pdata_iov.sglist[0].iov_base = NULL;
}

static void w_len(struct xio_msg *m)
{
	m->out.pdata_iov.sglist[0].iov_len = 0;
}

static void w_hdr_len(struct xio_msg *m)
{
	m->out.header.iov_len = 0;
}

static void w_hdr_base(struct xio_msg *m)
{
	m->out.header.iov_base = NULL;
}

static void w_hdr_long(struct xio_msg *m)
{
	m->out.header.iov_len = 257;
}

static void w_type(struct xio_msg *m)
{
	m->out.sgl_type = XIO_SGL_TYPE_SCATTERLIST;
}

static void w_no_list(struct xio_msg *m)
{
	m->out.pdata_iov.sglist = NULL;
}

static void w_in_nents(struct xio_msg *m)
{
	m->in.pdata_iov.nents = 5;
}

static void w_in_len(struct xio_msg *m)
{
	m->in.pdata_iov.nents = 1;
	m->in.pdata_iov.sglist[0].iov_base = m;
	m->in.pdata_iov.sglist[0].iov_len = 0;
}

static void w_in_hdr(struct xio_msg *m)
{
	m->in.header.iov_base = m;
	m->in.header.iov_len = 0;
}

static const struct wrong wrongs[] = {
	{ "max_nents 0", w_max_nents, false },
	{ "nents above the limit", w_nents, false },
	{ "five inside the message", w_iov_nents, false },
	{ "no base", w_base, false },
	{ "no length", w_len, false },
	{ "header without length", w_hdr_len, false },
	{ "header without base", w_hdr_base, false },
	{ "header too long", w_hdr_long, false },
	{ "unknown list type", w_type, false },
	{ "no list", w_no_list, false },
	{ "in: nents above max_nents", w_in_nents, true },
	{ "in: no length", w_in_len, true },
	{ "in: header without length", w_in_hdr, true },
};

static void wrong_messages(void)
{
	size_t i;

	open_pair();
	for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct xio_msg *good = msg_new(4, 10, 1, 7);
		struct xio_msg *m = msg_new(4, 10, 1, 7);
		int before = check_failures;

		wrongs[i].make(m);
		CHECK_EQ(xio_send_request(c.conn, m), -1);
		CHECK_EQ(xio_errno(), EINVAL);
		if (!wrongs[i].in_side) {
			CHECK_EQ(xio_send_msg(c.conn, m), -1);
			CHECK_EQ(xio_errno(), EINVAL);
		}
		/* A chain is taken as a whole or not at all. */
		good->next = m;
		CHECK_EQ(xio_send_request(c.conn, good), -1);
		CHECK_EQ(xio_errno(), EINVAL);
		if (check_failures != before)
			fprintf(stderr, "  ^ %s\n", wrongs[i].what);
		msg_free(m);
		msg_free(good);
	}
	CHECK_EQ(xio_send_request(c.conn, NULL), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_send_request(NULL, NULL), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_send_response(NULL), 0);
	CHECK_EQ(xio_release_response(NULL), 0);
	CHECK_EQ(xio_release_msg(NULL), 0);
	pump(&c, &s, 1);
	CHECK_EQ(s.requests, 0);
	/* Nothing has been numbered: the peer would object to a gap. */
	exchange(4, 10, 1, 0, 1, 0);
	pair_close(&c, &s);
}

static void wrong_answers(void)
{
	struct xio_msg *bad, *m, *req;

	pair_open(&c, &s);
	s.hold = true;
	CHECK_EQ(xio_send_request(c.conn, msg_new(1, 1, 1, 7)), 0);
	WAIT_FOR(&c, &s, s.held_nr == 1);
	req = s.held[0];
	bad = msg_new(4, 4, 1, 1);
	bad->request = req;
	bad->out.header.iov_len = 257;
	CHECK_EQ(xio_send_response(bad), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	/* A received request is neither a response nor a one-way. */
	CHECK_EQ(xio_release_response(req), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_release_msg(req), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	/* After the error it can be answered, once. */
	bad->out.header.iov_len = 4;
	CHECK_EQ(xio_send_response(bad), 0);
	m = msg_new(0, 0, 1, 1);
	m->request = req;
	CHECK_EQ(xio_send_response(m), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	WAIT_FOR(&c, &s, c.responses == 1 && s.completed == 1);
	CHECK_EQ(xio_send_response(m), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	msg_free(m);
	pump(&c, &s, 1);
	CHECK_EQ(c.responses, 1);
	pair_close(&c, &s);
}

static void chains(void)
{
	struct xio_msg *m[5], *r[5];
	int i;

	pair_open(&c, &s);
	s.hold = true;
	s.keep = true;
	c.keep = true;
	for (i = 0; i < 5; i++) {
		m[i] = msg_new(1, 10, 1, (unsigned int)i);
		if (i > 0)
			m[i - 1]->next = m[i];
	}
	CHECK_EQ(xio_send_request(c.conn, m[0]), 0);
	for (i = 0; i < 5; i++) {
		CHECK(m[i]->next == NULL);
		CHECK_EQ(m[i]->sn, i);
	}
	WAIT_FOR(&c, &s, s.held_nr == 5);
	for (i = 0; i < 5; i++) {
		CHECK(msg_is(s.held[i], 1, 10, (unsigned int)i));
		r[i] = msg_new(2, 3, 1, (unsigned int)i);
		r[i]->request = s.held[i];
		if (i > 0)
			r[i - 1]->next = r[i];
	}
	CHECK_EQ(xio_send_response(r[0]), 0);
	WAIT_FOR(&c, &s, c.held_nr == 5);
	for (i = 0; i < 5; i++) {
		CHECK(c.held[i] == m[i] && msg_is(m[i], 2, 3,
						  (unsigned int)i));
		if (i > 0)
			m[i - 1]->next = m[i];
	}
	CHECK_EQ(xio_release_response(m[0]), 0);
	for (i = 0; i < 5; i++)
		msg_free(m[i]);
	/* One-ways, released as a chain too. */
	s.held_nr = 0;
	for (i = 0; i < 5; i++) {
		m[i] = msg_new(1, 10, 1, (unsigned int)i);
		if (i > 0)
			m[i - 1]->next = m[i];
	}
	CHECK_EQ(xio_send_msg(c.conn, m[0]), 0);
	WAIT_FOR(&c, &s, s.held_nr == 5 && c.ow_completed == 5);
	for (i = 1; i < 5; i++)
		s.held[i - 1]->next = s.held[i];
	CHECK_EQ(xio_release_msg(s.held[0]), 0);
	CHECK_EQ(xio_release_msg(s.held[0]), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	pair_close(&c, &s);
}

/* Answers in another order than the requests. */
static void out_of_order(void)
{
	int i;

	pair_open(&c, &s);
	s.hold = true;
	c.keep = true;
	for (i = 0; i < 8; i++)
		CHECK_EQ(xio_send_request(c.conn, msg_new(1, 10, 1, 1)), 0);
	WAIT_FOR(&c, &s, s.held_nr == 8);
	for (i = 7; i >= 0; i--)
		answer(s.held[i], 0, 5, (unsigned int)i);
	WAIT_FOR(&c, &s, c.held_nr == 8);
	for (i = 0; i < 8; i++) {
		CHECK(msg_is(c.held[i], 0, 5, (unsigned int)(7 - i)));
		CHECK_EQ(xio_release_response(c.held[i]), 0);
		msg_free(c.held[i]);
	}
	pair_close(&c, &s);
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(wrong_messages);
	RUN(wrong_answers);
	RUN(chains);
	RUN(out_of_order);
}

int main(void)
{
	int before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	pair_open(&c, &s);
	pair_close(&c, &s);
	before = open_fds();
	in_mode(1);
	in_mode(0);
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
