/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the application keeps of sessions and connections, and their events.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "context.h"
#include "fuzz_app.h"
#include "registry.h"

#define MAGIC		0x636f6e6eu

static char private_data[4096];

/* ---- records --------------------------------------------------------- */

static struct fuzz_session *session_new(struct fuzz_app *a,
					struct xio_session *s, bool client)
{
	struct fuzz_session *fs = calloc(1, sizeof(*fs));

	FUZZ_ASSERT(fs);
	fs->app = a;
	fs->s = s;
	fs->client = client;
	fs->polite = a->polite;
	xe_list_add_tail(&a->sessions, &fs->link);
	fuzz_stats[STAT_SESSIONS]++;
	return fs;
}

static struct fuzz_session *find_session(struct fuzz_app *a,
					 struct xio_session *s)
{
	struct xe_list *p;

	xe_list_for_each(p, &a->sessions) {
		struct fuzz_session *fs = xe_container_of(
			p, struct fuzz_session, link);

		if (fs->s == s)
			return fs;
	}
	return NULL;
}

static struct fuzz_session *session_of(struct fuzz_app *a,
				       struct xio_session *s)
{
	struct fuzz_session *fs = find_session(a, s);

	FUZZ_ASSERT(fs);
	return fs;
}

static struct fuzz_conn *conn_new(struct fuzz_session *fs)
{
	struct fuzz_conn *fc = calloc(1, sizeof(*fc));

	FUZZ_ASSERT(fc);
	fc->magic = MAGIC;
	fc->app = fs->app;
	fc->fs = fs;
	fc->polite = fs->polite;
	fs->conns++;
	fs->app->conns_nr++;
	xe_list_add_tail(&fs->app->conns, &fc->link);
	return fc;
}

static struct fuzz_conn *conn_of(struct fuzz_app *a, struct xio_connection *c)
{
	struct xe_list *p;

	xe_list_for_each(p, &a->conns) {
		struct fuzz_conn *fc = xe_container_of(p, struct fuzz_conn,
						       link);

		if (fc->c == c)
			return fc;
	}
	FUZZ_ASSERT(!"a connection that is not there");
	return NULL;
}

struct fuzz_conn *app_user_conn(void *user)
{
	struct fuzz_conn *fc = user;

	FUZZ_ASSERT(fc && fc->magic == MAGIC);
	return fc;
}

static void conn_free(struct fuzz_conn *fc)
{
	xe_list_del(&fc->link);
	fc->fs->conns--;
	fc->app->conns_nr--;
	fc->magic = 0;
	free(fc);
}

struct fuzz_conn *app_conn(struct fuzz_app *a, unsigned int n)
{
	struct fuzz_conn *found = NULL;
	struct xe_list *p;

	xe_list_for_each(p, &a->conns) {
		struct fuzz_conn *fc = xe_container_of(p, struct fuzz_conn,
						       link);

		if (fc->polite)
			continue;
		found = fc;
		if (n-- == 0)
			break;
	}
	return found;
}

bool app_busy(const struct fuzz_app *a)
{
	struct xe_list *p;

	xe_list_for_each(p, &a->sessions)
		if (!xe_container_of(p, struct fuzz_session, link)->polite)
			return true;
	return false;
}

/* ---- sessions and connections ---------------------------------------- */

static int decide(struct fuzz_app *a, struct fuzz_session *fs,
		  enum fuzz_decision d)
{
	unsigned int n = !!a->portal[0] + !!a->portal[1];
	int r = -1;

	switch (d) {
	case DECIDE_REJECT:
		r = xio_reject(fs->s, XIO_E_SESSION_REFUSED, private_data, 5);
		break;
	case DECIDE_PORTALS:
		r = xio_accept(fs->s, a->portal, n, private_data, 3);
		break;
	case DECIDE_REDIRECT:
		r = xio_redirect(fs->s, a->portal, n);
		break;
	case DECIDE_ACCEPT_DATA:
		r = xio_accept(fs->s, NULL, 0, private_data, 3800);
		break;
	default:
		break;
	}
	if (r)
		r = xio_accept(fs->s, NULL, 0, NULL, 0);
	fs->decided = true;
	return r;
}

