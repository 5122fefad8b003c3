/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_alloc.c - the allocator hooks: every piece of memory goes back to
 * where it came from, and a failing allocation gives a clean error.
 */
#include <errno.h>

#include "base.h"
#include "check.h"
#include "init_stub.h"

static long live;		/* pieces given and not taken back */
static long live_big;		/* of these, from memalign, huge and numa */
static long total;
static long fail_at;		/* the n-th call from now fails; 0: none */

static bool fails(void)
{
	return fail_at != 0 && --fail_at == 0;
}

static void *give(void *p, long *also)
{
	if (p) {
		live++;
		total++;
		if (also)
			(*also)++;
	}
	return p;
}

static void *hook_allocate(size_t size, void *ctx)
{
	CHECK(ctx == &live);
	return fails() ? NULL : give(malloc(size), NULL);
}

/* Which pointers came from hook_memalign, for the count. */
static void *big[64];

static void *hook_memalign(size_t boundary, size_t size, void *ctx)
{
	void *p = NULL;
	int i;

	CHECK(ctx == &live);
	if (fails() || posix_memalign(&p, boundary, size) != 0)
		return NULL;
	for (i = 0; i < 64; i++) {
		if (!big[i]) {
			big[i] = p;
			return give(p, &live_big);
		}
	}
	exit(2);
}

static void hook_free(void *ptr, void *ctx)
{
	int i;

	CHECK(ctx == &live);
	CHECK(ptr != NULL);
	for (i = 0; i < 64; i++) {
		if (big[i] == ptr) {
			big[i] = NULL;
			live_big--;
		}
	}
	live--;
	free(ptr);
}

static long huge_calls, numa_calls, live_huge, live_numa;
static int numa_node;

static void *hook_huge(size_t size, void *ctx)
{
	void *p = NULL;

	CHECK(ctx == &live);
	huge_calls++;
	if (fails() || posix_memalign(&p, 4096, size) != 0)
		return NULL;
	return give(p, &live_huge);
}

static void hook_free_huge(void *ptr, void *ctx)
{
	CHECK(ctx == &live);
	live--;
	live_huge--;
	free(ptr);
}

static void *hook_numa(size_t size, int node, void *ctx)
{
	void *p = NULL;

	CHECK(ctx == &live);
	numa_calls++;
	numa_node = node;
	if (fails() || posix_memalign(&p, 4096, size) != 0)
		return NULL;
	return give(p, &live_numa);
}

static void hook_free_numa(void *ptr, void *ctx)
{
	CHECK(ctx == &live);
	live--;
	live_numa--;
	free(ptr);
}

static const struct xio_mem_allocator hooks = {
	.user_context = &live,
	.allocate = hook_allocate,
	.memalign = hook_memalign,
	.free = hook_free,
	.malloc_huge_pages = hook_huge,
	.free_huge_pages = hook_free_huge,
	.numa_alloc = hook_numa,
	.numa_free = hook_free_numa
};

static void set_once(void)
{
	xe_set_errno(0);
	CHECK_EQ(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			     XIO_OPTNAME_MEM_ALLOCATOR, &hooks,
			     sizeof(hooks)), 0);
	CHECK_EQ(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			     XIO_OPTNAME_MEM_ALLOCATOR, &hooks,
			     sizeof(hooks)), -1);
	CHECK_EQ(xio_errno(), 0);
	CHECK(!xe_mem_set_allocator(&hooks));
}

static void everything_through_hooks(void)
{
	struct xio_reg_mem r = { 0 };
	void *a, *b, *c;

	a = xe_malloc(10);
	b = xe_zalloc(10);
	c = xe_strndup("x", 1);
	CHECK_EQ(live, 3);
	xe_free(a);
	xe_free(b);
	xe_free(c);
	CHECK_EQ(live, 0);

	a = xe_pages_alloc(5000);
	CHECK_EQ(live, 1);
	CHECK_EQ((uintptr_t)a % 4096, 0);
	CHECK_EQ(((char *)a)[4999], 0);
	xe_pages_free(a, 5000);
	CHECK_EQ(live, 0);

	CHECK_EQ(xio_mem_alloc(5000, &r), 0);
	CHECK_EQ(live, 1);
	CHECK_EQ(((char *)r.addr)[4999], 0);
	CHECK_EQ(xio_mem_free(&r), 0);
	CHECK_EQ(live, 0);
}

static void pool_kinds(void)
{
	struct xio_mempool *p;
	struct xio_reg_mem r;

	p = xio_mempool_create(3, XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC);
	CHECK_EQ(xio_mempool_add_slab(p, 100, 1, 2, 1, 0), 0);
	CHECK_EQ(live_huge, 1);
	CHECK_EQ(xio_mempool_alloc(p, 100, &r), 0);
	CHECK_EQ(((char *)r.addr)[99], 0);
	/* No more huge pages: normal memory, and a warning. */
	fail_at = 1;
	CHECK_EQ(xio_mempool_alloc(p, 100, &r), 0);
	CHECK_EQ(live_huge, 1);
	CHECK_EQ(live_big, 1);
	CHECK_EQ(huge_calls, 2);
	xio_mempool_destroy(p);
	CHECK_EQ(live, 0);

	/* An alignment that the hook does not give: normal memory. */
	p = xio_mempool_create(3, XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC);
	CHECK_EQ(xio_mempool_add_slab(p, 100, 1, 1, 1, 1 << 22), 0);
	CHECK_EQ(xio_mempool_alloc(p, 100, &r), 0);
	CHECK_EQ((uintptr_t)r.addr % (1 << 22), 0);
	xio_mempool_destroy(p);
	CHECK_EQ(live, 0);

	p = xio_mempool_create(3, XIO_MEMPOOL_FLAG_NUMA_ALLOC);
	CHECK_EQ(xio_mempool_add_slab(p, 100, 1, 1, 1, 0), 0);
	CHECK_EQ(numa_calls, 1);
	CHECK_EQ(numa_node, 3);
	CHECK_EQ(live_numa, 1);
	xio_mempool_destroy(p);
	CHECK_EQ(live, 0);
}

