/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_messages.c - requests, responses, one-way messages and
 * receipts: sizes, buffers, errors (accelio-api 5).
 */

#include "exchange.h"

/* ---- sizes (5.4) ------------------------------------------------------ */

static void request_sizes(void)
{
	static const size_t sizes[] = {
		0, 1, 511, 512, 513, 8191, 8192, 8193, 9000, 65535, 65536,
		MIB - 1, MIB, MIB + 1, 5 * MIB + 3,
	};
	size_t i;

	open_pair();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		exchange(0, sizes[i], 1, 0, 0, 0);
		exchange(256, sizes[i], 1, 256, 1, 0);
	}
	pair_close(&c, &s);
}

static void response_sizes(void)
{
	static const size_t inl[] = { 1, 512, 513, 8192, 8193, 9118, 9119 };
	static const size_t out[] = { 9103, 9104, 9120, 65536, MIB, MIB + 1,
				      3 * MIB + 5 };
	size_t i;

	open_pair();
	for (i = 0; i < sizeof(inl) / sizeof(inl[0]); i++)
		exchange(0, 0, 1, 0, inl[i], 0);
	exchange(0, 0, 1, 256, 9119 - 256, 0);
	for (i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		exchange(8, 8, 1, 0, out[i], out[i]);
		exchange(8, 8, 1, 256, out[i], out[i] + 1000);
	}
	pair_close(&c, &s);
}

static void largest(void)
{
	open_pair();
	exchange(0, 64u * MIB, 1, 0, 64u * MIB, 64u * MIB);
	pair_close(&c, &s);
}

static void too_large_for_the_queue(void)
{
	struct xio_msg *m = msg_new(0, 64, 1, 7);

	open_pair();
	/* Never read: the check comes first. */
	vmsg_sglist(&m->out)[0].iov_len = 64u * MIB + 1;
	CHECK_EQ(xio_send_request(c.conn, m), -1);
	CHECK_EQ(xio_errno(), XIO_E_TX_QUEUE_OVERFLOW);
	msg_free(m);
	exchange(0, 1, 1, 0, 1, 0);
	pair_close(&c, &s);
}

static void scatter_lists(void)
{
	static const size_t bufs[] = { 8000, 5000, 9000 };
	struct xio_msg *m;
	unsigned int nr;

	open_pair();
	for (nr = 1; nr <= 4; nr++) {
		exchange(0, 100, nr, 0, 0, 0);
		exchange(0, 8192, nr, 0, 0, 0);
		exchange(0, 8193, nr, 0, 0, 0);
		exchange(9, 3 * MIB, nr, 0, 0, 0);
	}
	/* The response fills each buffer before the next. */
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, bufs, 3, false);
	plan.hdr = 0;
	plan.data = 0;
	plan.rsp_hdr = 3;
	plan.rsp_data = 20000;
	m = call(m);
	CHECK(m && msg_is(m, 3, 20000, 9));
	if (m) {
		CHECK_EQ(vmsg_sglist_nents(&m->in), 3);
		CHECK_EQ(vmsg_sglist(&m->in)[1].iov_len, 5000);
		CHECK_EQ(vmsg_sglist(&m->in)[2].iov_len, 7000);
		done_with(m);
	}
	/* An inline one too, and uses no more of them than it needs. */
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, bufs, 3, false);
	plan.rsp_data = 8001;
	m = call(m);
	CHECK(m && msg_is(m, 3, 8001, 9));
	if (m) {
		CHECK_EQ(vmsg_sglist_nents(&m->in), 2);
		CHECK_EQ(vmsg_sglist(&m->in)[1].iov_len, 1);
		done_with(m);
	}
	pair_close(&c, &s);
}

static void length_only_buffers(void)
{
	static const size_t bufs[] = { 60000, 40000 };
	struct xio_msg *m;

	open_pair();
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, bufs, 2, true);
	plan.rsp_data = 70000;
	m = call(m);
	CHECK(m && msg_is(m, 0, 70000, 9));
	if (m)
		done_with(m);
	/* A hint with a small answer. */
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, bufs, 1, true);
	plan.rsp_data = 100;
	m = call(m);
	CHECK(m && msg_is(m, 0, 100, 9));
	if (m)
		done_with(m);
	pair_close(&c, &s);
}

