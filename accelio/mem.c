/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.c - the allocator hooks and all memory that comes from the system.
 *
 * Design notes: any thread may call everything here. The hooks can be set
 * once, and only before the engine has taken any memory: a block is always
 * given back to the allocator it came from, and no block carries a mark for
 * that. A hook that is missing is replaced by the system's function, but a
 * giver and its taker are only used as a pair.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "init.h"
#include "mem.h"
#include "option.h"

#define HUGE_PAGE	((size_t)2 << 20)

enum hook_state {
	HOOKS_OPEN,	/* no memory taken yet, hooks may come */
	HOOKS_NONE,	/* the system's allocator for good */
	HOOKS_SET
};

enum region_kind {
	REGION_MMAP,
	REGION_MEMALIGN,
	REGION_HUGE_HOOK,
	REGION_NUMA_HOOK
};

static struct xio_mem_allocator hooks;
static int hook_state;
static pthread_mutex_t hook_lock = PTHREAD_MUTEX_INITIALIZER;

bool xe_mem_set_allocator(const struct xio_mem_allocator *a)
{
	int open = HOOKS_OPEN;
	bool done = false;

	pthread_mutex_lock(&hook_lock);
	if (__atomic_load_n(&hook_state, __ATOMIC_RELAXED) == HOOKS_OPEN) {
		hooks = *a;
		done = __atomic_compare_exchange_n(&hook_state, &open,
						   HOOKS_SET, false,
						   __ATOMIC_RELEASE,
						   __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&hook_lock);
	return done;
}

/* The hooks, or NULL; from the first call on the answer stays the same. */
static const struct xio_mem_allocator *get_hooks(void)
{
	int state = __atomic_load_n(&hook_state, __ATOMIC_ACQUIRE);

	if (state == HOOKS_OPEN &&
	    __atomic_compare_exchange_n(&hook_state, &state, HOOKS_NONE, false,
					__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return NULL;
	return state == HOOKS_SET ? &hooks : NULL;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Rounds up to a power of two; false when that overflows. */
static bool round_up(size_t *size, size_t to)
{
	if (*size > SIZE_MAX - (to - 1))
		return false;
	*size = (*size + to - 1) & ~(to - 1);
	return true;
}

void *xe_malloc(size_t size)
{
	const struct xio_mem_allocator *h = get_hooks();
	void *p;

	if (h && h->allocate && h->free)
		p = h->allocate(size, h->user_context);
	else
		p = malloc(size);
	if (!p)
		xe_set_errno(ENOMEM);
	return p;
}

void *xe_zalloc(size_t size)
{
	void *p = xe_malloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void xe_free(void *p)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (!p)
		return;
	if (h && h->allocate && h->free)
		h->free(p, h->user_context);
	else
		free(p);
}

char *xe_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = xe_malloc(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

/* Zeroed; give it back with aligned_release. */
static void *aligned_zalloc(size_t align, size_t size)
{
	const struct xio_mem_allocator *h = get_hooks();
	void *p = NULL;

	if (h && h->memalign && h->free)
		p = h->memalign(align, size, h->user_context);
	else if (posix_memalign(&p, align, size) != 0)
		p = NULL;
	if (!p) {
		xe_set_errno(ENOMEM);
		return NULL;
	}
	return memset(p, 0, size);
}

static void aligned_release(void *p)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (h && h->memalign && h->free)
		h->free(p, h->user_context);
	else
		free(p);
}

static void *map_pages(size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void *xe_pages_alloc(size_t size)
{
	const struct xio_mem_allocator *h = get_hooks();
	void *p;

	if (size == 0 || !round_up(&size, page_size())) {
		xe_set_errno(ENOMEM);
		return NULL;
	}
	if (h && h->memalign && h->free)
		return aligned_zalloc(page_size(), size);
	p = map_pages(size, 0);
	if (!p)
		xe_set_errno(ENOMEM);
	return p;
}

void xe_pages_free(void *p, size_t size)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (!p)
		return;
	if (h && h->memalign && h->free)
		aligned_release(p);
	else if (round_up(&size, page_size()))
		munmap(p, size);
}

/* --- regions of pools ---------------------------------------------- */

/* Best effort: a machine without NUMA, or without that node, says no. */
static void prefer_node(void *addr, size_t size, int node)
{
#ifdef SYS_mbind
	enum { MPOL_PREFERRED_NODE = 1 };
	unsigned long mask[16] = { 0 };
	const unsigned int bits = 8 * sizeof(mask[0]);
	unsigned int n = (unsigned int)node;

	if (node < 0 || n >= bits * 16)
		return;
	mask[n / bits] = 1ul << (n % bits);
	if (syscall(SYS_mbind, addr, size, MPOL_PREFERRED_NODE, mask,
		    (unsigned long)bits * 16, 0u) != 0)
		XE_DEBUG("memory stays where it is: node %d: %s", node,
			 strerror(errno));
#else
	(void)addr;
	(void)size;
	(void)node;
#endif
}

static bool region_mmap(size_t size, size_t align, int flags,
			struct xe_region *r)
{
	size_t page = flags & MAP_HUGETLB ? HUGE_PAGE : page_size();
	size_t mis;

	if (!round_up(&size, page))
		return false;
	if (align > page && (size > SIZE_MAX - align))
		return false;
	if (align > page)
		size += align;
	r->base = map_pages(size, flags);
	if (!r->base)
		return false;
	r->base_size = size;
	r->kind = REGION_MMAP;
	mis = (size_t)((uintptr_t)r->base & (align - 1));
	r->addr = (char *)r->base + (mis ? align - mis : 0);
	return true;
}

static bool region_hook(void *p, int kind, size_t align, struct xe_region *r)
{
	if (!p)
		return false;
	r->base = p;
	r->kind = kind;
	r->addr = p;
	/* Huge and NUMA hooks know no alignment; theirs must be enough. */
	if ((uintptr_t)p & (align - 1)) {
		XE_WARN("allocator hook ignores alignment %zu", align);
		xe_region_free(r);
		return false;
	}
	memset(p, 0, r->size);
	return true;
}

static bool region_huge(size_t size, size_t align, struct xe_region *r)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (__atomic_load_n(&xe_opt.disable_hugetbl, __ATOMIC_RELAXED))
		return false;
	if (h && h->malloc_huge_pages && h->free_huge_pages) {
		if (region_hook(h->malloc_huge_pages(size, h->user_context),
				REGION_HUGE_HOOK, align, r))
			return true;
	} else if (region_mmap(size, align, MAP_HUGETLB, r)) {
		return true;
	}
	XE_WARN("no huge pages for %zu bytes, normal pages are used", size);
	return false;
}

static bool region_numa(size_t size, size_t align, int node,
			struct xe_region *r)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (h && h->numa_alloc && h->numa_free)
		return region_hook(h->numa_alloc(size, node, h->user_context),
				   REGION_NUMA_HOOK, align, r);
	if (!region_mmap(size, align, 0, r))
		return false;
	prefer_node(r->base, r->base_size, node);
	return true;
}

static bool region_plain(size_t size, size_t align, struct xe_region *r)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (!h || !h->memalign || !h->free)
		return region_mmap(size, align, 0, r);
	if (align < sizeof(void *))
		align = sizeof(void *);
	return region_hook(h->memalign(align, size, h->user_context),
			   REGION_MEMALIGN, align, r);
}

int xe_region_alloc(size_t size, size_t align, uint32_t flags, int node,
		    struct xe_region *r)
{
	memset(r, 0, sizeof(*r));
	r->size = size;
	if (flags & XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC &&
	    region_huge(size, align, r))
		return 0;
	if (flags & XIO_MEMPOOL_FLAG_NUMA_ALLOC &&
	    region_numa(size, align, node, r))
		return 0;
	if (region_plain(size, align, r))
		return 0;
	return xe_fail(ENOMEM);
}

void xe_region_free(struct xe_region *r)
{
	const struct xio_mem_allocator *h = get_hooks();

	if (!r->base)
		return;
	switch ((enum region_kind)r->kind) {
	case REGION_MMAP:
		munmap(r->base, r->base_size);
		break;
	case REGION_MEMALIGN:
		h->free(r->base, h->user_context);
		break;
	case REGION_HUGE_HOOK:
		h->free_huge_pages(r->base, h->user_context);
		break;
	case REGION_NUMA_HOOK:
		h->numa_free(r->base, h->user_context);
		break;
	}
	r->base = NULL;
	r->addr = NULL;
}

/* --- registered memory (accelio-api 7.1) ---------------------------- */

struct xio_mr {
	int unused;	/* only the address matters */
};

struct xio_mr *xe_dummy_mr(void)
{
	static struct xio_mr mr;

	return &mr;
}

int xio_mem_register(void *addr, size_t length, struct xio_reg_mem *reg_mem)
{
	if (!addr || length == 0 || !reg_mem)
		return xe_fail(EINVAL);
	reg_mem->addr = addr;
	reg_mem->length = length;
	reg_mem->mr = xe_dummy_mr();
	return 0;
}

int xio_mem_dereg(struct xio_reg_mem *reg_mem)
{
	if (!reg_mem || !reg_mem->mr)
		return xe_fail(EINVAL);
	reg_mem->mr = NULL;
	return 0;
}

/*
 * Not from xe_pages_alloc: applications shrink reg_mem->length to the size of
 * a message, so the release must not depend on it.
 */
int xio_mem_alloc(size_t length, struct xio_reg_mem *reg_mem)
{
	size_t size = length;
	void *p;

	if (length == 0 || !reg_mem)
		return xe_fail(EINVAL);
	if (!xe_initialized())
		return xe_fail(EFAULT);
	if (!round_up(&size, page_size()))
		return xe_fail(ENOMEM);
	p = aligned_zalloc(page_size(), size);
	if (!p)
		return -1;
	reg_mem->addr = p;
	reg_mem->length = length;
	reg_mem->mr = xe_dummy_mr();
	reg_mem->priv = NULL;
	return 0;
}

int xio_mem_free(struct xio_reg_mem *reg_mem)
{
	if (!reg_mem || !reg_mem->mr || !reg_mem->addr)
		return xe_fail(EINVAL);
	aligned_release(reg_mem->addr);
	/* addr stays, as in libxio 1.7; the missing mr stops a second free. */
	reg_mem->mr = NULL;
	return 0;
}
