/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "seats.h"
#include "xio_limits.h"

atomic_int surprises;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct seat *seats[SEATS];

static void surprise(const struct seat *s, const char *what)
{
	atomic_fetch_add(&surprises, 1);
	fprintf(stderr, "%s: %s (errno: %s)\n", s->name, what,
		xio_strerror(xio_errno()));
}

static void note(struct seat *s, const char *what)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = strlen(s->log);
	snprintf(s->log + n, sizeof(s->log) - n, "%s%s", n ? " " : "", what);
	pthread_mutex_unlock(&lock);
}

/* ---- callbacks ------------------------------------------------------- */

static void on_my_thread(const struct seat *s)
{
	if (!pthread_equal(s->thread, pthread_self()))
		surprise(s, "called back by another thread");
}

static void connection_event(struct seat *s, struct xio_session *ses,
			     struct xio_session_event_data *d)
{
	switch (d->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT:
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		if (d->event == XIO_SESSION_NEW_CONNECTION_EVENT)
			s->session = ses;
		s->conn = d->conn;
		s->connected++;
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		if (!s->keep_conn) {
			if (s->conn == d->conn)
				s->conn = NULL;
			if (xio_connection_destroy(d->conn))
				surprise(s, "destroy in teardown");
		}
		s->torn_down++;
		break;
	default:
		break;
	}
}

static int on_session_event(struct xio_session *ses,
			    struct xio_session_event_data *d, void *user)
{
	struct seat *owner = user;
	struct seat *s = d->conn ? d->conn_user_context : owner;
	char text[64];

	note(s, event_text(d, text, sizeof(text)));
	if (d->conn) {
		on_my_thread(s);
		if (s->owner != owner)
			surprise(s, "event of another session's owner");
	}
	if (s->on_event)
		s->on_event(s, ses, d);
	if (d->conn) {
		connection_event(s, ses, d);
		return 0;
	}
	s->over_on = pthread_self();
	if (!s->keep_session)
		xio_session_destroy(ses);
	s->over++;
	return 0;
}

int seat_decide(struct seat *s)
{
	static char yes[] = "yes", no[] = "no";
	int err = 0;

	switch (s->deed) {
	case ACCEPT:
		err = xio_accept(s->session, s->list, s->list_nr, yes,
				 sizeof(yes));
		break;
	case REDIRECT:
		err = xio_redirect(s->session, s->list, s->list_nr);
		break;
	case REJECT:
		err = xio_reject(s->session, XIO_E_SESSION_REFUSED, no,
				 sizeof(no));
		break;
	default:
		break;
	}
	if (err && !s->poor)
		surprise(s, "the decision failed");
	return err;
}

static int on_new_session(struct xio_session *ses,
			  struct xio_new_session_req *req, void *user)
{
	struct seat *s = user;

	on_my_thread(s);
	note(s, "new");
	s->session = ses;
	snprintf(s->priv, sizeof(s->priv), "%.*s",
		 (int)req->private_data_len, (const char *)req->private_data);
	snprintf(s->asked, sizeof(s->asked), "%.*s", (int)req->uri_len,
		 req->uri);
	if (s->on_new)
		s->on_new(s, req);
	if (s->deed == REFUSE)
		return -1;
	/* Without memory for it there is memory a moment later. */
	return seat_decide(s) && s->poor ? seat_decide(s) : 0;
}

static int on_session_established(struct xio_session *ses,
				  struct xio_new_session_rsp *rsp, void *user)
{
	struct seat *s = user;

	(void)ses;
	note(s, "established");
	if (rsp->private_data_len != 4 ||
	    memcmp(rsp->private_data, "yes", 4) != 0)
		surprise(s, "other private data");
	if (s->on_established)
		s->on_established(s);
	return 0;
}

static int on_msg(struct xio_session *ses, struct xio_msg *m, int last,
		  void *user)
{
	struct seat *s = user;

	(void)ses;
	(void)last;
	on_my_thread(s);
	if (m->type == XIO_MSG_TYPE_REQ) {
		if (!s->quiet)
			note(s, "req");
		s->serials[s->requests % SEAT_SERIALS] = m->sn;
		if (s->hold)
			s->held = m;
		else
			answer(m, 4, 20, 2);
		s->requests++;
		return 0;
	}
	if (!s->quiet)
		note(s, "rsp");
	if (!msg_is(m, 4, 20, 2))
		surprise(s, "another response");
	if (xio_release_response(m))
		surprise(s, "release");
	msg_free(m);
	s->responses++;
	return 0;
}

