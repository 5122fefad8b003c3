/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mempool.c - pools of equally sized blocks (accelio-api 7).
 *
 * Design notes: a pool is a list of slabs sorted by block size. A slab grows
 * by chunks: one region of memory each, cut into blocks, with the
 * descriptors apart from the memory. Alloc and free may be called from any
 * thread; each slab has its own lock. Slabs may be added while others are in
 * use and stay until the pool is destroyed, which must be the last call.
 *
 * A chunk that is wholly free is given back when the slab stays at its
 * minimum without it and has another wholly free chunk; that one chunk in
 * reserve keeps a load that swings around a border from mapping and unmapping
 * all the time.
 *
 * A second free of a block is reported and ignored as long as its chunk
 * exists. With the address sanitizer free blocks are poisoned.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base.h"
#include "mem.h"
#include "option.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN	1
#endif
#endif

#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)	ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n)	ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n)	((void)(p), (void)(n))
#define UNPOISON(p, n)	((void)(p), (void)(n))
#endif

#define ALIGN_MIN	8

struct chunk;

struct block {
	struct block *next;	/* free ones only */
	struct chunk *chunk;
	bool used;
};

struct chunk {
	struct xe_list node;	/* in partial or full of the slab */
	struct slab *slab;
	struct xe_region mem;
	struct block *free;
	size_t nfree;
	size_t nblocks;
	struct block blocks[];
};

struct slab {
	struct slab *next;	/* larger blocks; read without a lock */
	struct xio_mempool *pool;
	size_t size;
	size_t stride;
	size_t align;
	size_t min;
	size_t max;
	size_t grow;

	pthread_mutex_t lock;	/* everything below */
	struct xe_list partial;	/* chunks with a free block */
	struct xe_list full;
	struct chunk *reserve;	/* wholly free, or NULL */
	size_t total;		/* blocks */
};

struct xio_mempool {
	struct slab *slabs;
	pthread_mutex_t lock;	/* orders xio_mempool_add_slab calls */
	uint32_t flags;
	int node;
};

static void *block_addr(const struct block *b)
{
	const struct chunk *c = b->chunk;

	return (char *)c->mem.addr +
	       (size_t)(b - c->blocks) * c->slab->stride;
}

/* --- chunks --------------------------------------------------------- */

static void chunk_destroy(struct chunk *c)
{
	UNPOISON(c->mem.addr, c->mem.size);
	xe_region_free(&c->mem);
	xe_free(c);
}

static struct chunk *chunk_create(struct slab *s, size_t nblocks)
{
	struct xe_region mem;
	struct chunk *c;
	size_t i;

	if (nblocks > (SIZE_MAX - sizeof(*c)) / sizeof(struct block) ||
	    nblocks > SIZE_MAX / s->stride) {
		xe_set_errno(ENOMEM);
		return NULL;
	}
	/* First the large piece, which fails without touching memory. */
	if (xe_region_alloc(nblocks * s->stride, s->align, s->pool->flags,
			    s->pool->node, &mem) != 0)
		return NULL;
	c = xe_zalloc(sizeof(*c) + nblocks * sizeof(struct block));
	if (!c) {
		xe_region_free(&mem);
		return NULL;
	}
	POISON(mem.addr, mem.size);
	c->mem = mem;
	c->slab = s;
	c->nblocks = nblocks;
	c->nfree = nblocks;
	for (i = nblocks; i-- > 0;) {
		c->blocks[i].chunk = c;
		c->blocks[i].next = c->free;
		c->free = &c->blocks[i];
	}
	return c;
}

/* --- slabs ---------------------------------------------------------- */

static bool slab_add_chunk(struct slab *s, size_t nblocks)
{
	struct chunk *c = chunk_create(s, nblocks);

	if (!c)
		return false;
	xe_list_add_tail(&s->partial, &c->node);
	s->total += c->nblocks;
	return true;
}

/* By the quantum, by what the maximum leaves, or less if memory is short. */
static bool slab_grow(struct slab *s)
{
	size_t n = s->grow;

	if (n > s->max - s->total)
		n = s->max - s->total;
	for (; n != 0; n /= 2)
		if (slab_add_chunk(s, n))
			return true;
	return false;
}

static struct block *slab_take(struct slab *s)
{
	struct block *b = NULL;
	struct chunk *c;

