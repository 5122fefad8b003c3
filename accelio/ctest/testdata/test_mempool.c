/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mempool.c - pools: size classes, limits, alignment, flags, misuse,
 * and several threads at once.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>

#include "base.h"
#include "check.h"
#include "option.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN	1
#endif
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

static int warnings, errors;

static void log_fn(const char *file, unsigned int line, const char *func,
		   unsigned int level, const char *fmt, ...)
{
	(void)file;
	(void)line;
	(void)func;
	(void)fmt;
	if (level == XIO_LOG_LEVEL_WARN)
		warnings++;
	if (level == XIO_LOG_LEVEL_ERROR)
		errors++;
}

static void check_empty(struct xio_mempool *p, size_t length)
{
	struct xio_reg_mem r;

	memset(&r, 0x55, sizeof(r));
	xe_set_errno(0);
	errno = 0;
	CHECK_EQ(xio_mempool_alloc(p, length, &r), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(xio_errno(), 0);
	CHECK(r.addr == NULL && r.length == 0 && r.mr == NULL &&
	      r.priv == NULL);
}

static void slabs_are_checked(void)
{
	static const int bad[] = { 1, 2, 4, 7, 12, 65, -8, -64 };
	struct xio_mempool *p = xio_mempool_create(-1, 0);
	size_t i;

	check_empty(p, 1);
	CHECK_EQ(xio_mempool_add_slab(p, 256, 0, 4, 1, 0), 0);
	xe_set_errno(0);
	CHECK_EQ(xio_mempool_add_slab(p, 256, 0, 4, 1, 0), -1);
	CHECK_EQ(xio_errno(), EEXIST);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		xe_set_errno(0);
		CHECK_EQ(xio_mempool_add_slab(p, 300, 0, 4, 1, bad[i]), -1);
		CHECK_EQ(xio_errno(), EINVAL);
	}
	xe_set_errno(0);
	CHECK_EQ(xio_mempool_add_slab(p, 0, 0, 4, 1, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_mempool_add_slab(NULL, 300, 0, 4, 1, 0), -1);
	CHECK_EQ(xio_mempool_add_slab(p, SIZE_MAX - 3, 0, 4, 1, 0), -1);
	xe_set_errno(0);
	CHECK_EQ(xio_mempool_add_slab(p, SIZE_MAX / 8, 16, 16, 1, 0), -1);
	CHECK_EQ(xio_errno(), ENOMEM);
	CHECK_EQ(xio_mempool_add_slab(p, 64, SIZE_MAX, SIZE_MAX, 1, 0), -1);
	CHECK_EQ(xio_errno(), ENOMEM);
	check_empty(NULL, 1);
	errno = 0;
	CHECK_EQ(xio_mempool_alloc(p, 1, NULL), -1);
	CHECK_EQ(errno, EINVAL);
	xio_mempool_destroy(p);
	xio_mempool_destroy(NULL);
}

static void smallest_then_larger(void)
{
	struct xio_mempool *p = xio_mempool_create(0, XIO_MEMPOOL_FLAG_NONE);
	struct xio_reg_mem r[4], big;
	int i;

	/* Added in any order. */
	CHECK_EQ(xio_mempool_add_slab(p, 4096, 0, 1, 1, 4096), 0);
	CHECK_EQ(xio_mempool_add_slab(p, 64, 0, 2, 1, 8), 0);
	CHECK_EQ(xio_mempool_add_slab(p, 256, 0, 1, 1, 256), 0);

	CHECK_EQ(xio_mempool_alloc(p, 256, &big), 0);
	CHECK_EQ((uintptr_t)big.addr % 256, 0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(xio_mempool_alloc(p, 64, &r[i]), 0);
		CHECK_EQ(r[i].length, 64);
		CHECK(r[i].mr == NULL && r[i].priv != NULL);
		memset(r[i].addr, i, 64);
	}
	/* Two of 64, then past the exhausted 256 into the 4096. */
	CHECK_EQ((uintptr_t)r[2].addr % 4096, 0);
	check_empty(p, 64);
	check_empty(p, 0);
	check_empty(p, 4097);
	xio_mempool_free(&big);
	CHECK_EQ(xio_mempool_alloc(p, 0, &r[3]), 0);
	CHECK_EQ(r[3].length, 0);
	CHECK(r[3].addr == big.addr);
	for (i = 0; i < 4; i++)
		xio_mempool_free(&r[i]);
	CHECK_EQ(xio_mempool_alloc(p, 4096, &big), 0);
	memset(big.addr, 1, 4096);
	xio_mempool_free(&big);
	xio_mempool_destroy(p);
}

static void smallest_only(void)
{
	struct xio_mempool *p;
	struct xio_reg_mem r, s;

	p = xio_mempool_create(0, XIO_MEMPOOL_FLAG_USE_SMALLEST_SLAB);
	CHECK_EQ(xio_mempool_add_slab(p, 64, 0, 1, 1, 0), 0);
	CHECK_EQ(xio_mempool_add_slab(p, 128, 0, 1, 1, 0), 0);
	CHECK_EQ(xio_mempool_alloc(p, 10, &r), 0);
	check_empty(p, 10);
	CHECK_EQ(xio_mempool_alloc(p, 65, &s), 0);
	check_empty(p, 65);
	xio_mempool_free(&r);
	CHECK_EQ(xio_mempool_alloc(p, 64, &r), 0);
	xio_mempool_free(&r);
	xio_mempool_free(&s);
	xio_mempool_destroy(p);
}

static void limits(void)
{
	static const struct {
		size_t min, max, grow, blocks;
	} cases[] = {
		{ 0, 5, 2, 5 },		/* the last growth is cut */
		{ 3, 3, 1, 3 },
		{ 3, 100, 0, 3 },	/* never grows */
		{ 0, 100, 0, 0 },
		{ 4, 2, 1, 2 },		/* the maximum counts */
		{ 0, 0, 1, 0 },
		{ 1, 300, 128, 300 }
	};
	struct xio_reg_mem r[300];
	struct xio_mempool *p;
	size_t i, n, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p = xio_mempool_create(-1, 0);
		CHECK_EQ(xio_mempool_add_slab(p, 100, cases[i].min,
					      cases[i].max, cases[i].grow, 0),
			 0);
		for (n = 0; n < cases[i].blocks; n++) {
			CHECK_EQ(xio_mempool_alloc(p, 100, &r[n]), 0);
			CHECK_EQ((uintptr_t)r[n].addr % 64, 0);
			memset(r[n].addr, (int)n, 100);
		}
		check_empty(p, 100);
		for (n = 0; n < cases[i].blocks; n++)
			for (j = 0; j < 100; j++)
				CHECK_EQ(((uint8_t *)r[n].addr)[j],
					 (uint8_t)n);
		for (n = 0; n < cases[i].blocks; n++)
			xio_mempool_free(&r[n]);
		for (n = 0; n < cases[i].blocks; n++)
			CHECK_EQ(xio_mempool_alloc(p, 100, &r[n]), 0);
		check_empty(p, 100);
		for (n = 0; n < cases[i].blocks; n++)
			xio_mempool_free(&r[n]);
		xio_mempool_destroy(p);
	}
}

