/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"

#define SEGS	256

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, xio_strerror(xio_errno()));
	exit(2);
}

long long clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		die("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

void set_int_opt(int level, int name, int value)
{
	if (xio_set_opt(NULL, level, name, &value, sizeof(value)))
		die("set_opt");
}

/* ---- the record ------------------------------------------------------ */

static const char *reason(int r)
{
	static _Thread_local char number[32];

	switch (r) {
	case 0: return "ok";
	case XIO_E_SESSION_CLOSED: return "closed";
	case XIO_E_SESSION_DISCONNECTED: return "lost";
	case XIO_E_SESSION_REJECTED: return "rejected";
	case XIO_E_SESSION_REFUSED: return "refused";
	case XIO_E_SESSION_REDIRECTED: return "redirected";
	case XIO_E_ADDR_ERROR: return "address";
	case XIO_E_CONNECT_ERROR: return "connect";
	case XIO_E_TIMEOUT: return "timeout";
	case XIO_E_MSG_FLUSHED: return "flushed";
	case XIO_E_MSG_DISCARDED: return "discarded";
	case XIO_E_MSG_SIZE: return "size";
	case XIO_E_MSG_CANCELED: return "canceled";
	case XIO_E_NO_USER_BUFS: return "no-bufs";
	case XIO_E_USER_BUF_OVERFLOW: return "overflow";
	case EPROTO: return "proto";
	default:
		snprintf(number, sizeof(number), "%d", r);
		return number;
	}
}

static void note(struct app *a, const char *what, const char *why)
{
	size_t n = strlen(a->log);

	snprintf(a->log + n, sizeof(a->log) - n, "%s%s%s%s%s", n ? " " : "",
		 what, why ? "[" : "", why ? why : "", why ? "]" : "");
}

static const char *const event_names[] = {
	"REJECT", "sTD", "NEW", "EST", "cTD", "CLOSED", "DISC", "REF", "ERR",
	"SESSION_ERR", "RECONNECTING", "RECONNECTED",
};

const char *event_text(const struct xio_session_event_data *d, char *dst,
		       size_t n)
{
	snprintf(dst, n, "%s[%s]", event_names[d->event],
		 reason((int)d->reason));
	return dst;
}

static int on_session_event(struct xio_session *s,
			    struct xio_session_event_data *d, void *user)
{
	struct app *a = user;

	note(a, event_names[d->event], reason((int)d->reason));
	switch (d->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT:
		a->conn = d->conn;
		a->session = s;
		break;
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		a->established++;
		break;
	default:
		break;
	}
	if (a->on_event)
		a->on_event(a, d);
	if (d->event == XIO_SESSION_CONNECTION_TEARDOWN_EVENT) {
		a->torn_down++;
		if (!a->keep_conn && xio_connection_destroy(d->conn))
			die("connection_destroy in teardown");
		if (!a->keep_conn && a->conn == d->conn)
			a->conn = NULL;
	}
	if (d->event == XIO_SESSION_TEARDOWN_EVENT) {
		a->over++;
		if (!a->keep_session)
			xio_session_destroy(s);
	}
	return 0;
}

static int on_new_session(struct xio_session *s,
			  struct xio_new_session_req *req, void *user)
{
	static char no[] = "no";
	struct app *a = user;

	a->session = s;
	note(a, "new", NULL);
	(void)req;
	if (a->no_decision)
		return 0;
	if (a->refuse)
		return -1;
	if (a->reject)
		return xio_reject(s, XIO_E_SESSION_REFUSED, no, sizeof(no));
	return xio_accept(s, NULL, 0, NULL, 0);
}

static int on_session_established(struct xio_session *s,
				  struct xio_new_session_rsp *rsp, void *user)
{
	(void)s;
	(void)rsp;
	note(user, "established", NULL);
	return 0;
}

static int on_msg(struct xio_session *s, struct xio_msg *m, int last,
		  void *user)
{
	struct app *a = user;
	bool req = m->type == XIO_MSG_TYPE_REQ;

	(void)s;
	(void)last;
	a->last = m;
	if (!a->quiet)
		note(a, req ? "req" : m->type == XIO_MSG_TYPE_RSP ? "rsp" :
		     "ow", NULL);
	if (req)
		a->requests++;
	else if (m->type == XIO_MSG_TYPE_RSP)
		a->responses++;
	else
		a->one_ways++;
	if (a->on_msg) {
		a->on_msg(a, m);
		return 0;
	}
	if (req ? a->hold : a->keep) {
		if (a->held_nr < APP_MSGS)
			a->held[a->held_nr++] = m;
	} else if (req) {
		answer(m, m->in.header.iov_len, 0, 0);
	} else if (m->type == XIO_MSG_TYPE_RSP) {
		if (xio_release_response(m))
			die("release_response");
		msg_free(m);
	} else if (xio_release_msg(m)) {
		die("release_msg");
	}
	return 0;
}

static int on_msg_send_complete(struct xio_session *s, struct xio_msg *m,
				void *user)
{
	struct app *a = user;

	(void)s;
	a->completed++;
	msg_free(m);
	return 0;
}

static int on_ow_msg_send_complete(struct xio_session *s, struct xio_msg *m,
				   void *user)
{
	struct app *a = user;

	(void)s;
	a->ow_completed++;
	msg_free(m);
	return 0;
}

static int on_msg_delivered(struct xio_session *s, struct xio_msg *m,
			    int last, void *user)
{
	struct app *a = user;

	(void)s;
	(void)last;
	a->delivered++;
	note(a, "delivered", NULL);
	if ((int)m->type == 0x24)	/* a one-way ends here */
		msg_free(m);
	return 0;
}

static int on_msg_error(struct xio_session *s, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	struct app *a = user;

	(void)s;
	a->errors++;
	a->last_error = (int)error;
	if (!a->quiet)
		note(a, dir == XIO_MSG_DIRECTION_IN ? "err-in" : "err",
		     reason((int)error));
	if (dir == XIO_MSG_DIRECTION_IN && xio_release_response(m))
		die("release_response after an error");
	msg_free(m);
	return 0;
}

static int assign_data_in_buf(struct xio_msg *m, void *user)
{
	struct app *a = user;

	return a->assign(a, m);
}

/* ---- life ------------------------------------------------------------ */

void app_open(struct app *a, const char *name)
{
	memset(a, 0, sizeof(*a));
	a->name = name;
	a->ctx = xio_context_create(NULL, 0, -1);
	if (!a->ctx)
		die("context_create");
	a->ops.on_session_event = on_session_event;
	a->ops.on_new_session = on_new_session;
	a->ops.on_session_established = on_session_established;
	a->ops.on_msg = on_msg;
	a->ops.on_msg_send_complete = on_msg_send_complete;
	a->ops.on_ow_msg_send_complete = on_ow_msg_send_complete;
	a->ops.on_msg_delivered = on_msg_delivered;
	a->ops.on_msg_error = on_msg_error;
}

void app_close(struct app *a)
{
	if (a->server && xio_unbind(a->server))
		die("unbind");
	a->server = NULL;
	xio_context_destroy(a->ctx);
	a->ctx = NULL;
}

void app_listen(struct app *a)
{
	a->server = xio_bind(a->ctx, &a->ops, "tcp://127.0.0.1:0", &a->port, 0,
			     a);
	if (!a->server)
		die("bind");
}

struct xio_session *app_session(struct app *a, const char *uri)
{
	static char hi[] = "hi";
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &a->ops,
		.user_context = a,
		.private_data = hi,
		.private_data_len = 2,
		.uri = uri,
	};

	if (a->assign)
		a->ops.assign_data_in_buf = assign_data_in_buf;
	a->session = xio_session_create(&sp);
	return a->session;
}

