/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a session as client (accelio-wire 5.3, 5.4, 5.7; accelio-api 4.1
 * to 4.6). The first connection leads: it asks for the session, at the place
 * that a redirect names if one comes. The others wait for its success, and
 * then say hello, as the lead does itself when the server named portals.
 */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "nexus.h"
#include "option.h"
#include "session.h"


static uint16_t u16(uint32_t n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

/* Locked, unless nobody else knows of the session any more. */
void xe_session_free_portals(struct xio_session *s)
{
	unsigned int i;

	for (i = 0; i < s->portals_nr; i++)
		xe_free(s->portals[i]);
	xe_free(s->portals);
	s->portals = NULL;
	s->portals_nr = 0;
}

/* Keeps the portals, or the targets of a redirect. 0 or -ENOMEM. */
static int keep_portals(struct xio_session *s, const struct xe_session_rsp *r)
{
	char **all = NULL;
	unsigned int i;

	if (r->portals_nr) {
		all = xe_zalloc(r->portals_nr * sizeof(*all));
		if (!all)
			return -ENOMEM;
	}
	pthread_mutex_lock(&s->lock);
	xe_session_free_portals(s);
	s->portals = all;
	s->next_portal = 0;
	for (i = 0; i < r->portals_nr; i++) {
		all[i] = xe_strndup(r->portals[i].s, r->portals[i].len);
		if (!all[i])
			break;
		s->portals_nr++;
	}
	pthread_mutex_unlock(&s->lock);
	return s->portals_nr == r->portals_nr ? 0 : -ENOMEM;
}

/* ---- starting a connection ------------------------------------------- */

/* Locked: where c goes. 0 and *uri, which is NULL when it must wait. */
static int destination(struct xio_connection *c, const char **uri)
{
	struct xio_session *s = c->session;
	unsigned int i;

	*uri = NULL;
	switch (xe_session_state(s)) {
	case XE_SESSION_INIT:
	case XE_SESSION_CONNECT:
		/* Once it is open nobody need lead, until all may say hello. */
		if (!s->lead && !s->opened) {
			s->lead = c;
			c->lead = true;
			atomic_store(&s->state, XE_SESSION_CONNECT);
		}
		if (s->lead == c)
			*uri = s->uri;
		return 0;
	case XE_SESSION_ONLINE:
		c->hello = true;
		c->peer_session_id = s->peer_id;
		*uri = s->uri;
		if (s->portals_nr) {
			i = c->conn_idx ? c->conn_idx : s->next_portal++;
			*uri = s->portals[i % s->portals_nr];
		}
		return 0;
	case XE_SESSION_REJECTED:
		return XIO_E_SESSION_REJECTED;
	case XE_SESSION_REFUSED:
		return s->failure ? s->failure : ECONNRESET;
	default:
		return XIO_E_STATE;
	}
}

/* 0, or why c cannot connect. */
static int start(struct xio_connection *c)
{
	struct xio_session *s = c->session;
	const char *text;
	struct xe_nexus *n;
	struct xe_uri u;
	int err;

	pthread_mutex_lock(&s->lock);
	err = destination(c, &text);
	if (!err && text)
		err = xe_uri_parse(text, &u);
	pthread_mutex_unlock(&s->lock);
	if (err || !text)
		return err;
	if (strcmp(u.scheme, "tcp") != 0)
		return ENOPROTOOPT;
	n = xe_nexus_get(c->ctx, &u, c->tos, c->out_addr);
	if (!n)
		return xio_errno();
	xe_conn_attach(c, n);
	if (n->state == XE_NEXUS_UP)
		xe_loop_defer_shown(&c->ctx->loop, &c->setup);
	return 0;
}

void xe_session_start(struct xio_connection *c)
{
	int err;

	if (c->nexus || c->state != XE_CONN_INIT)
		return;
	err = c->start_error ? c->start_error : start(c);
	if (err)
		xe_conn_lost(c, err);
}

int xe_session_join(struct xio_connection *c)
{
	struct xio_session *s = c->session;
	struct xe_list *p;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	/* One connection of a session on each context. */
	xe_list_for_each(p, &s->connections)
		if (xe_container_of(p, struct xio_connection,
				    session_link)->ctx == c->ctx)
			err = XIO_E_STATE;
	if (s->destroyed || xe_session_state(s) > XE_SESSION_ONLINE)
		err = XIO_E_STATE;
	if (!err)
		xe_list_add_tail(&s->connections, &c->session_link);
	pthread_mutex_unlock(&s->lock);
	return err ? err : start(c);
}

/* The next target of a redirect, after one that could not be reached. */
static bool next_target(struct xio_session *s)
{
	if (!s->redirects || s->next_portal >= s->portals_nr)
		return false;
	xe_free(s->uri);
	s->uri = s->portals[s->next_portal];
	s->portals[s->next_portal++] = NULL;
	return true;
}

bool xe_session_retry(struct xio_connection *c, int reason)
{
	struct xio_session *s = c->session;
	bool again = false;

	pthread_mutex_lock(&s->lock);
	if (s->lead == c && xe_session_state(s) == XE_SESSION_CONNECT) {
		again = !c->start_error && next_target(s);
		if (!again) {
			s->failure = reason;
			atomic_store(&s->state, XE_SESSION_REFUSED);
			xe_session_wake(s);
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (again)
		xe_loop_post(&c->ctx->loop, &c->start);
	return again;
}

/* ---- the setup request and its answer --------------------------------- */

int xe_session_open(struct xio_session *s, struct xio_connection *c)
{
	uint8_t buf[XE_SETUP_MAX];
	struct xe_session_req r = {
		.session_id = s->id,
		.snd_bytes = s->snd_bytes,
		.rcv_bytes = s->rcv_bytes,
		.snd_msgs = u16(s->snd_msgs),
		.rcv_msgs = u16(s->rcv_msgs),
		.priv = s->priv,
		.priv_len = (uint16_t)s->priv_len,
	};
	int len;

	if (c->hello) {
		xe_conn_hello_timer(c);
		return xe_conn_send_control(c, XE_HELLO_REQ, &c->ctl_queue);
	}
	/* Only the lead connection changes the URI. */
	r.uri = s->uri;
	r.uri_len = (uint16_t)strlen(s->uri);
	len = xe_session_req_encode(&r, buf, sizeof(buf));
	return xe_conn_send_payload(c, XE_SESSION_SETUP_REQ, 0, buf, len);
}

/* The session is open: the connections that waited may say hello. */
static void set_online(struct xio_session *s)
{
	pthread_mutex_lock(&s->lock);
	if (xe_session_state(s) == XE_SESSION_CONNECT) {
		atomic_store(&s->state, XE_SESSION_ONLINE);
		xe_session_wake(s);
	}
	pthread_mutex_unlock(&s->lock);
}

/* A close that was asked for meanwhile comes before all else. */
static void established(struct xio_connection *c)
{
	if (atomic_load(&c->disconnecting))
		xe_conn_close(c, XIO_E_SESSION_CLOSED, XIO_E_SESSION_CLOSED);
	else
		xe_conn_event(c, XIO_SESSION_CONNECTION_ESTABLISHED_EVENT,
			      XIO_E_SUCCESS);
}

static int on_accepted(struct xio_session *s, struct xio_connection *c,
		       const struct xe_session_rsp *r)
{
	struct xio_new_session_rsp rsp = {
		.private_data_len = r->priv_len,
	};
	union { const void *from; void *to; } priv = { .from = r->priv };
	bool portals = r->portals_nr > 0;
	int err;

	rsp.private_data = priv.to;
	s->peer_snd_bytes = r->snd_bytes;
	s->peer_rcv_bytes = r->rcv_bytes;
	s->peer_snd_msgs = r->snd_msgs;
	s->peer_rcv_msgs = r->rcv_msgs;
	err = keep_portals(s, r);
	if (!err && portals)
		err = xe_conn_leave_link(c);
	if (err) {
		/* Portals are no targets that could be tried instead. */
		pthread_mutex_lock(&s->lock);
		xe_session_free_portals(s);
		pthread_mutex_unlock(&s->lock);
		return err;
	}
	pthread_mutex_lock(&s->lock);
	s->opened = true;
	pthread_mutex_unlock(&s->lock);
	if (!portals)
		xe_conn_online(c);
	/* The callback may destroy a connection that is not online. */
	if (s->ops.on_session_established)
		s->ops.on_session_established(s, &rsp, s->user_context);
	set_online(s);
	if (!portals)
		established(c);
	return 0;
}

static int on_redirected(struct xio_session *s, struct xio_connection *c,
			 const struct xe_session_rsp *r)
{
	int err = keep_portals(s, r);

	if (err)
		return err;
	pthread_mutex_lock(&s->lock);
	if (++s->redirects > (unsigned int)XE_OPT(limit_redirects) || !next_target(s))
		c->start_error = XIO_E_SESSION_REDIRECTED;
	pthread_mutex_unlock(&s->lock);
	err = xe_conn_leave_link(c);
	if (!err)
		xe_loop_post(&c->ctx->loop, &c->start);
	return err;
}

/*
 * The server refused. libxio 1.7 keeps its reason to itself; here it comes
 * with the REJECT event, before the events that libxio delivers too.
 */
static void on_rejected(struct xio_session *s, struct xio_connection *c,
			int reason, const void *priv, size_t priv_len)
{
	union { const void *from; void *to; } data = { .from = priv };
	struct xio_session_event_data d = {
		.conn = c,
		.conn_user_context = c->user_context,
		.event = XIO_SESSION_REJECT_EVENT,
		.reason = (enum xio_status)reason,
		.private_data_len = priv_len,
	};

	d.private_data = data.to;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->state, XE_SESSION_REJECTED);
	xe_session_wake(s);
	pthread_mutex_unlock(&s->lock);
	xe_conn_online(c);
	if (s->ops.on_session_event)
		s->ops.on_session_event(s, &d, s->user_context);
	xe_conn_close(c, XIO_E_SESSION_REJECTED, XIO_E_SESSION_REJECTED);
	xe_conn_drop_queued(c);
}

int xe_session_on_setup_rsp(struct xio_connection *c, const uint8_t *p,
			    size_t n)
{
	struct xio_session *s = c->session;
	struct xe_session_rsp r;
	int err = xe_session_rsp_decode(p, n, &r);

	if (err)
		return err;
	if (c->state != XE_CONN_INIT || !c->lead || c->hello ||
	    xe_session_state(s) != XE_SESSION_CONNECT)
		return -EPROTO;
	pthread_mutex_lock(&s->lock);
	s->peer_id = r.session_id;
	pthread_mutex_unlock(&s->lock);
	c->peer_session_id = r.session_id;
	xe_session_hold(s);
	if (r.action == XE_ACTION_ACCEPT)
		err = on_accepted(s, c, &r);
	else if (r.action == XE_ACTION_REDIRECT)
		err = on_redirected(s, c, &r);
	else
		on_rejected(s, c, (int)r.reason, r.priv, r.priv_len);
	xe_session_drop(s);
	return err;
}

int xe_session_on_hello_rsp(struct xio_connection *c)
{
	if (c->state != XE_CONN_INIT || !c->hello)
		return -EPROTO;
	xe_conn_online(c);
	established(c);
	return 0;
}
