/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - requests, responses and one-way messages on their way through
 * a connection (accelio-wire 3, 6; accelio-api 1.8, 5). message_tx.c sends,
 * message_rx.c receives, message_api.c is what applications call.
 */
#ifndef XE_MESSAGE_H
#define XE_MESSAGE_H

#include "connection.h"
#include "nexus.h"
#include "task.h"

/* Does this request of the peer begin a connection? */
static inline bool xe_type_opens(uint32_t type)
{
	return type == XE_SESSION_SETUP_REQ || type == XE_HELLO_REQ;
}

/* --- sending (message_tx.c) ----------------------------------------- */

/*
 * Puts the next frame of t on the link. 1: done, or ended with an error
 * that the application was told; -EAGAIN: the link is full.
 */
int xe_message_push(struct xio_connection *c, struct xe_task *t);

/* Whether rsp can reach the requester of t. */
bool xe_message_response_fits(const struct xe_task *t,
			      const struct xio_msg *rsp);

/* Answers the request of t with an error status and nothing else. */
void xe_message_answer_status(struct xe_task *t, uint32_t status);

/* Sends the receipt of a received message. 0 or -ENOMEM. */
int xe_message_send_receipt(struct xio_connection *c, uint32_t type,
			    uint32_t peer_ltid, uint64_t serial);

/* Queues the answer that t has got. */
void xe_message_queue_answer(struct xe_task *t);

/* Bytes of data in one direction of a message. */
uint64_t xe_vmsg_bytes(const struct xio_vmsg *v);

/* --- receiving (message_rx.c) --------------------------------------- */

/* The first frame of an exchange of the peer. 0 and a task, or -errno. */
int xe_message_receive_new(struct xe_nexus *n, const struct xe_frame *f,
			   struct xe_task **t);
/* An answer to t. 0, or -errno to end the link. */
int xe_message_receive(struct xe_task *t, const struct xe_frame *f);
/* All of a message has come. 0, or -errno to end the link. */
int xe_message_deliver(struct xe_task *t, bool last);

/* --- ending ---------------------------------------------------------- */

/* Hands a message back to the application that sent it, with an error. */
void xe_message_error(struct xio_connection *c, struct xio_msg *m, int status,
		      enum xio_msg_direction dir);

#endif
