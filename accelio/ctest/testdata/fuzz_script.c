/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of an input.
 */
#include <string.h>

#include "base.h"
#include "be.h"
#include "fuzz_script.h"
#include "xio_limits.h"

#define STEPS_MAX	120
#define CONNS_MAX	16

/* ---- neighbours ------------------------------------------------------- */

/*
 * A well-behaved pair, one side of it on the engine's context under test.
 * What the other side of the input does must not touch it.
 */
struct neighbour {
	struct fuzz_app app;	/* the other context */
	struct fuzz_conn *client;
	struct fuzz_app *client_app;
	bool pool;		/* large messages find memory */
};

static void both(struct neighbour *n, struct fuzz_app *a)
{
	int quiet = 0;
	int i;

	for (i = 0; quiet < 1; i++) {
		bool work = world_pass(a->ctx);

		work = world_pass(n->app.ctx) || work;
		quiet = work ? 0 : quiet + 1;
		FUZZ_ASSERT(i < 20000);
	}
}

/* ---- the script ------------------------------------------------------- */

struct script {
	const uint8_t *p;
	const uint8_t *end;
	bool engine_is_server;
	struct fuzz_app *app;
	struct peer *peer;
	struct neighbour *nb;	/* or NULL */
	const uint8_t *last;	/* where the last FRAME begins */
	uint8_t last_n;
	unsigned int sent;	/* frames, for a limit */
};

static uint8_t take8(struct script *s)
{
	return s->p < s->end ? *s->p++ : 0;
}

static size_t take(struct script *s, unsigned int bytes)
{
	size_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | take8(s);
	return v;
}

/* n bytes, or as many as there are. */
static const uint8_t *take_bytes(struct script *s, size_t *n)
{
	const uint8_t *b = s->p;

	if (*n > (size_t)(s->end - s->p))
		*n = (size_t)(s->end - s->p);
	s->p += *n;
	return b;
}

/* ---- frames ---------------------------------------------------------- */

static const uint64_t values[16] = {
	0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff,
	0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0xffffffffffffffff,
};

static void patch_bytes(uint8_t *b, size_t n, size_t at, unsigned int width,
			uint8_t kind, uint64_t v)
{
	uint64_t old = 0;
	unsigned int i;

	if (n < width)
		return;
	at %= n - width + 1;
	for (i = 0; i < width; i++)
		old = old << 8 | b[at + i];
	if (kind & 8)
		v += old;
	for (i = width; i-- > 0; v >>= 8)
		b[at + i] = (uint8_t)v;
}

static void patch(struct script *s, struct peer_frame *f)
{
	static const uint8_t widths[4] = { 1, 2, 4, 8 };
	uint8_t kind;

	do {
		size_t at = take8(s);
		unsigned int width;
		uint64_t v;

		kind = take8(s);
		width = widths[kind & 3];
		if (kind & 4)
			v = take(s, width);
		else if (kind & 8)
			v = (uint64_t)(int64_t)(int8_t)take8(s);
		else
			v = values[take8(s) & 15];
		if (!(kind & 0x10))
			patch_bytes(f->ctl, f->ctl_n, at, width, kind, v);
		else if (f->dat)
			patch_bytes(f->dat, f->dat_n, at, width, kind, v);
	} while ((kind & 0x80) && s->p < s->end);
}

static void send_frame(struct script *s, struct peer_frame *f, uint8_t how)
{
	struct peer_link *l = peer_link(s->peer);

	peer_sent(s->peer, l, f);
	peer_send(s->peer, l, f, how & 3, how >> 2 & 3);
	if ((how >> 4 & 3) == 1)
		peer_turns(s->peer, 1);
	else if (how >> 4 & 3)
		peer_settle(s->peer);
}

static void step_frame(struct script *s, uint8_t n)
{
	static struct peer_frame f;
	struct peer_link *l = peer_link(s->peer);
	uint8_t how, type, shape, more;

	s->last = s->p;
	s->last_n = n;
	how = take8(s);
	type = take8(s) & 31;
	shape = take8(s);
	more = take8(s);
	if (!l)
		return;
	peer_make(s->peer, l, peer_types[type], shape, more, &f);
	if (how & 0x80)
		patch(s, &f);
	send_frame(s, &f, how);
	s->sent++;
}

