/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctx.c - the context, its event array, and the turn.
 *
 * Design notes
 * - xg_turn never blocks and never calls into Go. It executes a batch of
 *   submissions, lets the library run without waiting, and leaves records.
 * - The event array cannot overflow: whoever creates an object or a slot first
 *   reserves room for every record it can produce between two turns.
 * - A record stays until a turn is told that it was read. Others, and those
 *   written between turns (by calls such as xg_disconnect), come again.
 * - The wake-up eventfd makes the poll descriptor readable from any thread; the
 *   library's own stop call loses wake-ups.
 * - While Go looks nobody waits for the poll descriptor, and the eventfd is left
 *   readable: its handler submits from inside the library's loop, which then has
 *   no need to tell its poll descriptor of it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define PASSES		4	/* of the library in one turn */
#define EVENTS_SOFT	512	/* no further pass once so many are waiting */
#define EVENTS_SPARE	64
#define LOOK_NS		10000	/* at once; Go suspects more than 20 us */

/* The library's last error, or the system's, never success. */
int xg_error(void)
{
	int saved = errno;
	int e = xio_errno();

	if (e == 0)
		e = saved;
	return e ? e : XIO_E_UNSUCCESSFUL;
}

int xg_reserve(struct xg_ctx *c, int n)
{
	uint32_t need;
	struct xg_event *ev;

	if (n < 0) {
		c->ev_need -= (uint32_t)-n;
		return 0;
	}
	need = c->ev_need + (uint32_t)n;
	/* Twice: records of the last turn may still be in front. */
	if (2 * need + EVENTS_SPARE > c->ev_cap) {
		uint32_t cap = c->ev_cap * 2;

		while (cap < 2 * need + EVENTS_SPARE)
			cap *= 2;
		ev = realloc(c->ev, cap * sizeof(*ev));
		if (!ev)
			return ENOMEM;
		c->ev = ev;
		c->ev_cap = cap;
	}
	c->ev_need = need;
	return 0;
}

struct xg_event *xg_push(struct xg_ctx *c, int kind)
{
	struct xg_event *e;

	if (c->nev == c->ev_cap) {
		/* The reservations make this unreachable; losing a record
		 * would hang a caller for ever, so stop loudly. */
		fprintf(stderr, "accelio-go: event array overflow\n");
		abort();
	}
	e = &c->ev[c->nev++];
	memset(e, 0, sizeof(*e));
	e->kind = (uint16_t)kind;
	return e;
}

static void submit(struct xg_ctx *c)
{
	uint32_t i, n = c->nops;

	c->nops = 0;
	for (i = 0; i < n; i++) {
		struct xg_op *o = &c->ops[i];

		switch (o->kind) {
		case XG_OP_SEND:
			xg_send(o->p);
			break;
		case XG_OP_RELEASE:
			xg_release(o->p);
			break;
		case XG_OP_CANCEL:
			xg_cancel(o->p, o->gen);
			break;
		case XG_OP_REPLY:
			xg_reply(o->p);
			break;
		case XG_OP_RELEASE_MSG:
			xg_release_msg(o->p);
			break;
		case XG_OP_RDMA:
			xg_send_rdma(o->p);
			break;
		case XG_OP_CANCELED:
			xg_canceled(o->p);
			break;
		}
	}
}

static void on_wake(int fd, int events, void *user)
{
	struct xg_ctx *c = user;
	uint64_t n;
	ssize_t r;

	(void)events;
	if (c->looking) {
		submit(c);
		return;
	}
	do {
		r = read(fd, &n, sizeof(n));
	} while (r < 0 && errno == EINTR);
}

void xg_wake(struct xg_ctx *c)
{
	uint64_t one = 1;
	ssize_t r;

	do {
		r = write(c->wake_fd, &one, sizeof(one));
	} while (r < 0 && errno == EINTR);
}

struct xg_ctx *xg_ctx_new(const struct xg_limits *lim, int *err)
{
	struct xg_ctx *c = calloc(1, sizeof(*c));

	*err = ENOMEM;
	if (!c)
		return NULL;
	c->lim = *lim;
	c->wake_fd = -1;
	c->ev_cap = 256;
	c->ev = malloc(c->ev_cap * sizeof(*c->ev));
	c->ops = calloc(XG_OPS, sizeof(*c->ops));
	if (!c->ev || !c->ops)
		goto fail;

