/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_script.h - an input of the whole-engine fuzz targets: HEAD bytes that
 * say how the application behaves and which options are set, then steps to
 * the end. The low half of a step's first byte is the operation, the high
 * half its argument n; more bytes follow as listed. What is missing at the
 * end reads as zero. ../fuzz_seed_test.go writes the same.
 *
 *   op       n                          bytes that follow
 *   TURN     passes; 0: until at rest
 *   OPEN     enum peer_dial; 8: to the  RAW: 16 bytes
 *            second port
 *   UP       as OPEN, then all up to an open session
 *   FRAME    type, high bits            how, type, shape, more, then how
 *                                       says how many patches
 *   GIVEN    1: data raw, 2: a filler   how, length 2, bytes, data length 3
 *                                       (if n), bytes or the filler
 *   RAW      socket; 2: cut             length, bytes
 *   FILL     socket                     byte, length 3
 *   TIME     how far, see times[]
 *   SHUT     sockets; 4 close, 8 reset
 *   LINK     which is the present one
 *   SESSION  the same for session ids
 *   ANSWER   what the engine asks; n at most, 0: all
 *   READ     1, 2: leave that socket unread; 0: no more
 *   APP      enum app_step              two bytes
 *   AGAIN    the last FRAME n + 1 times
 *   CONNECT  application: shape of the URI; 4 private data, 8 own address
 *
 * how: order 2 bits, cut 2 bits, then a turn afterwards (0 none, 1 one, 2
 * until at rest), 0x40 ids stay as they are, 0x80 patches follow.
 * A patch: offset, kind (width 2 bits, 4 set raw, else from a table; 8 add;
 * 0x10 in the data; 0x80 one more patch follows), value.
 */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include "fuzz_app.h"
#include "fuzz_peer.h"

enum script_op {
	OP_TURN, OP_OPEN, OP_UP, OP_FRAME, OP_GIVEN, OP_RAW, OP_FILL, OP_TIME,
	OP_SHUT, OP_LINK, OP_SESSION, OP_ANSWER, OP_READ, OP_APP, OP_AGAIN,
	OP_CONNECT
};

enum app_step {
	STEP_REQUEST, STEP_ONE_WAY, STEP_ANSWER, STEP_ANSWER_NEWEST,
	STEP_RELEASE, STEP_RELEASE_ALL, STEP_DISCONNECT, STEP_CANCEL,
	STEP_DECIDE, STEP_ABORT, STEP_QUERY, STEP_UNBIND, STEP_MORE,
	STEP_CANCEL_ANSWER, STEP_CHAIN, STEP_MODIFY
};

/*
 * Head: options, decision and answer, assign and keep and callbacks, shape of
 * answers, the end, limits.
 */
#define SCRIPT_HEAD	6

/* options */
#define OPT_SINGLE	0x01	/* the engine connects one socket */
#define OPT_SMALL_BUFS	0x02
#define OPT_FLOW	0x04
#define OPT_RECONNECT	0x08
#define OPT_QUIET	0x10	/* no keepalive */
#define OPT_NO_POOL	0x20
#define OPT_SHALLOW	0x40	/* queues */
#define OPT_LISTS	0x80	/* long ones, short inline data, alignment */

/* limits: low ones */
#define LIM_PENDING	0x01
#define LIM_LINKS	0x02
#define LIM_SESSIONS	0x04
#define LIM_HELD	0x08
#define LIM_BYTES	0x10	/* of a context, and of a message */
#define LIM_ANSWERS	0x20
#define LIM_REDIRECTS	0x40
#define LIM_TIMES	0x80

/* The end: how the sockets go, and the context. */
#define END_RESET	0x01
#define END_CONTEXT	0x02	/* the context is destroyed under it all */
#define END_CLOSE	0x04	/* the application disconnects first */
#define END_ANSWER	0x08	/* and the peer answers to the last */

void script_init(void);
void script_run(bool engine_is_server, const uint8_t *data, size_t size);

#endif