void app_decide(struct fuzz_app *a, enum fuzz_decision d)
{
	struct xe_list *p;

	xe_list_for_each(p, &a->sessions) {
		struct fuzz_session *fs = xe_container_of(
			p, struct fuzz_session, link);

		if (fs->client || fs->decided)
			continue;
		decide(a, fs, d);
		return;
	}
}

static int on_new_session(struct xio_session *s,
			  struct xio_new_session_req *req, void *user)
{
	struct fuzz_app *a = user;
	struct fuzz_session *fs = session_new(a, s, false);
	enum fuzz_decision d = a->b.decision;
	struct xio_vmsg v = { .header = { req->uri, req->uri_len } };

	app_touch(&v, 0);
	v.header.iov_base = req->private_data;
	v.header.iov_len = req->private_data_len;
	app_touch(&v, 0);
	if (fs->polite)
		d = DECIDE_ACCEPT;
	if (d == DECIDE_FAIL) {
		fs->decided = true;
		return -1;
	}
	if (d == DECIDE_LATE || d == DECIDE_LATE_CLOSE)
		return 0;
	decide(a, fs, d);
	return 0;
}

static int on_session_established(struct xio_session *s,
				  struct xio_new_session_rsp *rsp, void *user)
{
	struct fuzz_app *a = user;
	struct xio_vmsg v = {
		.header = { rsp->private_data, rsp->private_data_len },
	};

	session_of(a, s);
	app_touch(&v, 0);
	fuzz_stats[STAT_ESTABLISHED]++;
	return 0;
}

/* The connection is about to go, or has gone: so do its requests. */
static void drop_held(struct fuzz_conn *fc, bool answer)
{
	struct xe_list *p, *tmp;
	unsigned int dropped = 0;

	xe_list_for_each_safe(p, tmp, &fc->app->held) {
		struct fuzz_held *h = xe_container_of(p, struct fuzz_held,
						      link);

		if (h->fc != fc)
			continue;
		h->fc = NULL;
		if (!h->request)
			continue;
		xe_list_del(&h->link);
		if (answer)
			app_answer(fc, h->m, fc->app->b.answer_shape);
		else
			dropped++;
		free(h);
	}
	if (dropped)
		world_expect_log(1);
}

/* Messages whose end is not told: there is no callback for it. */
static bool ends_silently(const struct fuzz_msg *fm)
{
	const struct fuzz_behaviour *b = &fm->app->b;

	return fm->kind == KIND_ONE_WAY &&
	       (fm->receipt ? b->no_delivered : b->no_ow_complete);
}

/* all: also those that should have ended by themselves. */
static void conn_over(struct fuzz_conn *fc, bool all)
{
	struct xe_list *p, *tmp;

	xe_list_for_each_safe(p, tmp, &fc->app->out) {
		struct fuzz_msg *fm = xe_container_of(p, struct fuzz_msg,
						      link);

		if (fm->fc != fc)
			continue;
		FUZZ_ASSERT(all || ends_silently(fm));
		app_msg_end(fm);
	}
	xe_list_for_each(p, &fc->app->kept) {
		struct fuzz_msg *fm = xe_container_of(p, struct fuzz_msg,
						      link);

		if (fm->fc == fc)
			fm->fc = NULL;
	}
	conn_free(fc);
}

static void on_new_connection(struct fuzz_app *a, struct xio_session *s,
			      struct xio_connection *c)
{
	struct xio_connection_attr attr = { 0 };
	struct fuzz_session *fs = find_session(a, s);
	struct fuzz_conn *fc;

