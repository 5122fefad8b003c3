/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.c - xio_set_opt and xio_get_opt (accelio-api 8).
 *
 * Design notes: options are process-wide and the object argument is ignored,
 * as in libxio 1.7. Plain integers are rows of one table; the few options
 * with a shape of their own follow it. Where libxio takes values that can
 * only do harm later (entry limits outside 1..256 at the TCP level, a pool
 * without slabs, negative seconds or buffer sizes, headers that their 16-bit
 * field cannot hold) this engine refuses them.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base.h"
#include "frame.h"
#include "init.h"
#include "option.h"

#define KIB	((size_t)1024)
#define MIB	(1024 * KIB)

#define DEFAULT_GROW_BLOCKS	128
#define DEFAULT_MAX_BLOCKS	24576
#define DEFAULT_SLAB(size) \
	{ (size), 0, DEFAULT_GROW_BLOCKS, DEFAULT_MAX_BLOCKS }

#define IOVLEN_EFFECTIVE_MIN	5	/* smaller: ignored at level ACCELIO */

struct xe_options xe_opt = {
	.enable_keepalive = 1,
	.keepalive = { .probes = 3, .time = 60, .intvl = 20 },
	.max_in_iovlen = XIO_IOVLEN,
	.max_out_iovlen = XIO_IOVLEN,
	.snd_queue_depth_msgs = 1024,
	.rcv_queue_depth_msgs = 1024,
	.snd_queue_depth_bytes = 64 * MIB,
	.rcv_queue_depth_bytes = 64 * MIB,
	.mempool = {
		.slabs_nr = 4,
		.slab_cfg = {
			DEFAULT_SLAB(16 * KIB),
			DEFAULT_SLAB(64 * KIB),
			DEFAULT_SLAB(256 * KIB),
			DEFAULT_SLAB(MIB)
		}
	},
	.max_inline_header = 256,
	.max_inline_data = 8192,
	.xfer_buf_align = 64,
	.enable_mem_pool = 1,
	.transport_close_timeout = 60000,
	.tcp_sndbuf = 4 * 1024 * 1024,
	.tcp_rcvbuf = 4 * 1024 * 1024,
	.tcp_dual_stream = 1,
	.limit_pending_sockets = 1024,
	.limit_pending_time = 10000,
	.limit_setup_time = 30000,
	.limit_hello_time = 60000,
	.limit_redirects = 8,
	.limit_links_per_host = 4096,
	.limit_links_per_server = 16384,
	.limit_links_total = 65536,
	.limit_sessions_per_link = 4096,
	.limit_sessions_per_server = 65536,
	.limit_held_msgs = 16384,
	.limit_unsent_answers = 1024,
	.limit_log_lines = 1,
	.limit_context_bytes = 1024 * MIB
};

enum {
	SET_A	= 1,	/* may be set at level ACCELIO */
	SET_T	= 2,	/* at level TCP */
	GET_A	= 4,
	GET_T	= 8,
	RW_A	= SET_A | GET_A,
	RW_T	= SET_T | GET_T
};

enum check {
	CHECK_RANGE,
	CHECK_ALIGN,		/* power of two, at least 8 */
	CHECK_ALIGN_OR_OFF
};

struct int_option {
	int name;
	int access;
	int *field;
	enum check check;
	int min;
	int max;
};

