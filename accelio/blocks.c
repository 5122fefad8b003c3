/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base.h"
#include "blocks.h"

#define PAGE_SHIFT	12

/*
 * In front of the memory that is handed out; a cache line, so that the
 * memory is aligned to one.
 */
struct xe_block {
	struct xe_block *next;
	size_t size;			/* with this header */
	int class;			/* -1: too large to keep */
	char pad[64 - 2 * sizeof(void *) - sizeof(int)];
};

_Static_assert(sizeof(struct xe_block) == 64, "one cache line");

static int class_of(size_t size)
{
	int shift = XE_BLOCK_MIN_SHIFT;

	if (size > (size_t)1 << XE_BLOCK_MAX_SHIFT)
		return -1;
	if (size > (size_t)1 << XE_BLOCK_MIN_SHIFT)
		shift = 64 - __builtin_clzll((unsigned long long)size - 1);
	return shift - XE_BLOCK_MIN_SHIFT;
}

static void block_free(struct xe_block *k)
{
	if (k->size >= (size_t)1 << (PAGE_SHIFT + 4))
		xe_pages_free(k, k->size);
	else
		xe_free(k);
}

static void *taken(struct xe_blocks *b, struct xe_block *k)
{
	b->used += k->size;
	if (++b->count == XE_BLOCKS_LATELY) {
		b->count = 0;
		b->most = b->most_now;
		b->most_now = 0;
	}
	if (b->used > b->most_now)
		b->most_now = b->used;
	if (b->most_now > b->most)
		b->most = b->most_now;
	return k + 1;
}

/* Whether k, which is not in use any more, is kept. */
static bool wanted(const struct xe_blocks *b, const struct xe_block *k)
{
	size_t lately = b->most < XE_BLOCKS_KEEP_MOST ? b->most :
							XE_BLOCKS_KEEP_MOST;

	return k->class >= 0 && (b->idle + k->size <= XE_BLOCKS_KEEP ||
				 b->used + b->idle + k->size <= lately);
}

void *xe_block_get(struct xe_blocks *b, size_t size)
{
	int class = class_of(size);
	struct xe_block *k;
	size_t total;

	if (class >= 0 && b->free[class]) {
		k = b->free[class];
		b->free[class] = k->next;
		b->idle -= k->size;
		return taken(b, k);
	}
	if (class >= 0)
		size = (size_t)1 << (class + XE_BLOCK_MIN_SHIFT);
	total = size + sizeof(*k);
	if (total < size) {
		xe_set_errno(ENOMEM);
		return NULL;
	}
	if (total >= (size_t)1 << (PAGE_SHIFT + 4))
		k = xe_pages_alloc(total);
	else
		k = xe_malloc(total);
	if (!k)
		return NULL;
	k->size = total;
	k->class = class;
	return taken(b, k);
}

void xe_block_put(struct xe_blocks *b, void *p)
{
	struct xe_block *k;

	if (!p)
		return;
	k = (struct xe_block *)p - 1;
	b->used -= k->size;
	if (!wanted(b, k)) {
		block_free(k);
		return;
	}
	k->next = b->free[k->class];
	b->free[k->class] = k;
	b->idle += k->size;
}

void xe_blocks_fini(struct xe_blocks *b)
{
	int i;

	for (i = 0; i < XE_BLOCK_CLASSES; i++) {
		while (b->free[i]) {
			struct xe_block *k = b->free[i];

			b->free[i] = k->next;
			block_free(k);
		}
	}
	b->idle = 0;
}
