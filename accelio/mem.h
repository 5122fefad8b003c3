/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.h - buffers for received data above the inline limit.
 *
 * Implements the public xio_mem_* and xio_mempool_* calls (mem.c,
 * mempool.c; accelio-api 7). Without RDMA "registered" means: page-aligned,
 * stable, and marked with one shared xio_mr.
 */
#ifndef XE_MEM_H
#define XE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "libxio.h"

/* The mark that every registered buffer carries. */
struct xio_mr *xe_dummy_mr(void);

/* A large piece of zeroed memory that a pool cuts into blocks. */
struct xe_region {
	void	*addr;		/* aligned as asked */
	size_t	size;
	void	*base;		/* what was allocated, for the release */
	size_t	base_size;
	int	kind;
};

/*
 * flags: enum xio_mempool_flag; huge pages fall back to normal ones with a
 * warning, a NUMA node is a preference. align is a power of two. Returns 0,
 * or -1 with xio_errno ENOMEM.
 */
int xe_region_alloc(size_t size, size_t align, uint32_t flags, int node,
		    struct xe_region *r);
void xe_region_free(struct xe_region *r);

#endif
