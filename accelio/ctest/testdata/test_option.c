/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_option.c - the option table: defaults, ranges, levels, sizes.
 */
#include <errno.h>
#include <limits.h>

#include "base.h"
#include "check.h"
#include "init_stub.h"
#include "option.h"

#define A	XIO_OPTLEVEL_ACCELIO
#define T	XIO_OPTLEVEL_TCP
#define R	XIO_OPTLEVEL_RDMA
#define NOSUP	XIO_E_NOT_SUPPORTED

static int set_int(int level, int name, int v)
{
	xe_set_errno(0);
	return xio_set_opt(NULL, level, name, &v, sizeof(v));
}

static int set_size(int level, int name, int size)
{
	static const uint64_t zero[32];

	xe_set_errno(0);
	return xio_set_opt(NULL, level, name, zero, size);
}

/* The value, or INT_MIN when it cannot be read. */
static int get_int(int level, int name)
{
	int v = INT_MIN + 1, len = -1;

	xe_set_errno(0);
	if (xio_get_opt(NULL, level, name, &v, &len) != 0)
		return INT_MIN;
	CHECK_EQ(len, sizeof(v));
	return v;
}

static uint64_t get_u64(int level, int name)
{
	uint64_t v = 0;
	int len = -1;

	CHECK_EQ(xio_get_opt(NULL, level, name, &v, &len), 0);
	CHECK_EQ(len, sizeof(v));
	return v;
}

#define FAILS(call, code)						\
	do {								\
		CHECK_EQ(call, -1);					\
		CHECK_EQ(xio_errno(), code);				\
	} while (0)

static void before_init(void)
{
	stub_initialized = false;
	FAILS(set_int(T, XIO_OPTNAME_TCP_NO_DELAY, 1), EFAULT);
	CHECK_EQ(get_int(T, XIO_OPTNAME_TCP_NO_DELAY), INT_MIN);
	CHECK_EQ(xio_errno(), EFAULT);
	FAILS(set_int(R, XIO_OPTNAME_MAX_IN_IOVLEN, 5), EFAULT);
	CHECK_EQ(get_int(A, XIO_OPTNAME_MAX_IN_IOVLEN), 4);
	stub_initialized = true;
}