static void step_given(struct script *s, uint8_t n)
{
	static struct peer_frame f;
	struct peer_link *l = peer_link(s->peer);
	uint8_t how = take8(s);
	const uint8_t *b;

	f.ctl_n = take(s, 2);
	b = take_bytes(s, &f.ctl_n);
	if (f.ctl_n > sizeof(f.ctl))
		f.ctl_n = sizeof(f.ctl);
	memcpy(f.ctl, b, f.ctl_n);
	f.mem = NULL;
	f.dat = NULL;
	f.dat_n = 0;
	f.fill = -1;
	if (n & 3)
		f.dat_n = take(s, 3);
	if (n & 1) {
		b = take_bytes(s, &f.dat_n);
		f.mem = malloc(f.dat_n ? f.dat_n : 1);
		FUZZ_ASSERT(f.mem);
		memcpy(f.mem, b, f.dat_n);
		f.dat = f.mem;
	} else if (n & 2) {
		f.fill = take8(s);
		f.dat_n &= (2u << 20) - 1;
	}
	if (!l) {
		free(f.mem);
		return;
	}
	if (!(how & 0x40))
		peer_adapt(s->peer, l, &f);
	send_frame(s, &f, how);
}

/* ---- links ------------------------------------------------------------ */

/* The engine as client opens its links itself: the newest one, then. */
static void open_link(struct script *s, uint8_t n)
{
	static const uint8_t none[16];
	size_t len = 16;
	const uint8_t *raw = none;
	uint8_t all[16] = { 0 };

	if (!s->engine_is_server) {
		peer_settle(s->peer);
		if (s->peer->links)
			s->peer->at = s->peer->links - 1;
		return;
	}
	if ((n & 7) == DIAL_RAW) {
		raw = take_bytes(s, &len);
		memcpy(all, raw, len);
		raw = all;
	}
	peer_dial(s->peer, s->app->port[n >> 3], n & 7, raw);
}

/* A frame that is right, and a rest. */
static void right(struct script *s, uint32_t type, uint8_t more)
{
	static struct peer_frame f;
	struct peer_link *l = peer_link(s->peer);

	if (!l)
		return;
	peer_make(s->peer, l, type, 0, more, &f);
	send_frame(s, &f, 0x20);
}

/* On every link, as long as the engine asks. */
static void answer_all(struct script *s)
{
	unsigned int i, done = 1;
	int rounds;

	for (rounds = 0; rounds < 8 && done; rounds++) {
		peer_settle(s->peer);
		for (done = 0, i = 0; i < s->peer->links; i++)
			done += peer_answer(s->peer, &s->peer->link[i],
					    PEER_ASKED);
	}
	peer_settle(s->peer);
}

static void step_up(struct script *s, uint8_t n)
{
	open_link(s, n);
	if (!s->engine_is_server) {
		answer_all(s);
		return;
	}
	right(s, XE_NEXUS_SETUP_REQ, 0);
	right(s, XE_SESSION_SETUP_REQ, 0);
}

/* ---- the rest --------------------------------------------------------- */

static void step_raw(struct script *s, uint8_t n)
{
	size_t len = take8(s);
	const uint8_t *b = take_bytes(s, &len);
	struct peer_link *l = peer_link(s->peer);

	if (l)
		peer_write(s->peer, l, n & 1, b, len,
			   n & 2 ? CUT_BYTES : CUT_NONE);
}

static void step_fill(struct script *s, uint8_t n)
{
	uint8_t byte = take8(s);
	size_t len = take(s, 3) & ((2u << 20) - 1);
	struct peer_link *l = peer_link(s->peer);

	if (l)
		peer_fill(s->peer, l, n & 1, byte, len);
}