static void header_buffer(void)
{
	struct xio_msg *m;
	char hdr[16];

	open_pair();
	plan.rsp_hdr = 16;
	plan.rsp_data = 5;
	m = msg_new(0, 0, 1, 7);
	m->in.header.iov_base = hdr;
	m->in.header.iov_len = sizeof(hdr);
	m = call(m);
	CHECK(m && m->in.header.iov_base == hdr && msg_is(m, 16, 5, 9));
	if (m)
		done_with(m);
	/* One byte too little is an error of this request alone. */
	m = msg_new(0, 0, 1, 7);
	m->in.header.iov_base = hdr;
	m->in.header.iov_len = sizeof(hdr) - 1;
	CHECK(call(m) == NULL);
	CHECK_EQ(c.last_error, XIO_E_MSG_SIZE);
	exchange(0, 1, 1, 0, 1, 0);
	pair_close(&c, &s);
}

/* An inline response larger than the buffers: err-in, and only that. */
static void in_buffers_too_small(void)
{
	static const size_t small[] = { 60, 39 };
	struct xio_msg *m;

	open_pair();
	c.quiet = false;
	c.log[0] = 0;
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, small, 2, false);
	plan.rsp_data = 100;
	CHECK(call(m) == NULL);
	CHECK_STR(c.log, "err-in[size]");
	CHECK_EQ(s.errors, 0);
	exchange(0, 1, 1, 0, 99, 99);
	pair_close(&c, &s);
}

/*
 * Neither inline nor into the buffers: the responder is told inside the
 * call, and the requester's request ends too, which libxio 1.7 forgets.
 */
static void response_does_not_fit(void)
{
	static const size_t small[] = { 20000 };
	struct xio_msg *m;

	open_pair();
	plan.rsp_data = 9120;
	CHECK(call(msg_new(0, 0, 1, 7)) == NULL);
	CHECK_EQ(c.last_error, XIO_E_MSG_SIZE);
	CHECK_EQ(s.errors, 1);
	CHECK_EQ(s.last_error, XIO_E_MSG_SIZE);
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, small, 1, false);
	plan.rsp_data = 20001;
	CHECK(call(m) == NULL);
	CHECK_EQ(c.last_error, XIO_E_MSG_SIZE);
	CHECK_EQ(s.errors, 2);
	exchange(0, 1, 1, 0, 20000, 20000);
	pair_close(&c, &s);
}

static void flags_that_force(void)
{
	static const size_t room[] = { 500 };
	struct xio_msg *m;

	open_pair();
	plan.data = 10;
	plan.rsp_data = 20;
	plan.nents = 2;			/* out-of-line keeps the segments */
	m = msg_new(0, 10, 2, 7);
	m->flags = XIO_MSG_FLAG_PEER_READ_REQ;
	m = call(m);
	CHECK(plan.ok && m && msg_is(m, 0, 20, 9));
	if (m)
		done_with(m);
	plan.nents = 1;
	m = msg_new(0, 10, 1, 7);
	msg_offer(m, room, 1, false);
	m->flags = XIO_MSG_FLAG_PEER_WRITE_RSP;
	m = call(m);
	CHECK(plan.ok && m && msg_is(m, 0, 20, 9));
	if (m)
		done_with(m);
	/* No data at all, forced or not. */
	plan.data = 0;
	plan.nents = 0;
	plan.rsp_data = 0;
	m = msg_new(0, 0, 1, 7);
	m->flags = XIO_MSG_FLAG_PEER_READ_REQ | XIO_MSG_FLAG_PEER_WRITE_RSP;
	m = call(m);
	CHECK(plan.ok && m && msg_is(m, 0, 0, 9));
	if (m)
		done_with(m);
	pair_close(&c, &s);
}

