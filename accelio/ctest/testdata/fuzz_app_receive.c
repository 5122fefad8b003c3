/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's callbacks for messages.
 */
#include "base.h"
#include "fuzz_app.h"

#define POLITE_SHAPE	3		/* 200 bytes */
#define RECEIPT_TYPE	0x24

static void on_response(struct fuzz_conn *fc, struct xio_msg *m)
{
	struct fuzz_app *a = fc->app;
	struct fuzz_msg *fm = app_msg_of(a, m);

	FUZZ_ASSERT(fm->kind == KIND_REQUEST && fm->fc == fc);
	/* What became of the attempt to cancel it was told before. */
	FUZZ_ASSERT(!fm->canceling);
	app_touch(&m->in, fm->capacity);
	fuzz_stats[STAT_RESPONSES]++;
	fm->state = MSG_KEPT;
	a->out_nr--;
	xe_list_del(&fm->link);
	xe_list_add_tail(&a->kept, &fm->link);
	if (fm->polite)
		a->polite_done++;
	if (fm->polite || a->b.keep == KEEP_NOT ||
	    (a->b.keep == KEEP_SOME && a->turn++ % 2))
		app_release_kept(fm);
}

static void hold(struct fuzz_conn *fc, struct xio_msg *m, bool request)
{
	struct fuzz_held *h = calloc(1, sizeof(*h));

	FUZZ_ASSERT(h);
	h->m = m;
	h->fc = fc;
	h->request = request;
	xe_list_add_tail(&fc->app->held, &h->link);
	if (!request && (fc->app->b.keep == KEEP_NOT ||
			 (fc->app->b.keep == KEEP_SOME && fc->app->turn++ % 2)))
		app_release_held(h);
}

static void on_request(struct fuzz_conn *fc, struct xio_msg *m)
{
	struct fuzz_app *a = fc->app;
	uint8_t shape = a->b.answer_shape;
	struct fuzz_msg *twice;

	if (fc->polite) {
		app_answer(fc, m, POLITE_SHAPE);
		return;
	}
	switch (a->b.answer) {
	case ANSWER_AT_ONCE:
		app_answer(fc, m, shape);
		break;
	case ANSWER_LATE:
	case ANSWER_NEVER:
		hold(fc, m, true);
		break;
	case ANSWER_SOME:
		if (a->turn++ % 2)
			app_answer(fc, m, shape);
		else
			hold(fc, m, true);
		break;
	case ANSWER_TWICE:
		app_answer(fc, m, shape);
		/* Not while it may have ended, and its memory with it. */
		if (fc->ended)
			break;
		twice = app_msg_new(fc, KIND_RESPONSE, 0, 0, 0);
		twice->m.request = m;
		FUZZ_ASSERT(xio_send_response(&twice->m) == -1);
		app_msg_free(twice);
		break;
	case ANSWER_CLOSE:
		app_answer(fc, m, shape);
		xio_disconnect(fc->c);
		break;
	case ANSWER_ASK:
		app_send_request(fc, shape, 0x20 | (shape & 15), 0, 1);
		app_answer(fc, m, shape);
		break;
	case ANSWER_CLOSE_FIRST:
		xio_disconnect(fc->c);
		app_answer(fc, m, shape);
		break;
	}
}

static int on_msg(struct xio_session *s, struct xio_msg *m, int last,
		  void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);

	(void)last;
	FUZZ_ASSERT(s == fc->fs->s);
	if (m->type == XIO_MSG_TYPE_RSP) {
		on_response(fc, m);
		return 0;
	}
	app_touch(&m->in, SIZE_MAX);
	if (m->hints & XIO_MSG_HINT_ASSIGNED_DATA_IN_BUF)
		fuzz_stats[STAT_ASSIGNED]++;
	if (m->type == XIO_MSG_TYPE_REQ) {
		fuzz_stats[STAT_REQUESTS]++;
		on_request(fc, m);
	} else {
		FUZZ_ASSERT(m->type == XIO_MSG_TYPE_ONE_WAY);
		fuzz_stats[STAT_ONE_WAYS]++;
		hold(fc, m, false);
	}
	return 0;
}

static int on_msg_send_complete(struct xio_session *s, struct xio_msg *m,
				void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct fuzz_msg *fm = app_msg_of(fc->app, m);

	(void)s;
	FUZZ_ASSERT(fm->kind == KIND_RESPONSE && fm->fc == fc);
	fuzz_stats[STAT_SENT]++;
	app_msg_end(fm);
	return 0;
}

static int on_ow_msg_send_complete(struct xio_session *s, struct xio_msg *m,
				   void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct fuzz_msg *fm = app_msg_of(fc->app, m);

	(void)s;
	FUZZ_ASSERT(fm->kind == KIND_ONE_WAY && fm->fc == fc && !fm->receipt);
	app_msg_end(fm);
	return 0;
}

