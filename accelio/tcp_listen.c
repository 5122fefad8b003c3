/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening, and turning accepted sockets into links (accelio-wire 1.2, 1.4,
 * 1.6): each socket waits until its connect message is complete; a control
 * and a data socket that name each other's ports make a pair.
 *
 * A waiting socket has a time limit and there is a limit to how many wait:
 * when a new one comes the oldest of its host goes, so that a host that opens
 * many costs only itself, and without one of its host the oldest of all.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "option.h"
#include "tcp.h"

#define ACCEPT_BATCH	64
#define RETRY_NS	(100 * XE_NS_PER_MS)

struct xe_listener {
	struct xe_ev ev;
	struct xio_context *ctx;
	struct xe_list pending;		/* struct pending, oldest first */
	unsigned int pending_nr;
	struct xe_timer timer;		/* of the oldest one */
	struct xe_timer retry;		/* no descriptors: accept again then */
	int64_t warned;			/* that there are none */
	void (*accept)(void *owner, struct xe_link *l);
	void *owner;
};

struct pending {
	struct xe_ev ev;
	struct xe_list link;
	struct xe_listener *ls;
	int64_t deadline;
	struct sockaddr_storage peer;
	uint8_t msg[XE_CONNECT_LEN];
	size_t got;
	struct xe_connect conn;		/* valid when msg is complete */
};

bool xe_same_host(const struct sockaddr_storage *a,
		  const struct sockaddr_storage *b)
{
	const void *p = a;
	const void *q = b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)p)->sin6_addr,
			      &((const struct sockaddr_in6 *)q)->sin6_addr,
			      sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)p)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)q)->sin_addr.s_addr;
}

/* Takes p out of the waiting list and the loop; returns its descriptor. */
static int pending_take(struct pending *p)
{
	int fd = p->ev.fd;

	xe_loop_del(&p->ls->ctx->loop, &p->ev);
	xe_list_del(&p->link);
	p->ls->pending_nr--;
	xe_free(p);
	return fd;
}

static void pending_drop(struct pending *p)
{
	close(pending_take(p));
}

static void on_timer(struct xe_timer *t)
{
	struct xe_listener *ls = xe_container_of(t, struct xe_listener, timer);
	int64_t now = xe_now_ns();

	while (!xe_list_empty(&ls->pending)) {
		struct pending *p = xe_container_of(ls->pending.next,
						    struct pending, link);

		if (p->deadline > now) {
			xe_timer_set(&ls->ctx->loop, t, p->deadline - now);
			return;
		}
		XE_PEER_ERR(&p->peer, p->got == XE_CONNECT_LEN ?
			    "the other socket of a pair did not come in time" :
			    "no connect message came in time");
		pending_drop(p);
	}
}

/* The other half of a dual stream connection, if it is here already. */
static struct pending *find_mate(const struct pending *p)
{
	struct xe_list *i;

	xe_list_for_each(i, &p->ls->pending) {
		struct pending *o = xe_container_of(i, struct pending, link);

		if (o != p && o->got == XE_CONNECT_LEN &&
		    o->conn.type != p->conn.type &&
		    o->conn.type != XE_SOCK_SINGLE &&
		    o->conn.second_port == xe_tcp_port(&p->peer) &&
		    p->conn.second_port == xe_tcp_port(&o->peer) &&
		    xe_same_host(&o->peer, &p->peer))
			return o;
	}
	return NULL;
}

/* Makes a link of one socket, or of two. */
static void make_link(struct pending *ctl, struct pending *dat)
{
	struct xe_listener *ls = ctl->ls;
	struct xe_link *l = xe_tcp_link_new(ls->ctx, dat != NULL);
	struct pending *half[2] = { ctl, dat };
	socklen_t n = sizeof(l->local);
	int i;

	if (!l) {
		pending_drop(ctl);
		if (dat)
			pending_drop(dat);
		return;
	}
	l->peer = ctl->peer;
	if (getsockname(ctl->ev.fd, (struct sockaddr *)&l->local, &n))
		memset(&l->local, 0, sizeof(l->local));
	for (i = 0; i < 2 && half[i]; i++) {
		int fd = pending_take(half[i]);

		l->s[i].connected = true;
		if (xe_tcp_stream_attach(l, i, fd)) {
			close(fd);
			if (i == 0 && dat)
				pending_drop(dat);
			xe_link_close(l);
			return;
		}
	}
	ls->accept(ls->owner, l);
}

static void on_pending(struct xe_ev *ev, uint32_t events)
{
	struct pending *p = xe_container_of(ev, struct pending, ev);
	struct pending *mate;
	ssize_t r;

	(void)events;
	/* Bytes behind the message stay in the socket for the link. */
	r = p->got == XE_CONNECT_LEN ? 0 :
		read(ev->fd, p->msg + p->got, XE_CONNECT_LEN - p->got);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0) {
		/* A complete half that becomes readable without a mate: */
		if (r == 0 && p->got == XE_CONNECT_LEN &&
		    !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
			return;
		pending_drop(p);
		return;
	}
	p->got += (size_t)r;
	if (p->got < XE_CONNECT_LEN)
		return;
	if (xe_connect_decode(p->msg, xe_tcp_port(&p->peer), &p->conn)) {
		XE_PEER_ERR(&p->peer, "invalid connect message");
		pending_drop(p);
		return;
	}
	if (p->conn.type == XE_SOCK_SINGLE) {
		make_link(p, NULL);
		return;
	}
	mate = find_mate(p);
	if (!mate)
		return;
	if (p->conn.type == XE_SOCK_CONTROL)
		make_link(p, mate);
	else
		make_link(mate, p);
}