	/*
	 * Where nobody is asked, because there is no callback or because the
	 * server was unbound, this is the first we hear of the session.
	 */
	if (!fs)
		fs = session_new(a, s, false);
	fc = conn_new(fs);
	fc->c = c;
	fc->open = true;
	attr.user_context = fc;
	FUZZ_ASSERT(xio_modify_connection(
		c, &attr, XIO_CONNECTION_ATTR_USER_CTX) == 0);
	if (a->b.decision == DECIDE_LATE_CLOSE && !fs->polite)
		FUZZ_ASSERT(xio_disconnect(c) == 0);
	if (a->b.send_on_open && !fs->polite)
		app_send_request(fc, 2, 0, 0, 1);
}

static void on_conn_event(struct fuzz_app *a, struct fuzz_conn *fc,
			  struct xio_session_event_data *d)
{
	FUZZ_ASSERT(d->conn_user_context == fc);
	switch (d->event) {
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		FUZZ_ASSERT(!fc->ended && fc->fs->client);
		fc->open = true;
		if (a->b.send_on_open && !fc->polite)
			app_send_request(fc, 2, 0, 0, 1);
		break;
	case XIO_SESSION_CONNECTION_CLOSED_EVENT:
		fuzz_stats[STAT_CLOSED]++;
		fc->ended = true;
		break;
	case XIO_SESSION_CONNECTION_DISCONNECTED_EVENT:
	case XIO_SESSION_CONNECTION_REFUSED_EVENT:
	case XIO_SESSION_CONNECTION_ERROR_EVENT:
		FUZZ_ASSERT(!fc->ended);
		fuzz_stats[STAT_LOST]++;
		fc->ended = true;
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		drop_held(fc, a->b.answer != ANSWER_NEVER);
		FUZZ_ASSERT(xio_connection_destroy(d->conn) == 0);
		conn_over(fc, false);
		break;
	default:
		break;
	}
}

static int on_session_event(struct xio_session *s,
			    struct xio_session_event_data *d, void *user)
{
	struct fuzz_app *a = user;
	struct fuzz_session *fs;

	switch (d->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT:
		on_new_connection(a, s, d->conn);
		break;
	case XIO_SESSION_TEARDOWN_EVENT:
		fs = session_of(a, s);
		FUZZ_ASSERT(fs->conns == 0);
		xe_list_del(&fs->link);
		free(fs);
		xio_session_destroy(s);
		break;
	case XIO_SESSION_REJECT_EVENT: {
		struct xio_vmsg v = {
			.header = { d->private_data, d->private_data_len },
		};

		app_touch(&v, 0);
		fuzz_stats[STAT_REJECTED]++;
		break;
	}
	default:
		session_of(a, s);
		if (d->conn)
			on_conn_event(a, conn_of(a, d->conn), d);
		break;
	}
	return 0;
}

/* ---- opening --------------------------------------------------------- */

void app_open(struct fuzz_app *a, const struct fuzz_behaviour *b)
{
	struct xio_context_params params = { .max_conns_per_ctx = 2 };

	memset(a, 0, sizeof(*a));
	a->b = *b;
	xe_list_init(&a->conns);
	xe_list_init(&a->sessions);
	xe_list_init(&a->out);
	xe_list_init(&a->kept);
	xe_list_init(&a->held);
	a->ctx = xio_context_create(&params, 0, -1);
	FUZZ_ASSERT(a->ctx);
	a->ops.on_session_event = on_session_event;
	a->ops.on_new_session = b->no_new_session ? NULL : on_new_session;
	a->ops.on_session_established = on_session_established;
	app_receives(a);
}

void app_bind(struct fuzz_app *a, int which)
{
	a->server[which] = xio_bind(a->ctx, &a->ops, "tcp://127.0.0.1:0",
				    &a->port[which], 0, a);
	FUZZ_ASSERT(a->server[which]);
	world_allow(a->port[which]);
	snprintf(a->uri[which], sizeof(a->uri[which]), "tcp://127.0.0.1:%u",
		 (unsigned int)a->port[which]);
}

void app_unbind(struct fuzz_app *a, int which)
{
	if (a->server[which])
		FUZZ_ASSERT(xio_unbind(a->server[which]) == 0);
	a->server[which] = NULL;
}

