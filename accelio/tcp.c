/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life and events of a TCP link (accelio-wire 1.3 to 1.8).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "option.h"
#include "tcp.h"

#define EVENTS	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* What may arrive before nexus setup has fixed the sizes. */
#define SETUP_BUF	4096

static void on_event(struct xe_ev *ev, uint32_t events);

static socklen_t addr_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
					  sizeof(struct sockaddr_in);
}

uint16_t xe_tcp_port(const struct sockaddr_storage *a)
{
	const void *p = a;

	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)p)->sin6_port);
	return ntohs(((const struct sockaddr_in *)p)->sin_port);
}

int xe_tcp_socket_setup(int fd)
{
	int one = 1;

	/*
	 * Nagle's algorithm only hurts here: frames are batched by the loop,
	 * and a pair of sockets would wait for the peer's delayed ACK.
	 */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return errno;
	/* Sizes are wishes: the kernel caps them, and that is fine. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &xe_opt.tcp_sndbuf,
		   sizeof(xe_opt.tcp_sndbuf));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &xe_opt.tcp_rcvbuf,
		   sizeof(xe_opt.tcp_rcvbuf));
	return 0;
}

static void on_work(struct xe_work *w)
{
	struct xe_link *l = xe_container_of(w, struct xe_link, work);

	if (l->failed)
		l->events->down(l->owner, l->reason);	/* l is gone now */
	else
		xe_tcp_read(l);
}

struct xe_link *xe_tcp_link_new(struct xio_context *ctx, bool dual)
{
	struct xe_link *l = xe_zalloc(sizeof(*l));

	if (!l)
		return NULL;
	l->ctx = ctx;
	l->dual = dual;
	l->lim.dual = dual;
	l->lim.buf_size = SETUP_BUF;
	xe_list_init(&l->rxq);
	xe_list_init(&l->txq);
	xe_work_init(&l->work, on_work);
	l->s[XE_CTL].ev.fd = -1;
	l->s[XE_DAT].ev.fd = -1;
	return l;
}

int xe_tcp_stream_attach(struct xe_link *l, int which, int fd)
{
	struct xe_stream *s = &l->s[which];
	int err;

	s->link = l;
	s->ev.fd = fd;
	s->ev.fn = on_event;
	s->writable = true;
	err = xe_loop_add(&l->ctx->loop, &s->ev, EVENTS);
	if (err)
		s->ev.fd = -1;	/* stays the caller's */
	return err;
}

static void stream_close(struct xe_link *l, struct xe_stream *s)
{
	if (s->ev.fd >= 0) {
		xe_loop_del(&l->ctx->loop, &s->ev);
		close(s->ev.fd);
	}
	xe_free(s->buf);
	xe_tcp_oq_free(l, &s->oq);
}

void xe_link_close(struct xe_link *l)
{
	while (xe_list_pop(&l->txq))
		;
	while (xe_list_pop(&l->rxq))
		;
	stream_close(l, &l->s[XE_CTL]);
	stream_close(l, &l->s[XE_DAT]);
	xe_work_cancel(&l->work);
	xe_free(l);
}

void xe_link_fail(struct xe_link *l, int reason)
{
	if (l->failed)
		return;
	l->failed = true;
	l->reason = reason;
	xe_loop_defer_shown(&l->ctx->loop, &l->work);
}

