/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_cancel.c - taking requests back: queued ones, ones that are
 * out, and what may cross them (accelio-api 5.10). Each message must end
 * exactly once, and each cancel be reported exactly once.
 */
#include <errno.h>

#include "check.h"
#include "engine.h"

#define LOG	256
#define MIB	1048576u

static struct app c, s;

/* What on_cancel was told: "canceled", "failed", "not-found". */
static char told[LOG];
static struct xio_msg *told_msg;
static int told_nr;
static bool again;			/* on_cancel cancels once more */

/* What the responder is asked, and what it does about it. */
enum policy { GRANT, REFUSE, LATER, ANSWER };

static enum policy policy;
static int asked_nr;
static struct xio_msg *asked;

static void tell(const char *what)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s%s", n ? " " : "", what);
}

static int on_cancel(struct xio_session *ses, struct xio_msg *m,
		     enum xio_status result, void *user)
{
	struct app *a = user;

	(void)ses;
	tell(result == XIO_E_MSG_CANCELED ? "canceled" :
	     result == XIO_E_MSG_CANCEL_FAILED ? "failed" :
	     result == XIO_E_MSG_NOT_FOUND ? "not-found" : "?");
	told_msg = m;
	told_nr++;
	if (again) {
		again = false;
		CHECK_EQ(xio_cancel_request(a->conn, m), 0);
	}
	return 0;
}

static int on_cancel_request(struct xio_session *ses, struct xio_msg *m,
			     void *user)
{
	struct app *a = user;

	(void)ses;
	asked = m;
	asked_nr++;
	if (policy == GRANT)
		CHECK_EQ(xio_cancel(m, XIO_E_MSG_CANCELED), 0);
	else if (policy == REFUSE)
		CHECK_EQ(xio_cancel(m, XIO_E_MSG_CANCEL_FAILED), 0);
	else if (policy == ANSWER)
		answer(m, 0, 3, 9);
	if (policy == GRANT || policy == ANSWER)
		a->held_nr--;	/* held[0] in these tests */
	return 0;
}

static void open_apps(void)
{
	told[0] = 0;
	told_nr = 0;
	asked_nr = 0;
	again = false;
	policy = GRANT;
	app_open(&c, "client");
	app_open(&s, "server");
	c.ops.on_cancel = on_cancel;
	s.ops.on_cancel = on_cancel;
	c.ops.on_cancel_request = on_cancel_request;
	s.ops.on_cancel_request = on_cancel_request;
	s.hold = true;
	c.keep = true;
	app_listen(&s);
}

static void open_both(void)
{
	open_apps();
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.established == 1);
	c.log[0] = 0;
	s.log[0] = 0;
}

/* A request that the server's application has. */
static struct xio_msg *out(size_t data)
{
	struct xio_msg *m = msg_new(4, data, 1, 7);
	int held = s.held_nr;

	CHECK_EQ(xio_send_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, s.held_nr == held + 1);
	return m;
}

static void drop_response(struct xio_msg *m)
{
	CHECK_EQ(xio_release_response(m), 0);
	msg_free(m);
}

/* ---- not sent yet ----------------------------------------------------- */

static void queued(void)
{
	struct xio_msg *m[4];
	int i;

	open_both();
	for (i = 0; i < 4; i++)
		m[i] = msg_new(1, 10, 1, 7);
	m[0]->next = m[1];
	m[1]->next = m[2];
	CHECK_EQ(xio_send_request(c.conn, m[0]), 0);
	CHECK_EQ(xio_send_msg(c.conn, m[3]), 0);
	CHECK_EQ(xio_cancel_request(c.conn, m[1]), 0);
	CHECK_STR(told, "canceled");
	CHECK(told_msg == m[1]);
	CHECK_EQ(xio_cancel_request(c.conn, m[3]), 0);
	CHECK_STR(told, "canceled canceled");
	/* It is ours again: gone, or sent anew. */
	CHECK_EQ(xio_cancel_request(c.conn, m[1]), 0);
	CHECK_STR(told, "canceled canceled not-found");
	CHECK_EQ(xio_send_request(c.conn, m[1]), 0);
	msg_free(m[3]);
	WAIT_FOR(&c, &s, s.held_nr == 3);
	CHECK_STR(s.log, "req req req");
	CHECK_EQ(s.held[0]->sn, m[0]->sn);
	CHECK_EQ(s.held[1]->sn, m[2]->sn);
	CHECK_EQ(s.held[2]->sn, m[1]->sn);
	for (i = 0; i < 3; i++)
		answer(s.held[i], 0, 1, 1);
	WAIT_FOR(&c, &s, c.held_nr == 3);
	for (i = 0; i < 3; i++)
		drop_response(m[i]);
	CHECK_EQ(asked_nr, 0);
	pair_close(&c, &s);
	CHECK_EQ(told_nr, 3);
}

