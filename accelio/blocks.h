/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.h - memory for received messages that the application has not
 * supplied. Power-of-two classes; freed blocks are kept for the next message
 * up to a limit, or as far as that many bytes were in use at a time lately, and
 * given back beyond it, so memory follows use.
 *
 * One xe_blocks belongs to one context and its thread.
 */
#ifndef XE_BLOCKS_H
#define XE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define XE_BLOCK_MIN_SHIFT	10	/* 1 KiB */
#define XE_BLOCK_MAX_SHIFT	22	/* 4 MiB; larger ones are not kept */
#define XE_BLOCK_CLASSES	(XE_BLOCK_MAX_SHIFT - XE_BLOCK_MIN_SHIFT + 1)
#define XE_BLOCKS_KEEP		(8u * 1024 * 1024)	/* idle bytes kept */
#define XE_BLOCKS_KEEP_MOST	(64u * 1024 * 1024)	/* if they were in use lately */
#define XE_BLOCKS_LATELY	1024			/* blocks taken */

struct xe_block;

struct xe_blocks {
	struct xe_block *free[XE_BLOCK_CLASSES];
	size_t idle;			/* bytes in free */
	size_t used;			/* bytes taken */
	size_t most;			/* of them at a time, now and lately */
	size_t most_now;		/* since the present count began */
	unsigned int count;
};

/* NULL and xio_errno ENOMEM when there is no memory. */
void *xe_block_get(struct xe_blocks *b, size_t size);
void xe_block_put(struct xe_blocks *b, void *p);
void xe_blocks_fini(struct xe_blocks *b);

#endif
