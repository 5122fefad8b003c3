/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "context.h"
#include "option.h"
#include "registry.h"
#include "session.h"

static atomic_uint next_id;

static void on_teardown(struct xe_work *w);

struct xio_session *xe_session_new(enum xio_session_type type,
				   const struct xio_session_ops *ops,
				   void *user_context, const char *uri,
				   size_t uri_len, const void *priv,
				   size_t priv_len)
{
	struct xio_session *s = xe_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->type = type;
	s->ops = *ops;
	s->user_context = user_context;
	s->uri = xe_strndup(uri, uri_len);
	s->priv_len = priv_len;
	if (priv_len)
		s->priv = xe_malloc(priv_len);
	if (!s->uri || (priv_len && !s->priv) ||
	    !xe_registry_add(XE_HANDLE_SESSION, s)) {
		xe_free(s->uri);
		xe_free(s->priv);
		xe_free(s);
		return NULL;
	}
	if (priv_len)
		memcpy(s->priv, priv, priv_len);
	pthread_mutex_init(&s->lock, NULL);
	s->refs = 1;
	s->id = atomic_fetch_add(&next_id, 1);
	s->snd_bytes = xe_opt.snd_queue_depth_bytes;
	s->rcv_bytes = xe_opt.rcv_queue_depth_bytes;
	s->snd_msgs = (uint32_t)xe_opt.snd_queue_depth_msgs;
	s->rcv_msgs = (uint32_t)xe_opt.rcv_queue_depth_msgs;
	xe_list_init(&s->connections);
	xe_work_init(&s->teardown, on_teardown);
	return s;
}

struct xio_session *xio_session_create(struct xio_session_params *params)
{
	struct xio_session *s;
	size_t uri_len;

	if (!params || !params->uri || !params->ses_ops ||
	    params->type != XIO_SESSION_CLIENT) {
		xe_set_errno(EINVAL);
		return NULL;
	}
	uri_len = strlen(params->uri);
	if (uri_len + params->private_data_len > XE_SETUP_MAX - 28 ||
	    params->private_data_len > XE_SETUP_MAX) {
		xe_set_errno(EMSGSIZE);
		return NULL;
	}
	s = xe_session_new(XIO_SESSION_CLIENT, params->ses_ops,
			   params->user_context, params->uri, uri_len,
			   params->private_data, params->private_data ?
			   params->private_data_len : 0);
	if (s)
		atomic_init(&s->next_serial, params->initial_sn);
	return s;
}

static void session_free(struct xio_session *s)
{
	struct xe_list *p;

	/* Shells whose context was destroyed under them. */
	while ((p = xe_list_pop(&s->connections)))
		xe_conn_free(xe_container_of(p, struct xio_connection,
					     session_link));
	if (s->teardown_ctx)
		xe_work_cancel(&s->teardown);
	pthread_mutex_destroy(&s->lock);
	xe_session_free_portals(s);
	xe_free(s->uri);
	xe_free(s->priv);
	xe_free(s);
}

void xe_session_hold(struct xio_session *s)
{
	pthread_mutex_lock(&s->lock);
	s->refs++;
	pthread_mutex_unlock(&s->lock);
}

void xe_session_drop(struct xio_session *s)
{
	bool last;

	pthread_mutex_lock(&s->lock);
	last = --s->refs == 0;
	pthread_mutex_unlock(&s->lock);
	if (last)
		session_free(s);
}

static bool any_alive(const struct xio_session *s)
{
	struct xe_list *p;

	xe_list_for_each(p, &s->connections)
		if (xe_container_of(p, struct xio_connection,
				    session_link)->ctx)
			return true;
	return false;
}

