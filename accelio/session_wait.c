/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that were accepted with portals and to which nobody has come yet
 * (accelio-wire 9, Q30).
 *
 * The watch belongs to the context that accepted. The session ends the watch
 * from any thread, by a posted work and under its lock; the watch finds its
 * session by id, as that may be gone.
 */
#include "connection.h"
#include "option.h"
#include "session.h"

struct xe_session_wait {
	struct xe_list link;		/* ctx->waiting_sessions */
	struct xio_context *ctx;
	struct xe_timer timer;
	struct xe_work over;		/* posted, any thread */
	uint32_t session_id;
	struct sockaddr_storage peer;
};

/* After this nobody posts. True: the time is up, and s ends with it. */
static bool let_go(struct xe_session_wait *w, struct xio_session *s,
		   bool timeout)
{
	bool ends;

	pthread_mutex_lock(&s->lock);
	ends = timeout && s->wait == w &&
	       xe_session_state(s) == XE_SESSION_ACCEPTED;
	if (s->wait == w)
		s->wait = NULL;
	if (ends) {
		s->reason = XIO_E_TIMEOUT;
		if (xe_list_empty(&s->connections))
			xe_session_end(s, w->ctx);
		else	/* the application has the first one still */
			atomic_store(&s->state, XE_SESSION_CLOSED);
	}
	pthread_mutex_unlock(&s->lock);
	return ends;
}

static void wait_free(struct xe_session_wait *w, bool timeout)
{
	struct xio_session *s = xe_session_table_find(w->session_id);

	if (s) {
		if (let_go(w, s, timeout))
			XE_PEER_ERR(&w->peer,
				    "came to no portal of its session in time");
		xe_session_drop(s);
	}
	xe_loop_unpost(&w->ctx->loop, &w->over);
	xe_timer_cancel(&w->timer);
	xe_list_del(&w->link);
	w->ctx->waiting_nr--;
	xe_free(w);
}

static void on_time(struct xe_timer *t)
{
	wait_free(xe_container_of(t, struct xe_session_wait, timer), true);
}

static void on_over(struct xe_work *work)
{
	wait_free(xe_container_of(work, struct xe_session_wait, over), false);
}

int xe_session_wait(struct xio_session *s, const struct xio_connection *c)
{
	struct xe_session_wait *w = xe_zalloc(sizeof(*w));
	struct xio_context *ctx = c->ctx;

	if (!w)
		return -1;
	w->ctx = ctx;
	w->session_id = s->id;
	w->peer = c->peer;
	xe_timer_init(&w->timer, on_time);
	xe_work_init(&w->over, on_over);
	xe_list_add_tail(&ctx->waiting_sessions, &w->link);
	ctx->waiting_nr++;
	xe_timer_set(&ctx->loop, &w->timer,
		     XE_OPT(limit_hello_time) * XE_NS_PER_MS);
	pthread_mutex_lock(&s->lock);
	s->wait = w;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void xe_session_wait_over(struct xio_session *s)
{
	struct xe_session_wait *w = s->wait;

	s->wait = NULL;
	if (w)
		xe_loop_post(&w->ctx->loop, &w->over);
}

void xe_session_forget_waiting(struct xio_context *ctx)
{
	while (!xe_list_empty(&ctx->waiting_sessions))
		wait_free(xe_container_of(ctx->waiting_sessions.next,
					  struct xe_session_wait, link),
			  false);
}
