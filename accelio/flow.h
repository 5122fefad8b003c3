/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.h - flow control of a connection (accelio-wire 6.4, accelio-api 5.9):
 * how much of the peer's window is in use, the credits that are owed to it,
 * and the limits of the send queue. Off by default, and decided when the
 * connection is made; when off, nothing is counted and nothing waits.
 *
 * Used on the thread of the connection's context.
 */
#ifndef XE_FLOW_H
#define XE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "loop.h"

struct xe_task;

struct xe_flow {
	bool on;
	bool ack_due;			/* the peer should not wait longer */

	/* Of the peer's window: sent, and not yet given back. */
	uint64_t out_msgs;		/* ACK_REQs, which cost one, too */
	uint64_t out_bytes;
	uint64_t acks_min;		/* how many of out_msgs are ACK_REQs */
	uint64_t acks_max;
	struct xe_timer timer;		/* held back for long */

	/* To be given back to the peer with the next frame. */
	uint64_t own_msgs;
	uint64_t own_acks;		/* those of them for an ACK_REQ */
	uint64_t own_bytes;

	/* Requests and one-ways from the call to their end. */
	uint64_t queued_msgs;
	uint64_t queued_bytes;
};

/* A new connection: reads the option. */
void xe_flow_init(struct xio_connection *c);
void xe_flow_stop(struct xio_connection *c);

/* Header and data of one direction of a message. */
uint64_t xe_flow_bytes(const struct xio_vmsg *v);

/*
 * Takes the message of t into the send queue, until xe_flow_unqueue. 0, or
 * XIO_E_TX_QUEUE_OVERFLOW.
 */
int xe_flow_queue(struct xe_task *t);
void xe_flow_unqueue(struct xe_task *t);
/* What else would fit. */
uint64_t xe_flow_free_bytes(const struct xio_connection *c);
uint32_t xe_flow_free_msgs(const struct xio_connection *c);

/* 0, or XIO_E_PEER_QUEUE_SIZE_MISMATCH: the peer can never take it. */
int xe_flow_check(const struct xio_connection *c, const struct xio_vmsg *out);
/* May the next frame of t go out now? */
bool xe_flow_may_send(const struct xio_connection *c, const struct xe_task *t);
/* Puts the credits owed to the peer into a frame. */
void xe_flow_fill(const struct xio_connection *c, struct xe_frame *f);
/* f was pushed for t. */
void xe_flow_sent(struct xio_connection *c, const struct xe_task *t,
		  const struct xe_frame *f);
/*
 * No other frame can go out that would take the credits along: is an
 * ACK_REQ called for? waiting: frames are held back.
 */
bool xe_flow_ack_wanted(struct xio_connection *c, bool waiting);

/*
 * The data of received messages that are not done with, above which reading
 * waits.
 */
uint64_t xe_flow_rx_limit(const struct xio_connection *c);
/* A frame with credits has come. */
void xe_flow_received(struct xio_connection *c, const struct xe_frame *f);
/* A request is answered: the answer takes its credit along. */
void xe_flow_answered(struct xe_task *t);
/* A one-way or a response is released, or a request cancelled. */
void xe_flow_released(struct xe_task *t);

#endif
