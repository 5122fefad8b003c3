/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes
 *
 * A pass is: posted work, deferred work, one epoll_wait, the ready handlers,
 * then work again, so that what the handlers queued goes out in one batch
 * before the loop sleeps. Work that defers itself again runs in the next
 * pass, which then does not sleep.
 *
 * A pass that may wait first looks whether more input comes (linger), because
 * to sleep and be woken costs more than most answers take.
 *
 * Timers use a timerfd in the same epoll set, so that a program that watches
 * the context's poll fd from its own loop sees them too.
 *
 * A stop is never lost: the flag is an atomic of its own, it stays set until
 * a run returns because of it, and the eventfd makes epoll_wait return.
 */
#include <errno.h>
#include <sched.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base.h"
#include "loop.h"

#define DRAIN_ROUNDS	16

static void on_wake(struct xe_ev *ev, uint32_t events)
{
	struct xe_loop *l = xe_container_of(ev, struct xe_loop, wake);
	uint64_t n;

	(void)events;
	while (read(ev->fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	/*
	 * Not before: the read would take a wake-up that came in between, and
	 * the next one would rely on it. One that comes before this line does
	 * not write; what it is about was stored earlier and is looked at
	 * after the handlers of this pass.
	 */
	atomic_store(&l->woken, false);
}

static void arm(struct xe_loop *l, int64_t deadline)
{
	struct itimerspec its;

	memset(&its, 0, sizeof(its));
	its.it_value.tv_sec = deadline / XE_NS_PER_SEC;
	its.it_value.tv_nsec = deadline % XE_NS_PER_SEC;
	timerfd_settime(l->clock.fd, TFD_TIMER_ABSTIME, &its, NULL);
	l->armed = deadline;
}

static void on_clock(struct xe_ev *ev, uint32_t events)
{
	struct xe_loop *l = xe_container_of(ev, struct xe_loop, clock);
	struct xe_timer *t;
	int64_t now;
	uint64_t n;

	(void)events;
	while (read(ev->fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	l->armed = 0;
	now = xe_now_ns();
	while (!xe_list_empty(&l->timers)) {
		t = xe_container_of(l->timers.next, struct xe_timer, link);
		if (t->deadline > now) {
			arm(l, t->deadline);
			return;
		}
		xe_list_del(&t->link);
		t->fn(t);
	}
}

int xe_loop_init(struct xe_loop *l)
{
	int err;

	memset(l, 0, sizeof(*l));
	xe_list_init(&l->timers);
	xe_list_init(&l->work);
	xe_list_init(&l->user_handlers);
	xe_list_init(&l->posted);
	l->vain = 1;
	l->lost = XE_LOOP_REST_LEAST;
	l->wake.fn = on_wake;
	l->clock.fn = on_clock;
	l->wake.fd = -1;
	l->clock.fd = -1;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return errno;
	l->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->wake.fd < 0)
		goto fail;
	l->clock.fd = timerfd_create(CLOCK_MONOTONIC,
				     TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->clock.fd < 0)
		goto fail;
	errno = xe_loop_add(l, &l->wake, EPOLLIN);
	if (errno)
		goto fail;
	errno = xe_loop_add(l, &l->clock, EPOLLIN);
	if (errno)
		goto fail;
	errno = pthread_mutex_init(&l->post_lock, NULL);
	if (errno)
		goto fail;
	return 0;
fail:
	err = errno;
	if (l->clock.fd >= 0)
		close(l->clock.fd);
	if (l->wake.fd >= 0)
		close(l->wake.fd);
	close(l->epfd);
	return err;
}

void xe_loop_fini(struct xe_loop *l)
{
	/*
	 * A thread whose stop ended the loop, or whose post was the last
	 * thing to do, may not be out of the call yet.
	 */
	while (atomic_load(&l->visitors))
		sched_yield();
	pthread_mutex_destroy(&l->post_lock);
	close(l->clock.fd);
	close(l->wake.fd);
	close(l->epfd);
}

int xe_loop_add(struct xe_loop *l, struct xe_ev *ev, uint32_t events)
{
	struct epoll_event e;

	memset(&e, 0, sizeof(e));
	e.events = events;
	e.data.ptr = ev;
	return epoll_ctl(l->epfd, EPOLL_CTL_ADD, ev->fd, &e) ? errno : 0;
}

void xe_loop_del(struct xe_loop *l, struct xe_ev *ev)
{
	struct epoll_event e;	/* old kernels want it to be there */
	int i;

	if (l->hot == ev)
		l->hot = NULL;
	memset(&e, 0, sizeof(e));
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, ev->fd, &e);
	for (i = l->batch_pos; i < l->batch_nr; i++)
		if (l->batch[i].data.ptr == ev)
			l->batch[i].data.ptr = NULL;
}

void xe_timer_set(struct xe_loop *l, struct xe_timer *t, int64_t after_ns)
{
	struct xe_list *p;

	xe_list_del(&t->link);
	t->deadline = xe_now_ns() + after_ns;
	/* Later deadlines are the usual case: look from the end. */
	for (p = l->timers.prev; p != &l->timers; p = p->prev)
		if (xe_container_of(p, struct xe_timer, link)->deadline <=
		    t->deadline)
			break;
	xe_list_add_head(p, &t->link);
	if (!l->armed || t->deadline < l->armed)
		arm(l, t->deadline);
}

bool xe_loop_post(struct xe_loop *l, struct xe_work *w)
{
	bool fresh;

	atomic_fetch_add(&l->visitors, 1);
	pthread_mutex_lock(&l->post_lock);
	fresh = xe_list_empty(&w->link);
	if (fresh) {
		xe_list_add_tail(&l->posted, &w->link);
		atomic_store(&l->any_posted, true);
	}
	pthread_mutex_unlock(&l->post_lock);
	if (fresh)
		xe_loop_wake(l);
	atomic_fetch_sub(&l->visitors, 1);
	return fresh;
}

void xe_loop_unpost(struct xe_loop *l, struct xe_work *w)
{
	pthread_mutex_lock(&l->post_lock);
	xe_list_del(&w->link);
	pthread_mutex_unlock(&l->post_lock);
}

/* One at a time, so that a posted work may be taken back by another one. */
static void run_posted(struct xe_loop *l)
{
	struct xe_list *p;

	/*
	 * An unlocked look is enough: whoever posts also wakes the loop, and
	 * the pass after that sees the entry.
	 */
	if (!atomic_load(&l->any_posted))
		return;
	for (;;) {
		struct xe_work *w;

		pthread_mutex_lock(&l->post_lock);
		p = xe_list_pop(&l->posted);
		if (!p)
			atomic_store(&l->any_posted, false);
		pthread_mutex_unlock(&l->post_lock);
		if (!p)
			return;
		w = xe_container_of(p, struct xe_work, link);
		w->fn(w);
	}
}

static void run_work(struct xe_loop *l)
{
	struct xe_list now;
	struct xe_list *p;

	if (xe_list_empty(&l->work))
		return;
	xe_list_init(&now);
	xe_list_splice_tail(&now, &l->work);
	while ((p = xe_list_pop(&now))) {
		struct xe_work *w = xe_container_of(p, struct xe_work, link);

		w->fn(w);
	}
}

void xe_loop_drain(struct xe_loop *l)
{
	int i;

	for (i = 0; i < DRAIN_ROUNDS && !xe_list_empty(&l->work); i++)
		run_work(l);
}

void xe_loop_defer_shown(struct xe_loop *l, struct xe_work *w)
{
	xe_loop_defer(l, w);
	if (!l->running)
		xe_loop_wake(l);
}

static void wait_and_dispatch(struct xe_loop *l, int timeout_ms)
{
	int64_t end = 0;
	int n;

	if (timeout_ms > 0)
		end = xe_now_ns() + timeout_ms * XE_NS_PER_MS;
	for (;;) {
		n = epoll_wait(l->epfd, l->batch, XE_LOOP_BATCH, timeout_ms);
		if (n >= 0)
			break;
		if (errno != EINTR) {
			XE_ERR("epoll_wait failed: %s", strerror(errno));
			xe_set_errno(errno);
			l->broken = true;
			return;
		}
		if (timeout_ms > 0) {
			int64_t left = end - xe_now_ns();

			timeout_ms = left <= 0 ? 0 : (int)
				((left + XE_NS_PER_MS - 1) / XE_NS_PER_MS);
		}
	}
	l->batch_nr = n;
	for (l->batch_pos = 0; l->batch_pos < l->batch_nr;) {
		struct epoll_event *e = &l->batch[l->batch_pos++];
		struct xe_ev *ev = e->data.ptr;

		if (ev)
			ev->fn(ev, e->events);
	}
	l->batch_nr = 0;
	l->batch_pos = 0;
}

/*
 * A program that calls the loop over and over without waiting is after a short
 * answer time: the socket that had input last is looked at first, and what
 * comes of it goes out before epoll is asked, which costs as much again. epoll
 * is asked in every pass all the same, because others may rely on that.
 */
static void spin(struct xe_loop *l)
{
	unsigned int i;

	for (i = 0; i < XE_LOOP_SPIN && l->hot && !l->input; i++)
		l->hot->fn(l->hot, EPOLLIN);
	run_work(l);
}

/* Learns from a time that was spent looking for input. */
static void lingered(struct xe_loop *l, int64_t spent)
{
	if (spent >= XE_LOOP_LINGER_LOST_NS) {
		l->rest = l->lost;
		if (l->lost < XE_LOOP_REST_LOST)
			l->lost *= 2;
	} else if (l->input && spent >= XE_LOOP_LINGER_SOON_NS) {
		l->vain = 1;
		if (l->lost > XE_LOOP_REST_LEAST && ++l->won % 8 == 0)
			l->lost -= l->lost / XE_LOOP_REST_LEAST;
	} else {
		l->rest = l->vain;
		if (l->vain < XE_LOOP_REST_VAIN)
			l->vain *= 2;
	}
}

/*
 * To wake a thread that sleeps costs several times what it takes the peer to
 * answer. So the loop looks for a moment whether the next input comes, if some
 * has just come. Where that was in vain it rests for longer and longer. Where
 * input comes at once there is more behind it, which had better come together:
 * sleeping, or not even that, makes larger batches. And on a machine that has
 * others waiting for the processor it sleeps, because that serves both.
 */
static bool linger(struct xe_loop *l)
{
	int64_t begin, spent = 0;
	unsigned int i;

	if (!l->hot || !l->fed)
		return false;
	if (l->rest > 0) {
		l->rest--;
		return false;
	}
	begin = xe_now_ns();
	for (i = 0; i < XE_LOOP_LINGER_LOOKS && l->hot && !l->input &&
	     spent < XE_LOOP_LINGER_NS && xe_list_empty(&l->work) &&
	     !atomic_load(&l->any_posted) && !atomic_load(&l->stop); i++) {
		l->hot->fn(l->hot, EPOLLIN);
		spent = xe_now_ns() - begin;
	}
	lingered(l, spent);
	run_work(l);
	return l->input;
}

void xe_loop_pass(struct xe_loop *l, int timeout_ms)
{
	bool may_wait = timeout_ms != 0;

	l->running = true;
	run_posted(l);
	run_work(l);
	if (!xe_list_empty(&l->work) || atomic_load(&l->stop))
		timeout_ms = 0;
	l->input = false;
	if (!may_wait && l->idle >= XE_LOOP_SPIN)
		spin(l);
	else if (timeout_ms != 0 && linger(l))
		timeout_ms = 0;
	if (!xe_list_empty(&l->work) || atomic_load(&l->any_posted))
		timeout_ms = 0;
	wait_and_dispatch(l, timeout_ms);
	l->idle = l->input || may_wait ? 0 : l->idle + 1;
	if (l->input || may_wait)
		l->fed = l->input;
	run_posted(l);
	run_work(l);
	l->running = false;
}

int xe_loop_run(struct xe_loop *l, int timeout_ms)
{
	int64_t end = 0;
	int wait = timeout_ms;

	if (l->running)
		return xe_fail(EDEADLK);
	if (timeout_ms > 0)
		end = xe_now_ns() + timeout_ms * XE_NS_PER_MS;
	l->broken = false;
	while (!atomic_exchange(&l->stop, false)) {
		xe_loop_pass(l, wait);
		if (l->broken)
			return -1;
		if (timeout_ms == 0)
			break;
		if (timeout_ms > 0) {
			int64_t left = end - xe_now_ns();

			if (left <= 0)
				break;
			wait = (int)((left + XE_NS_PER_MS - 1) / XE_NS_PER_MS);
		}
	}
	l->running = true;
	xe_loop_drain(l);
	l->running = false;
	return 0;
}

void xe_loop_wake(struct xe_loop *l)
{
	const uint64_t one = 1;

	if (atomic_exchange(&l->woken, true))
		return;
	while (write(l->wake.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void xe_loop_stop(struct xe_loop *l)
{
	atomic_fetch_add(&l->visitors, 1);
	atomic_store(&l->stop, true);
	xe_loop_wake(l);
	atomic_fetch_sub(&l->visitors, 1);
}