static void defaults(void)
{
	static const struct {
		int level;
		int name;
		int value;
	} cases[] = {
		{ A, XIO_OPTNAME_LOG_LEVEL, XIO_LOG_LEVEL_ERROR },
		{ A, XIO_OPTNAME_ENABLE_KEEPALIVE, 1 },
		{ A, XIO_OPTNAME_MAX_IN_IOVLEN, 4 },
		{ A, XIO_OPTNAME_MAX_OUT_IOVLEN, 4 },
		{ T, XIO_OPTNAME_MAX_IN_IOVLEN, 4 },
		{ T, XIO_OPTNAME_MAX_OUT_IOVLEN, 4 },
		{ T, XIO_OPTNAME_ENABLE_DMA_LATENCY, 0 },
		{ A, XIO_OPTNAME_ENABLE_RECONNECT, 0 },
		{ A, XIO_OPTNAME_ENABLE_FLOW_CONTROL, 0 },
		{ A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, 1024 },
		{ A, XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, 1024 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 256 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 8192 },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, 64 },
		{ A, XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, 0 },
		{ A, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, 60000 },
		{ T, XIO_OPTNAME_ENABLE_MEM_POOL, 1 },
		{ T, XIO_OPTNAME_TCP_ENABLE_MR_CHECK, 0 },
		{ T, XIO_OPTNAME_TCP_NO_DELAY, 0 },
		{ T, XIO_OPTNAME_TCP_SO_SNDBUF, 4194304 },
		{ T, XIO_OPTNAME_TCP_SO_RCVBUF, 4194304 },
		{ T, XIO_OPTNAME_TCP_DUAL_STREAM, 1 },
		{ A, XIO_OPTNAME_LIMIT_PENDING_SOCKETS, 1024 },
		{ A, XIO_OPTNAME_LIMIT_PENDING_TIME, 10000 },
		{ A, XIO_OPTNAME_LIMIT_SETUP_TIME, 30000 },
		{ A, XIO_OPTNAME_LIMIT_HELLO_TIME, 60000 },
		{ A, XIO_OPTNAME_LIMIT_REDIRECTS, 8 },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_HOST, 4096 },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_SERVER, 16384 },
		{ A, XIO_OPTNAME_LIMIT_LINKS_TOTAL, 65536 },
		{ A, XIO_OPTNAME_LIMIT_SESSIONS_PER_LINK, 4096 },
		{ A, XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, 65536 },
		{ A, XIO_OPTNAME_LIMIT_HELD_MSGS, 16384 },
		{ A, XIO_OPTNAME_LIMIT_UNSENT_ANSWERS, 1024 },
		{ A, XIO_OPTNAME_LIMIT_LOG_LINES, 1 }
	};
	struct xio_options_keepalive k = { 0, 0, 0 };
	int len = sizeof(k);
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_EQ(get_int(cases[i].level, cases[i].name),
			 cases[i].value);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES), 67108864);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES), 67108864);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_LIMIT_CONTEXT_BYTES), 1 << 30);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_LIMIT_MSG_BYTES), 0);
	CHECK_EQ(xe_limit_message(), 67108864);
	CHECK_EQ(xio_get_opt(NULL, A, XIO_OPTNAME_CONFIG_KEEPALIVE, &k, &len),
		 0);
	CHECK_EQ(k.probes, 3);
	CHECK_EQ(k.time, 60);
	CHECK_EQ(k.intvl, 20);
	CHECK_EQ(xe_opt.mempool.slabs_nr, 4);
	CHECK_EQ(xe_opt.mempool.slab_cfg[0].block_sz, 16384);
	CHECK_EQ(xe_opt.mempool.slab_cfg[3].block_sz, 1048576);
	CHECK_EQ(xe_opt.mempool.slab_cfg[3].init_blocks_nr, 0);
	CHECK_EQ(xe_opt.mempool.slab_cfg[3].max_blocks_nr, 24576);
	CHECK_EQ(xe_inline_buf_size(), 9216);
}

static void wrong_level(void)
{
	static const struct {
		int level;
		int name;
		int err;
	} cases[] = {
		{ A, XIO_OPTNAME_TCP_ENABLE_MR_CHECK, NOSUP },
		{ A, XIO_OPTNAME_TCP_NO_DELAY, NOSUP },
		{ A, XIO_OPTNAME_TCP_SO_SNDBUF, NOSUP },
		{ A, XIO_OPTNAME_TCP_DUAL_STREAM, NOSUP },
		{ A, XIO_OPTNAME_ENABLE_MEM_POOL, NOSUP },
		{ A, XIO_OPTNAME_RDMA_NUM_DEVICES, NOSUP },
		{ A, 999, NOSUP },
		{ A, -1, NOSUP },
		{ T, XIO_OPTNAME_ENABLE_KEEPALIVE, NOSUP },
		{ T, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, NOSUP },
		{ T, XIO_OPTNAME_MAX_INLINE_XIO_DATA, NOSUP },
		{ T, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, NOSUP },
		{ T, XIO_OPTNAME_LOG_LEVEL, NOSUP },
		{ T, XIO_OPTNAME_LIMIT_LINKS_TOTAL, NOSUP },
		{ T, XIO_OPTNAME_LIMIT_MSG_BYTES, NOSUP },
		{ R, XIO_OPTNAME_LIMIT_LINKS_TOTAL, EFAULT },
		{ T, 999, NOSUP },
		{ R, XIO_OPTNAME_RDMA_NUM_DEVICES, EFAULT },
		{ R, XIO_OPTNAME_ENABLE_FORK_INIT, EFAULT },
		{ R, XIO_OPTNAME_MAX_IN_IOVLEN, EFAULT },
		{ 3, XIO_OPTNAME_MAX_IN_IOVLEN, NOSUP },
		{ -1, XIO_OPTNAME_MAX_IN_IOVLEN, NOSUP }
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FAILS(set_int(cases[i].level, cases[i].name, 8),
		      cases[i].err);
		CHECK_EQ(get_int(cases[i].level, cases[i].name), INT_MIN);
		CHECK_EQ(xio_errno(), cases[i].err);
	}
	/* Set only. */
	CHECK_EQ(get_int(A, XIO_OPTNAME_DISABLE_HUGETBL), INT_MIN);
	CHECK_EQ(get_int(A, XIO_OPTNAME_LOG_FN), INT_MIN);
	CHECK_EQ(get_int(A, XIO_OPTNAME_MEM_ALLOCATOR), INT_MIN);
	CHECK_EQ(get_int(A, XIO_OPTNAME_CONFIG_MEMPOOL), INT_MIN);
	CHECK_EQ(get_int(A, XIO_OPTNAME_ENABLE_DMA_LATENCY), INT_MIN);
	CHECK_EQ(xio_errno(), NOSUP);
}

