/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib.c - the process-wide library: start, options, identity, memory.
 *
 * All process-wide options are set here, once, before the first context. No
 * other file calls xio_set_opt.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

static int set_int(int level, int name, int value)
{
	return xio_set_opt(NULL, level, name, &value, sizeof(value));
}

static int set_u64(int name, uint64_t value)
{
	return xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, name, &value, sizeof(value));
}

/* The library's own pool serves responses offered by length alone. Its default
 * grows by 128 blocks, 128 MiB for the largest class, and ends at 1 MiB; these
 * classes reach the largest message in small steps. */
static void set_mempool(void)
{
	static const size_t sizes[XIO_MAX_SLABS_NR] = {
		16u << 10, 64u << 10, 256u << 10, 1u << 20, 8u << 20, 64u << 20
	};
	static const size_t grow[XIO_MAX_SLABS_NR] = { 16, 8, 4, 2, 1, 1 };
	struct xio_mempool_config mp;
	int i;

	memset(&mp, 0, sizeof(mp));
	mp.slabs_nr = XIO_MAX_SLABS_NR;
	for (i = 0; i < XIO_MAX_SLABS_NR; i++) {
		mp.slab_cfg[i].block_sz = sizes[i];
		mp.slab_cfg[i].grow_blocks_nr = grow[i];
		mp.slab_cfg[i].max_blocks_nr = 24576;
	}
	xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_CONFIG_MEMPOOL,
		    &mp, sizeof(mp));
}

static int set_tcp(const struct xg_options *o)
{
	/* Nagle stalls a ping-pong, and every close, for 40 ms. */
	if (set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_NO_DELAY, 1))
		return xg_error();
	if (o->single_stream &&
	    set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, 0))
		return xg_error();
	if (o->sockbuf > 0 &&
	    (set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_SO_SNDBUF, o->sockbuf) ||
	     set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_SO_RCVBUF, o->sockbuf)))
		return xg_error();
	return 0;
}

static int set_keepalive(const struct xg_options *o)
{
	struct xio_options_keepalive ka;

	if (o->no_keepalive)
		return set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_KEEPALIVE, 0) ?
			xg_error() : 0;
	if (o->ka_time <= 0)
		return 0;
	ka.probes = o->ka_probes;
	ka.time = o->ka_time;
	ka.intvl = o->ka_interval;
	return xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_CONFIG_KEEPALIVE,
			   &ka, sizeof(ka)) ? xg_error() : 0;
}

static int set_queues(const struct xg_options *o)
{
	uint64_t msgs = (uint64_t)o->queue_msgs;

	if (o->flow_control &&
	    set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_FLOW_CONTROL, 1))
		return xg_error();
	/* It turns keepalive off, so it comes behind that. */
	if (o->reconnect &&
	    set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_RECONNECT, 1))
		return xg_error();
	/* libxio reads eight bytes of the depth in messages. */
	if (msgs && (set_u64(XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, msgs) ||
		     set_u64(XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, msgs)))
		return xg_error();
	if (o->queue_bytes &&
	    (set_u64(XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, o->queue_bytes) ||
	     set_u64(XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, o->queue_bytes)))
		return xg_error();
	return 0;
}

/* How many pieces of memory a peer may lay a message out in; it is told when it
 * connects. */
static int set_segments(const struct xg_options *o)
{
	if (o->segments &&
	    (set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_MAX_IN_IOVLEN, o->segments) ||
	     set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_MAX_OUT_IOVLEN, o->segments)))
		return xg_error();
	return 0;
}

/* ---- the log ---- */

static int log_fd = -1;
static atomic_uint log_lost;

/*
 * One line for each entry: level, file, line, text, with tabs between. The
 * descriptor is a pipe that never blocks; what does not fit is counted. May run
 * on any thread, in the middle of the library, and so must not call Go.
 */