/* Chunks that are wholly free go back, but for the minimum and a reserve. */
static void chunks_go_back(void)
{
	struct xio_mempool *p = xio_mempool_create(0, 0);
	struct xio_reg_mem r[40];
	int i;

	CHECK_EQ(xio_mempool_add_slab(p, 1000, 4, 40, 4, 0), 0);
	CHECK_EQ(live_big, 1);
	for (i = 0; i < 40; i++)
		CHECK_EQ(xio_mempool_alloc(p, 1000, &r[i]), 0);
	CHECK_EQ(live_big, 10);
	for (i = 0; i < 39; i++)
		xio_mempool_free(&r[i]);
	CHECK_EQ(live_big, 2);		/* one in use, one in reserve */
	xio_mempool_free(&r[39]);
	CHECK_EQ(live_big, 1);

	/* At the border the reserve avoids give and take. */
	for (i = 0; i < 4; i++)
		CHECK_EQ(xio_mempool_alloc(p, 1000, &r[i]), 0);
	CHECK_EQ(xio_mempool_alloc(p, 1000, &r[4]), 0);
	xio_mempool_free(&r[4]);
	total = 0;
	for (i = 0; i < 100; i++) {
		CHECK_EQ(xio_mempool_alloc(p, 1000, &r[4]), 0);
		xio_mempool_free(&r[4]);
	}
	CHECK_EQ(total, 0);
	for (i = 0; i < 4; i++)
		xio_mempool_free(&r[i]);
	xio_mempool_destroy(p);
	CHECK_EQ(live, 0);
}

/* When memory is short a slab grows by less. */
static void grows_by_less(void)
{
	struct xio_mempool *p = xio_mempool_create(0, 0);
	struct xio_reg_mem r[8];
	int i;

	CHECK_EQ(xio_mempool_add_slab(p, 1000, 0, 8, 8, 0), 0);
	fail_at = 1;		/* the memory of the eight blocks */
	for (i = 0; i < 8; i++)
		CHECK_EQ(xio_mempool_alloc(p, 1000, &r[i]), 0);
	CHECK_EQ(live_big, 2);
	for (i = 0; i < 8; i++)
		xio_mempool_free(&r[i]);
	xio_mempool_destroy(p);
	CHECK_EQ(live, 0);
}

/* One call of everything; the n-th allocation fails in turn. */
static int use_everything(void)
{
	struct xio_connection *conn = (void *)&live;
	struct xio_managed_rkey *key = NULL;
	struct xio_mempool *p;
	struct xio_reg_mem r = { 0 };
	void *pages, *a;
	char *s;
	int failed = 0;

	a = xe_zalloc(10);
	failed += !a;
	s = xe_strndup("abc", 3);
	failed += !s;
	pages = xe_pages_alloc(4096);
	failed += !pages;
	key = xio_register_remote_rkey(conn, 1);
	failed += !key;
	if (failed)
		CHECK_EQ(xio_errno(), ENOMEM);
	if (xio_mem_alloc(100, &r) != 0) {
		failed++;
		CHECK_EQ(xio_errno(), ENOMEM);
	} else {
		CHECK_EQ(xio_mem_free(&r), 0);
	}
	p = xio_mempool_create(0, 0);
	failed += !p;
	if (p) {
		if (xio_mempool_add_slab(p, 100, 1, 2, 1, 0) != 0) {
			failed++;
			CHECK_EQ(xio_errno(), ENOMEM);
			CHECK_EQ(xio_mempool_alloc(p, 100, &r), -1);
		} else {
			CHECK_EQ(xio_mempool_alloc(p, 100, &r), 0);
			if (xio_mempool_alloc(p, 100, &r) != 0)
				failed++;
		}
		xio_mempool_destroy(p);
	}
	xio_unregister_remote_key(key);
	if (pages)
		xe_pages_free(pages, 4096);
	xe_free(s);
	xe_free(a);
	return failed;
}

static void nth_allocation_fails(void)
{
	long n;

	for (n = 1; n < 100; n++) {
		xe_set_errno(0);
		fail_at = n;
		if (use_everything() == 0)
			break;
		CHECK_EQ(fail_at, 0);
		CHECK_EQ(live, 0);
	}
	CHECK(n > 8 && n < 100);
	CHECK(fail_at != 0);
	fail_at = 0;
	CHECK_EQ(live, 0);
}

int main(void)
{
	stub_initialized = true;
	RUN(set_once);
	RUN(everything_through_hooks);
	RUN(pool_kinds);
	RUN(chunks_go_back);
	RUN(grows_by_less);
	RUN(nth_allocation_fails);
	return check_done();
}
