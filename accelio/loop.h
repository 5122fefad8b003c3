/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the event loop of a context: descriptors, deferred work, timers,
 * and wake-up from other threads.
 *
 * Everything is called by the thread that drives the loop, except
 * xe_loop_post, xe_loop_wake and xe_loop_stop, which any thread may call.
 * Handlers run one at a time and never inside each other.
 */
#ifndef XE_LOOP_H
#define XE_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "list.h"

#define XE_LOOP_BATCH	128	/* ready descriptors taken at once */
#define XE_LOOP_SPIN	4u	/* idle passes that show a spinning program */
#define XE_LOOP_LINGER_NS	50000	/* looked for input before sleeping */
#define XE_LOOP_LINGER_LOOKS	256u	/* and not more often than this */
#define XE_LOOP_LINGER_SOON_NS	4000	/* input that others were behind */
#define XE_LOOP_LINGER_LOST_NS	1000000	/* somebody else had the processor */
#define XE_LOOP_REST_VAIN	64u	/* most sleeps between vain looks */
#define XE_LOOP_REST_LOST	16384u	/* and on a busy machine */
#define XE_LOOP_REST_LEAST	64u

/* A descriptor in the loop; lives inside its owner. */
struct xe_ev {
	int fd;
	void (*fn)(struct xe_ev *ev, uint32_t events);	/* EPOLL* bits */
};

/* Something to do before the loop next waits; lives inside its owner. */
struct xe_work {
	struct xe_list link;
	void (*fn)(struct xe_work *w);
};

struct xe_timer {
	struct xe_list link;
	int64_t deadline;		/* ns of the monotonic clock */
	void (*fn)(struct xe_timer *t);
};

struct xe_loop {
	int epfd;
	struct xe_ev wake;		/* eventfd */
	struct xe_ev clock;		/* timerfd */
	int64_t armed;			/* when the timerfd fires; 0: never */
	struct xe_list timers;		/* by deadline */
	struct xe_list work;
	struct xe_list user_handlers;
	bool running;			/* inside a pass */
	bool broken;			/* epoll_wait itself failed */
	struct xe_ev *hot;		/* its socket had input last */
	bool input;			/* set by whoever gets some */
	unsigned int idle;		/* passes in a row with nothing */
	bool fed;			/* there was input since it last slept */
	unsigned int rest;		/* sleeps before it lingers again */
	unsigned int vain;		/* what rest becomes if that is in vain */
	unsigned int lost;		/* or if the processor is lost by it */
	unsigned int won;		/* how often it was not in vain */

	atomic_bool stop;		/* sticky: ends this or the next run */
	atomic_bool woken;		/* the eventfd is readable */
	atomic_uint visitors;		/* threads inside a post or a stop */
	pthread_mutex_t post_lock;
	struct xe_list posted;		/* struct xe_work of other threads */
	atomic_bool any_posted;		/* it may hold something */

	int batch_nr;
	int batch_pos;
	struct epoll_event batch[XE_LOOP_BATCH];
};

/* 0, or an errno value with everything undone. */
int xe_loop_init(struct xe_loop *l);
void xe_loop_fini(struct xe_loop *l);

/* events: EPOLL* bits. 0 or an errno value. */
int xe_loop_add(struct xe_loop *l, struct xe_ev *ev, uint32_t events);
/* Also forgets events of the present batch: ev may be freed after it. */
void xe_loop_del(struct xe_loop *l, struct xe_ev *ev);

static inline void xe_work_init(struct xe_work *w, void (*fn)(struct xe_work *))
{
	xe_list_init(&w->link);
	w->fn = fn;
}

/* Runs w once, later in this pass or at the start of the next. */
static inline void xe_loop_defer(struct xe_loop *l, struct xe_work *w)
{
	if (xe_list_empty(&w->link))
		xe_list_add_tail(&l->work, &w->link);
}

/*
 * The same for rare events: if no pass is running, the poll fd says that one
 * is due, so that a program with a loop of its own need not guess.
 */
void xe_loop_defer_shown(struct xe_loop *l, struct xe_work *w);

static inline void xe_work_cancel(struct xe_work *w)
{
	xe_list_del(&w->link);
}

/* Any thread: runs w on the loop. False when w is posted already. */
bool xe_loop_post(struct xe_loop *l, struct xe_work *w);
/* Takes a posted work back, if it has not run yet. */
void xe_loop_unpost(struct xe_loop *l, struct xe_work *w);

static inline void xe_timer_init(struct xe_timer *t,
				 void (*fn)(struct xe_timer *))
{
	xe_list_init(&t->link);
	t->fn = fn;
}

/* (Re)arms t; it fires once, not before after_ns from now. */
void xe_timer_set(struct xe_loop *l, struct xe_timer *t, int64_t after_ns);

static inline void xe_timer_cancel(struct xe_timer *t)
{
	xe_list_del(&t->link);
}

/* One pass: work, wait up to timeout_ms (-1: no limit), handlers, work. */
void xe_loop_pass(struct xe_loop *l, int timeout_ms);
/* Passes until stopped or timeout_ms has gone. 0, or -1 and xio_errno. */
int xe_loop_run(struct xe_loop *l, int timeout_ms);
/* Runs deferred work until none is left, or for some rounds of it. */
void xe_loop_drain(struct xe_loop *l);

/* handler.c: forgets the application's descriptors. */
void xe_loop_free_handlers(struct xe_loop *l);

/* Any thread. */
void xe_loop_stop(struct xe_loop *l);
void xe_loop_wake(struct xe_loop *l);

#endif