static void alignments(void)
{
	static const int aligns[] = { 8, 16, 64, 4096, 65536, 1 << 21 };
	struct xio_mempool *p;
	struct xio_reg_mem r[3];
	size_t i, n;

	for (i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		p = xio_mempool_create(-1, 0);
		CHECK_EQ(xio_mempool_add_slab(p, 100, 0, 3, 3, aligns[i]), 0);
		for (n = 0; n < 3; n++) {
			CHECK_EQ(xio_mempool_alloc(p, 100, &r[n]), 0);
			CHECK_EQ((uintptr_t)r[n].addr % (size_t)aligns[i],
				 0);
			memset(r[n].addr, 1, 100);
		}
		for (n = 0; n < 3; n++)
			xio_mempool_free(&r[n]);
		xio_mempool_destroy(p);
	}
}

static void registered(void)
{
	struct xio_mempool *p = xio_mempool_create(0,
						   XIO_MEMPOOL_FLAG_REG_MR);
	struct xio_reg_mem r, own;
	char buf[8];

	CHECK_EQ(xio_mempool_add_slab(p, 1000, 0, 3, 2, 0), 0);
	CHECK_EQ(xio_mempool_alloc(p, 10, &r), 0);
	CHECK_EQ(xio_mem_register(buf, sizeof(buf), &own), 0);
	CHECK(r.mr != NULL && r.mr == own.mr);
	xio_mempool_free(&r);
	xio_mempool_destroy(p);
}