static const uint32_t times_ms[16] = {
	1, 2, 3, 100, 1000, 2000, 5000, 10000, 15000, 20000, 30000, 60000,
	61000, 107000, 120000, 301000,
};

/* Time passes for the neighbours too: they have keepalives to answer. */
static void advance(struct script *s, int64_t ns)
{
	world_advance(ns);
	peer_settle(s->peer);
	if (s->nb)
		both(s->nb, s->app);
}

static void step_read(struct script *s, uint8_t n)
{
	struct peer_link *l = peer_link(s->peer);

	if (!l)
		return;
	l->s[CTL].deaf = n & 1;
	l->s[DAT].deaf = n & 2;
}

static void query(struct fuzz_conn *fc)
{
	struct xio_connection_attr attr;
	struct xio_session_attr sa;
	uint64_t bytes;
	int msgs, lead, len = 0;

	/* Some may fail now, none may harm. */
	FUZZ_ASSERT(xio_query_connection(fc->c, &attr, 0x3f) == 0);
	FUZZ_ASSERT(attr.user_context == fc && attr.ctx == fc->app->ctx);
	FUZZ_ASSERT(xio_query_session(fc->fs->s, &sa, 7) == 0);
	FUZZ_ASSERT(sa.uri && strlen(sa.uri) < XE_SETUP_MAX);
	FUZZ_ASSERT(xio_connection_ioctl(fc->c, XIO_CONNECTION_FIONWRITE_BYTES,
					 &bytes, &len) == 0);
	FUZZ_ASSERT(xio_connection_ioctl(fc->c, XIO_CONNECTION_FIONWRITE_MSGS,
					 &msgs, &len) == 0);
	FUZZ_ASSERT(xio_connection_ioctl(fc->c, XIO_CONNECTION_LEADING_CONN,
					 &lead, &len) == 0);
}

static void modify(struct fuzz_conn *fc, uint8_t secs)
{
	struct xio_connection_attr attr = { .disconnect_timeout_secs = secs };

	FUZZ_ASSERT(xio_modify_connection(
		fc->c, &attr, XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT) == 0);
}

static void step_app(struct script *s, uint8_t n)
{
	struct fuzz_app *a = s->app;
	uint8_t x = take8(s);
	uint8_t y = take8(s);
	struct fuzz_conn *fc = app_conn(a, n == STEP_REQUEST ||
					n == STEP_ONE_WAY ||
					n == STEP_CHAIN ? 0 : x >> 4);

	switch ((enum app_step)n) {
	case STEP_ANSWER:
	case STEP_ANSWER_NEWEST:
		app_answer_one(a, n == STEP_ANSWER_NEWEST, x);
		return;
	case STEP_RELEASE:
		app_release_one(a, x & 1);
		return;
	case STEP_RELEASE_ALL:
		app_release_all(a);
		return;
	case STEP_DECIDE:
		app_decide(a, x & 7);
		return;
	case STEP_UNBIND:
		app_unbind(a, x & 1);
		return;
	case STEP_CANCEL_ANSWER:
		app_cancel_answer(a, x & 1);
		return;
	default:
		break;
	}
	if (!fc)
		return;
	switch ((enum app_step)n) {
	case STEP_REQUEST:
		app_send_request(fc, x, y, take8(s), 1);
		break;
	case STEP_ONE_WAY:
		app_send_one_way(fc, x, y, 1);
		break;
	case STEP_CHAIN:
		if (y & 0x80)
			app_send_one_way(fc, x, y, 3);
		else
			app_send_request(fc, x, 0, y, 3);
		break;
	case STEP_DISCONNECT:
		FUZZ_ASSERT(xio_disconnect(fc->c) == 0);
		break;
	case STEP_CANCEL:
		app_cancel(fc, x & 1);
		break;
	case STEP_ABORT:
		app_abort(fc);
		break;
	case STEP_QUERY:
		query(fc);
		break;
	case STEP_MORE:
		if (fc->fs->client && a->conns_nr < CONNS_MAX)
			app_connect_more(a, fc->fs, y & 3);
		break;
	case STEP_MODIFY:
		modify(fc, y);
		break;
	default:
		break;
	}
}