/* Makes room for a socket of this host. */
static void pending_evict(struct xe_listener *ls,
			  const struct sockaddr_storage *peer)
{
	struct pending *oldest = xe_container_of(ls->pending.next,
						 struct pending, link);
	struct xe_list *i;

	xe_list_for_each(i, &ls->pending) {
		struct pending *p = xe_container_of(i, struct pending, link);

		if (xe_same_host(&p->peer, peer)) {
			oldest = p;
			break;
		}
	}
	XE_PEER_ERR(&oldest->peer, "too many sockets wait for their connect "
		    "message");
	pending_drop(oldest);
}

static void pending_new(struct xe_listener *ls, int fd,
			const struct sockaddr_storage *peer)
{
	int64_t wait = XE_OPT(limit_pending_time) * XE_NS_PER_MS;
	struct pending *p;

	if (ls->pending_nr >= (unsigned int)XE_OPT(limit_pending_sockets))
		pending_evict(ls, peer);
	p = xe_zalloc(sizeof(*p));
	if (!p) {
		close(fd);
		return;
	}
	p->ls = ls;
	p->peer = *peer;
	p->ev.fd = fd;
	p->ev.fn = on_pending;
	p->deadline = xe_now_ns() + wait;
	if (xe_loop_add(&ls->ctx->loop, &p->ev,
			EPOLLIN | EPOLLRDHUP | EPOLLET)) {
		close(fd);
		xe_free(p);
		return;
	}
	xe_list_add_tail(&ls->pending, &p->link);
	if (ls->pending_nr++ == 0)
		xe_timer_set(&ls->ctx->loop, &ls->timer, wait);
}

static void on_retry(struct xe_timer *t)
{
	struct xe_listener *ls = xe_container_of(t, struct xe_listener, retry);

	if (xe_loop_add(&ls->ctx->loop, &ls->ev, EPOLLIN))
		xe_timer_set(&ls->ctx->loop, t, RETRY_NS);
}

/*
 * Out of descriptors or memory: the waiting connection would wake the loop
 * without end, so the listener rests for a moment.
 */
static void accept_later(struct xe_listener *ls, int err)
{
	int64_t now = xe_now_ns();

	if (ls->warned == 0 || now - ls->warned >= XE_NS_PER_SEC) {
		XE_WARN("accept failed: %s", strerror(err));
		ls->warned = now;
	}
	xe_loop_del(&ls->ctx->loop, &ls->ev);
	xe_timer_set(&ls->ctx->loop, &ls->retry, RETRY_NS);
}

static void on_listen(struct xe_ev *ev, uint32_t events)
{
	struct xe_listener *ls = xe_container_of(ev, struct xe_listener, ev);
	int i;

	(void)events;
	for (i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer;
		socklen_t n = sizeof(peer);
		int fd;

		memset(&peer, 0, sizeof(peer));
		fd = accept4(ev->fd, (struct sockaddr *)&peer, &n,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				accept_later(ls, errno);
			return;
		}
		if (xe_tcp_socket_setup(fd)) {
			close(fd);
			continue;
		}
		pending_new(ls, fd, &peer);
	}
}

struct xe_listener *xe_listen(struct xio_context *ctx,
			      const struct sockaddr_storage *addr,
			      socklen_t len, uint16_t *port,
			      void (*accept_fn)(void *owner, struct xe_link *l),
			      void *owner)
{
	struct xe_listener *ls = xe_zalloc(sizeof(*ls));
	struct sockaddr_storage real;
	socklen_t n = sizeof(real);
	int one = 1;
	int err;

	if (!ls)
		return NULL;
	ls->ctx = ctx;
	ls->accept = accept_fn;
	ls->owner = owner;
	ls->ev.fn = on_listen;
	xe_list_init(&ls->pending);
	xe_timer_init(&ls->timer, on_timer);
	xe_timer_init(&ls->retry, on_retry);
	ls->ev.fd = socket(addr->ss_family,
			   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ls->ev.fd < 0) {
		err = errno;
		goto free;
	}
	/* Buffer sizes must be set before listen for accepted sockets. */
	err = xe_tcp_socket_setup(ls->ev.fd);
	if (err)
		goto close;
	if (setsockopt(ls->ev.fd, SOL_SOCKET, SO_REUSEADDR, &one,
		       sizeof(one)) ||
	    bind(ls->ev.fd, (const struct sockaddr *)addr, len) ||
	    listen(ls->ev.fd, SOMAXCONN) ||
	    getsockname(ls->ev.fd, (struct sockaddr *)&real, &n)) {
		err = errno;
		goto close;
	}
	err = xe_loop_add(&ctx->loop, &ls->ev, EPOLLIN);
	if (err)
		goto close;
	*port = xe_tcp_port(&real);
	return ls;
close:
	close(ls->ev.fd);
free:
	xe_free(ls);
	xe_set_errno(err);
	return NULL;
}

void xe_listener_close(struct xe_listener *ls)
{
	xe_loop_del(&ls->ctx->loop, &ls->ev);
	close(ls->ev.fd);
	while (!xe_list_empty(&ls->pending))
		pending_drop(xe_container_of(ls->pending.next, struct pending,
					     link));
	xe_timer_cancel(&ls->timer);
	xe_timer_cancel(&ls->retry);
	xe_free(ls);
}