/* Huge pages may or may not be there: the pool works either way. */
static void special_pages(void)
{
	static const uint32_t flags[] = {
		XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC,
		XIO_MEMPOOL_FLAG_NUMA_ALLOC,
		XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC | XIO_MEMPOOL_FLAG_NUMA_ALLOC
	};
	static const int nodes[] = { 0, -1, 1000000 };
	struct xio_mempool *p;
	struct xio_reg_mem r, s;
	size_t i, n;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		for (n = 0; n < sizeof(nodes) / sizeof(nodes[0]); n++) {
			p = xio_mempool_create(nodes[n], flags[i]);
			CHECK_EQ(xio_mempool_add_slab(p, 3000, 1, 2, 1,
						      4096), 0);
			CHECK_EQ(xio_mempool_add_slab(p, 9000, 0, 1, 1, 0),
				 0);
			CHECK_EQ(xio_mempool_alloc(p, 3000, &r), 0);
			CHECK_EQ((uintptr_t)r.addr % 4096, 0);
			memset(r.addr, 1, 3000);
			CHECK_EQ(xio_mempool_alloc(p, 9000, &s), 0);
			memset(s.addr, 1, 9000);
			xio_mempool_free(&r);
			xio_mempool_free(&s);
			xio_mempool_destroy(p);
		}
	}

	/* Switched off, there is no attempt and so no warning. */
	xe_log_level = XIO_LOG_LEVEL_WARN;
	xe_opt.disable_hugetbl = 1;
	warnings = 0;
	p = xio_mempool_create(0, XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC);
	CHECK_EQ(xio_mempool_add_slab(p, 3000, 1, 1, 1, 0), 0);
	CHECK_EQ(warnings, 0);
	xio_mempool_destroy(p);

	/* 2^60 bytes of huge pages exist nowhere; nor do normal ones. */
	xe_opt.disable_hugetbl = 0;
	p = xio_mempool_create(0, XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC);
	CHECK_EQ(xio_mempool_add_slab(p, (size_t)1 << 60, 0, 1, 1, 0), 0);
	CHECK_EQ(xio_mempool_alloc(p, 1, &r), -1);
	CHECK(warnings > 0);
	xio_mempool_destroy(p);
	xe_log_level = XIO_LOG_LEVEL_ERROR;
}

static void misuse(void)
{
	struct xio_mempool *p = xio_mempool_create(0, 0);
	struct xio_reg_mem r, copy, other;
	char buf[8];

	CHECK_EQ(xio_mempool_add_slab(p, 64, 2, 2, 1, 0), 0);
	CHECK_EQ(xio_mempool_alloc(p, 64, &r), 0);
	copy = r;
	errors = 0;
	xio_mempool_free(NULL);
	xio_mempool_free(&r);
	CHECK_EQ(errors, 0);
	xio_mempool_free(&r);
	CHECK_EQ(errors, 1);
	xio_mempool_free(&copy);
	CHECK_EQ(errors, 2);
	/* The list of free blocks has not been damaged. */
	CHECK_EQ(xio_mempool_alloc(p, 64, &r), 0);
	CHECK_EQ(xio_mempool_alloc(p, 64, &copy), 0);
	CHECK(r.addr != copy.addr);
	check_empty(p, 64);

	memset(&other, 0, sizeof(other));
	CHECK_EQ(xio_mem_register(buf, sizeof(buf), &other), 0);
	xio_mempool_free(&other);
	CHECK_EQ(errors, 3);

	xe_log_level = XIO_LOG_LEVEL_WARN;
	warnings = 0;
	xio_mempool_destroy(p);
	CHECK_EQ(warnings, 1);		/* two blocks in use */
	xe_log_level = XIO_LOG_LEVEL_ERROR;
}

