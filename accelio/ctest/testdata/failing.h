/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failing.h - allocator hooks that count what is alive, and that fail once on
 * demand. For programs with one thread.
 */
#ifndef FAILING_H
#define FAILING_H

#include "check.h"
#include "libxio.h"

static long live;
static long fail_at;		/* the n-th call from now fails; 0: none */
static long failed;

static inline bool fails(void)
{
	if (fail_at == 0 || --fail_at > 0)
		return false;
	failed++;
	return true;
}

static void *hook_allocate(size_t size, void *user)
{
	void *ptr;

	(void)user;
	if (fails())
		return NULL;
	ptr = malloc(size);
	live += ptr != NULL;
	return ptr;
}

static void *hook_memalign(size_t boundary, size_t size, void *user)
{
	void *ptr = NULL;

	(void)user;
	if (fails() || posix_memalign(&ptr, boundary, size))
		return NULL;
	live++;
	return ptr;
}

static void hook_free(void *ptr, void *user)
{
	(void)user;
	live -= ptr != NULL;
	free(ptr);
}

/* Before xio_init. */
static inline void hooks_install(void)
{
	static struct xio_mem_allocator hooks = {
		.allocate = hook_allocate,
		.memalign = hook_memalign,
		.free = hook_free,
	};

	CHECK_EQ(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			     XIO_OPTNAME_MEM_ALLOCATOR, &hooks,
			     sizeof(hooks)), 0);
}

#endif