static void log_line(const char *file, unsigned int line, const char *function,
		     unsigned int level, const char *fmt, ...)
{
	unsigned int lost = atomic_exchange(&log_lost, 0);
	char b[1024];
	va_list ap;
	int n, k;

	(void)function;
	n = snprintf(b, 256, "%u\t%u\t%s\t%u\t", level, lost, file ? file : "", line);
	if (n > 255)
		n = 255;
	va_start(ap, fmt);
	k = vsnprintf(b + n, sizeof(b) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (k > 0)
		n += k < (int)sizeof(b) - n - 1 ? k : (int)sizeof(b) - n - 2;
	for (k = 0; k < n; k++)
		if (b[k] == '\n' || b[k] == '\r')
			b[k] = ' ';
	b[n++] = '\n';
	if (write(log_fd, b, (size_t)n) != n)
		atomic_fetch_add(&log_lost, lost + 1);
}

int xg_init(const struct xg_options *o)
{
	int err;

	if (!xg_kin())
		xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_MEM_ALLOCATOR,
			    &xg_late_allocator, sizeof(xg_late_allocator));
	xio_init();

	set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LOG_LEVEL, o->log_level);
	if (o->log_fd >= 0) {
		log_fd = o->log_fd;
		if (xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LOG_FN,
				(const void *)(uintptr_t)log_line, sizeof(xio_log_fn)))
			return xg_error();
	}
	/* Huge pages are rarely configured; the attempt only logs and wastes. */
	set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_DISABLE_HUGETBL, 1);
	set_mempool();
	err = set_tcp(o);
	if (!err)
		err = set_keepalive(o);
	if (!err)
		err = set_queues(o);
	if (!err)
		err = set_segments(o);
	return err;
}

const char *xg_version(void)
{
	return xio_version();
}

const char *xg_strerror(int code)
{
	return xio_strerror(code);
}

/* Path of the object that holds the library. */
const char *xg_linkage(void)
{
	Dl_info i;

	if (dladdr((void *)(uintptr_t)xio_version, &i) && i.dli_fname)
		return i.dli_fname;
	return "";
}

/*
 * Large pieces come from the system and go back to it at once: in the C library's
 * heap, pieces of changing sizes and lifetimes leave holes that add up.
 */
#define MAP_MIN	(64u << 10)

static uint64_t map_size(uint64_t len)
{
	return (len + 4095) & ~UINT64_C(4095);
}

int xg_mem_alloc(uint64_t len, struct xio_reg_mem *m)
{
	void *p;

	memset(m, 0, sizeof(*m));
	if (len == 0)
		return EINVAL;
	if (len < MAP_MIN)
		return xio_mem_alloc(len, m) ? ENOMEM : 0;
	p = mmap(NULL, map_size(len), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return ENOMEM;
	if (xio_mem_register(p, len, m)) {
		munmap(p, map_size(len));
		return ENOMEM;
	}
	return 0;
}

void xg_mem_free(struct xio_reg_mem *m)
{
	void *p = m->addr;
	uint64_t len = m->length;

	if (len < MAP_MIN) {
		xio_mem_free(m);
		return;
	}
	xio_mem_dereg(m);
	munmap(p, map_size(len));
}

void *xg_copy(const void *p, size_t n)
{
	void *q = NULL;

	if (p && n && (q = malloc(n)))
		memcpy(q, p, n);
	return q;
}

/* Its version ends so; another libxio has the name of a commit there. */
int xg_kin(void)
{
	static atomic_int known;	/* 0: not yet */
	int k = atomic_load_explicit(&known, memory_order_relaxed);

	if (!k) {
		const char *v = xio_version();
		size_t n = strlen(v);

		k = n > 3 && strcmp(v + n - 3, "-go") == 0 ? 1 : -1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k > 0;
}

int xg_pin_thread(const int *cpus, uint32_t n)
{
	cpu_set_t set;
	uint32_t i;

	CPU_ZERO(&set);
	for (i = 0; i < n; i++) {
		if (cpus[i] < 0 || cpus[i] >= CPU_SETSIZE)
			return EINVAL;
		CPU_SET(cpus[i], &set);
	}
	return sched_setaffinity(0, sizeof(set), &set) ? errno : 0;
}