static void wrong_size(void)
{
	int len = 4, v;

	FAILS(set_size(T, XIO_OPTNAME_TCP_DUAL_STREAM, 1), EINVAL);
	FAILS(set_size(T, XIO_OPTNAME_TCP_DUAL_STREAM, 8), EINVAL);
	FAILS(set_size(T, XIO_OPTNAME_MAX_IN_IOVLEN, 0), EINVAL);
	FAILS(set_size(A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 1), NOSUP);
	FAILS(set_size(A, XIO_OPTNAME_XFER_BUF_ALIGN, 1), NOSUP);
	FAILS(set_size(A, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, 2), NOSUP);
	FAILS(set_size(A, XIO_OPTNAME_CONFIG_MEMPOOL, 4), NOSUP);
	FAILS(set_size(A, XIO_OPTNAME_CONFIG_KEEPALIVE, 4), EINVAL);
	FAILS(set_size(A, XIO_OPTNAME_CONFIG_KEEPALIVE, 16), EINVAL);
	/* These two fail without an error code. */
	CHECK_EQ(set_size(A, XIO_OPTNAME_LOG_LEVEL, 8), -1);
	CHECK_EQ(xio_errno(), 0);
	CHECK_EQ(set_size(A, XIO_OPTNAME_MEM_ALLOCATOR, 8), -1);
	CHECK_EQ(xio_errno(), 0);

	FAILS(xio_get_opt(NULL, A, XIO_OPTNAME_CONFIG_KEEPALIVE, &v, &len),
	      EINVAL);
	FAILS(xio_get_opt(NULL, A, XIO_OPTNAME_CONFIG_KEEPALIVE, &v, NULL),
	      EINVAL);
	FAILS(xio_get_opt(NULL, A, XIO_OPTNAME_MAX_IN_IOVLEN, NULL, &len),
	      EINVAL);
	CHECK_EQ(xio_get_opt(NULL, A, XIO_OPTNAME_MAX_IN_IOVLEN, &v, NULL),
		 0);
	CHECK_EQ(v, 4);
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_MAX_IN_IOVLEN, NULL, 4),
	      EINVAL);
	FAILS(xio_set_opt(NULL, T, XIO_OPTNAME_MAX_IN_IOVLEN, NULL, 4),
	      EINVAL);
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_CONFIG_MEMPOOL, NULL,
			  sizeof(struct xio_mempool_config)), EINVAL);
}

