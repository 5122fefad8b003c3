/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h - the option table: the engine's only global state besides the
 * tables of sessions and ids. Options are process-wide, as in libxio 1.7;
 * sessions, contexts and sockets read them when they are made.
 *
 * xio_set_opt and xio_get_opt (option.c) are the only writers and may be
 * called from any thread; readers load each field by itself.
 */
#ifndef XE_OPTION_H
#define XE_OPTION_H

#include <stdint.h>

#include "libxio.h"
#include "xio_limits.h"

struct xe_options {
	int disable_hugetbl;
	int enable_keepalive;
	struct xio_options_keepalive keepalive;	/* seconds */
	int max_in_iovlen;
	int max_out_iovlen;
	int enable_dma_latency;
	int enable_reconnect;
	int enable_flow_control;
	int snd_queue_depth_msgs;
	int rcv_queue_depth_msgs;
	uint64_t snd_queue_depth_bytes;
	uint64_t rcv_queue_depth_bytes;
	struct xio_mempool_config mempool;
	int max_inline_header;		/* bytes */
	int max_inline_data;		/* bytes */
	int xfer_buf_align;
	int inline_data_align;		/* 0 is off */
	int enable_mem_pool;
	int transport_close_timeout;	/* milliseconds */
	int tcp_mr_check;
	int tcp_no_delay;
	int tcp_sndbuf;			/* bytes */
	int tcp_rcvbuf;			/* bytes */
	int tcp_dual_stream;

	/* limits on peers: xio_limits.h says what each means */
	int limit_pending_sockets;
	int limit_pending_time;		/* milliseconds */
	int limit_setup_time;		/* milliseconds */
	int limit_hello_time;		/* milliseconds */
	int limit_redirects;
	int limit_links_per_host;
	int limit_links_per_server;
	int limit_links_total;
	int limit_sessions_per_link;
	int limit_sessions_per_server;
	int limit_held_msgs;
	int limit_unsent_answers;
	int limit_log_lines;		/* a second */
	uint64_t limit_context_bytes;
	uint64_t limit_msg_bytes;	/* see xe_limit_message */
};

extern struct xe_options xe_opt;

/* A field that another thread may be setting: one plain load. */
#define XE_OPT(field)	__atomic_load_n(&xe_opt.field, __ATOMIC_RELAXED)

/* Data bytes that one incoming message may have. */
uint64_t xe_limit_message(void);

/*
 * The inline buffer size that the present options give (accelio-wire 2.4):
 * prefix, scatter lists, header and data limits, rounded up to 1 KiB.
 */
uint32_t xe_inline_buf_size(void);

#endif