void app_connect(struct app *a, uint16_t port)
{
	struct xio_connection_params cp = {
		.ctx = a->ctx,
		.conn_user_context = a,
	};
	char uri[64];

	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u", (unsigned int)port);
	cp.session = app_session(a, uri);
	if (!cp.session)
		die("session_create");
	a->conn = xio_connect(&cp);
	if (!a->conn)
		die("connect");
}

void pump(struct app *a, struct app *b, int ms)
{
	struct app *apps[2] = { a, b };
	struct pollfd p[2];
	nfds_t n = 0;
	int i;

	/* What calls outside the loop have left behind goes first. */
	for (i = 0; i < 2; i++)
		if (apps[i] && apps[i]->ctx)
			xio_context_poll_wait(apps[i]->ctx, 0);
	for (i = 0; i < 2; i++) {
		if (!apps[i] || !apps[i]->ctx)
			continue;
		p[n].fd = xio_context_get_poll_fd(apps[i]->ctx);
		p[n].events = POLLIN;
		n++;
	}
	poll(p, n, ms);
}

void pair_open(struct app *c, struct app *s)
{
	long long end = clock_ms() + 10000;

	app_open(c, "client");
	app_open(s, "server");
	app_listen(s);
	app_connect(c, s->port);
	while (!c->established && clock_ms() < end)
		pump(c, s, 5);
	if (!c->established)
		die("no connection");
}