int xio_session_destroy(struct xio_session *session)
{
	struct xio_session *s = session;
	bool busy;

	if (!s)
		return 0;
	if (!xe_registry_has(XE_HANDLE_SESSION, s)) {
		XE_ERR("session destroyed twice");
		return 0;
	}
	pthread_mutex_lock(&s->lock);
	busy = any_alive(s);
	if (!busy) {
		s->destroyed = true;	/* nobody joins any more */
		xe_session_wait_over(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (busy) {
		XE_ERR("session destroyed with live connections");
		xe_set_errno(EBUSY);
		return 0;	/* what libxio returns */
	}
	xe_registry_del(XE_HANDLE_SESSION, s);
	if (s->type == XIO_SESSION_SERVER)
		xe_session_table_del(s);
	xe_session_drop(s);
	return 0;
}

static void on_teardown(struct xe_work *w)
{
	struct xio_session *s = xe_container_of(w, struct xio_session,
						teardown);
	struct xio_session_event_data d = {
		.event = XIO_SESSION_TEARDOWN_EVENT,
		.reason = (enum xio_status)s->reason,
	};

	s->teardown_ctx = NULL;
	xe_session_hold(s);
	if (s->ops.on_session_event)
		s->ops.on_session_event(s, &d, s->user_context);
	xe_session_drop(s);
}

void xe_session_end(struct xio_session *s, struct xio_context *ctx)
{
	atomic_store(&s->state, XE_SESSION_CLOSED);
	s->ended = true;
	s->teardown_ctx = ctx;
	xe_loop_defer_shown(&ctx->loop, &s->teardown);
}

void xe_session_wake(struct xio_session *s)
{
	struct xe_list *p;

	xe_list_for_each(p, &s->connections) {
		struct xio_connection *c = xe_container_of(
			p, struct xio_connection, session_link);

		if (c->ctx)
			xe_loop_post(&c->ctx->loop, &c->start);
	}
}

/* Locked: if the session is not open yet, another connection must lead. */
static void lead_gone(struct xio_session *s)
{
	s->lead = NULL;
	if (s->type == XIO_SESSION_CLIENT &&
	    xe_session_state(s) == XE_SESSION_CONNECT)
		xe_session_wake(s);
}

void xe_session_forsake(struct xio_connection *c)
{
	struct xio_session *s = c->session;
	struct xio_context *ctx = c->ctx;

	pthread_mutex_lock(&s->lock);
	c->ctx = NULL;
	/* Nobody posts without looking at ctx here. */
	xe_loop_unpost(&ctx->loop, &c->start);
	xe_loop_unpost(&ctx->loop, &c->disconnect);
	if (s->lead == c)
		lead_gone(s);
	pthread_mutex_unlock(&s->lock);
}

void xe_session_leave(struct xio_connection *c, struct xio_context *ctx)
{
	struct xio_session *s = c->session;
	bool member;

	pthread_mutex_lock(&s->lock);
	member = !xe_list_empty(&c->session_link);
	xe_list_del(&c->session_link);
	if (s->lead == c)
		lead_gone(s);
	if (member && ctx && !c->silent) {
		s->seen = true;
		/* One that came to its end by itself has its reason. */
		if (xe_session_state(s) != XE_SESSION_CLOSED)
			s->reason = c->reason;
	}
	/*
	 * A silent one counts as well: it is a connect that failed, after
	 * which another connection may have gone. Accepted with portals: the
	 * connections are still to come.
	 */
	if (member && ctx && s->seen && !s->ended && !any_alive(s) &&
	    xe_session_state(s) != XE_SESSION_ACCEPTED)
		xe_session_end(s, ctx);
	pthread_mutex_unlock(&s->lock);
}

int xio_query_session(struct xio_session *session,
		      struct xio_session_attr *attr, int attr_mask)
{
	if (!session || !attr)
		return xe_fail(EINVAL);
	if (attr_mask & XIO_SESSION_ATTR_USER_CTX)
		attr->user_context = session->user_context;
	if (attr_mask & XIO_SESSION_ATTR_SES_OPS)
		attr->ses_ops = &session->ops;
	if (attr_mask & XIO_SESSION_ATTR_URI)
		attr->uri = session->uri;
	return 0;
}

int xio_modify_session(struct xio_session *session,
		       struct xio_session_attr *attr, int attr_mask)
{
	if (!session || !attr)
		return xe_fail(EINVAL);
	if (attr_mask & XIO_SESSION_ATTR_USER_CTX)
		session->user_context = attr->user_context;
	return 0;
}

const char *xio_session_event_str(enum xio_session_event event)
{
	static const char *const names[] = {
		"session reject",
		"session teardown",
		"new connection",
		"connection established",
		"connection teardown",
		"connection closed",
		"connection disconnected",
		"connection refused",
		"connection error",
		"session error",
		"connection reconnecting",
		"connection reconnected",
	};

	if ((unsigned int)event >= sizeof(names) / sizeof(names[0]))
		return "unknown session event";
	return names[event];
}