/* What must fail leaves the value alone; the rest is read back. */
static void values(void)
{
	static const struct {
		int level;
		int name;
		int value;
		int err;	/* 0: taken */
	} cases[] = {
		{ A, XIO_OPTNAME_ENABLE_FLOW_CONTROL, 1, 0 },
		{ A, XIO_OPTNAME_ENABLE_FLOW_CONTROL, 0, 0 },
		{ A, XIO_OPTNAME_ENABLE_KEEPALIVE, 0, 0 },
		{ A, XIO_OPTNAME_ENABLE_KEEPALIVE, 1, 0 },
		{ A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, 0, NOSUP },
		{ A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, -1, NOSUP },
		{ A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, 1, 0 },
		{ A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, 70000, 0 },
		{ A, XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, 0, NOSUP },
		{ A, XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, 8, 0 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, -1, NOSUP },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 65536, NOSUP },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 65535, 0 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 0, 0 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 256, 0 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, -1, NOSUP },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 0, 0 },
		{ A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 8192, 0 },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, 12, EINVAL },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, 4, EINVAL },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, 0, EINVAL },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, -64, EINVAL },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, INT_MIN, EINVAL },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, 8, 0 },
		{ A, XIO_OPTNAME_XFER_BUF_ALIGN, 128, 0 },
		{ A, XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, 12, EINVAL },
		{ A, XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, 4, EINVAL },
		{ A, XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, 64, 0 },
		{ A, XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, 0, 0 },
		{ A, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, -1, NOSUP },
		{ A, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, 0, 0 },
		{ A, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, 5, 0 },
		{ A, XIO_OPTNAME_LOG_LEVEL, 9, 0 },
		{ A, XIO_OPTNAME_LOG_LEVEL, -1, 0 },
		{ A, XIO_OPTNAME_LOG_LEVEL, 1, 0 },
		{ T, XIO_OPTNAME_MAX_IN_IOVLEN, 0, EINVAL },
		{ T, XIO_OPTNAME_MAX_IN_IOVLEN, 257, EINVAL },
		{ T, XIO_OPTNAME_MAX_IN_IOVLEN, 99999, EINVAL },
		{ T, XIO_OPTNAME_MAX_IN_IOVLEN, 1, 0 },
		{ T, XIO_OPTNAME_MAX_OUT_IOVLEN, -1, EINVAL },
		{ T, XIO_OPTNAME_MAX_OUT_IOVLEN, 256, 0 },
		{ T, XIO_OPTNAME_ENABLE_DMA_LATENCY, 1, 0 },
		{ T, XIO_OPTNAME_ENABLE_MEM_POOL, 0, 0 },
		{ T, XIO_OPTNAME_TCP_ENABLE_MR_CHECK, 1, 0 },
		{ T, XIO_OPTNAME_TCP_NO_DELAY, 1, 0 },
		{ T, XIO_OPTNAME_TCP_SO_SNDBUF, 65536, 0 },
		{ T, XIO_OPTNAME_TCP_SO_SNDBUF, -5, EINVAL },
		{ T, XIO_OPTNAME_TCP_SO_RCVBUF, 0, 0 },
		{ T, XIO_OPTNAME_TCP_SO_RCVBUF, -1, EINVAL },
		{ T, XIO_OPTNAME_TCP_DUAL_STREAM, 0, 0 },
		{ A, XIO_OPTNAME_LIMIT_PENDING_SOCKETS, 1, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_PENDING_SOCKETS, 65537, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_PENDING_SOCKETS, 2, 0 },
		{ A, XIO_OPTNAME_LIMIT_PENDING_SOCKETS, 65536, 0 },
		{ A, XIO_OPTNAME_LIMIT_PENDING_TIME, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_PENDING_TIME, 1, 0 },
		{ A, XIO_OPTNAME_LIMIT_SETUP_TIME, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_SETUP_TIME, INT_MAX, 0 },
		{ A, XIO_OPTNAME_LIMIT_HELLO_TIME, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_HELLO_TIME, 1, 0 },
		{ A, XIO_OPTNAME_LIMIT_REDIRECTS, -1, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_REDIRECTS, 0, 0 },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_HOST, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_HOST, -1, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_HOST, 7, 0 },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_SERVER, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_LINKS_PER_SERVER, 8, 0 },
		{ A, XIO_OPTNAME_LIMIT_LINKS_TOTAL, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_LINKS_TOTAL, 9, 0 },
		{ A, XIO_OPTNAME_LIMIT_SESSIONS_PER_LINK, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_SESSIONS_PER_LINK, 1, 0 },
		{ A, XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, 1, 0 },
		{ A, XIO_OPTNAME_LIMIT_HELD_MSGS, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_HELD_MSGS, 1, 0 },
		{ A, XIO_OPTNAME_LIMIT_UNSENT_ANSWERS, 0, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_UNSENT_ANSWERS, 1, 0 },
		{ A, XIO_OPTNAME_LIMIT_LOG_LINES, -1, NOSUP },
		{ A, XIO_OPTNAME_LIMIT_LOG_LINES, 0, 0 },
		{ A, XIO_OPTNAME_LIMIT_LOG_LINES, 1000, 0 }
	};
	size_t i;
	int old;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		old = get_int(cases[i].level, cases[i].name);
		CHECK_EQ(set_int(cases[i].level, cases[i].name,
				 cases[i].value), cases[i].err ? -1 : 0);
		if (cases[i].err)
			CHECK_EQ(xio_errno(), cases[i].err);
		CHECK_EQ(get_int(cases[i].level, cases[i].name),
			 cases[i].err ? old : cases[i].value);
	}
}