static void step_connect(struct script *s, uint8_t n)
{
	static const char *const resources[4] = { "", "/", "/a?b=c", "/xyz" };
	char uri[96];

	if (s->engine_is_server || s->app->conns_nr >= CONNS_MAX)
		return;
	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u%s",
		 (unsigned int)s->peer->port, resources[n & 3]);
	app_connect(s->app, uri, (n >> 2 & 1) * 700u, n >> 3);
}

static void step_again(struct script *s, uint8_t n)
{
	const uint8_t *here = s->p;
	unsigned int i;

	if (!s->last)
		return;
	for (i = 0; i <= n && s->sent < STEPS_MAX; i++) {
		s->p = s->last;
		step_frame(s, s->last_n);
	}
	s->p = here;
}

static void step(struct script *s)
{
	uint8_t b = take8(s);
	uint8_t n = b >> 4;

	switch ((enum script_op)(b & 15)) {
	case OP_TURN:
		if (n)
			peer_turns(s->peer, n);
		else
			peer_settle(s->peer);
		break;
	case OP_OPEN:
		open_link(s, n);
		break;
	case OP_UP:
		step_up(s, n);
		break;
	case OP_FRAME:
		step_frame(s, n);
		break;
	case OP_GIVEN:
		step_given(s, n);
		break;
	case OP_RAW:
		step_raw(s, n);
		break;
	case OP_FILL:
		step_fill(s, n);
		break;
	case OP_TIME:
		advance(s, times_ms[n] * XE_NS_PER_MS);
		break;
	case OP_SHUT:
		if (peer_link(s->peer))
			peer_shut(peer_link(s->peer), n & 3, n >> 2);
		break;
	case OP_LINK:
		s->peer->at = n;
		break;
	case OP_SESSION:
		s->peer->session_at = n;
		break;
	case OP_ANSWER:
		if (n && peer_link(s->peer))
			peer_answer(s->peer, peer_link(s->peer), n);
		else
			answer_all(s);
		break;
	case OP_READ:
		step_read(s, n);
		break;
	case OP_APP:
		step_app(s, n);
		break;
	case OP_AGAIN:
		step_again(s, n);
		break;
	case OP_CONNECT:
		step_connect(s, n);
		break;
	}
}

/* ---- an input --------------------------------------------------------- */

static void set(int level, int name, int value)
{
	FUZZ_ASSERT(xio_set_opt(NULL, level, name, &value, sizeof(value)) ==
		    0);
}

static void set_options(uint8_t o)
{
	enum { A = XIO_OPTLEVEL_ACCELIO, T = XIO_OPTLEVEL_TCP };
	bool shallow = o & OPT_SHALLOW, lists = o & OPT_LISTS;
	int buf = o & OPT_SMALL_BUFS ? 4096 : 1 << 18;

	set(A, XIO_OPTNAME_ENABLE_RECONNECT, !!(o & OPT_RECONNECT));
	set(A, XIO_OPTNAME_ENABLE_KEEPALIVE, !(o & (OPT_QUIET |
						     OPT_RECONNECT)));
	set(A, XIO_OPTNAME_ENABLE_FLOW_CONTROL, !!(o & OPT_FLOW));
	set(A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, shallow ? 3 : 1024);
	set(A, XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, shallow ? 4 : 1024);
	set(A, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, shallow ? 100000 : 4 << 20);
	set(A, XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, shallow ? 70000 : 2 << 20);
	set(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, lists ? 1024 : 8192);
	set(A, XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, lists ? 64 : 0);
	set(T, XIO_OPTNAME_MAX_IN_IOVLEN, lists ? 32 : 4);
	set(T, XIO_OPTNAME_MAX_OUT_IOVLEN, lists ? 32 : 4);
	set(T, XIO_OPTNAME_ENABLE_MEM_POOL, !(o & OPT_NO_POOL));
	set(T, XIO_OPTNAME_TCP_DUAL_STREAM, !(o & OPT_SINGLE));
	set(T, XIO_OPTNAME_TCP_SO_SNDBUF, buf);
	set(T, XIO_OPTNAME_TCP_SO_RCVBUF, buf);
}