static struct fuzz_conn *connect_session(struct fuzz_session *fs,
					 unsigned int index, bool from_here)
{
	struct xio_connection_params cp = {
		.session = fs->s,
		.ctx = fs->app->ctx,
		.conn_idx = index,
		.enable_tos = from_here,
		.tos = 0x10,
		.out_addr = from_here ? "127.0.0.1:0" : NULL,
	};
	struct fuzz_conn *fc = conn_new(fs);

	cp.conn_user_context = fc;
	fc->c = xio_connect(&cp);
	if (fc->c)
		return fc;
	conn_free(fc);
	return NULL;
}

struct fuzz_conn *app_connect(struct fuzz_app *a, const char *uri,
			      unsigned int private_len, bool from_here)
{
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &a->ops,
		.user_context = a,
		.private_data = private_data,
		.private_data_len = private_len,
		.uri = uri,
	};
	struct xio_session *s = xio_session_create(&sp);
	struct fuzz_session *fs;
	struct fuzz_conn *fc;

	FUZZ_ASSERT(s);
	fs = session_new(a, s, true);
	fs->decided = true;
	fc = connect_session(fs, 0, from_here);
	if (fc)
		return fc;
	xe_list_del(&fs->link);
	free(fs);
	xio_session_destroy(s);
	return NULL;
}

bool app_connect_more(struct fuzz_app *a, struct fuzz_session *fs,
		      unsigned int index)
{
	(void)a;
	return connect_session(fs, index, false) != NULL;
}

/* ---- closing --------------------------------------------------------- */

void app_abort(struct fuzz_conn *fc)
{
	if (fc->open || fc->ended)
		return;
	if (xio_connection_destroy(fc->c) == 0)
		conn_over(fc, true);
}

void app_release_all(struct fuzz_app *a)
{
	struct xe_list *p, *tmp;

	while (!xe_list_empty(&a->kept))
		app_release_kept(xe_container_of(a->kept.next, struct fuzz_msg,
						 link));
	xe_list_for_each_safe(p, tmp, &a->held) {
		struct fuzz_held *h = xe_container_of(p, struct fuzz_held,
						      link);

		if (!h->request)
			app_release_held(h);
	}
}

void app_context_gone(struct fuzz_app *a)
{
	struct xe_list *p;

	a->ctx = NULL;
	a->server[0] = NULL;
	a->server[1] = NULL;
	while ((p = xe_list_pop(&a->held)))
		free(xe_container_of(p, struct fuzz_held, link));
	while (!xe_list_empty(&a->kept))
		app_msg_end(xe_container_of(a->kept.next, struct fuzz_msg,
					    link));
	while (!xe_list_empty(&a->conns))
		conn_over(xe_container_of(a->conns.next, struct fuzz_conn,
					  link), true);
	while ((p = xe_list_pop(&a->sessions))) {
		struct fuzz_session *fs = xe_container_of(
			p, struct fuzz_session, link);

		xio_session_destroy(fs->s);
		free(fs);
	}
	FUZZ_ASSERT(xe_list_empty(&a->out) && a->out_nr == 0);
}

void app_close(struct fuzz_app *a)
{
	if (a->ctx) {
		FUZZ_ASSERT(xe_list_empty(&a->sessions));
		FUZZ_ASSERT(xe_list_empty(&a->conns));
		app_release_all(a);
		FUZZ_ASSERT(xe_list_empty(&a->held));
		FUZZ_ASSERT(xe_list_empty(&a->out) && a->out_nr == 0);
		/* The engine agrees. */
		FUZZ_ASSERT(xe_list_empty(&a->ctx->connections));
		FUZZ_ASSERT(xe_list_empty(&a->ctx->orphans));
		FUZZ_ASSERT(xe_list_empty(&a->ctx->kept));
		FUZZ_ASSERT(a->ctx->tx_tasks == 0 && a->ctx->rx_tasks == 0);
		app_unbind(a, 0);
		app_unbind(a, 1);
		xio_context_destroy(a->ctx);
		a->ctx = NULL;
	}
	FUZZ_ASSERT(xe_registry_count(XE_HANDLE_CONTEXT) <= 1);
}
