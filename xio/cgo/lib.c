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
#include <string.h>

#include "internal.h"

static int set_int(int level, int name, int value)
{
	return xio_set_opt(NULL, level, name, &value, sizeof(value));
}

int xg_init(const struct xg_options *o)
{
	struct xio_mempool_config mp;
	/* The library's own pool serves responses offered by length alone. Its
	 * default grows by 128 blocks, 128 MiB for the largest class, and ends
	 * at 1 MiB; these classes reach the largest message in small steps. */
	static const size_t sizes[XIO_MAX_SLABS_NR] = {
		16u << 10, 64u << 10, 256u << 10, 1u << 20, 8u << 20, 64u << 20
	};
	static const size_t grow[XIO_MAX_SLABS_NR] = { 16, 8, 4, 2, 1, 1 };
	int i;

	xio_init();

	set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LOG_LEVEL, o->log_level);
	/* Huge pages are rarely configured; the attempt only logs and wastes. */
	set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_DISABLE_HUGETBL, 1);

	memset(&mp, 0, sizeof(mp));
	mp.slabs_nr = XIO_MAX_SLABS_NR;
	for (i = 0; i < XIO_MAX_SLABS_NR; i++) {
		mp.slab_cfg[i].block_sz = sizes[i];
		mp.slab_cfg[i].grow_blocks_nr = grow[i];
		mp.slab_cfg[i].max_blocks_nr = 24576;
	}
	xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_CONFIG_MEMPOOL,
		    &mp, sizeof(mp));

	/* Nagle stalls a ping-pong, and every close, for 40 ms. */
	if (set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_NO_DELAY, 1))
		return xg_error();
	if (o->single_stream &&
	    set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, 0))
		return xg_error();
	if (o->no_keepalive &&
	    set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_KEEPALIVE, 0))
		return xg_error();
	if (o->ka_time > 0) {
		struct xio_options_keepalive ka;

		ka.probes = o->ka_probes;
		ka.time = o->ka_time;
		ka.intvl = o->ka_interval;
		if (xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
				XIO_OPTNAME_CONFIG_KEEPALIVE, &ka, sizeof(ka)))
			return xg_error();
	}
	return 0;
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

int xg_mem_alloc(uint64_t len, struct xio_reg_mem *m)
{
	memset(m, 0, sizeof(*m));
	if (len == 0)
		return EINVAL;
	if (xio_mem_alloc(len, m))
		return ENOMEM;
	return 0;
}

void xg_mem_free(struct xio_reg_mem *m)
{
	xio_mem_free(m);
}