static void poisoned_when_free(void)
{
#ifdef HAVE_ASAN
	struct xio_mempool *p = xio_mempool_create(0, 0);
	struct xio_reg_mem r;
	char *addr;

	CHECK_EQ(xio_mempool_add_slab(p, 64, 2, 2, 1, 0), 0);
	CHECK_EQ(xio_mempool_alloc(p, 64, &r), 0);
	addr = r.addr;
	CHECK(!__asan_region_is_poisoned(addr, 64));
	xio_mempool_free(&r);
	CHECK(__asan_address_is_poisoned(addr));
	CHECK(__asan_address_is_poisoned(addr + 63));
	xio_mempool_destroy(p);
	CHECK(!__asan_address_is_poisoned(addr));
#else
	printf("skip poisoned_when_free: no address sanitizer\n");
#endif
}

/* --- threads -------------------------------------------------------- */

#define THREADS	4
#define ROUNDS	3000
#define HELD	16

static void *worker(void *arg)
{
	struct xio_mempool *p = arg;
	struct xio_reg_mem held[HELD];
	uint32_t seed = (uint32_t)(uintptr_t)&held;
	long bad = 0;
	int i, k;
	size_t n, j;

	memset(held, 0, sizeof(held));
	for (i = 0; i < ROUNDS; i++) {
		seed = seed * 1664525u + 1013904223u;
		k = (int)(seed >> 20) % HELD;
		if (held[k].addr) {
			for (j = 0; j < held[k].length; j++)
				bad += ((uint8_t *)held[k].addr)[j] !=
				       (uint8_t)((uintptr_t)&held >> 4);
			xio_mempool_free(&held[k]);
			held[k].addr = NULL;
			continue;
		}
		n = 1 + (seed >> 8) % 900;
		if (xio_mempool_alloc(p, n, &held[k]) == 0)
			memset(held[k].addr,
			       (uint8_t)((uintptr_t)&held >> 4), n);
	}
	for (k = 0; k < HELD; k++)
		if (held[k].addr)
			xio_mempool_free(&held[k]);
	return (void *)bad;
}

static void many_threads(void)
{
	struct xio_mempool *p = xio_mempool_create(0, 0);
	struct xio_reg_mem r[THREADS * HELD];
	pthread_t t[THREADS];
	void *bad;
	int i;

	/* Small growth, so that chunks come and go all the time. */
	CHECK_EQ(xio_mempool_add_slab(p, 128, 0, 20, 3, 0), 0);
	CHECK_EQ(xio_mempool_add_slab(p, 1024, 2, THREADS * HELD, 2, 0), 0);
	errors = 0;
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, worker, p) != 0)
			exit(2);
	/* A slab may join while the others are busy. */
	CHECK_EQ(xio_mempool_add_slab(p, 512, 0, 4, 4, 0), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		CHECK(bad == NULL);
	}
	CHECK_EQ(errors, 0);
	/* Nothing was lost. */
	for (i = 0; i < THREADS * HELD; i++)
		CHECK_EQ(xio_mempool_alloc(p, 1000, &r[i]), 0);
	check_empty(p, 1000);
	for (i = 0; i < THREADS * HELD; i++)
		xio_mempool_free(&r[i]);
	xio_mempool_destroy(p);
}

int main(void)
{
	xe_log_set_fn(log_fn);
	RUN(slabs_are_checked);
	RUN(smallest_then_larger);
	RUN(smallest_only);
	RUN(limits);
	RUN(alignments);
	RUN(registered);
	RUN(special_pages);
	RUN(misuse);
	RUN(poisoned_when_free);
	RUN(many_threads);
	return check_done();
}