static void before_the_connection(void)
{
	struct xio_msg *m[3];
	int i;

	open_apps();
	app_connect(&c, s.port);
	for (i = 0; i < 3; i++) {
		m[i] = msg_new(1, 20000, 1, 7);
		CHECK_EQ(xio_send_request(c.conn, m[i]), 0);
	}
	CHECK_EQ(xio_cancel_request(c.conn, m[0]), 0);
	CHECK_EQ(xio_cancel_request(c.conn, m[2]), 0);
	CHECK_STR(told, "canceled canceled");
	msg_free(m[0]);
	msg_free(m[2]);
	WAIT_FOR(&c, &s, s.held_nr == 1);
	CHECK_EQ(s.held[0]->sn, m[1]->sn);
	answer(s.held[0], 0, 0, 0);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	drop_response(m[1]);
	pair_close(&c, &s);
	CHECK_EQ(c.errors, 0);
}

/*
 * The first ones fill the sockets and what the link queues; of those behind
 * them some are with the link and some are not.
 */
#define LARGE	10
#define MANY	1000

static void half_sent(void)
{
	static struct xio_msg *m[MANY];
	int i, gone = 0;

	open_both();
	c.quiet = true;
	s.quiet = true;
	c.keep = false;
	s.hold = false;
	for (i = 0; i < MANY; i++) {
		m[i] = msg_new(1, i < LARGE ? 4 * MIB : 500, 1, 7);
		CHECK_EQ(xio_send_request(c.conn, m[i]), 0);
	}
	xio_context_poll_wait(c.ctx, 0);
	for (i = MANY - 1; i >= 0; i--) {
		int before = told_nr;

		CHECK_EQ(xio_cancel_request(c.conn, m[i]), 0);
		if (told_nr == before)
			continue;
		msg_free(m[i]);
		gone++;
	}
	CHECK(gone > 0 && gone < MANY - LARGE);
	/* None is lost between the two. */
	WAIT_FOR(&c, &s, c.responses == MANY - gone);
	CHECK_EQ(s.requests, MANY - gone);
	CHECK_EQ(told_nr, MANY);
	CHECK_EQ(c.errors, 0);
	pair_close(&c, &s);
}

/* ---- out, and the responder decides ------------------------------------ */

static void granted(void)
{
	struct xio_msg *m;
	int i;

	open_both();
	m = out(100);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(xio_cancel_request(c.conn, m), 0);
		CHECK_EQ(told_nr, i);
		CHECK_EQ(xio_cancel_request(c.conn, m), -1);
		CHECK_EQ(xio_errno(), XIO_E_IN_PORGRESS);
		WAIT_FOR(&c, &s, told_nr == i + 1);
		CHECK(told_msg == m);
		CHECK_EQ(xio_cancel(asked, XIO_E_MSG_CANCELED), -1);
		/* The message is free for another try. */
		CHECK_EQ(xio_send_request(c.conn, m), 0);
		WAIT_FOR(&c, &s, s.held_nr == 1);
	}
	CHECK_STR(told, "canceled canceled canceled");
	answer(s.held[0], 0, 5, 9);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	CHECK(msg_is(m, 0, 5, 9));
	drop_response(m);
	CHECK_EQ(asked_nr, 3);
	pair_close(&c, &s);
	CHECK_EQ(c.errors + s.errors, 0);
	CHECK_EQ(told_nr, 3);
}