static int on_msg_send_complete(struct xio_session *ses, struct xio_msg *m,
				void *user)
{
	(void)ses;
	on_my_thread(user);
	msg_free(m);
	return 0;
}

static int on_msg_error(struct xio_session *ses, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	struct seat *s = user;

	(void)ses;
	(void)dir;
	on_my_thread(s);
	if (!s->quiet)
		note(s, error == XIO_E_MSG_FLUSHED ? "flushed" :
		     error == XIO_E_MSG_DISCARDED ? "discarded" : "err");
	msg_free(m);
	s->errors++;
	return 0;
}

/* ---- life ------------------------------------------------------------ */

void seat_open(struct seat *s, const char *name)
{
	int i;

	memset(s, 0, sizeof(*s));
	s->name = name;
	s->owner = s;
	s->thread = pthread_self();
	s->ops.on_session_event = on_session_event;
	s->ops.on_new_session = on_new_session;
	s->ops.on_session_established = on_session_established;
	s->ops.on_msg = on_msg;
	s->ops.on_msg_send_complete = on_msg_send_complete;
	s->ops.on_msg_error = on_msg_error;
	s->ctx = xio_context_create(NULL, 0, -1);
	if (!s->ctx)
		exit(2);
	pthread_mutex_lock(&lock);
	for (i = 0; i < SEATS && seats[i]; i++)
		;
	if (i == SEATS)
		exit(2);
	seats[i] = s;
	pthread_mutex_unlock(&lock);
}

void seat_listen(struct seat *s, const char *name)
{
	seat_open(s, name);
	s->server = xio_bind(s->ctx, &s->ops, "tcp://127.0.0.1:0", &s->port, 0,
			     s);
	if (!s->server)
		exit(2);
	snprintf(s->uri, sizeof(s->uri), "tcp://127.0.0.1:%u",
		 (unsigned int)s->port);
}

void seat_close(struct seat *s)
{
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < SEATS; i++)
		if (seats[i] == s)
			seats[i] = NULL;
	pthread_mutex_unlock(&lock);
	if (!s->ctx)
		return;
	if (s->server && xio_unbind(s->server))
		surprise(s, "unbind");
	s->server = NULL;
	xio_context_destroy(s->ctx);
	s->ctx = NULL;
}

void seats_close(void)
{
	int i;

	for (i = 0; i < SEATS; i++)
		if (seats[i])
			seat_close(seats[i]);
}

void seat_offer(struct seat *s, enum deed deed, struct seat *const *others,
		size_t nr)
{
	size_t i;

	s->deed = deed;
	s->list_nr = nr;
	for (i = 0; i < nr; i++) {
		s->list[i] = others[i]->uri;
		/* Its connections are of our sessions. */
		if (deed == ACCEPT)
			others[i]->owner = s;
	}
}

void seat_session(struct seat *s, const char *uri)
{
	static char hi[] = "hi";
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &s->ops,
		.user_context = s,
		.private_data = hi,
		.private_data_len = 2,
		.uri = uri,
	};

	s->session = xio_session_create(&sp);
	if (!s->session)
		exit(2);
}

struct xio_connection *seat_connect(struct seat *s, struct seat *owner)
{
	struct xio_connection_params cp = {
		.session = owner->session,
		.ctx = s->ctx,
		.conn_idx = s->conn_idx,
		.conn_user_context = s,
	};
	struct xio_connection *c;

	s->owner = owner;
	c = xio_connect(&cp);
	if (c)
		s->conn = c;
	return c;
}

bool seat_send(struct seat *s)
{
	struct xio_msg *m = msg_new(4, 10, 1, 1);

	if (xio_send_request(s->conn, m) == 0)
		return true;
	msg_free(m);
	return false;
}

void first_hello_within(int ms)
{
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_HELLO_TIME, ms);
}

static void run_all(void)
{
	int i;

	for (i = 0; i < SEATS; i++)
		if (seats[i] && seats[i]->ctx)
			xio_context_run_loop(seats[i]->ctx, 0);
}

static void sleep_on_all(int ms)
{
	struct pollfd p[SEATS];
	nfds_t n = 0;
	int i;

	for (i = 0; i < SEATS; i++) {
		if (!seats[i] || !seats[i]->ctx)
			continue;
		p[n].fd = xio_context_get_poll_fd(seats[i]->ctx);
		p[n].events = POLLIN;
		n++;
	}
	poll(p, n, ms);
}

void turn(int ms)
{
	sleep_on_all(ms);
	run_all();
}
