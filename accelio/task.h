/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.h - a task is one exchange on a connection: a request with its
 * response, a one-way message with its receipt, or a control frame with its
 * answer. The side that sends the first frame and the side that receives it
 * each have a task of their own.
 *
 * Tasks come from the context's pool and are used on its thread only. A task
 * is in at most one list of its connection (link), and with the transport
 * while rx.link or tx.link is in a list there; it is freed when none of them
 * needs it any more.
 */
#ifndef XE_TASK_H
#define XE_TASK_H

#include <sys/uio.h>

#include "base.h"
#include "context.h"
#include "transport.h"

#define XE_TASK_SMALL	512	/* header and data kept inside a task */
#define XE_TASK_SGL	4	/* entries kept inside a task */
#define XE_NO_SLOT	UINT32_MAX

struct xe_nexus;

enum xe_task_state {
	XE_TASK_FREE,
	XE_TASK_QUEUED,		/* first frame waits in the connection */
	XE_TASK_SENT,		/* first frame is with the transport, or gone */
	XE_TASK_RECEIVING,	/* first frame of the peer is coming in */
	XE_TASK_HELD,		/* the application has the message */
	XE_TASK_ANSWERING	/* the answer waits, or is with the transport */
};

struct xe_task {
	struct xe_list link;
	struct xio_context *ctx;
	struct xio_connection *conn;	/* NULL when that is gone */
	struct xe_nexus *nexus;		/* where the slot is */
	uint32_t type;			/* enum xe_frame_type of the first frame */
	enum xe_task_state state;
	bool received;			/* the peer sent the first frame */
	uint8_t counted;		/* against which limit */
	uint64_t rx_bytes;		/* counted in the connection */
	uint64_t queue_bytes;		/* see flow.h: of what we send */
	uint64_t credit_bytes;		/* of what the peer sent */
	bool in_queue;
	uint32_t slot;			/* ltid while we wait for an answer */
	uint32_t peer_ltid;		/* what our answer returns as rtid */
	uint32_t session_id;		/* hello: what it names */
	uint64_t serial;
	uint16_t tsn;			/* transport sn it was sent with */

	/* reconnect.c */
	bool retry;			/* was sent on a link that is lost */
	bool repeat;			/* comes again: not for the application */
	bool parked;			/* received, until it comes again */

	/* cancel.c */
	struct xe_task *partner;	/* request and its CANCEL_REQ, ours */
	bool cancel_asked;		/* the application decides about one */
	uint16_t cancel_tsn;		/* what the answer returns */
	uint32_t cancel_ltid;

	/* sending */
	struct xe_tx tx;
	struct xio_msg *omsg;		/* the application's message */
	uint32_t status;		/* of an answer without message */
	bool in_offered;		/* response may go out-of-line */
	bool receipt_wanted;		/* we asked the peer for one */
	bool receipt_implicit;		/* only to know that it arrived */
	bool receipt_seen;
	bool receipt_due;		/* the peer asked for one */
	bool in_callback;		/* xe_task_put waits */
	bool dead;			/* and was called */

	/* receiving */
	struct xe_rx rx;
	struct iovec *iov;
	uint32_t rx_type;		/* of the frame that is coming in */
	uint32_t rx_flags;
	uint32_t rx_tflags;
	uint32_t rx_status;
	uint32_t rx_receipt;
	bool rx_truncated;		/* does not fit the application's memory */
	struct xio_iovec_ex *sgl;	/* where the data of a response is */
	unsigned int sgl_nr;
	struct xio_msg imsg;		/* what arrived */
	void *hdr;			/* application header or payload */
	uint32_t hdr_len;
	void *block;			/* header and inline data, or NULL */
	void *data_block;		/* out-of-line data, or NULL */
	void *aux;			/* long lists, or NULL */
	struct iovec iov_small[XE_TASK_SGL];
	struct xio_iovec_ex in_small[XE_TASK_SGL];
	struct xio_iovec_ex out_small[XE_TASK_SGL];
	uint32_t magic;
	uint8_t small[XE_TASK_SMALL] __attribute__((aligned(16)));
};

/* received: counts against the limit of received messages. */
struct xe_task *xe_task_get(struct xio_context *ctx, bool received);
/* For control frames: not counted, fails only without memory. */
struct xe_task *xe_task_get_control(struct xio_context *ctx);
/* Counts t among the connection's unsent answers until it is freed. */
void xe_task_count_answer(struct xe_task *t);
/*
 * Frees a task: its slot, its memory, its place in a list. If the transport
 * is still receiving into it, the rest of the data is thrown away and the
 * task goes when that is over.
 */
void xe_task_put(struct xe_task *t);
/* Forgets what was received for a request: its answer will come anew. */
void xe_task_rx_reset(struct xe_task *t);
void xe_tasks_fini(struct xio_context *ctx);

/* The task of a message the library handed out; NULL when it is not one. */
struct xe_task *xe_task_of(struct xio_msg *imsg);

/* n bytes that live as long as the task; NULL without memory. */
void *xe_task_buf(struct xe_task *t, size_t n);

#endif
