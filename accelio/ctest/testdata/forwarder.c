/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forwarder.h"

#define CHUNK	4096

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static struct sockaddr_in local(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return a;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &n))
		die("getsockname");
	return ntohs(a.sin_port);
}

static int bound(int flags)
{
	struct sockaddr_in a = local(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die("socket");
	return fd;
}

void fwd_open(struct forwarder *f, uint16_t target)
{
	int i;

	memset(f, 0, sizeof(*f));
	f->target = target;
	f->cut_after = -1;
	for (i = 0; i < FWD_PIPES; i++)
		f->pipe[i].fd[0] = f->pipe[i].fd[1] = -1;
	f->listener = bound(SOCK_NONBLOCK);
	if (listen(f->listener, 16))
		die("listen");
	f->port = port_of(f->listener);
}

/* With a reset: what lies unread in the ends' kernels is lost too. */
static void drop(struct fwd_pipe *p)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int i;

	for (i = 0; i < 2; i++) {
		if (p->fd[i] < 0)
			continue;
		setsockopt(p->fd[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(p->fd[i]);
		p->fd[i] = -1;
	}
}

void fwd_cut(struct forwarder *f)
{
	int i;

	for (i = 0; i < FWD_PIPES; i++)
		drop(&f->pipe[i]);
	f->passed = 0;
	f->cuts++;
}

void fwd_close(struct forwarder *f)
{
	fwd_cut(f);
	if (f->listener >= 0)
		close(f->listener);
	f->listener = -1;
}

static void accept_one(struct forwarder *f)
{
	struct sockaddr_in peer, to = local(f->target);
	socklen_t n = sizeof(peer);
	struct fwd_pipe *p = f->pipe;
	int one = 1;
	int fd = accept4(f->listener, (struct sockaddr *)&peer, &n,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	while (p < f->pipe + FWD_PIPES && p->fd[0] >= 0)
		p++;
	if (p == f->pipe + FWD_PIPES)
		die("too many connections");
	memset(p, 0, sizeof(*p));
	f->accepted++;
	p->fd[0] = fd;
	p->port[0] = ntohs(peer.sin_port);
	p->fd[1] = bound(0);
	p->port[1] = port_of(p->fd[1]);
	if (connect(p->fd[1], (struct sockaddr *)&to, sizeof(to))) {
		drop(p);
		return;
	}
	setsockopt(p->fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(p->fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Reads the connect message, and passes it on with the ports of this side. */
static void match(struct forwarder *f, struct fwd_pipe *p)
{
	uint16_t second;
	int i;

	if (p->msg_len < 8) {
		ssize_t r = recv(p->fd[0], p->msg + p->msg_len,
				 (size_t)(8 - p->msg_len), MSG_DONTWAIT);

		if (r == 0 || (r < 0 && errno != EAGAIN))
			drop(p);
		if (r <= 0)
			return;
		p->msg_len += (int)r;
		if (p->msg_len < 8)
			return;
	}
	second = (uint16_t)(p->msg[4] << 8 | p->msg[5]);
	if (second) {
		for (i = 0; i < FWD_PIPES; i++)
			if (f->pipe[i].fd[0] >= 0 &&
			    f->pipe[i].port[0] == second)
				break;
		if (i == FWD_PIPES)
			return;		/* not accepted yet */
		p->msg[4] = (unsigned char)(f->pipe[i].port[1] >> 8);
		p->msg[5] = (unsigned char)f->pipe[i].port[1];
	}
	if (send(p->fd[1], p->msg, 8, MSG_NOSIGNAL) != 8)
		drop(p);
	p->matched = true;
}

/* How much may be taken before the next cut. */
static size_t allowance(const struct forwarder *f)
{
	long long left = f->cut_after - f->passed;

	if (f->cut_after < 0 || left > CHUNK)
		return CHUNK;
	return left > 0 ? (size_t)left : 0;
}

/* Only what the other side takes is taken. False: cut, or the end. */
static bool pass(struct forwarder *f, struct fwd_pipe *p, int from)
{
	char b[CHUNK];
	size_t want = allowance(f);
	ssize_t r, w;

	if (want == 0) {
		fwd_cut(f);
		return false;
	}
	r = recv(p->fd[from], b, want, MSG_DONTWAIT | MSG_PEEK);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (r <= 0) {
		drop(p);
		return false;
	}
	w = from == 1 && f->to_server_only ? r :
	    send(p->fd[!from], b, (size_t)r, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (w < 0 && errno != EAGAIN && errno != EINTR) {
		drop(p);
		return false;
	}
	if (w > 0 && recv(p->fd[from], b, (size_t)w, MSG_DONTWAIT) != w)
		die("recv");
	f->passed += w > 0 ? w : 0;
	return true;
}

void fwd_step(struct forwarder *f)
{
	int i, cuts = f->cuts;

	if (f->listener >= 0)
		accept_one(f);
	for (i = 0; i < FWD_PIPES && f->cuts == cuts; i++) {
		struct fwd_pipe *p = &f->pipe[i];

		if (p->fd[0] < 0 || f->stopped)
			continue;
		if (!p->matched)
			match(f, p);
		else if (pass(f, p, 0) && p->fd[0] >= 0)
			pass(f, p, 1);
	}
}