	c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->wake_fd < 0) {
		*err = errno;
		goto fail;
	}
	errno = 0;
	c->xio = xio_context_create(NULL, 0, -1);
	if (!c->xio) {
		*err = xg_error();
		goto fail;
	}
	c->poll_fd = xio_context_get_poll_fd(c->xio);
	if (xio_context_add_ev_handler(c->xio, c->wake_fd, XIO_POLLIN, on_wake, c)) {
		*err = xg_error();
		goto fail;
	}
	*err = 0;
	return c;
fail:
	xg_ctx_free(c, 0);
	return NULL;
}

/* Contexts of the library that were left behind, so that checks for leaks know them. */
struct left {
	struct xio_context	*xio;
	struct left		*next;
};
static _Atomic(struct left *) left;

static void leave(struct xio_context *xio)
{
	struct left *l = malloc(sizeof(*l));

	if (!l)
		return;
	l->xio = xio;
	l->next = atomic_load(&left);
	while (!atomic_compare_exchange_weak(&left, &l->next, l))
		;
}

void xg_ctx_free(struct xg_ctx *c, int keep)
{
	struct xg_server *s;

	if (!c)
		return;
	if (c->xio) {
		xg_here = c;
		if (c->wake_fd >= 0)
			xio_context_del_ev_handler(c->xio, c->wake_fd);
		if (keep)
			leave(c->xio);
		else
			xio_context_destroy(c->xio);
	}
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	xg_block_drain(c);
	while ((s = c->servers)) {
		c->servers = s->next;
		free(s->priv);
		free(s);
	}
	free(c->conns);
	free(c->ops);
	free(c->ev);
	free(c);
}

int xg_ctx_poll_fd(struct xg_ctx *c)
{
	return c->poll_fd;
}

int xg_ctx_poisoned(struct xg_ctx *c)
{
	return c->poisoned;
}

void xg_ctx_poison(struct xg_ctx *c)
{
	c->poisoned = 1;
}

uint64_t xg_ctx_receive_bytes(struct xg_ctx *c)
{
	return c->used_bytes;
}

struct xg_op *xg_ops(struct xg_ctx *c, uint32_t *cap)
{
	*cap = XG_OPS;
	return c->ops;
}

struct xg_event *xg_events(struct xg_ctx *c)
{
	return c->ev;
}

/* Drops the records that Go has read, and the small responses behind them. */
static void begin(struct xg_ctx *c, uint32_t nops, uint32_t read)
{
	uint32_t i;

	xg_here = c;
	for (i = 0; i < read; i++)
		xg_response_read(&c->ev[i]);
	c->nev -= read;
	if (c->nev && read)
		memmove(c->ev, c->ev + read, c->nev * sizeof(*c->ev));
	c->nops = nops;
}

static void library_pass(struct xg_ctx *c)
{
	xio_context_poll_wait(c->xio, 0);
	if (c->polls)
		xio_context_poll_completions(c->xio, 0);
}

/* With records left to read, only what is submitted need go out. */
static void passes(struct xg_ctx *c, uint32_t nops)
{
	int pass, most = c->nev == 0 ? PASSES : nops > 0;

	for (pass = 0; pass < most && c->nev < EVENTS_SOFT; pass++) {
		uint32_t before = c->nev;

		library_pass(c);
		if (c->nev == before)
			break;
	}
}

static struct xg_turned turned(struct xg_ctx *c)
{
	struct xg_turned t = { c->ev, c->nev, 1 };

	return t;
}

struct xg_turned xg_turn(struct xg_ctx *c, uint32_t nops, uint32_t read)
{
	struct xg_turned t;

	c->looking = 0;
	begin(c, nops, read);
	submit(c);
	passes(c, nops);
	t = turned(c);
	if (t.events == 0 && nops == 0) {
		/* Anything left unread would give no new edge to whoever
		 * waits for the poll descriptor, so say it. */
		struct pollfd pf = { c->poll_fd, POLLIN, 0 };

		t.ready = poll(&pf, 1, 0) > 0;
	}
	return t;
}

int64_t xg_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

struct xg_turned xg_look(struct xg_ctx *c, uint32_t nops, uint32_t read,
			 const uint32_t *more)
{
	int64_t end;

	begin(c, nops, read);
	if (!xg_kin()) {
		submit(c);
	} else if (!c->looking) {
		c->looking = 1;
		xg_wake(c);
	}
	passes(c, nops);
	submit(c);
	if (more && c->nev == 0) {
		end = xg_now() + LOOK_NS;
		do {
			library_pass(c);
		} while (c->nev == 0 && xg_now() < end &&
			 !__atomic_load_n(more, __ATOMIC_ACQUIRE));
	}
	return turned(c);
}