/* Beside what the input does there is room for a neighbour. */
static void set_limits(uint8_t l)
{
	enum { A = XIO_OPTLEVEL_ACCELIO };
	bool times = l & LIM_TIMES;
	uint64_t bytes = l & LIM_BYTES ? 100000 : 1u << 30;
	uint64_t msg = l & LIM_BYTES ? 60000 : 0;

	set(A, XIO_OPTNAME_LIMIT_PENDING_SOCKETS, l & LIM_PENDING ? 2 : 1024);
	set(A, XIO_OPTNAME_LIMIT_LINKS_PER_HOST, l & LIM_LINKS ? 3 : 4096);
	set(A, XIO_OPTNAME_LIMIT_SESSIONS_PER_LINK,
	    l & LIM_SESSIONS ? 1 : 4096);
	set(A, XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER,
	    l & LIM_SESSIONS ? 3 : 65536);
	set(A, XIO_OPTNAME_LIMIT_HELD_MSGS, l & LIM_HELD ? 2 : 16384);
	set(A, XIO_OPTNAME_LIMIT_UNSENT_ANSWERS, l & LIM_ANSWERS ? 1 : 1024);
	set(A, XIO_OPTNAME_LIMIT_REDIRECTS, l & LIM_REDIRECTS ? 0 : 8);
	set(A, XIO_OPTNAME_LIMIT_PENDING_TIME, times ? 100 : 10000);
	set(A, XIO_OPTNAME_LIMIT_SETUP_TIME, times ? 100 : 30000);
	set(A, XIO_OPTNAME_LIMIT_HELLO_TIME, times ? 100 : 60000);
	FUZZ_ASSERT(xio_set_opt(NULL, A, XIO_OPTNAME_LIMIT_CONTEXT_BYTES,
				&bytes, sizeof(bytes)) == 0);
	FUZZ_ASSERT(xio_set_opt(NULL, A, XIO_OPTNAME_LIMIT_MSG_BYTES, &msg,
				sizeof(msg)) == 0);
}

static void read_behaviour(struct script *s, struct fuzz_behaviour *b)
{
	uint8_t x = take8(s);

	memset(b, 0, sizeof(*b));
	b->decision = x & 7;
	b->answer = x >> 3 & 7;
	b->cancel = x >> 6;
	x = take8(s);
	b->assign = x & 7;
	b->keep = x >> 3 & 3;
	b->send_on_open = x & 0x20;
	b->no_ow_complete = x & 0x40;
	b->no_delivered = x & 0x80;
	b->answer_shape = take8(s);
}

static void neighbour_exchange(struct neighbour *n, struct fuzz_app *a)
{
	unsigned int want = n->client_app->polite_done + 2;
	int i;

	FUZZ_ASSERT(n->client->open && !n->client->ended);
	FUZZ_ASSERT(app_send_request(n->client, 3, 0, 0, 1));
	/* Without a pool the library takes nothing large by itself. */
	FUZZ_ASSERT(app_send_request(n->client, n->pool ? 12 : 4, 0x2c, 0, 1));
	for (i = 0; i < 100 && n->client_app->polite_done < want; i++)
		both(n, a);
	FUZZ_ASSERT(n->client_app->polite_done == want);
}

static void neighbour_open(struct neighbour *n, struct script *s,
			   bool pool)
{
	const struct fuzz_behaviour polite = { .decision = DECIDE_ACCEPT };
	struct fuzz_app *server = s->engine_is_server ? s->app : &n->app;

	fuzz_stats[STAT_NEIGHBOURS]++;
	n->pool = pool;
	app_open(&n->app, &polite);
	n->app.polite = true;
	s->app->polite = true;
	if (!s->engine_is_server)
		app_bind(&n->app, 0);
	n->client_app = s->engine_is_server ? &n->app : s->app;
	n->client = app_connect(n->client_app, server->uri[0], 0, false);
	FUZZ_ASSERT(n->client);
	both(n, s->app);
	s->app->polite = false;
	neighbour_exchange(n, s->app);
}

