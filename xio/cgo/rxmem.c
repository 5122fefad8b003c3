/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rxmem.c - memory that large messages are received into.
 *
 * One block per message, taken when its announcement arrives and given back
 * with the message. Blocks come in powers of two; a bounded amount is kept for
 * the next message, the rest goes back to the system, so memory follows use.
 */
#include <stdlib.h>

#include "internal.h"

static uint32_t class_of(uint64_t len)
{
	uint32_t n = 0;

	while (n < XG_MEM_CLASSES - 1 && (UINT64_C(1) << (n + XG_MEM_SHIFT)) < len)
		n++;
	return n;
}

struct xg_block *xg_block_get(struct xg_ctx *c, uint64_t len)
{
	uint32_t k = class_of(len);
	uint64_t size = UINT64_C(1) << (k + XG_MEM_SHIFT);
	struct xg_block *b;

	if (len > size || len > c->lim.max_message ||
	    size > c->lim.max_receive - c->used_bytes)
		return NULL;
	b = c->idle[k];
	if (b) {
		c->idle[k] = b->next;
		c->idle_bytes -= size;
	} else {
		b = calloc(1, sizeof(*b));
		if (!b)
			return NULL;
		if (xg_mem_alloc(size, &b->mem)) {
			free(b);
			return NULL;
		}
		b->class_no = k;
	}
	b->next = NULL;
	c->used_bytes += size;
	return b;
}

/* It is the library's for ever, and counts no more. */
void xg_block_leave(struct xg_ctx *c, struct xg_block *b)
{
	if (b)
		c->used_bytes -= UINT64_C(1) << (b->class_no + XG_MEM_SHIFT);
}

void xg_block_put(struct xg_ctx *c, struct xg_block *b)
{
	uint64_t size;

	if (!b)
		return;
	size = UINT64_C(1) << (b->class_no + XG_MEM_SHIFT);
	c->used_bytes -= size;
	if (c->idle_bytes + size > c->lim.keep) {
		xg_mem_free(&b->mem);
		free(b);
		return;
	}
	b->next = c->idle[b->class_no];
	c->idle[b->class_no] = b;
	c->idle_bytes += size;
}

void xg_block_drain(struct xg_ctx *c)
{
	int k;

	for (k = 0; k < XG_MEM_CLASSES; k++) {
		struct xg_block *b;

		while ((b = c->idle[k])) {
			c->idle[k] = b->next;
			xg_mem_free(&b->mem);
			free(b);
		}
	}
	c->idle_bytes = 0;
}

/* Finds and unlinks the block that begins at base; NULL if it is not ours. */
struct xg_block *xg_assigned_take(struct xg_conn *cn, const void *base)
{
	struct xg_block **pp;

	for (pp = &cn->assigned; *pp; pp = &(*pp)->next) {
		struct xg_block *b = *pp;

		if (b->mem.addr == base) {
			*pp = b->next;
			b->next = NULL;
			return b;
		}
	}
	return NULL;
}
