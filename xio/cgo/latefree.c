/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latefree.c - memory for libxio that stays as it was for a while when it is freed.
 *
 * libxio frees a link whose peer hangs up while it is still telling the link's
 * observers of it, and follows the list in the freed memory. The C library keeps
 * pointers of its own there, which libxio then takes for the list, and writes to.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define LATE		1024	/* blocks that are kept */
#define LATE_SIZE	65536	/* largest; what is larger holds no lists */

static _Atomic(void *) late[LATE];
static atomic_uint next;

static void *late_calloc(size_t size, void *user)
{
	(void)user;
	return calloc(1, size);
}

static void *late_memalign(size_t boundary, size_t size, void *user)
{
	void *p;

	(void)user;
	if (posix_memalign(&p, boundary, size))
		return NULL;
	return memset(p, 0, size);
}

static void late_free(void *p, void *user)
{
	(void)user;
	if (p && malloc_usable_size(p) <= LATE_SIZE)
		p = atomic_exchange(&late[atomic_fetch_add(&next, 1) % LATE], p);
	free(p);
}

struct xio_mem_allocator xg_late_allocator = {
	.allocate = late_calloc,
	.memalign = late_memalign,
	.free = late_free,
};
