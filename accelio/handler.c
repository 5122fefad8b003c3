/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's own descriptors in the loop (accelio-api 6.3).
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "context.h"

struct handler {
	struct xe_ev ev;
	struct xe_list link;		/* loop->user_handlers */
	xio_ev_handler_t fn;
	void *data;
};

static const struct {
	int xio;
	uint32_t epoll;
} bits[] = {
	{ XIO_POLLIN, EPOLLIN },
	{ XIO_POLLOUT, EPOLLOUT },
	{ XIO_POLLET, EPOLLET },
	{ XIO_ONESHOT, EPOLLONESHOT },
	{ XIO_POLLRDHUP, EPOLLRDHUP },
	{ XIO_POLLHUP, EPOLLHUP },
	{ XIO_POLLERR, EPOLLERR },
};

static uint32_t to_epoll(int events)
{
	uint32_t r = 0;
	size_t i;

	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (events & bits[i].xio)
			r |= bits[i].epoll;
	return r;
}

static int to_xio(uint32_t events)
{
	int r = 0;
	size_t i;

	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (events & bits[i].epoll)
			r |= bits[i].xio;
	return r;
}

static void on_event(struct xe_ev *ev, uint32_t events)
{
	struct handler *h = xe_container_of(ev, struct handler, ev);

	h->fn(ev->fd, to_xio(events), h->data);	/* may delete h */
}

static struct handler *find(struct xe_loop *l, int fd)
{
	struct xe_list *p;

	xe_list_for_each(p, &l->user_handlers) {
		struct handler *h = xe_container_of(p, struct handler, link);

		if (h->ev.fd == fd)
			return h;
	}
	return NULL;
}

int xio_context_add_ev_handler(struct xio_context *ctx, int fd, int events,
			       xio_ev_handler_t handler, void *data)
{
	struct handler *h;
	int err;

	if (!ctx || !handler)
		return xe_fail(EINVAL);
	h = xe_zalloc(sizeof(*h));
	if (!h)
		return -1;
	h->ev.fd = fd;
	h->ev.fn = on_event;
	h->fn = handler;
	h->data = data;
	err = xe_loop_add(&ctx->loop, &h->ev, to_epoll(events));
	if (err) {
		xe_free(h);
		return xe_fail(err);
	}
	xe_list_add_tail(&ctx->loop.user_handlers, &h->link);
	return 0;
}

int xio_context_modify_ev_handler(struct xio_context *ctx, int fd, int events)
{
	struct epoll_event e;
	struct handler *h;

	if (!ctx)
		return xe_fail(EINVAL);
	h = find(&ctx->loop, fd);
	if (!h)
		return xe_fail(ENOENT);
	memset(&e, 0, sizeof(e));
	e.events = to_epoll(events);
	e.data.ptr = &h->ev;
	if (epoll_ctl(ctx->loop.epfd, EPOLL_CTL_MOD, fd, &e))
		return xe_fail(errno);
	return 0;
}

int xio_context_del_ev_handler(struct xio_context *ctx, int fd)
{
	struct handler *h;

	if (!ctx)
		return xe_fail(EINVAL);
	h = find(&ctx->loop, fd);
	if (!h)
		return xe_fail(ENOENT);
	xe_loop_del(&ctx->loop, &h->ev);
	xe_list_del(&h->link);
	xe_free(h);
	return 0;
}

void xe_loop_free_handlers(struct xe_loop *l)
{
	struct xe_list *p;

	while ((p = xe_list_pop(&l->user_handlers)))
		xe_free(xe_container_of(p, struct handler, link));
}