void pair_close(struct app *c, struct app *s)
{
	long long end = clock_ms() + 10000;

	if (c->conn && !c->torn_down)
		xio_disconnect(c->conn);
	while ((c->over < 1 || s->over < 1) && clock_ms() < end)
		pump(c, s, 5);
	if (c->over < 1 || s->over < 1) {
		fprintf(stderr, "client: %s\nserver: %s\n", c->log, s->log);
		die("the close does not end");
	}
	app_close(c);
	app_close(s);
}

/* ---- messages -------------------------------------------------------- */

struct message {
	struct xio_msg m;
	struct xio_iovec_ex out[SEGS];
	struct xio_iovec_ex in[SEGS];
	char *in_mem;
	char hdr[256];
	char mem[];
};

static char byte_at(size_t i, unsigned int seed)
{
	return (char)((i * 31 + (i >> 8) * 7 + seed) & 0xff);
}

struct xio_msg *msg_new(size_t hdr, size_t data, unsigned int nr,
			unsigned int seed)
{
	struct message *o = calloc(1, sizeof(*o) + data);
	size_t i, used = 0;
	unsigned int k;

	if (!o)
		exit(2);
	for (i = 0; i < hdr && i < sizeof(o->hdr); i++)
		o->hdr[i] = byte_at(i, seed + 1);
	for (i = 0; i < data; i++)
		o->mem[i] = byte_at(i, seed);
	if (hdr) {
		o->m.out.header.iov_base = o->hdr;
		o->m.out.header.iov_len = hdr;
	}
	o->m.out.sgl_type = XIO_SGL_TYPE_IOV_PTR;
	o->m.out.pdata_iov.sglist = o->out;
	o->m.out.pdata_iov.max_nents = nr > 4 ? nr : 4;
	o->m.out.pdata_iov.nents = data ? nr : 0;
	for (k = 0; data && k < nr; k++) {
		size_t n = k + 1 < nr ? data / nr : data - used;

		o->out[k].iov_base = o->mem + used;
		o->out[k].iov_len = n;
		used += n;
	}
	o->m.in.sgl_type = XIO_SGL_TYPE_IOV_PTR;
	o->m.in.pdata_iov.sglist = o->in;
	o->m.in.pdata_iov.max_nents = 4;
	return &o->m;
}

void msg_offer(struct xio_msg *m, const size_t *sizes, unsigned int nr,
	       bool bare)
{
	struct message *o = (struct message *)(void *)m;
	size_t total = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		total += sizes[i];
	/* Exact, so that one byte too many is found. */
	o->in_mem = malloc(total);
	if (!o->in_mem)
		exit(2);
	total = 0;
	for (i = 0; i < nr; i++) {
		o->in[i].iov_base = bare ? NULL : o->in_mem + total;
		o->in[i].iov_len = sizes[i];
		total += sizes[i];
	}
	m->in.pdata_iov.nents = nr;
	m->in.pdata_iov.max_nents = nr > 4 ? nr : 4;
}

void msg_free(struct xio_msg *m)
{
	struct message *o = (struct message *)(void *)m;

	free(o->in_mem);
	free(o);
}

bool msg_is(const struct xio_msg *m, size_t hdr, size_t data,
	    unsigned int seed)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(&m->in);
	const char *h = m->in.header.iov_base;
	size_t i, k, at = 0;

	if (m->in.header.iov_len != hdr)
		return false;
	for (i = 0; i < hdr; i++)
		if (h[i] != byte_at(i, seed + 1))
			return false;
	for (k = 0; k < vmsg_sglist_nents(&m->in); k++) {
		const char *p = sgl[k].iov_base;

		for (i = 0; i < sgl[k].iov_len; i++, at++)
			if (p[i] != byte_at(at, seed))
				return false;
	}
	return at == data;
}

struct xio_msg *answer(struct xio_msg *req, size_t hdr, size_t data,
		       unsigned int seed)
{
	struct xio_msg *m = msg_new(hdr, data, 1, seed);

	m->request = req;
	if (xio_send_response(m))
		die("send_response");
	return m;
}
