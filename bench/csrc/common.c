/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

struct params params;
struct shared *shared;

void fail(const char *format, ...)
{
	va_list ap;

	atomic_store(&shared->failed, true);
	fprintf(stderr, "xiobench: ");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	_exit(1);
}

static void option(int level, int name, int value)
{
	if (xio_set_opt(NULL, level, name, &value, sizeof(value)))
		fail("option %d: %s", name, xio_strerror(xio_errno()));
}

void library_options(void)
{
	xio_init();
	/* Without huge pages the attempt alone costs time and a warning. */
	option(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_DISABLE_HUGETBL, 1);
	option(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_NO_DELAY, params.nodelay);
	option(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, !params.single);
	if (params.sockbuf) {
		option(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_SO_SNDBUF,
		       params.sockbuf);
		option(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_SO_RCVBUF,
		       params.sockbuf);
	}
}

struct xio_context *new_context(void)
{
	struct xio_context *ctx = xio_context_create(NULL, 0, -1);

	if (!ctx)
		fail("context: %s", xio_strerror(xio_errno()));
	return ctx;
}

void drive(struct xio_context *ctx, const bool *done)
{
	while (!*done)
		if (xio_context_run_loop(ctx, params.polling ? 0 : XIO_INFINITE))
			fail("loop: %s", xio_strerror(xio_errno()));
}

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		fail("no memory for %zu bytes", size);
	return p;
}

void stamp_put(void *data, size_t size, uint64_t n)
{
	memcpy(data, &n, sizeof(n));
	memcpy((char *)data + size - sizeof(n), &n, sizeof(n));
}

uint64_t stamp_get(struct xio_vmsg *v, size_t size)
{
	struct xio_iovec_ex *sgl = vmsg_sglist(v);
	uint64_t head, tail;

	if (vmsg_sglist_nents(v) != 1 || sgl[0].iov_len != size)
		fail("a message has %u entries, the first of %zu bytes: want one of %zu",
		     vmsg_sglist_nents(v), sgl ? sgl[0].iov_len : 0, size);
	memcpy(&head, sgl[0].iov_base, sizeof(head));
	memcpy(&tail, (char *)sgl[0].iov_base + size - sizeof(tail),
	       sizeof(tail));
	if (head != tail)
		fail("a message begins with stamp %llu and ends with %llu",
		     (unsigned long long)head, (unsigned long long)tail);
	return head;
}

void one_entry(struct xio_vmsg *v, void *base, size_t len)
{
	v->sgl_type = XIO_SGL_TYPE_IOV;
	v->data_iov.max_nents = XIO_IOVLEN;
	v->data_iov.nents = 1;
	v->data_iov.sglist[0].iov_base = base;
	v->data_iov.sglist[0].iov_len = len;
	v->data_iov.sglist[0].mr = NULL;
}

struct xio_connection *connect_to(struct xio_context *ctx, uint16_t port,
				  struct xio_session_ops *ops, void *user)
{
	struct xio_session_params sp;
	struct xio_connection_params cp;
	struct xio_connection *c;
	char uri[64];

	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u", port);
	memset(&sp, 0, sizeof(sp));
	sp.type = XIO_SESSION_CLIENT;
	sp.ses_ops = ops;
	sp.user_context = user;
	sp.uri = uri;
	memset(&cp, 0, sizeof(cp));
	cp.session = xio_session_create(&sp);
	cp.ctx = ctx;
	cp.conn_user_context = user;
	c = cp.session ? xio_connect(&cp) : NULL;
	if (!c)
		fail("connect: %s", xio_strerror(xio_errno()));
	return c;
}
