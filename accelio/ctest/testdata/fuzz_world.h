/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_world.h - the world of the whole-engine fuzz targets: a clock that
 * only moves when it is told to, connections that cannot leave the machine,
 * and counts of memory, descriptors, timers and log lines, which must be
 * after an input what they were before it.
 *
 * It takes the place of a few system calls of the engine: link with
 * --wrap for xe_now_ns, timerfd_settime, connect, getaddrinfo and
 * getrandom.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "libxio.h"

#define FUZZ_ASSERT(cond)						\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__,	\
				__LINE__, __func__, #cond);		\
			abort();					\
		}							\
	} while (0)

/* Once, before the first input. */
void world_init(void);

/* Around each input. */
void world_begin(void);
void world_end(void);

/* Timers that are due then fire in the next pass of their loop. */
void world_advance(int64_t ns);

/*
 * The engine may connect to these ports of the loopback address. To others it
 * gets to the fallback instead, or nowhere when that is 0.
 */
void world_allow(uint16_t port);
void world_fallback(uint16_t port);

/* connect without all that. */
int world_connect(int fd, const struct sockaddr *addr, socklen_t len);

/* What the engine may write into the log for this input grows by n lines. */
void world_expect_log(unsigned int n);

/* One turn of the loop that does not wait. True when there was work. */
bool world_pass(struct xio_context *ctx);
/* Turns until the loop rests; it must come to rest. */
void world_settle(struct xio_context *ctx);

/* Facts for the statistics that a run prints when it ends. */
enum fuzz_stat {
	STAT_INPUTS,
	STAT_LINKS,		/* transport connections of the driver */
	STAT_FRAMES_IN,		/* to the engine */
	STAT_FRAMES_OUT,
	STAT_SESSIONS,
	STAT_ESTABLISHED,
	STAT_REQUESTS,		/* delivered to the application */
	STAT_RESPONSES,
	STAT_ONE_WAYS,
	STAT_LARGE,		/* of all these, not inline */
	STAT_ASSIGNED,
	STAT_SENT,		/* responses that completed */
	STAT_RECEIPTS,
	STAT_MSG_ERRORS,
	STAT_FINS,		/* FIN frames of the engine */
	STAT_KEEPALIVES,	/* and keepalive frames */
	STAT_HELLOS,
	STAT_CANCELS,
	STAT_CLOSED,		/* connections that ended by handshake */
	STAT_LOST,
	STAT_REJECTED,
	STAT_RESUMED,		/* links that continued a lost one */
	STAT_NEIGHBOURS,	/* inputs with a well-behaved pair beside */
	STAT_NR
};

extern unsigned long fuzz_stats[STAT_NR];

#endif