/* More entries than 4, on both sides. */
static void long_lists(void)
{
	size_t sizes[100];
	struct xio_msg *m;
	int i;

	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_MAX_IN_IOVLEN, 256);
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_MAX_OUT_IOVLEN, 256);
	open_pair();
	exchange(0, 100000, 256, 0, 0, 0);
	for (i = 0; i < 100; i++)
		sizes[i] = 1000;
	m = msg_new(0, 0, 1, 7);
	msg_offer(m, sizes, 100, false);
	plan.data = 0;
	plan.rsp_data = 99001;
	m = call(m);
	CHECK(m && msg_is(m, 0, 99001, 9));
	if (m) {
		CHECK_EQ(vmsg_sglist_nents(&m->in), 100);
		done_with(m);
	}
	pair_close(&c, &s);
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_MAX_IN_IOVLEN, 4);
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_MAX_OUT_IOVLEN, 4);
}

/* ---- assign_data_in_buf ------------------------------------------------ */

static char assigned[40000];
static size_t assign_size;
static int assign_calls;
static bool assign_refuses;

static int assign(struct app *a, struct xio_msg *m)
{
	struct xio_iovec_ex *sgl = vmsg_sglist(&m->in);

	(void)a;
	assign_calls++;
	CHECK_EQ(vmsg_sglist_nents(&m->in), 2);
	CHECK(sgl[0].iov_base == NULL && sgl[1].iov_base == NULL);
	CHECK_EQ(sgl[0].iov_len + sgl[1].iov_len, 30000);
	CHECK_EQ(m->in.header.iov_len, 5);
	if (assign_refuses)
		return 1;
	/* Merged into one entry. */
	vmsg_sglist_set_nents(&m->in, assign_size ? 1 : 0);
	sgl[0].iov_base = assigned;
	sgl[0].iov_len = assign_size;
	return 0;
}

static int assign_cb(struct xio_msg *m, void *user)
{
	return assign(user, m);
}

static bool used_assigned;

static void serve_assigned(struct app *a, struct xio_msg *m)
{
	used_assigned = m->hints == XIO_MSG_HINT_ASSIGNED_DATA_IN_BUF &&
			vmsg_sglist(&m->in)[0].iov_base == assigned;
	serve(a, m);
}

static void open_assigning(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	s.ops.assign_data_in_buf = assign_cb;
	app_listen(&s);
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.established == 1);
	c.on_msg = keep_response;
	s.on_msg = serve_assigned;
	memset(&plan, 0, sizeof(plan));
	plan.hdr = 5;
	plan.data = 30000;
	assign_calls = 0;
	assign_refuses = false;
}

static void assign_good(void)
{
	struct xio_msg *m;

	open_assigning();
	for (assign_size = 30000; assign_size <= 40000; assign_size += 10000) {
		m = call(msg_new(5, 30000, 2, 7));
		CHECK(m && plan.ok && used_assigned);
		if (m)
			done_with(m);
	}
	CHECK_EQ(assign_calls, 2);
	/* Not asked for what comes inline. */
	plan.data = 8192;
	m = call(msg_new(5, 8192, 2, 7));
	CHECK(m && plan.ok && !used_assigned);
	if (m)
		done_with(m);
	CHECK_EQ(assign_calls, 2);
	/* Refusing means the library's memory. */
	assign_refuses = true;
	plan.data = 30000;
	m = call(msg_new(5, 30000, 2, 7));
	CHECK(m && plan.ok && !used_assigned);
	if (m)
		done_with(m);
	CHECK_EQ(assign_calls, 3);
	pair_close(&c, &s);
}

static void assign_bad(void)
{
	size_t sizes[] = { 29999, 0 };
	int i;

	for (i = 0; i < 2; i++) {
		open_assigning();
		assign_size = sizes[i];
		c.log[0] = 0;
		s.log[0] = 0;
		CHECK_EQ(xio_send_request(c.conn, msg_new(5, 30000, 2, 7)),
			 0);
		WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
		CHECK_STR(s.log, i == 0 ?
			  "ERR[overflow] cTD[overflow] sTD[overflow]" :
			  "ERR[no-bufs] cTD[no-bufs] sTD[no-bufs]");
		CHECK_STR(c.log, "DISC[lost] err[flushed] cTD[lost] "
			  "sTD[lost]");
		app_close(&c);
		app_close(&s);
	}
}