static int on_msg_delivered(struct xio_session *s, struct xio_msg *m,
			    int last, void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct fuzz_msg *fm = app_msg_of(fc->app, m);

	(void)s;
	(void)last;
	FUZZ_ASSERT(fm->fc == fc && fm->receipt && !fm->receipt_seen);
	fm->receipt_seen = true;
	fuzz_stats[STAT_RECEIPTS]++;
	if (fm->kind == KIND_ONE_WAY) {
		FUZZ_ASSERT((int)m->type == RECEIPT_TYPE);
		app_msg_end(fm);
	}
	return 0;
}

static int on_msg_error(struct xio_session *s, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct fuzz_msg *fm = app_msg_of(fc->app, m);

	(void)s;
	FUZZ_ASSERT(fm->fc == fc && error != XIO_E_SUCCESS);
	FUZZ_ASSERT(!fm->canceling);
	fuzz_stats[STAT_MSG_ERRORS]++;
	if (dir == XIO_MSG_DIRECTION_IN) {
		FUZZ_ASSERT(fm->kind == KIND_REQUEST);
		app_touch(&m->in, fm->capacity);
		app_release_kept(fm);
		return 0;
	}
	app_msg_end(fm);
	return 0;
}

static int on_cancel(struct xio_session *s, struct xio_msg *m,
		     enum xio_status result, void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct fuzz_msg *fm = app_msg_of(fc->app, m);

	(void)s;
	FUZZ_ASSERT(fm->kind == KIND_REQUEST && fm->canceling);
	fm->canceling = false;
	if (result == XIO_E_MSG_CANCELED)
		app_msg_end(fm);
	return 0;
}

static int on_cancel_request(struct xio_session *s, struct xio_msg *m,
			     void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct xe_list *p;

	(void)s;
	fuzz_stats[STAT_CANCELS]++;
	xe_list_for_each(p, &fc->app->held) {
		struct fuzz_held *h = xe_container_of(p, struct fuzz_held,
						      link);

		if (h->m != m)
			continue;
		FUZZ_ASSERT(h->request && h->fc == fc);
		if (fc->app->b.cancel == 0)
			return 0;	/* decides later, or never */
		if (xio_cancel(m, fc->app->b.cancel == 1 ?
			       XIO_E_MSG_CANCELED :
			       XIO_E_MSG_CANCEL_FAILED) == 0 &&
		    fc->app->b.cancel == 1) {
			xe_list_del(&h->link);
			free(h);
		}
		return 0;
	}
	FUZZ_ASSERT(!"a request that the application does not hold");
	return 0;
}

/* ---- memory for large messages --------------------------------------- */

static char assigned[8u << 20];

static int assign_data_in_buf(struct xio_msg *m, void *user)
{
	struct fuzz_conn *fc = app_user_conn(user);
	struct xio_iovec_ex *sgl = vmsg_sglist(&m->in);
	unsigned int nr = vmsg_sglist_nents(&m->in);
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		FUZZ_ASSERT(sgl[i].iov_len <= sizeof(assigned) - used);
		used += sgl[i].iov_len;
	}
	fuzz_stats[STAT_LARGE]++;
	switch (fc->polite ? ASSIGN_GOOD : fc->app->b.assign) {
	case ASSIGN_ABSENT:
	case ASSIGN_DECLINE:
		return -1;
	case ASSIGN_ONE:
		vmsg_sglist_set_nents(&m->in, 1);
		sgl[0].iov_len = used;
		nr = 1;
		break;
	case ASSIGN_SHORT:
		sgl[nr - 1].iov_len /= 2;
		break;
	case ASSIGN_NOTHING:
		vmsg_sglist_set_nents(&m->in, 0);
		return 0;
	case ASSIGN_NULL:
		return 0;
	case ASSIGN_LARGER:
		sgl[nr - 1].iov_len += 1000;
		break;
	case ASSIGN_GOOD:
		break;
	}
	for (used = 0, i = 0; i < nr; i++) {
		sgl[i].iov_base = assigned + used;
		used += sgl[i].iov_len;
	}
	return 0;
}

void app_receives(struct fuzz_app *a)
{
	a->ops.on_msg_send_complete = on_msg_send_complete;
	a->ops.on_msg = on_msg;
	a->ops.on_msg_delivered = a->b.no_delivered ? NULL : on_msg_delivered;
	a->ops.on_msg_error = on_msg_error;
	a->ops.on_cancel = on_cancel;
	a->ops.on_cancel_request = on_cancel_request;
	if (a->b.assign != ASSIGN_ABSENT)
		a->ops.assign_data_in_buf = assign_data_in_buf;
	if (!a->b.no_ow_complete)
		a->ops.on_ow_msg_send_complete = on_ow_msg_send_complete;
}
