/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a session: the setup exchange on both sides (accelio-wire 5.3,
 * 5.4, 5.7; accelio-api 4.1 to 4.3).
 */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "nexus.h"
#include "registry.h"
#include "server.h"
#include "session.h"

#define SESSIONS_MAX	4096	/* of a peer on one link */

static uint16_t u16(uint32_t n)
{
	return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

/* Queues a setup frame whose payload is in buf. */
static int queue_setup(struct xio_connection *c, uint32_t type, uint32_t rtid,
		       const void *buf, int len)
{
	struct xe_task *t;
	void *b;

	if (len < 0)
		return len;
	t = xe_task_get_control(c->ctx);
	if (!t)
		return -ENOMEM;
	b = xe_task_buf(t, (size_t)len);
	if (!b) {
		xe_task_put(t);
		return -ENOMEM;
	}
	memcpy(b, buf, (size_t)len);
	t->conn = c;
	t->type = type;
	t->peer_ltid = rtid;
	t->hdr = b;
	t->hdr_len = (uint32_t)len;
	t->state = XE_TASK_QUEUED;
	xe_list_add_tail(&c->ctl_queue, &t->link);
	xe_conn_ready(c);
	return 0;
}

/* ---- client ---------------------------------------------------------- */

int xe_session_open(struct xio_session *s, struct xio_connection *c)
{
	uint8_t buf[XE_SETUP_MAX];
	struct xe_session_req r = {
		.session_id = s->id,
		.snd_bytes = s->snd_bytes,
		.rcv_bytes = s->rcv_bytes,
		.snd_msgs = u16(s->snd_msgs),
		.rcv_msgs = u16(s->rcv_msgs),
		.uri = s->uri,
		.uri_len = (uint16_t)strlen(s->uri),
		.priv = s->priv,
		.priv_len = (uint16_t)s->priv_len,
	};

	if (s->type != XIO_SESSION_CLIENT)
		return 0;
	return queue_setup(c, XE_SESSION_SETUP_REQ, 0, buf,
			   xe_session_req_encode(&r, buf, sizeof(buf)));
}

static void on_accepted(struct xio_session *s, struct xio_connection *c,
			const struct xe_session_rsp *r)
{
	struct xio_new_session_rsp rsp = {
		.private_data_len = r->priv_len,
	};
	union { const void *from; void *to; } priv = { .from = r->priv };

	rsp.private_data = priv.to;
	s->peer_snd_bytes = r->snd_bytes;
	s->peer_rcv_bytes = r->rcv_bytes;
	s->peer_snd_msgs = r->snd_msgs;
	s->peer_rcv_msgs = r->rcv_msgs;
	s->state = XE_SESSION_ONLINE;
	xe_conn_online(c);
	if (s->ops.on_session_established)
		s->ops.on_session_established(s, &rsp, s->user_context);
	/* A close that was asked for meanwhile comes first. */
	if (!atomic_load(&c->disconnecting))
		xe_conn_event(c, XIO_SESSION_CONNECTION_ESTABLISHED_EVENT,
			      XIO_E_SUCCESS);
	else
		xe_conn_close(c, XIO_E_SESSION_CLOSED);
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
	s->state = XE_SESSION_REJECTED;
	xe_conn_online(c);
	if (s->ops.on_session_event)
		s->ops.on_session_event(s, &d, s->user_context);
	xe_conn_close(c, XIO_E_SESSION_REJECTED);
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
	if (s->type != XIO_SESSION_CLIENT || s->state != XE_SESSION_CONNECT)
		return -EPROTO;
	s->peer_id = r.session_id;
	xe_session_hold(s);
	if (r.action == XE_ACTION_ACCEPT && r.portals_nr == 0)
		on_accepted(s, c, &r);
	else if (r.action == XE_ACTION_REJECT)
		on_rejected(s, c, (int)r.reason, r.priv, r.priv_len);
	else
		on_rejected(s, c, XIO_E_NOT_SUPPORTED, NULL, 0);
	xe_session_drop(s);
	return 0;
}

/* ---- server ---------------------------------------------------------- */

/* Sends the decision; a rejection also starts the close. */
static int decide(struct xio_session *s, struct xe_session_rsp *r)
{
	uint8_t buf[XE_SETUP_MAX];
	struct xio_connection *c = s->lead;
	int len;

	if (s->type != XIO_SESSION_SERVER || s->decided)
		return xe_fail(XIO_E_STATE);
	/* The client went away before the decision: nothing to send. */
	if (!c || !c->nexus || c->state != XE_CONN_ONLINE)
		return xe_fail(XIO_E_SESSION_DISCONNECTED);
	r->session_id = s->id;
	len = xe_session_rsp_encode(r, buf, sizeof(buf));
	if (len == -EMSGSIZE)
		return xe_fail(EMSGSIZE);
	if (queue_setup(c, XE_SESSION_SETUP_RSP, s->setup_ltid, buf, len))
		return -1;
	s->decided = true;
	s->state = r->action == XE_ACTION_ACCEPT ? XE_SESSION_ONLINE :
						   XE_SESSION_REJECTED;
	xe_conn_online(c);
	if (s->announced)
		xe_session_follow_decision(s);
	return 0;
}

void xe_session_follow_decision(struct xio_session *s)
{
	struct xio_connection *c = s->lead;

	if (s->state == XE_SESSION_REJECTED)
		xe_conn_close(c, XIO_E_SESSION_REJECTED);
	else if (atomic_load(&c->disconnecting))
		xe_conn_close(c, XIO_E_SESSION_CLOSED);
}

int xio_accept(struct xio_session *session, const char **portals_array,
	       size_t portals_array_len, void *private_data,
	       size_t private_data_len)
{
	struct xio_session *s = session;
	struct xe_session_rsp r = { .action = XE_ACTION_ACCEPT };

	if (!xe_registry_has(XE_HANDLE_SESSION, s) ||
	    (portals_array_len && !portals_array))
		return xe_fail(EINVAL);
	if (portals_array_len)
		return xe_fail(XIO_E_NOT_SUPPORTED);
	if (private_data_len > XE_SETUP_MAX)
		return xe_fail(EMSGSIZE);
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
	if (!xe_registry_has(XE_HANDLE_SESSION, session) || !portals_array ||
	    portals_array_len == 0)
		return xe_fail(EINVAL);
	return xe_fail(XIO_E_NOT_SUPPORTED);
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
	if (n->refs >= SESSIONS_MAX)
		return -EPROTO;
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
	s->state = XE_SESSION_CONNECT;
	c = xe_conn_new(s, n->ctx, n, &s->ops, server->user_context);
	if (!c) {
		xio_session_destroy(s);
		return -ENOMEM;
	}
	xe_nexus_ref(n);
	c->lead = true;
	c->state = XE_CONN_ONLINE;
	s->lead = c;
	xe_session_hold(s);
	err = server->listener ? ask(s, n, &r) :
	      xio_reject(s, XIO_E_SESSION_REFUSED, NULL, 0);
	if (err)
		xe_link_fail(n->l, ENOMEM);
	s->announced = true;
	xe_conn_event(c, XIO_SESSION_NEW_CONNECTION_EVENT, XIO_E_SUCCESS);
	if (s->decided)
		xe_session_follow_decision(s);
	xe_session_drop(s);
	return 0;
}