/* ---- one-way messages and receipts ------------------------------------- */

static void one_ways(void)
{
	static const size_t sizes[] = { 0, 1, 8192, 8193, 300000 };
	size_t i;

	open_pair();
	for (i = 0; i < 5; i++) {
		plan.data = sizes[i];
		plan.ok = false;
		CHECK_EQ(xio_send_msg(c.conn, msg_new(0, sizes[i], 1, 7)), 0);
		WAIT_FOR(&c, &s, s.one_ways == (int)i + 1 &&
			 c.ow_completed == (int)i + 1);
		CHECK(plan.ok);
	}
	/* With a receipt wanted the end is on_msg_delivered. */
	for (i = 0; i < 5; i++) {
		struct xio_msg *m = msg_new(0, sizes[i], 1, 7);

		m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
		plan.data = sizes[i];
		CHECK_EQ(xio_send_msg(c.conn, m), 0);
		WAIT_FOR(&c, &s, c.delivered == (int)i + 1);
	}
	CHECK_EQ(c.ow_completed, 5);
	pair_close(&c, &s);
}

static void receipts(void)
{
	struct xio_msg *m;

	pair_open(&c, &s);
	/* Answered inside the callback: both in one frame. */
	m = msg_new(1, 1, 1, 1);
	m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	c.log[0] = 0;
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, c.responses == 1);
	CHECK_STR(c.log, "delivered rsp");
	/* Answered later. */
	s.hold = true;
	m = msg_new(1, 1, 1, 1);
	m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, c.delivered == 2);
	CHECK_EQ(c.responses, 1);
	answer(s.held[0], 0, 0, 0);
	WAIT_FOR(&c, &s, c.responses == 2);
	CHECK_STR(c.log, "delivered rsp delivered rsp");
	/* A receipt came and the answer never: flushed as a response. */
	m = msg_new(1, 1, 1, 1);
	m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, c.delivered == 3);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, strstr(s.log, "CLOSED"));
	answer(s.held[1], 0, 0, 0);
	pair_close(&c, &s);
	CHECK_EQ(c.errors, 1);
}

/*
 * A receipt and its response may both wait behind the data of another
 * response: small answers follow a large one on the same link.
 */
static void receipts_behind_data(void)
{
	static const size_t room[] = { 4 * MIB };
	struct xio_msg *m;
	int i;

	pair_open(&c, &s);
	s.hold = true;
	m = msg_new(1, 1, 1, 1);
	msg_offer(m, room, 1, false);
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	for (i = 0; i < 20; i++) {
		m = msg_new(1, 1, 1, 1);
		m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
		CHECK_EQ(xio_send_msg(s.conn, msg_new(1, 8000, 1, 1)), 0);
		CHECK_EQ(xio_send_request(c.conn, m), 0);
	}
	WAIT_FOR(&c, &s, s.held_nr == 21);
	answer(s.held[0], 0, 4 * MIB, 3);
	for (i = 1; i < 21; i++)
		answer(s.held[i], 0, 2000, 3);
	WAIT_FOR(&c, &s, c.responses == 21 && c.delivered == 20);
	pair_close(&c, &s);
}

/* Both sides ask and answer at once, from inside callbacks. */
static int left;

static void ping_pong(struct app *a, struct xio_msg *m)
{
	if (m->type == XIO_MSG_TYPE_REQ) {
		answer(m, 0, m->in.header.iov_len * 100, 3);
		return;
	}
	CHECK(msg_is(m, 0, 6400, 3));
	xio_release_response(m);
	msg_free(m);
	if (left-- > 0)
		CHECK_EQ(xio_send_request(a->conn, msg_new(64, 5000, 2, 1)),
			 0);
}