static void refused(void)
{
	struct xio_msg *m;

	open_both();
	policy = REFUSE;
	m = out(100);
	again = true;
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, told_nr == 2);
	CHECK_STR(told, "failed failed");
	CHECK_EQ(asked_nr, 2);
	CHECK_EQ(c.held_nr, 0);
	answer(s.held[0], 0, 5, 9);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	drop_response(m);
	pair_close(&c, &s);
	CHECK_EQ(told_nr, 2);
}

static void decided_later(void)
{
	struct xio_msg *m;

	open_both();
	policy = LATER;
	m = out(100);
	CHECK_EQ(xio_cancel(s.held[0], XIO_E_MSG_CANCELED), -1);
	CHECK_EQ(xio_errno(), XIO_E_STATE);
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, asked_nr == 1);
	CHECK(asked == s.held[0]);
	pump(&c, &s, 1);
	CHECK_EQ(told_nr, 0);
	CHECK_EQ(xio_cancel(asked, XIO_E_MSG_FLUSHED), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_cancel(asked, XIO_E_MSG_CANCELED), 0);
	WAIT_FOR(&c, &s, told_nr == 1);
	CHECK_STR(told, "canceled");
	msg_free(m);
	pair_close(&c, &s);
	CHECK_EQ(c.errors, 0);
}

/* It may answer instead, inside the callback or later. */
static void answered_instead(void)
{
	struct xio_msg *m;

	open_both();
	policy = ANSWER;
	m = out(100);
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	CHECK_STR(told, "failed");
	CHECK(msg_is(m, 0, 3, 9));
	drop_response(m);
	policy = LATER;
	m = out(100);
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, asked_nr == 2);
	answer(s.held[0], 0, 4, 9);
	WAIT_FOR(&c, &s, c.held_nr == 2);
	CHECK_STR(told, "failed failed");
	drop_response(m);
	pair_close(&c, &s);
	CHECK_EQ(told_nr, 2);
}

static void nobody_to_ask(void)
{
	struct xio_msg *m;

	open_apps();
	s.ops.on_cancel_request = NULL;
	app_close(&s);
	app_open(&s, "server");
	s.hold = true;
	app_listen(&s);
	app_connect(&c, s.port);
	m = out(100);
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, told_nr == 1);
	CHECK_STR(told, "failed");
	answer(s.held[0], 0, 0, 0);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	drop_response(m);
	pair_close(&c, &s);
}

/* The server asks too. */
static void the_other_way(void)
{
	struct xio_msg *m = msg_new(1, 9000, 1, 7);

	open_both();
	c.hold = true;
	CHECK_EQ(xio_send_request(s.conn, m), 0);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	CHECK_EQ(xio_cancel_request(s.conn, m), 0);
	WAIT_FOR(&c, &s, told_nr == 1);
	CHECK_STR(told, "canceled");
	msg_free(m);
	pair_close(&c, &s);
}

/* ---- races ------------------------------------------------------------- */

/* The answer has left when the cancel comes; small, then large. */
static void response_crosses(void)
{
	static const size_t room = 3 * MIB;
	struct xio_msg *m;
	int i;

	open_both();
	for (i = 0; i < 2; i++) {
		m = msg_new(1, 1, 1, 7);
		msg_offer(m, &room, 1, false);
		CHECK_EQ(xio_send_request(c.conn, m), 0);
		WAIT_FOR(&c, &s, s.held_nr == 1);
		answer(s.held[0], 0, i ? room : 10, 9);
		s.held_nr = 0;
		xio_context_poll_wait(s.ctx, 0);
		CHECK_EQ(xio_cancel_request(c.conn, m), 0);
		WAIT_FOR(&c, &s, c.held_nr == i + 1);
		CHECK_EQ(told_nr, i + 1);
		CHECK(msg_is(m, 0, i ? room : 10, 9));
		/* Too late, and said so at once. */
		CHECK_EQ(xio_cancel_request(c.conn, m), 0);
		CHECK(strstr(told, "not-found"));
		told[0] = 0;
		told_nr = i + 1;
		drop_response(m);
	}
	/* Nothing is left of it: the connection works. */
	m = out(1);
	answer(s.held[0], 0, 1, 9);
	WAIT_FOR(&c, &s, c.held_nr == 3);
	drop_response(m);
	CHECK_EQ(asked_nr, 0);
	pair_close(&c, &s);
	CHECK_EQ(told_nr, 2);
}