static const struct int_option int_options[] = {
	{ XIO_OPTNAME_ENABLE_KEEPALIVE, RW_A, &xe_opt.enable_keepalive,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_MAX_IN_IOVLEN, RW_A | RW_T, &xe_opt.max_in_iovlen,
	  CHECK_RANGE, 1, XIO_MAX_IOV },
	{ XIO_OPTNAME_MAX_OUT_IOVLEN, RW_A | RW_T, &xe_opt.max_out_iovlen,
	  CHECK_RANGE, 1, XIO_MAX_IOV },
	{ XIO_OPTNAME_ENABLE_DMA_LATENCY, SET_A | RW_T,
	  &xe_opt.enable_dma_latency, CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_ENABLE_RECONNECT, RW_A, &xe_opt.enable_reconnect,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_ENABLE_FLOW_CONTROL, RW_A, &xe_opt.enable_flow_control,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, RW_A,
	  &xe_opt.snd_queue_depth_msgs, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, RW_A,
	  &xe_opt.rcv_queue_depth_msgs, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_MAX_INLINE_XIO_HEADER, RW_A, &xe_opt.max_inline_header,
	  CHECK_RANGE, 0, UINT16_MAX },
	{ XIO_OPTNAME_MAX_INLINE_XIO_DATA, RW_A, &xe_opt.max_inline_data,
	  CHECK_RANGE, 0, INT_MAX },
	{ XIO_OPTNAME_XFER_BUF_ALIGN, RW_A, &xe_opt.xfer_buf_align,
	  CHECK_ALIGN, 0, 0 },
	{ XIO_OPTNAME_INLINE_XIO_DATA_ALIGN, RW_A, &xe_opt.inline_data_align,
	  CHECK_ALIGN_OR_OFF, 0, 0 },
	{ XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT, RW_A,
	  &xe_opt.transport_close_timeout, CHECK_RANGE, 0, INT_MAX },
	{ XIO_OPTNAME_ENABLE_MEM_POOL, RW_T, &xe_opt.enable_mem_pool,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_TCP_ENABLE_MR_CHECK, RW_T, &xe_opt.tcp_mr_check,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_TCP_NO_DELAY, RW_T, &xe_opt.tcp_no_delay,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	{ XIO_OPTNAME_TCP_SO_SNDBUF, RW_T, &xe_opt.tcp_sndbuf,
	  CHECK_RANGE, 0, INT_MAX },
	{ XIO_OPTNAME_TCP_SO_RCVBUF, RW_T, &xe_opt.tcp_rcvbuf,
	  CHECK_RANGE, 0, INT_MAX },
	{ XIO_OPTNAME_TCP_DUAL_STREAM, RW_T, &xe_opt.tcp_dual_stream,
	  CHECK_RANGE, INT_MIN, INT_MAX },
	/* A pair of sockets must be able to wait for each other. */
	{ XIO_OPTNAME_LIMIT_PENDING_SOCKETS, RW_A,
	  &xe_opt.limit_pending_sockets, CHECK_RANGE, 2, 65536 },
	{ XIO_OPTNAME_LIMIT_PENDING_TIME, RW_A, &xe_opt.limit_pending_time,
	  CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_SETUP_TIME, RW_A, &xe_opt.limit_setup_time,
	  CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_HELLO_TIME, RW_A, &xe_opt.limit_hello_time,
	  CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_REDIRECTS, RW_A, &xe_opt.limit_redirects,
	  CHECK_RANGE, 0, INT_MAX },
	{ XIO_OPTNAME_LIMIT_LINKS_PER_HOST, RW_A,
	  &xe_opt.limit_links_per_host, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_LINKS_PER_SERVER, RW_A,
	  &xe_opt.limit_links_per_server, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_LINKS_TOTAL, RW_A, &xe_opt.limit_links_total,
	  CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_SESSIONS_PER_LINK, RW_A,
	  &xe_opt.limit_sessions_per_link, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, RW_A,
	  &xe_opt.limit_sessions_per_server, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_HELD_MSGS, RW_A, &xe_opt.limit_held_msgs,
	  CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_UNSENT_ANSWERS, RW_A,
	  &xe_opt.limit_unsent_answers, CHECK_RANGE, 1, INT_MAX },
	{ XIO_OPTNAME_LIMIT_LOG_LINES, RW_A, &xe_opt.limit_log_lines,
	  CHECK_RANGE, 0, INT_MAX }
};

/* Numbers of bytes, at level ACCELIO: 8 bytes to the reader. */
static const struct bytes_option {
	int name;
	uint64_t *field;
	int64_t min;
} bytes_options[] = {
	{ XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, &xe_opt.snd_queue_depth_bytes,
	  1 },
	{ XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, &xe_opt.rcv_queue_depth_bytes,
	  1 },
	{ XIO_OPTNAME_LIMIT_CONTEXT_BYTES, &xe_opt.limit_context_bytes, 1 },
	{ XIO_OPTNAME_LIMIT_MSG_BYTES, &xe_opt.limit_msg_bytes, 0 }
};

static const struct int_option *find_int(int name, int access)
{
	size_t i;

	for (i = 0; i < sizeof(int_options) / sizeof(int_options[0]); i++)
		if (int_options[i].name == name)
			return int_options[i].access & access ?
			       &int_options[i] : NULL;
	return NULL;
}

static const struct bytes_option *find_bytes(int name)
{
	size_t i;

	for (i = 0; i < sizeof(bytes_options) / sizeof(bytes_options[0]); i++)
		if (bytes_options[i].name == name)
			return &bytes_options[i];
	return NULL;
}

static void store(int *field, int value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static int load(const int *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static int check_align(int v)
{
	return v >= 8 && (v & (v - 1)) == 0 ? 0 : xe_fail(EINVAL);
}

static int set_int(const struct int_option *o, int level, int64_t v)
{
	bool iovlen = o->name == XIO_OPTNAME_MAX_IN_IOVLEN ||
		      o->name == XIO_OPTNAME_MAX_OUT_IOVLEN;

	/* libxio 1.7 ignores these with success; so must we. */
	if (iovlen && level == XIO_OPTLEVEL_ACCELIO &&
	    (v < IOVLEN_EFFECTIVE_MIN || v > XIO_MAX_IOV))
		return 0;
	switch (o->check) {
	case CHECK_RANGE:
		if (v < o->min || v > o->max)
			return xe_fail(level == XIO_OPTLEVEL_TCP ?
				       EINVAL : XIO_E_NOT_SUPPORTED);
		break;
	case CHECK_ALIGN_OR_OFF:
		if (v == 0)
			break;
		/* fall through */
	case CHECK_ALIGN:
		if (v > INT_MAX || v < 0)
			return xe_fail(EINVAL);
		if (check_align((int)v) != 0)
			return -1;
		break;
	}
	store(o->field, (int)v);
	/* A lost peer is found by reconnecting, not by probes. */
	if (o->name == XIO_OPTNAME_ENABLE_RECONNECT && v != 0)
		store(&xe_opt.enable_keepalive, 0);
	return 0;
}

/* At level ACCELIO libxio reads 4 or 8 bytes whatever the size says. */
static bool read_number(const void *val, int len, int64_t *v)
{
	int32_t i;

	if (len == sizeof(i)) {
		memcpy(&i, val, sizeof(i));
		*v = i;
		return true;
	}
	if (len == sizeof(*v)) {
		memcpy(v, val, sizeof(*v));
		return true;
	}
	return false;
}

static int set_tcp(int name, const void *val, int len)
{
	const struct int_option *o = find_int(name, SET_T);
	int v;

	if (!xe_initialized())
		return xe_fail(EFAULT);
	if (!o)
		return xe_fail(XIO_E_NOT_SUPPORTED);
	if (!val || len != sizeof(v))
		return xe_fail(EINVAL);
	memcpy(&v, val, sizeof(v));
	return set_int(o, XIO_OPTLEVEL_TCP, v);
}

static int set_bytes(const struct bytes_option *o, int64_t v)
{
	if (v < o->min)
		return xe_fail(XIO_E_NOT_SUPPORTED);
	__atomic_store_n(o->field, (uint64_t)v, __ATOMIC_RELAXED);
	return 0;
}

static int set_keepalive(const void *val, int len)
{
	struct xio_options_keepalive k;

	if (!val || len != sizeof(k))
		return xe_fail(EINVAL);
	memcpy(&k, val, sizeof(k));
	if (k.probes < 0 || k.time < 0 || k.intvl < 0)
		return xe_fail(EINVAL);
	store(&xe_opt.keepalive.probes, k.probes);
	store(&xe_opt.keepalive.time, k.time);
	store(&xe_opt.keepalive.intvl, k.intvl);
	return 0;
}

static int set_mempool(const void *val, int len)
{
	struct xio_mempool_config c;
	size_t i;

	if (!val)
		return xe_fail(EINVAL);
	if (len != sizeof(c))
		return xe_fail(XIO_E_NOT_SUPPORTED);
	memcpy(&c, val, sizeof(c));
	if (c.slabs_nr < 1 || c.slabs_nr > XIO_MAX_SLABS_NR)
		return xe_fail(XIO_E_NOT_SUPPORTED);
	for (i = 0; i < c.slabs_nr; i++)
		if (c.slab_cfg[i].block_sz == 0)
			return xe_fail(XIO_E_NOT_SUPPORTED);
	xe_opt.mempool = c;
	return 0;
}

static int set_log_fn(const void *val, int len)
{
	/* The function itself is the value, not a pointer to it. */
	xe_log_set_fn(len == 0 ? NULL : (xio_log_fn)(uintptr_t)val);
	return 0;
}

static int set_accelio(int name, const void *val, int len)
{
	const struct int_option *o = find_int(name, SET_A);
	const struct bytes_option *b = find_bytes(name);
	int64_t v = 0;

	switch (name) {
	case XIO_OPTNAME_LOG_FN:
		return set_log_fn(val, len);
	case XIO_OPTNAME_CONFIG_KEEPALIVE:
		return set_keepalive(val, len);
	case XIO_OPTNAME_CONFIG_MEMPOOL:
		return set_mempool(val, len);
	case XIO_OPTNAME_MEM_ALLOCATOR:
		/* Both failures leave xio_errno alone, as in libxio 1.7. */
		if (!val || len != sizeof(struct xio_mem_allocator))
			return -1;
		return xe_mem_set_allocator(val) ? 0 : -1;
	case XIO_OPTNAME_LOG_LEVEL:
		if (!val || len != sizeof(int) || !read_number(val, len, &v))
			return -1;
		store(&xe_log_level, (int)v);
		return 0;
	case XIO_OPTNAME_DISABLE_HUGETBL:
		break;
	default:
		if (!o && !b)
			return xe_fail(XIO_E_NOT_SUPPORTED);
		break;
	}
	if (!val)
		return xe_fail(EINVAL);
	if (!read_number(val, len, &v))
		return xe_fail(XIO_E_NOT_SUPPORTED);
	if (b)
		return set_bytes(b, v);
	if (o)
		return set_int(o, XIO_OPTLEVEL_ACCELIO, v);
	/* Huge pages, one way only: pools that exist are not changed. */
	if (v != 0)
		store(&xe_opt.disable_hugetbl, 1);
	return 0;
}

int xio_set_opt(void *xio_obj, int level, int optname, const void *optval,
		int optlen)
{
	(void)xio_obj;
	switch (level) {
	case XIO_OPTLEVEL_ACCELIO:
		return set_accelio(optname, optval, optlen);
	case XIO_OPTLEVEL_TCP:
		return set_tcp(optname, optval, optlen);
	case XIO_OPTLEVEL_RDMA:
		return xe_fail(EFAULT);		/* no such device, ever */
	default:
		return xe_fail(XIO_E_NOT_SUPPORTED);
	}
}

/* The size given by the caller is not looked at, as in libxio 1.7. */
static int put_value(void *dst, int *len, const void *src, size_t size)
{
	memcpy(dst, src, size);
	if (len)
		*len = (int)size;
	return 0;
}

static int get_int(const struct int_option *o, void *val, int *len)
{
	int v;

	if (!o)
		return xe_fail(XIO_E_NOT_SUPPORTED);
	v = load(o->field);
	return put_value(val, len, &v, sizeof(v));
}


static int get_accelio(int name, void *val, int *len)
{
	const struct bytes_option *b = find_bytes(name);
	struct xio_options_keepalive k;
	uint64_t n;
	int v;

	if (b) {
		n = __atomic_load_n(b->field, __ATOMIC_RELAXED);
		return put_value(val, len, &n, sizeof(n));
	}
	switch (name) {
	case XIO_OPTNAME_LOG_LEVEL:
		v = load(&xe_log_level);
		return put_value(val, len, &v, sizeof(v));
	case XIO_OPTNAME_CONFIG_KEEPALIVE:
		if (!len || *len != sizeof(k))
			return xe_fail(EINVAL);
		k.probes = load(&xe_opt.keepalive.probes);
		k.time = load(&xe_opt.keepalive.time);
		k.intvl = load(&xe_opt.keepalive.intvl);
		return put_value(val, len, &k, sizeof(k));
	default:
		return get_int(find_int(name, GET_A), val, len);
	}
}

int xio_get_opt(void *xio_obj, int level, int optname, void *optval,
		int *optlen)
{
	(void)xio_obj;
	if (!optval)
		return xe_fail(EINVAL);
	switch (level) {
	case XIO_OPTLEVEL_ACCELIO:
		return get_accelio(optname, optval, optlen);
	case XIO_OPTLEVEL_TCP:
		if (!xe_initialized())
			return xe_fail(EFAULT);
		return get_int(find_int(optname, GET_T), optval, optlen);
	case XIO_OPTLEVEL_RDMA:
		return xe_fail(EFAULT);
	default:
		return xe_fail(XIO_E_NOT_SUPPORTED);
	}
}

uint64_t xe_limit_message(void)
{
	uint64_t n = XE_OPT(limit_msg_bytes);

	return n ? n : XE_OPT(rcv_queue_depth_bytes);
}

uint32_t xe_inline_buf_size(void)
{
	const uint64_t step = 1024;
	uint64_t n = XE_PREFIX_LEN;

	n += XE_SGE_LEN * ((uint64_t)load(&xe_opt.max_in_iovlen) +
			   (uint64_t)load(&xe_opt.max_out_iovlen));
	n += (uint64_t)load(&xe_opt.max_inline_header);
	n += (uint64_t)load(&xe_opt.max_inline_data);
	/* At most 2 GiB and a bit: every field is a non-negative int. */
	return (uint32_t)((n + step - 1) / step * step);
}
