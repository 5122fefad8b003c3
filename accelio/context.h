/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context.h - struct xio_context: a loop and everything that lives on it.
 * Implements xio_context_* (accelio-api 1.4, 6).
 *
 * One thread at a time drives a context; only xio_context_stop_loop may come
 * from elsewhere.
 */
#ifndef XE_CONTEXT_H
#define XE_CONTEXT_H

#include "blocks.h"
#include "loop.h"

#define XE_SCRATCH_LEN	(256u * 1024)
#define XE_TRASH_LEN	(64u * 1024)

struct xio_context {
	struct xe_loop loop;
	void *user_context;
	uint8_t *scratch;		/* where sockets are read into */
	uint8_t *trash;			/* where unwanted data goes */
	struct xe_blocks blocks;	/* memory of received messages */
	struct xe_obuf *obufs;		/* idle memory of send queues */
	unsigned int obufs_nr;
	struct xe_list nexuses;
	struct xe_list servers;
	struct xe_list connections;
	struct xe_list waiting_sessions;	/* see session_wait.c */
	unsigned int waiting_nr;	/* of them */
	/* tasks: see message.h */
	struct xe_list tasks;
	struct xe_list orphans;		/* receiving what nobody wants */
	struct xe_list kept;		/* with the application, connection gone */
	unsigned int tasks_idle;
	unsigned int tx_tasks;
	unsigned int rx_tasks;
	unsigned int max_tasks;		/* of each direction */
	unsigned int lost_nexuses;	/* that wait: reconnect.c */
	uint64_t rx_bytes;		/* data of the received ones */
	bool rx_starved;		/* links wait for rx_tasks to go down */
	bool destroy;			/* when the loop returns */
};

#endif