static void never_sent_here(void)
{
	struct xio_msg *m = msg_new(0, 1, 1, 7);

	open_both();
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	CHECK_STR(told, "not-found");
	CHECK_EQ(xio_cancel_request(NULL, m), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_cancel_request(c.conn, NULL), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_cancel(NULL, XIO_E_MSG_CANCELED), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_cancel_request((struct xio_connection *)&c, m), -1);
	CHECK_EQ(xio_errno(), XIO_E_USER_OBJ_NOT_FOUND);
	/* A message of the other end's connection. */
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	CHECK_EQ(xio_cancel_request(s.conn, m), 0);
	CHECK_STR(told, "not-found not-found");
	WAIT_FOR(&c, &s, s.held_nr == 1);
	answer(s.held[0], 0, 0, 0);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	drop_response(m);
	pair_close(&c, &s);
}

/* A one-way that waits for its receipt cannot be called back. */
static void one_way_out(void)
{
	struct xio_msg *m = msg_new(0, 8 * MIB, 1, 7);

	open_both();
	m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	CHECK_EQ(xio_send_msg(c.conn, m), 0);
	xio_context_poll_wait(c.ctx, 0);
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	CHECK_EQ(told_nr, 0);
	WAIT_FOR(&c, &s, c.delivered == 1);
	CHECK_STR(told, "failed");
	pair_close(&c, &s);
	CHECK_EQ(told_nr, 1);
}

enum ending { BY_CLIENT, BY_SERVER, CLIENT_FIRST, DEATH, ENDINGS };

/* The connection ends while a cancel is out and undecided. */
static void connection_ends(void)
{
	enum ending how;

	for (how = BY_CLIENT; how < ENDINGS; how++) {
		struct xio_msg *m;

		open_both();
		policy = LATER;
		m = out(100);
		CHECK_EQ(xio_cancel_request(c.conn, m), 0);
		if (how == CLIENT_FIRST)
			xio_disconnect(c.conn);	/* crosses it */
		else
			WAIT_FOR(&c, &s, asked_nr == 1);
		if (how == BY_CLIENT)
			xio_disconnect(c.conn);
		if (how == BY_SERVER)
			xio_disconnect(s.conn);
		if (how == DEATH) {
			xio_context_destroy(s.ctx);
			s.ctx = NULL;
		}
		WAIT_FOR(&c, &s, c.over == 1);
		/* The report first, then the end of the message. */
		CHECK_STR(told, "failed");
		CHECK_EQ(c.errors, 1);
		CHECK_EQ(c.last_error, XIO_E_MSG_FLUSHED);
		if (how == DEATH) {
			xio_session_destroy(s.session);
			app_close(&c);
			continue;
		}
		WAIT_FOR(&c, &s, s.over == 1);
		app_close(&c);
		app_close(&s);
	}
}

/* The responder decides when its connection is closing already. */
static void decided_in_close(void)
{
	struct xio_msg *m;

	open_both();
	policy = LATER;
	m = out(100);
	CHECK_EQ(xio_cancel_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, asked_nr == 1);
	xio_disconnect(s.conn);
	CHECK_EQ(xio_cancel(asked, XIO_E_MSG_CANCELED), 0);
	CHECK_EQ(xio_cancel(asked, XIO_E_MSG_CANCELED), -1);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(told, "failed");
	CHECK_EQ(c.errors, 1);
	app_close(&c);
	app_close(&s);
}

/* ---- all of it at once ------------------------------------------------- */

#define STORM	3000
#define WINDOW	32

static struct {
	struct xio_msg *m;
	bool pending;			/* a cancel is out */
} slots[WINDOW];

static int ended_nr, sent_nr, storm_reports, storm_cancels;
static unsigned int seed;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static int slot_of(const struct xio_msg *m)
{
	int i;

	for (i = 0; i < WINDOW; i++)
		if (slots[i].m == m)
			return i;
	CHECK(!"a message ended twice");
	return 0;
}

