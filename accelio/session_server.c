/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of a server: the request, the application's decision, and the
 * connections that join later, on any context of the process (accelio-wire
 * 5.3 to 5.7; accelio-api 1.7, 4.1 to 4.5).
 *
 * A connection that only carried a decision (redirect, reject, or accept
 * with portals) is closed at once.
 */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "nexus.h"
#include "option.h"
#include "registry.h"
#include "server.h"
#include "session.h"

static uint16_t u16(uint32_t n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

/* ---- the decision ------------------------------------------------------ */

/* Does what the decision asks for, once the session is announced. */
static void follow_decision(struct xio_session *s)
{
	struct xio_connection *c = s->lead;

	if (xe_session_state(s) == XE_SESSION_REJECTED)
		xe_conn_close(c, XIO_E_SESSION_REJECTED,
			      XIO_E_SESSION_REJECTED);
	else if (c->setup_only)
		xe_conn_close(c, XIO_E_SUCCESS, XIO_E_SESSION_CLOSED);
	else if (atomic_load(&c->disconnecting))
		xe_conn_close(c, XIO_E_SESSION_CLOSED, XIO_E_SESSION_CLOSED);
}

static enum xe_session_state state_after(const struct xe_session_rsp *r)
{
	if (r->action == XE_ACTION_REJECT)
		return XE_SESSION_REJECTED;
	if (r->action == XE_ACTION_REDIRECT)
		return XE_SESSION_REDIRECTED;
	return r->portals_nr ? XE_SESSION_ACCEPTED : XE_SESSION_ONLINE;
}

/* Sends the decision. */
static int decide(struct xio_session *s, struct xe_session_rsp *r)
{
	enum xe_session_state next = state_after(r);
	uint8_t buf[XE_SETUP_MAX];
	struct xio_connection *c = s->lead;
	int len, err;

	if (s->type != XIO_SESSION_SERVER || s->decided)
		return xe_fail(XIO_E_STATE);
	/* The client went away before the decision: nothing to send. */
	if (!c || !c->nexus || c->state != XE_CONN_ONLINE)
		return xe_fail(XIO_E_SESSION_DISCONNECTED);
	r->session_id = s->id;
	len = xe_session_rsp_encode(r, buf, sizeof(buf));
	if (len < 0)
		return xe_fail(-len);
	if (next == XE_SESSION_ACCEPTED && xe_session_wait(s, c))
		return -1;
	err = xe_conn_send_payload(c, XE_SESSION_SETUP_RSP, s->setup_ltid,
				   buf, len);
	pthread_mutex_lock(&s->lock);
	if (err)
		xe_session_wait_over(s);
	else
		atomic_store(&s->state, next);
	pthread_mutex_unlock(&s->lock);
	if (err)
		return xe_fail(-err);
	s->decided = true;
	if (next != XE_SESSION_ONLINE) {
		c->setup_only = true;
		xe_conn_drop_queued(c);
	}
	xe_conn_online(c);
	if (s->announced)
		follow_decision(s);
	return 0;
}

/* The texts of a decision. 0 or the error of the call. */
static int take_portals(struct xe_session_rsp *r, const char **portals,
			size_t nr)
{
	size_t i, len;

	if (nr > XE_PORTALS_MAX)
		return EMSGSIZE;
	for (i = 0; i < nr; i++) {
		len = portals[i] ? strlen(portals[i]) : 0;
		if (len == 0)
			return EINVAL;
		if (len > XE_SETUP_MAX)
			return EMSGSIZE;
		r->portals[i].s = portals[i];
		r->portals[i].len = (uint16_t)len;
	}
	r->portals_nr = (uint16_t)nr;
	return 0;
}

int xio_accept(struct xio_session *session, const char **portals_array,
	       size_t portals_array_len, void *private_data,
	       size_t private_data_len)
{
	struct xio_session *s = session;
	struct xe_session_rsp r = { .action = XE_ACTION_ACCEPT };
	int err;

	if (!xe_registry_has(XE_HANDLE_SESSION, s) ||
	    (portals_array_len && !portals_array))
		return xe_fail(EINVAL);
	if (private_data_len > XE_SETUP_MAX)
		return xe_fail(EMSGSIZE);
	err = take_portals(&r, portals_array, portals_array_len);
	if (err)
		return xe_fail(err);
	r.snd_bytes = s->snd_bytes;
	r.rcv_bytes = s->rcv_bytes;
	r.snd_msgs = u16(s->snd_msgs);
	r.rcv_msgs = u16(s->rcv_msgs);
	r.priv = private_data;
	r.priv_len = private_data ? (uint16_t)private_data_len : 0;
	return decide(s, &r);
}

int xio_reject(struct xio_session *session, enum xio_status reason,
	       void *private_data, size_t private_data_len)
{
	struct xe_session_rsp r = { .action = XE_ACTION_REJECT };

	if (!xe_registry_has(XE_HANDLE_SESSION, session))
		return xe_fail(EINVAL);
	if (private_data_len > XE_SETUP_MAX)
		return xe_fail(EMSGSIZE);
	r.reason = (uint32_t)reason;
	r.priv = private_data;
	r.priv_len = private_data ? (uint16_t)private_data_len : 0;
	return decide(session, &r);
}

int xio_redirect(struct xio_session *session, const char **portals_array,
		 size_t portals_array_len)
{
	struct xe_session_rsp r = { .action = XE_ACTION_REDIRECT };
	int err;

	if (!xe_registry_has(XE_HANDLE_SESSION, session) || !portals_array ||
	    portals_array_len == 0)
		return xe_fail(EINVAL);
	err = take_portals(&r, portals_array, portals_array_len);
	return err ? xe_fail(err) : decide(session, &r);
}

/*
 * Asks the application; without a callback every session is accepted. 0, or
 * -1: there is no memory for the answer that nobody else will give.
 */
static int ask(struct xio_session *s, struct xe_nexus *n,
		const struct xe_session_req *r)
{
	struct xio_new_session_req req = {
		.uri = s->uri,
		.private_data = s->priv,
		.uri_len = r->uri_len,
		.private_data_len = r->priv_len,
		.proto = XIO_PROTO_TCP,
		.src_addr = *xe_link_peer(n->l),
	};

	if (!s->ops.on_new_session)
		return xio_accept(s, NULL, 0, NULL, 0);
	if (s->ops.on_new_session(s, &req, s->user_context) && !s->decided)
		return xio_reject(s, XIO_E_SESSION_REFUSED, NULL, 0);
	return 0;
}

/*
 * Locked. The lead connection joins a session that is being made; others one
 * that was accepted, and the first of them opens one with portals.
 */
static bool may_join(struct xio_session *s)
{
	enum xe_session_state state = xe_session_state(s);

	if (s->destroyed)
		return false;
	if (state == XE_SESSION_ACCEPTED) {
		atomic_store(&s->state, XE_SESSION_ONLINE);
		xe_session_wait_over(s);
	}
	return state == XE_SESSION_INIT || state == XE_SESSION_ONLINE ||
	       state == XE_SESSION_ACCEPTED;
}

/* A connection of s on n. *err: -ENOMEM, or 0 when s is over. */
static struct xio_connection *join(struct xio_session *s, struct xe_nexus *n,
				   const struct xio_session_ops *ops, int *err)
{
	struct xio_connection *c = xe_conn_new(s, n->ctx, ops,
					       n->server->user_context);
	bool ok;

	*err = c ? 0 : -ENOMEM;
	if (!c)
		return NULL;
	pthread_mutex_lock(&s->lock);
	ok = may_join(s);
	if (ok)
		xe_list_add_tail(&s->connections, &c->session_link);
	c->peer_session_id = s->peer_id;
	pthread_mutex_unlock(&s->lock);
	if (!ok) {
		c->silent = true;
		xe_conn_free(c);
		return NULL;
	}
	xe_nexus_ref(n);
	xe_conn_attach(c, n);
	c->state = XE_CONN_ONLINE;
	return c;
}

/* Sessions that wait for their connections count too. */
static bool too_many(const struct xe_nexus *n)
{
	return n->refs >= (unsigned int)XE_OPT(limit_sessions_per_link) ||
	       n->server->conns + n->ctx->waiting_nr >=
	       (unsigned int)XE_OPT(limit_sessions_per_server);
}

int xe_session_on_setup_req(struct xe_nexus *n, uint32_t ltid,
			    const uint8_t *p, size_t len)
{
	struct xio_server *server = n->server;
	struct xe_session_req r;
	struct xio_connection *c;
	struct xio_session *s;
	int err = xe_session_req_decode(p, len, &r);

	if (err)
		return err;
	if (too_many(n))
		return -EMFILE;
	s = xe_session_new(XIO_SESSION_SERVER, &server->ops,
			   server->user_context, r.uri, r.uri_len, r.priv,
			   r.priv_len);
	if (!s)
		return -ENOMEM;
	s->peer_id = r.session_id;
	s->peer_snd_bytes = r.snd_bytes;
	s->peer_rcv_bytes = r.rcv_bytes;
	s->peer_snd_msgs = r.snd_msgs;
	s->peer_rcv_msgs = r.rcv_msgs;
	s->setup_ltid = ltid;
	c = join(s, n, &s->ops, &err);
	if (!c) {
		xio_session_destroy(s);
		return err;
	}
	c->lead = true;
	s->lead = c;
	atomic_store(&s->state, XE_SESSION_CONNECT);
	xe_session_table_add(s);
	xe_session_hold(s);
	err = server->listener ? ask(s, n, &r) :
	      xio_reject(s, XIO_E_SESSION_REFUSED, NULL, 0);
	if (err)
		xe_link_fail(n->l, ENOMEM);
	s->announced = true;
	xe_conn_event(c, XIO_SESSION_NEW_CONNECTION_EVENT, XIO_E_SUCCESS);
	if (s->decided)
		follow_decision(s);
	xe_session_drop(s);
	return 0;
}

/*
 * libxio does not answer a hello to nothing either; but a client that is
 * alone on its link learns at once that there is nothing to wait for.
 */
static int hello_to_nothing(const struct xe_nexus *n, uint32_t session_id)
{
	XE_DEBUG("hello for session %u, which is not open",
		 (unsigned int)session_id);
	return n->refs ? 0 : -EPROTO;
}

int xe_session_on_hello_req(struct xe_nexus *n, uint32_t session_id,
			    uint32_t ltid)
{
	struct xio_session *s = xe_session_table_find(session_id);
	struct xio_connection *c;
	int err;

	if (!s)
		return hello_to_nothing(n, session_id);
	/* One connection of a session on a link: see xe_nexus_find. */
	if (too_many(n) || xe_nexus_find(n, session_id)) {
		err = too_many(n) ? -EMFILE : -EPROTO;
		xe_session_drop(s);
		return err;
	}
	c = join(s, n, &n->server->ops, &err);
	if (!c) {
		xe_session_drop(s);
		return err ? err : hello_to_nothing(n, session_id);
	}
	c->server = n->server;
	xe_server_ref(n->server);
	xe_conn_online(c);
	err = xe_conn_send_payload(c, XE_HELLO_RSP, ltid, "", 0);
	xe_conn_event(c, XIO_SESSION_NEW_CONNECTION_EVENT, XIO_E_SUCCESS);
	xe_session_drop(s);
	return err;
}