static void neighbour_close(struct neighbour *n, struct fuzz_app *a)
{
	int i;

	FUZZ_ASSERT(xio_disconnect(n->client->c) == 0);
	for (i = 0; i < 100 && (!xe_list_empty(&n->app.sessions) ||
				!xe_list_empty(&a->sessions)); i++)
		both(n, a);
	FUZZ_ASSERT(xe_list_empty(&n->app.sessions) &&
		    xe_list_empty(&a->sessions));
}

/* All of an input ends, whatever it has left behind. */
static void end(struct script *s, uint8_t how)
{
	struct fuzz_app *a = s->app;
	int i, k;

	if (how & END_CLOSE) {
		for (i = 0; i < 8 && app_conn(a, (unsigned int)i); i++)
			xio_disconnect(app_conn(a, (unsigned int)i)->c);
		peer_settle(s->peer);
		if (how & END_ANSWER)
			answer_all(s);
	}
	peer_close_all(s->peer, how & END_RESET);
	for (i = 0; app_busy(a); i++) {
		/* The kernel may need a moment to carry the news. */
		if (xio_context_poll_wait(a->ctx, i < 100 ? 0 : 1) == 0)
			world_settle(a->ctx);
		peer_close_all(s->peer, true);
		if (i == 8)
			app_release_all(a);
		/* More may come when there is room again. */
		for (k = 0; i >= 16 && k < 256; k++)
			app_answer_one(a, false, 0);
		if (i >= 16)
			app_release_all(a);
		if (i > 24)
			advance(s, 30 * XE_NS_PER_SEC);
		FUZZ_ASSERT(i < 1000);
	}
	world_settle(a->ctx);
	peer_close_all(s->peer, true);
}

void script_init(void)
{
	world_init();
	peer_init();
}

void script_run(bool engine_is_server, const uint8_t *data, size_t size)
{
	static struct fuzz_app app;
	static struct peer peer;
	static struct neighbour nb;
	struct script s = {
		.p = data,
		.end = data + size,
		.engine_is_server = engine_is_server,
		.app = &app,
		.peer = &peer,
	};
	struct fuzz_behaviour b;
	uint8_t options = take8(&s);
	unsigned int sum = 0;
	uint8_t how;
	size_t i;
	int steps;

	for (i = 0; i < size; i++)
		sum = sum * 31 + data[i];
	if (sum % 16 == 0)
		s.nb = &nb;
	world_begin();
	set_options(options);
	read_behaviour(&s, &b);
	how = take8(&s);
	set_limits(take8(&s));
	app_open(&app, &b);
	peer_open(&peer, !engine_is_server, app.ctx);
	if (engine_is_server) {
		app_bind(&app, 0);
		app_bind(&app, 1);
		app.portal[0] = app.uri[1];
		app.portal[1] = app.uri[0];
	} else {
		world_allow(peer.port);
		world_fallback(peer.port);
	}
	if (s.nb)
		neighbour_open(&nb, &s, !(options & OPT_NO_POOL));
	for (steps = 0; s.p < s.end && steps < STEPS_MAX; steps++)
		step(&s);
	if (how & END_CONTEXT) {
		xio_context_destroy(app.ctx);
		app_context_gone(&app);
		peer_close_all(&peer, how & END_RESET);
		if (s.nb) {
			for (i = 0; app_busy(&nb.app) ||
			     !xe_list_empty(&nb.app.sessions); i++) {
				FUZZ_ASSERT(i < 1000);
				world_settle(nb.app.ctx);
				if (i > 24)	/* it tries to reconnect */
					world_advance(30 * XE_NS_PER_SEC);
			}
			app_close(&nb.app);
		}
		world_end();
		return;
	}
	end(&s, how);
	if (s.nb) {
		neighbour_exchange(&nb, &app);
		neighbour_close(&nb, &app);
		app_close(&nb.app);
	}
	app_close(&app);
	world_end();
}