	pthread_mutex_lock(&s->lock);
	if (!xe_list_empty(&s->partial) || slab_grow(s)) {
		c = xe_container_of(s->partial.next, struct chunk, node);
		b = c->free;
		c->free = b->next;
		c->nfree--;
		b->used = true;
		if (s->reserve == c)
			s->reserve = NULL;
		if (c->nfree == 0) {
			xe_list_del(&c->node);
			xe_list_add_tail(&s->full, &c->node);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return b;
}

/* Puts b back; false when it is free already. */
static bool slab_put(struct slab *s, struct block *b)
{
	struct chunk *c = b->chunk, *spare = NULL;

	pthread_mutex_lock(&s->lock);
	if (!b->used) {
		pthread_mutex_unlock(&s->lock);
		return false;
	}
	b->used = false;
	b->next = c->free;
	c->free = b;
	POISON(block_addr(b), s->stride);
	if (c->nfree++ == 0) {
		xe_list_del(&c->node);
		xe_list_add_head(&s->partial, &c->node);
	}
	if (c->nfree == c->nblocks && s->total - c->nblocks >= s->min) {
		if (s->reserve) {
			spare = c;
			xe_list_del(&c->node);
			s->total -= c->nblocks;
		} else {
			s->reserve = c;
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (spare)
		chunk_destroy(spare);
	return true;
}

static size_t drop_chunks(struct xe_list *list)
{
	struct xe_list *n;
	size_t used = 0;

	while ((n = xe_list_pop(list)) != NULL) {
		struct chunk *c = xe_container_of(n, struct chunk, node);

		used += c->nblocks - c->nfree;
		chunk_destroy(c);
	}
	return used;
}

static void slab_destroy(struct slab *s)
{
	size_t used = drop_chunks(&s->partial) + drop_chunks(&s->full);

	if (used != 0)
		XE_WARN("pool destroyed with %zu blocks of %zu bytes in use",
			used, s->size);
	pthread_mutex_destroy(&s->lock);
	xe_free(s);
}

static struct slab *slab_create(struct xio_mempool *pool, size_t size,
				size_t min, size_t max, size_t grow,
				size_t align)
{
	struct slab *s = xe_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->pool = pool;
	s->size = size;
	s->stride = (size + align - 1) & ~(align - 1);
	s->align = align;
	s->min = min < max ? min : max;
	s->max = max;
	s->grow = grow;
	pthread_mutex_init(&s->lock, NULL);
	xe_list_init(&s->partial);
	xe_list_init(&s->full);
	if (s->min != 0 && !slab_add_chunk(s, s->min)) {
		slab_destroy(s);
		return NULL;
	}
	return s;
}

/* --- pools ---------------------------------------------------------- */

struct xio_mempool *xio_mempool_create(int nodeid, uint32_t flags)
{
	struct xio_mempool *pool = xe_zalloc(sizeof(*pool));

	if (!pool)
		return NULL;
	if (!(flags & (XIO_MEMPOOL_FLAG_HUGE_PAGES_ALLOC |
		       XIO_MEMPOOL_FLAG_NUMA_ALLOC)))
		flags |= XIO_MEMPOOL_FLAG_REGULAR_PAGES_ALLOC;
	pool->flags = flags;
	pool->node = nodeid;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

static struct slab *next_slab(struct slab *const *link)
{
	return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

int xio_mempool_add_slab(struct xio_mempool *mpool, size_t size, size_t min,
			 size_t max, size_t alloc_quantum_nr, int alignment)
{
	struct slab **link, *s;
	size_t align;
	int rc = -1;

	if (alignment == 0)
		alignment = __atomic_load_n(&xe_opt.xfer_buf_align,
					    __ATOMIC_RELAXED);
	if (!mpool || alignment < ALIGN_MIN ||
	    (alignment & (alignment - 1)) != 0)
		return xe_fail(EINVAL);
	align = (size_t)alignment;
	if (size == 0 || size > SIZE_MAX - align)
		return xe_fail(EINVAL);

	pthread_mutex_lock(&mpool->lock);
	link = &mpool->slabs;
	while (*link && (*link)->size < size)
		link = &(*link)->next;
	if (*link && (*link)->size == size) {
		xe_set_errno(EEXIST);
	} else {
		s = slab_create(mpool, size, min, max, alloc_quantum_nr,
				align);
		if (s) {
			s->next = *link;
			__atomic_store_n(link, s, __ATOMIC_RELEASE);
			rc = 0;
		}
	}
	pthread_mutex_unlock(&mpool->lock);
	return rc;
}

void xio_mempool_destroy(struct xio_mempool *mpool)
{
	struct slab *s, *next;

	if (!mpool)
		return;
	for (s = mpool->slabs; s; s = next) {
		next = s->next;
		slab_destroy(s);
	}
	pthread_mutex_destroy(&mpool->lock);
	xe_free(mpool);
}

int xio_mempool_alloc(struct xio_mempool *mpool, size_t length,
		      struct xio_reg_mem *reg_mem)
{
	struct block *b = NULL;
	struct slab *s;

	if (mpool && reg_mem) {
		/* The flag shares bits with others: all of it must be set. */
		const uint32_t smallest = XIO_MEMPOOL_FLAG_USE_SMALLEST_SLAB;
		bool climb = (mpool->flags & smallest) != smallest;

		for (s = next_slab(&mpool->slabs); s;
		     s = next_slab(&s->next)) {
			if (s->size < length)
				continue;
			b = slab_take(s);
			if (b || !climb)
				break;
		}
	}
	if (!b) {
		if (reg_mem)
			memset(reg_mem, 0, sizeof(*reg_mem));
		errno = EINVAL;		/* and not xio_errno, as in 1.7 */
		return -1;
	}
	reg_mem->addr = block_addr(b);
	reg_mem->length = length;
	reg_mem->mr = mpool->flags & XIO_MEMPOOL_FLAG_REG_MR ?
		      xe_dummy_mr() : NULL;
	reg_mem->priv = b;
	UNPOISON(reg_mem->addr, b->chunk->slab->stride);
	return 0;
}

void xio_mempool_free(struct xio_reg_mem *reg_mem)
{
	struct block *b;

	if (!reg_mem)
		return;
	b = reg_mem->priv;
	if (!b) {
		if (reg_mem->addr)
			XE_ERR("%p is no block of a pool, or freed before",
			       reg_mem->addr);
		return;
	}
	/* Its descriptor may go with the chunk: never look at it again. */
	reg_mem->priv = NULL;
	if (!slab_put(b->chunk->slab, b))
		XE_ERR("%p is freed twice", reg_mem->addr);
}