static void entry_limits_at_top_level(void)
{
	static const int ignored[] = { 4, 2, 0, -1, 257, INT_MAX };
	size_t i;

	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_IN_IOVLEN, 5), 0);
	CHECK_EQ(get_int(A, XIO_OPTNAME_MAX_IN_IOVLEN), 5);
	CHECK_EQ(get_int(T, XIO_OPTNAME_MAX_IN_IOVLEN), 5);
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_IN_IOVLEN, ignored[i]),
			 0);
		CHECK_EQ(get_int(A, XIO_OPTNAME_MAX_IN_IOVLEN), 5);
	}
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_IN_IOVLEN, 256), 0);
	CHECK_EQ(get_int(T, XIO_OPTNAME_MAX_IN_IOVLEN), 256);
}

static void depths(void)
{
	uint64_t v = 70000;
	int half = 4096;

	/* Both sizes: libxio reads 8 bytes here, programs pass 4. */
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, &v,
			     sizeof(v)), 0);
	CHECK_EQ(get_int(A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS), 70000);
	v = 1ull << 40;
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, &v,
			  sizeof(v)), NOSUP);
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, &v,
			     sizeof(v)), 0);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES), v);
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES,
			     &half, sizeof(half)), 0);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES), 4096);
	/* The largest message follows the depth unless it is set. */
	CHECK_EQ(xe_limit_message(), 4096);
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_LIMIT_MSG_BYTES, &v,
			     sizeof(v)), 0);
	CHECK_EQ(xe_limit_message(), v);
	CHECK_EQ(get_u64(A, XIO_OPTNAME_LIMIT_MSG_BYTES), v);
	half = -1;
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_LIMIT_MSG_BYTES, &half,
			  sizeof(half)), NOSUP);
	v = 0;
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_LIMIT_MSG_BYTES, &v,
			     sizeof(v)), 0);
	CHECK_EQ(xe_limit_message(), 4096);
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_LIMIT_CONTEXT_BYTES, &v,
			  sizeof(v)), NOSUP);
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, &v,
			  sizeof(v)), NOSUP);
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, &v,
			  sizeof(v)), NOSUP);
}

static void reconnect_clears_keepalive(void)
{
	CHECK_EQ(set_int(A, XIO_OPTNAME_ENABLE_KEEPALIVE, 1), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_ENABLE_RECONNECT, 0), 0);
	CHECK_EQ(get_int(A, XIO_OPTNAME_ENABLE_KEEPALIVE), 1);
	CHECK_EQ(set_int(A, XIO_OPTNAME_ENABLE_RECONNECT, 1), 0);
	CHECK_EQ(get_int(A, XIO_OPTNAME_ENABLE_KEEPALIVE), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_ENABLE_RECONNECT, 0), 0);
	CHECK_EQ(get_int(A, XIO_OPTNAME_ENABLE_KEEPALIVE), 0);
}

static void keepalive(void)
{
	struct xio_options_keepalive k = { 0, 1, 2 }, got = { 9, 9, 9 };
	int len = sizeof(got);

	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_CONFIG_KEEPALIVE, &k,
			     sizeof(k)), 0);
	CHECK_EQ(xio_get_opt(NULL, A, XIO_OPTNAME_CONFIG_KEEPALIVE, &got,
			     &len), 0);
	CHECK_EQ(got.probes, 0);
	CHECK_EQ(got.time, 1);
	CHECK_EQ(got.intvl, 2);
	k.time = -1;
	FAILS(xio_set_opt(NULL, A, XIO_OPTNAME_CONFIG_KEEPALIVE, &k,
			  sizeof(k)), EINVAL);
	CHECK_EQ(xe_opt.keepalive.time, 1);
}

