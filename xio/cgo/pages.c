/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.c - registered memory with a choice of page size and NUMA node.
 *
 * The memory is mapped and placed here and then registered with the library,
 * because its own pools cannot promise either: huge pages are turned off for
 * the whole process when it starts (lib.c), and asking for a node moves the
 * calling thread there, which in Go belongs to everybody.
 *
 * Pages are touched at once. What they are is then known, and nothing can fail
 * later with a signal in place of an error.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define HUGE_PAGE	((uint64_t)2 << 20)
#define NODES		1024	/* more than any kernel is built for */
#define QUERY		256	/* pages asked about in one call */

/* Of the kernel's interface; the C library's headers may be older. */
enum { PREFERRED = 1 };
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

static int prefer_node(void *addr, uint64_t len, int node)
{
	unsigned long mask[NODES / (8 * sizeof(unsigned long))] = { 0 };
	const unsigned int bits = 8 * sizeof(mask[0]);
	unsigned int n = (unsigned int)node;

	if (n >= NODES)
		return EINVAL;
	mask[n / bits] = 1ul << n % bits;
	if (syscall(SYS_mbind, addr, len, PREFERRED, mask, NODES + 1ul, 0u))
		return errno;
	return 0;
}

static int touch(void *addr, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at;

	if (madvise(addr, len, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return ENOMEM;
	for (at = 0; at < len; at += page)	/* before Linux 5.14 */
		((volatile char *)addr)[at] = 0;
	return 0;
}

/* The preference is all there is: memory on another node is memory too. */
static int place(void *addr, uint64_t len, int node)
{
	if (node >= 0)
		prefer_node(addr, len, node);
	return touch(addr, len);
}

/* From the huge pages that the machine has reserved. */
static int map_reserved(uint64_t len, int node, struct xg_pages *p)
{
	p->base_len = (len + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	p->base = mmap(NULL, p->base_len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p->base == MAP_FAILED)
		return ENOMEM;
	if (place(p->base, p->base_len, node)) {
		munmap(p->base, p->base_len);
		return ENOMEM;
	}
	p->mem.addr = p->base;
	p->reserved = 1;
	return 0;
}

/*
 * From ordinary memory. It begins at a huge page and lies between pages without
 * access, so that the kernel keeps account of this piece alone.
 */
static int map_ordinary(uint64_t len, int huge, int node, struct xg_pages *p)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t align = huge ? HUGE_PAGE : page;
	char *addr;

	len = (len + page - 1) & ~(page - 1);
	p->base_len = len + align + page;
	p->base = mmap(NULL, p->base_len, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->base == MAP_FAILED)
		return ENOMEM;
	addr = (char *)p->base + page;
	addr += -(uintptr_t)addr & (align - 1);
	if (mprotect(addr, len, PROT_READ | PROT_WRITE) == 0) {
		if (huge)
			madvise(addr, len, MADV_HUGEPAGE);
		if (place(addr, len, node) == 0) {
			p->mem.addr = addr;
			return 0;
		}
	}
	munmap(p->base, p->base_len);
	return ENOMEM;
}

int xg_pages_alloc(uint64_t len, int huge, int node, struct xg_pages *p)
{
	struct xio_reg_mem mem;

	memset(p, 0, sizeof(*p));
	memset(&mem, 0, sizeof(mem));
	if (len == 0 || len > SIZE_MAX / 2)
		return EINVAL;
	if (!(huge && map_reserved(len, node, p) == 0) &&
	    map_ordinary(len, huge, node, p))
		return ENOMEM;
	if (xio_mem_register(p->mem.addr, len, &mem)) {
		munmap(p->base, p->base_len);
		return ENOMEM;
	}
	p->mem = mem;
	return 0;
}

void xg_pages_free(struct xg_pages *p)
{
	xio_mem_dereg(&p->mem);
	munmap(p->base, p->base_len);
}

int xg_node_exists(int node)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *p;
	int rc;

	if (node < 0 || node >= NODES)
		return 0;
	p = mmap(NULL, page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;	/* nothing is known */
	rc = prefer_node(p, page, node);
	munmap(p, page);
	switch (rc) {
	case EINVAL:
		return 0;
	case ENOSYS:
		return node == 0;	/* a kernel without NUMA */
	default:
		return 1;	/* a sandbox may forbid to ask */
	}
}

int64_t xg_bytes_on_node(uintptr_t addr, uint64_t len, int node)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = 0;
	int64_t found = 0;

	while (at < len) {
		void *pages[QUERY];
		int status[QUERY];
		unsigned long i, n = 0;

		for (; n < QUERY && at < len; at += page)
			pages[n++] = (void *)(addr + at);
		if (syscall(SYS_move_pages, 0, n, pages, NULL, status, 0))
			return -1;
		for (i = 0; i < n; i++)
			found += status[i] == node ? (int64_t)page : 0;
	}
	return found;
}