static int start_connect(struct xe_link *l, int which,
			 const struct sockaddr_storage *addr,
			 const struct sockaddr_storage *bind_addr, int tos)
{
	int fd = socket(addr->ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return errno;
	err = xe_tcp_socket_setup(fd);
	if (!err && tos >= 0)
		setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (!err && bind_addr &&
	    bind(fd, (const struct sockaddr *)bind_addr, addr_len(bind_addr)))
		err = errno;
	if (!err && connect(fd, (const struct sockaddr *)addr,
			    addr_len(addr)) && errno != EINPROGRESS)
		err = errno;
	if (!err)
		err = xe_tcp_stream_attach(l, which, fd);
	if (err)
		close(fd);
	return err;
}

struct xe_link *xe_link_connect(struct xio_context *ctx,
				const struct sockaddr_storage *addr,
				const struct sockaddr_storage *bind_addr,
				int tos, const struct xe_link_events *events,
				void *owner)
{
	struct xe_link *l = xe_tcp_link_new(ctx, xe_opt.tcp_dual_stream != 0);
	int err;

	if (!l)
		return NULL;
	l->client = true;
	l->peer = *addr;
	l->events = events;
	l->owner = owner;
	err = start_connect(l, XE_CTL, addr, bind_addr, tos);
	if (!err && l->dual) {
		struct sockaddr_storage b;

		/* Two sockets cannot share the port that the user named. */
		if (bind_addr) {
			b = *bind_addr;
			if (b.ss_family == AF_INET6)
				((struct sockaddr_in6 *)(void *)&b)->sin6_port
					= 0;
			else
				((struct sockaddr_in *)(void *)&b)->sin_port
					= 0;
		}
		err = start_connect(l, XE_DAT, addr, bind_addr ? &b : NULL,
				    tos);
	}
	if (err)
		xe_link_fail(l, err);
	return l;
}

void xe_link_own(struct xe_link *l, const struct xe_link_events *events,
		 void *owner)
{
	l->events = events;
	l->owner = owner;
}

void xe_link_set_limits(struct xe_link *l, const struct xe_frame_limits *lim)
{
	bool dual = l->dual;

	l->lim = *lim;
	l->lim.dual = dual;
}

static int push_connect(struct xe_link *l, int which, uint32_t type,
			uint16_t port)
{
	struct xe_connect c = { .type = type, .second_port = port };
	uint8_t b[XE_CONNECT_LEN];

	xe_connect_encode(&c, b);
	return xe_tcp_oq_raw(l, &l->s[which].oq, b, sizeof(b));
}

/* All sockets are connected: send the connect messages (1.5). */
static void connected(struct xe_link *l)
{
	struct sockaddr_storage dat;
	socklen_t n = sizeof(l->local);
	int err = 0;

	if (getsockname(l->s[XE_CTL].ev.fd, (struct sockaddr *)&l->local, &n))
		err = errno;
	n = sizeof(dat);
	if (!err && l->dual &&
	    getsockname(l->s[XE_DAT].ev.fd, (struct sockaddr *)&dat, &n))
		err = errno;
	if (err) {
		xe_link_fail(l, err);
		return;
	}
	if (l->dual) {
		err = push_connect(l, XE_DAT, XE_SOCK_DATA,
				   xe_tcp_port(&l->local));
		if (!err)
			err = push_connect(l, XE_CTL, XE_SOCK_CONTROL,
					   xe_tcp_port(&dat));
	} else {
		err = push_connect(l, XE_CTL, XE_SOCK_SINGLE, 0);
	}
	if (err) {
		xe_link_fail(l, -err);
		return;
	}
	l->events->up(l->owner);
	xe_link_flush(l);
}

static void on_connect(struct xe_link *l, struct xe_stream *s)
{
	socklen_t n = sizeof(int);
	int err = 0;

	if (getsockopt(s->ev.fd, SOL_SOCKET, SO_ERROR, &err, &n))
		err = errno;
	if (err) {
		xe_link_fail(l, err);
		return;
	}
	s->connected = true;
	if (l->s[XE_CTL].connected && (!l->dual || l->s[XE_DAT].connected))
		connected(l);
}

static void on_event(struct xe_ev *ev, uint32_t events)
{
	struct xe_stream *s = xe_container_of(ev, struct xe_stream, ev);
	struct xe_link *l = s->link;

	if (l->failed)
		return;
	if (!s->connected) {
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		on_connect(l, s);
		if (l->failed || !s->connected)
			return;
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->hup = true;
	if ((events & EPOLLOUT) && !s->writable) {
		s->writable = true;
		xe_link_flush(l);
		l->events->room(l->owner);
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		s->readable = true;
		xe_tcp_read(l);
		/* The next input comes by the other one while data is due. */
		l->ctx->loop.hot = &l->s[l->dual && !xe_list_empty(&l->rxq) ?
					 XE_DAT : XE_CTL].ev;
	}
}

void xe_link_resume(struct xe_link *l)
{
	if (!l->paused)
		return;
	l->paused = false;
	xe_loop_defer(&l->ctx->loop, &l->work);
}

bool xe_link_dual(const struct xe_link *l)
{
	return l->dual;
}

const struct sockaddr_storage *xe_link_peer(const struct xe_link *l)
{
	return &l->peer;
}

const struct sockaddr_storage *xe_link_local(const struct xe_link *l)
{
	return &l->local;
}

bool xe_link_failed(const struct xe_link *l)
{
	return l->failed;
}

bool xe_link_lost(const struct xe_link *l)
{
	return l->lost;
}

/* A peer that is there answers a probe at once. */
static void probe(int fd)
{
	static const struct { int level, name, value; } opts[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 1 },	/* seconds */
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 4000 },	/* ms */
	};
	unsigned int i;

	for (i = 0; i < sizeof(opts) / sizeof(opts[0]); i++)
		setsockopt(fd, opts[i].level, opts[i].name, &opts[i].value,
			   sizeof(opts[i].value));
}

bool xe_link_gone(struct xe_link *l)
{
	int i;

	for (i = 0; i < (l->dual ? 2 : 1); i++) {
		struct tcp_info info;
		socklen_t n = sizeof(info);

		if (getsockopt(l->s[i].ev.fd, IPPROTO_TCP, TCP_INFO, &info,
			       &n) || info.tcpi_state != TCP_ESTABLISHED)
			l->lost = true;
		else
			probe(l->s[i].ev.fd);
	}
	return l->lost;
}