static void pool_config(void)
{
	struct xio_mempool_config c;
	const int name = XIO_OPTNAME_CONFIG_MEMPOOL;

	memset(&c, 0, sizeof(c));
	FAILS(xio_set_opt(NULL, A, name, &c, sizeof(c)), NOSUP);
	c.slabs_nr = 7;
	FAILS(xio_set_opt(NULL, A, name, &c, sizeof(c)), NOSUP);
	c.slabs_nr = SIZE_MAX;
	FAILS(xio_set_opt(NULL, A, name, &c, sizeof(c)), NOSUP);
	c.slabs_nr = 2;
	c.slab_cfg[0].block_sz = 4096;
	FAILS(xio_set_opt(NULL, A, name, &c, sizeof(c)), NOSUP);
	CHECK_EQ(xe_opt.mempool.slabs_nr, 4);
	c.slab_cfg[1].block_sz = 8192;
	CHECK_EQ(xio_set_opt(NULL, A, name, &c, sizeof(c)), 0);
	CHECK_EQ(xe_opt.mempool.slabs_nr, 2);
	CHECK_EQ(xe_opt.mempool.slab_cfg[1].block_sz, 8192);
}

static void huge_pages(void)
{
	CHECK_EQ(set_int(A, XIO_OPTNAME_DISABLE_HUGETBL, 0), 0);
	CHECK_EQ(xe_opt.disable_hugetbl, 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_DISABLE_HUGETBL, 1), 0);
	CHECK_EQ(xe_opt.disable_hugetbl, 1);
	CHECK_EQ(set_int(A, XIO_OPTNAME_DISABLE_HUGETBL, 0), 0);
	CHECK_EQ(xe_opt.disable_hugetbl, 1);
}

static int log_calls;

static void log_fn(const char *file, unsigned int line, const char *func,
		   unsigned int level, const char *fmt, ...)
{
	(void)file;
	(void)line;
	(void)func;
	(void)level;
	(void)fmt;
	log_calls++;
}

static void log_function(void)
{
	const void *fn = (const void *)(uintptr_t)log_fn;

	CHECK_EQ(set_int(A, XIO_OPTNAME_LOG_LEVEL, XIO_LOG_LEVEL_ERROR), 0);
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_LOG_FN, fn, sizeof(fn)), 0);
	XE_ERR("to the application");
	CHECK_EQ(log_calls, 1);
	CHECK_EQ(set_int(A, XIO_OPTNAME_LOG_LEVEL, -1), 0);
	XE_ERR("silenced");
	CHECK_EQ(log_calls, 1);
	CHECK_EQ(xio_set_opt(NULL, A, XIO_OPTNAME_LOG_FN, NULL, 0), 0);
}

static void buffer_size(void)
{
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_IN_IOVLEN, 32), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_OUT_IOVLEN, 32), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 256), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 8192), 0);
	CHECK_EQ(xe_inline_buf_size(), 10240);
	CHECK_EQ(set_int(T, XIO_OPTNAME_MAX_IN_IOVLEN, 4), 0);
	CHECK_EQ(set_int(T, XIO_OPTNAME_MAX_OUT_IOVLEN, 4), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 64), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 1024), 0);
	CHECK_EQ(xe_inline_buf_size(), 2048);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_HEADER, 0), 0);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 0), 0);
	CHECK_EQ(xe_inline_buf_size(), 1024);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 800), 0);
	CHECK_EQ(xe_inline_buf_size(), 1024);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, 801), 0);
	CHECK_EQ(xe_inline_buf_size(), 2048);
	CHECK_EQ(set_int(A, XIO_OPTNAME_MAX_INLINE_XIO_DATA, INT_MAX), 0);
	CHECK_EQ(xe_inline_buf_size(), 0x80000400u);
}

int main(void)
{
	RUN(before_init);
	RUN(defaults);
	RUN(wrong_level);
	RUN(wrong_size);
	RUN(values);
	RUN(entry_limits_at_top_level);
	RUN(depths);
	RUN(reconnect_clears_keepalive);
	RUN(keepalive);
	RUN(pool_config);
	RUN(huge_pages);
	RUN(log_function);
	RUN(buffer_size);
	return check_done();
}