static void both_ways(void)
{
	int i;

	open_pair();
	c.on_msg = ping_pong;
	s.on_msg = ping_pong;
	left = 2000;
	for (i = 0; i < 16; i++) {
		CHECK_EQ(xio_send_request(c.conn, msg_new(64, 5000, 2, 1)),
			 0);
		CHECK_EQ(xio_send_request(s.conn, msg_new(64, 5000, 2, 1)),
			 0);
	}
	WAIT_FOR(&c, &s, c.responses + s.responses == 2032);
	CHECK_EQ(c.errors + s.errors, 0);
	pair_close(&c, &s);
}

/* More than any queue holds at once, large and small mixed. */
static void burst(void)
{
	int i;

	pair_open(&c, &s);
	c.quiet = true;
	s.quiet = true;
	for (i = 0; i < 4000; i++)
		CHECK_EQ(xio_send_request(c.conn, msg_new(
			(size_t)i % 200, (size_t)(i % 50 == 0 ? 100000 :
						  i % 300), 1, 1)), 0);
	WAIT_FOR(&c, &s, c.responses == 4000 && s.completed == 4000);
	pair_close(&c, &s);
}

#define TASKS	4096	/* (1024 + 1024) * 2: accelio-api 5.9 */

static struct xio_msg *kept[TASKS + 1];
static int kept_nr;

static void keep_request(struct app *a, struct xio_msg *m)
{
	(void)a;
	if (kept_nr <= TASKS)
		kept[kept_nr++] = m;
}

/*
 * A server that keeps requests: reading stops, memory stays bounded, and
 * goes on when they are answered.
 */
static void held_requests_stop_reading(void)
{
	struct xio_context_params p = { .max_conns_per_ctx = 2 };
	int i;

	app_open(&c, "client");
	app_open(&s, "server");
	xio_context_destroy(s.ctx);
	s.ctx = xio_context_create(&p, 0, -1);
	app_listen(&s);
	app_connect(&c, s.port);
	c.quiet = true;
	s.quiet = true;
	s.on_msg = keep_request;
	kept_nr = 0;
	for (i = 0; i < TASKS + 1000; i++)
		CHECK_EQ(xio_send_request(c.conn, msg_new(4, 100, 1, 1)), 0);
	WAIT_FOR(&c, &s, s.requests == TASKS);
	for (i = 0; i < 50; i++)
		pump(&c, &s, 1);
	CHECK_EQ(s.requests, TASKS);
	s.on_msg = NULL;
	for (i = 0; i < TASKS; i++)
		answer(kept[i], 4, 0, 0);
	WAIT_FOR(&c, &s, c.responses == TASKS + 1000);
	pair_close(&c, &s);
}

static void requests_above_the_limit(void)
{
	struct xio_context_params p = { .max_conns_per_ctx = 2 };
	struct xio_msg *m;
	int i, sent = 0;

	app_open(&c, "client");
	xio_context_destroy(c.ctx);
	c.ctx = xio_context_create(&p, 0, -1);
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	c.quiet = true;
	for (i = 0; i < 5000; i++) {
		m = msg_new(0, 1, 1, 1);
		if (xio_send_request(c.conn, m)) {
			CHECK_EQ(xio_errno(), EPERM);
			msg_free(m);
			break;
		}
		sent++;
	}
	CHECK_EQ(sent, TASKS);
	s.quiet = true;
	WAIT_FOR(&c, &s, c.responses == sent);
	pair_close(&c, &s);
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(request_sizes);
	RUN(response_sizes);
	RUN(scatter_lists);
	RUN(length_only_buffers);
	RUN(header_buffer);
	RUN(in_buffers_too_small);
	RUN(response_does_not_fit);
	RUN(flags_that_force);
	RUN(long_lists);
	RUN(assign_good);
	RUN(assign_bad);
	RUN(one_ways);
	RUN(receipts);
	RUN(receipts_behind_data);
	RUN(both_ways);
	RUN(burst);
	RUN(held_requests_stop_reading);
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
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, 1);
	RUN(largest);
	RUN(too_large_for_the_queue);
	RUN(requests_above_the_limit);
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