static void storm_end(struct xio_msg *m)
{
	int i = slot_of(m);

	CHECK(!slots[i].pending);
	slots[i].m = NULL;
	ended_nr++;
}

static int storm_on_cancel(struct xio_session *ses, struct xio_msg *m,
			   enum xio_status result, void *user)
{
	(void)ses;
	(void)user;
	storm_reports++;
	CHECK(slots[slot_of(m)].pending);
	slots[slot_of(m)].pending = false;
	if (result == XIO_E_MSG_CANCELED) {
		storm_end(m);
		msg_free(m);
	}
	return 0;
}

static void storm_forget(struct xio_msg *m)
{
	int i;

	for (i = 0; i < s.held_nr; i++)
		if (s.held[i] == m)
			s.held[i] = s.held[--s.held_nr];
}

static int storm_on_cancel_request(struct xio_session *ses,
				   struct xio_msg *m, void *user)
{
	(void)ses;
	(void)user;
	switch (rnd(4)) {
	case 0:
		storm_forget(m);
		CHECK_EQ(xio_cancel(m, XIO_E_MSG_CANCELED), 0);
		break;
	case 1:
		CHECK_EQ(xio_cancel(m, XIO_E_MSG_CANCEL_FAILED), 0);
		break;
	case 2:
		storm_forget(m);
		answer(m, 0, rnd(9000), 9);
		break;
	default:
		break;		/* decides, or answers, later */
	}
	return 0;
}

static void storm_response(struct app *a, struct xio_msg *m)
{
	(void)a;
	storm_end(m);
	drop_response(m);
}

static void storm_send(int i)
{
	slots[i].m = msg_new(rnd(3), rnd(8) ? rnd(500) : rnd(200000), 1, 7);
	CHECK_EQ(xio_send_request(c.conn, slots[i].m), 0);
	sent_nr++;
}

static void storm_step(void)
{
	int i = (int)rnd(WINDOW);

	if (!slots[i].m) {
		if (sent_nr < STORM)
			storm_send(i);
	} else if (!slots[i].pending && rnd(3) == 0) {
		slots[i].pending = true;
		storm_cancels++;
		CHECK_EQ(xio_cancel_request(c.conn, slots[i].m), 0);
	}
	if (s.held_nr > 0 && rnd(2)) {
		struct xio_msg *m = s.held[rnd((unsigned int)s.held_nr)];

		storm_forget(m);
		if (xio_cancel(m, XIO_E_MSG_CANCELED))
			answer(m, 0, rnd(9000), 9);
	}
}

static void storm(void)
{
	int i;

	for (seed = 1; seed < 4; seed++) {
		unsigned int start = seed;

		open_apps();
		c.ops.on_cancel = storm_on_cancel;
		c.on_msg = storm_response;
		c.quiet = true;
		s.quiet = true;
		app_close(&s);
		app_open(&s, "server");
		s.ops.on_cancel_request = storm_on_cancel_request;
		s.hold = true;
		s.quiet = true;
		app_listen(&s);
		app_connect(&c, s.port);
		memset(slots, 0, sizeof(slots));
		ended_nr = sent_nr = storm_reports = storm_cancels = 0;
		while (ended_nr < STORM && check_failures == 0) {
			storm_step();
			if (rnd(3) == 0)
				pump(rnd(2) ? &c : NULL, rnd(2) ? &s : NULL,
				     0);
		}
		CHECK_EQ(ended_nr, STORM);
		CHECK_EQ(storm_reports, storm_cancels);
		CHECK_EQ(c.errors, 0);
		for (i = 0; i < WINDOW; i++)
			CHECK(!slots[i].m);
		pair_close(&c, &s);
		seed = start;
	}
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(queued);
	RUN(before_the_connection);
	RUN(half_sent);
	RUN(granted);
	RUN(refused);
	RUN(decided_later);
	RUN(answered_instead);
	RUN(nobody_to_ask);
	RUN(the_other_way);
	RUN(response_crosses);
	RUN(never_sent_here);
	RUN(one_way_out);
	RUN(connection_ends);
	RUN(decided_in_close);
	RUN(storm);
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
