/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "connection.h"
#include "context.h"
#include "init.h"
#include "nexus.h"
#include "option.h"
#include "registry.h"
#include "server.h"
#include "session.h"
#include "task.h"

#define MIN_TASKS	312u
#define DEFAULT_CONNS	100

struct xio_context *xio_context_create(struct xio_context_params *ctx_params,
				       int polling_timeout_us, int cpu_hint)
{
	const char *trace = getenv("XIO_TRACE");
	struct xio_context *ctx;
	unsigned int depth;
	int conns = DEFAULT_CONNS;
	int err;

	(void)polling_timeout_us;	/* RDMA only */
	(void)cpu_hint;
	if (!xe_initialized())
		return NULL;
	if (trace && trace[0] >= '0' && trace[0] <= '5' && !trace[1])
		__atomic_store_n(&xe_log_level, trace[0] - '0',
				 __ATOMIC_RELAXED);
	ctx = xe_zalloc(sizeof(*ctx));
	if (!ctx)
		return NULL;
	err = xe_loop_init(&ctx->loop);
	if (err) {
		xe_free(ctx);
		xe_set_errno(err);
		return NULL;
	}
	ctx->scratch = xe_malloc(XE_SCRATCH_LEN);
	ctx->trash = xe_malloc(XE_TRASH_LEN);
	if (!ctx->scratch || !ctx->trash ||
	    !xe_registry_add(XE_HANDLE_CONTEXT, ctx)) {
		xe_free(ctx->scratch);
		xe_free(ctx->trash);
		xe_loop_fini(&ctx->loop);
		xe_free(ctx);
		return NULL;
	}
	xe_list_init(&ctx->nexuses);
	xe_list_init(&ctx->servers);
	xe_list_init(&ctx->connections);
	xe_list_init(&ctx->waiting_sessions);
	xe_list_init(&ctx->tasks);
	xe_list_init(&ctx->orphans);
	xe_list_init(&ctx->kept);
	if (ctx_params) {
		ctx->user_context = ctx_params->user_context;
		conns = ctx_params->max_conns_per_ctx;
		if (conns < 2)
			conns = 2;
	}
	depth = (unsigned int)xe_opt.snd_queue_depth_msgs +
		(unsigned int)xe_opt.rcv_queue_depth_msgs;
	if (depth < MIN_TASKS)
		depth = MIN_TASKS;
	ctx->max_tasks = depth * (unsigned int)conns;
	return ctx;
}

static void destroy(struct xio_context *ctx)
{
	struct xe_list *p;

	while (!xe_list_empty(&ctx->connections))
		xe_conn_detach(xe_container_of(ctx->connections.next,
					       struct xio_connection,
					       ctx_link));
	while (!xe_list_empty(&ctx->nexuses))
		xe_nexus_destroy(xe_container_of(ctx->nexuses.next,
						 struct xe_nexus, link));
	while (!xe_list_empty(&ctx->servers))
		xe_server_unbind(xe_container_of(ctx->servers.next,
						 struct xio_server, link));
	xe_session_forget_waiting(ctx);
	/* Teardown events that were due have nowhere to run any more. */
	while ((p = xe_list_pop(&ctx->loop.work)))
		;
	xe_loop_free_handlers(&ctx->loop);
	xe_tasks_fini(ctx);
	xe_blocks_fini(&ctx->blocks);
	xe_transport_fini(ctx);
	xe_loop_fini(&ctx->loop);
	xe_registry_del(XE_HANDLE_CONTEXT, ctx);
	xe_free(ctx->scratch);
	xe_free(ctx->trash);
	xe_free(ctx);
}

void xio_context_destroy(struct xio_context *ctx)
{
	if (!ctx)
		return;
	if (!xe_registry_has(XE_HANDLE_CONTEXT, ctx)) {
		XE_ERR("context destroyed twice");
		return;
	}
	if (ctx->loop.running) {
		ctx->destroy = true;
		xe_loop_stop(&ctx->loop);
		return;
	}
	destroy(ctx);
}

int xio_modify_context(struct xio_context *ctx, struct xio_context_attr *attr,
		       int attr_mask)
{
	if (!ctx || !attr)
		return xe_fail(EINVAL);
	if (attr_mask & XIO_CONTEXT_ATTR_USER_CTX)
		ctx->user_context = attr->user_context;
	return 0;
}

int xio_query_context(struct xio_context *ctx, struct xio_context_attr *attr,
		      int attr_mask)
{
	if (!ctx || !attr)
		return xe_fail(EINVAL);
	if (attr_mask & XIO_CONTEXT_ATTR_USER_CTX)
		attr->user_context = ctx->user_context;
	return 0;
}

int xio_context_get_poll_fd(struct xio_context *ctx)
{
	return ctx ? ctx->loop.epfd : xe_fail(EINVAL);
}

int xio_context_run_loop(struct xio_context *ctx, int timeout_ms)
{
	int r;

	if (!ctx)
		return xe_fail(EINVAL);
	r = xe_loop_run(&ctx->loop, timeout_ms);
	if (ctx->destroy && !ctx->loop.running)
		destroy(ctx);
	return r;
}

void xio_context_stop_loop(struct xio_context *ctx)
{
	if (ctx)
		xe_loop_stop(&ctx->loop);
}

int xio_context_poll_wait(struct xio_context *ctx, int timeout_ms)
{
	if (!ctx)
		return xe_fail(EINVAL);
	if (ctx->loop.running)
		return xe_fail(EDEADLK);
	ctx->loop.broken = false;
	xe_loop_pass(&ctx->loop, timeout_ms);
	/*
	 * A program with a loop of its own sleeps on the poll fd now: nothing
	 * may be left behind that the fd does not show.
	 */
	ctx->loop.running = true;
	xe_loop_drain(&ctx->loop);
	ctx->loop.running = false;
	if (!xe_list_empty(&ctx->loop.work))
		xe_loop_wake(&ctx->loop);
	/* A stop that ended this wait has done its work. */
	atomic_store(&ctx->loop.stop, false);
	if (ctx->destroy) {
		destroy(ctx);
		return 0;
	}
	return ctx->loop.broken ? -1 : 0;
}

int xio_context_poll_completions(struct xio_context *ctx, int timeout_us)
{
	(void)ctx;
	(void)timeout_us;
	return 0;	/* RDMA's; there is nothing to poll over TCP */
}
