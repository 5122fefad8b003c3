/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "flow.h"
#include "nexus.h"
#include "task.h"

#define TASKS_KEEP	1024	/* idle tasks that a context keeps */
#define MAGIC		0x7461736bu

enum { COUNT_NONE, COUNT_TX, COUNT_RX, COUNT_ANSWER };

static struct xe_task *task_new(struct xio_context *ctx)
{
	struct xe_list *p = xe_list_pop(&ctx->tasks);
	struct xe_task *t;

	if (p) {
		t = xe_container_of(p, struct xe_task, link);
		ctx->tasks_idle--;
	} else {
		t = xe_malloc(sizeof(*t));
		if (!t)
			return NULL;
		xe_list_init(&t->link);
	}
	/* Everything but the bulk at the end, which is written when used. */
	xe_clear((char *)t + sizeof(t->link),
		 offsetof(struct xe_task, iov_small) - sizeof(t->link));
	xe_list_init(&t->tx.link);
	xe_list_init(&t->rx.link);
	t->ctx = ctx;
	t->slot = XE_NO_SLOT;
	t->iov = t->iov_small;
	t->magic = MAGIC;
	return t;
}

struct xe_task *xe_task_get(struct xio_context *ctx, bool received)
{
	unsigned int *count = received ? &ctx->rx_tasks : &ctx->tx_tasks;
	struct xe_task *t;

	if (*count >= ctx->max_tasks) {
		xe_set_errno(EPERM);	/* what libxio reports */
		return NULL;
	}
	t = task_new(ctx);
	if (!t)
		return NULL;
	(*count)++;
	t->received = received;
	t->counted = received ? COUNT_RX : COUNT_TX;
	return t;
}

struct xe_task *xe_task_get_control(struct xio_context *ctx)
{
	return task_new(ctx);
}

void xe_task_count_answer(struct xe_task *t)
{
	t->counted = COUNT_ANSWER;
	t->conn->answers++;
}

void *xe_task_buf(struct xe_task *t, size_t n)
{
	if (t->block)
		xe_block_put(&t->ctx->blocks, t->block);
	t->block = NULL;
	if (n <= XE_TASK_SMALL)
		return t->small;
	t->block = xe_block_get(&t->ctx->blocks, n);
	return t->block;
}

static void free_blocks(struct xe_task *t)
{
	if (t->block)
		xe_block_put(&t->ctx->blocks, t->block);
	if (t->data_block)
		xe_block_put(&t->ctx->blocks, t->data_block);
	if (t->aux)
		xe_block_put(&t->ctx->blocks, t->aux);
	t->block = NULL;
	t->data_block = NULL;
	t->aux = NULL;
}

void xe_task_rx_reset(struct xe_task *t)
{
	free_blocks(t);
	t->hdr = NULL;
	t->hdr_len = 0;
	t->iov = t->iov_small;
	t->sgl = NULL;
	t->sgl_nr = 0;
	t->rx_truncated = false;
}

static void task_free(struct xe_task *t)
{
	struct xio_context *ctx = t->ctx;

	free_blocks(t);
	if (t->counted == COUNT_TX) {
		ctx->tx_tasks--;
	} else if (t->counted == COUNT_RX) {
		ctx->rx_tasks--;
		ctx->rx_bytes -= t->rx_bytes;
	}
	t->state = XE_TASK_FREE;
	t->magic = 0;
	if (ctx->tasks_idle >= TASKS_KEEP) {
		xe_free(t);
		return;
	}
	ctx->tasks_idle++;
	/* The last one used is the one in the cache. */
	xe_list_add_head(&ctx->tasks, &t->link);
}

void xe_task_put(struct xe_task *t)
{
	unsigned int i;

	if (t->in_callback) {
		t->dead = true;
		return;
	}
	xe_list_del(&t->link);
	xe_list_del(&t->tx.link);
	xe_nexus_slot_put(t);
	if (t->partner)
		t->partner->partner = NULL;
	t->partner = NULL;
	if (t->conn && t->counted == COUNT_RX) {
		t->conn->rx_held--;
		t->conn->rx_bytes -= t->rx_bytes;
	}
	xe_flow_unqueue(t);
	if (t->conn && t->counted == COUNT_ANSWER)
		t->conn->answers--;
	if (t->ctx->rx_starved && t->counted >= COUNT_RX)
		xe_nexus_resume_all(t->ctx);
	t->conn = NULL;
	t->omsg = NULL;
	if (!xe_list_empty(&t->rx.link)) {
		for (i = 0; i < t->rx.iov_nr; i++)
			t->rx.iov[i].iov_base = NULL;
		xe_list_add_tail(&t->ctx->orphans, &t->link);
		return;
	}
	task_free(t);
}

void xe_tasks_fini(struct xio_context *ctx)
{
	struct xe_list *p;

	while (!xe_list_empty(&ctx->orphans))
		xe_task_put(xe_container_of(ctx->orphans.next, struct xe_task,
					    link));
	while (!xe_list_empty(&ctx->kept))
		xe_task_put(xe_container_of(ctx->kept.next, struct xe_task,
					    link));
	while ((p = xe_list_pop(&ctx->tasks)))
		xe_free(xe_container_of(p, struct xe_task, link));
	ctx->tasks_idle = 0;
}

struct xe_task *xe_task_of(struct xio_msg *imsg)
{
	struct xe_task *t;

	if (!imsg)
		return NULL;
	t = xe_container_of(imsg, struct xe_task, imsg);
	return t->magic == MAGIC ? t : NULL;
}
