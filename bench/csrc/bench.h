/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - one run of one case: a responder and a requester, each a process
 * of its own, written against libxio.h alone, so that the same source is
 * linked to this project's engine and to a real libxio.
 *
 * main.c reads the arguments and starts the two processes, or only one of
 * them when the other is another program's; responder.c and requester.c are
 * the traffic, memory.c measures resident memory, common.c is what they
 * share. See the Go program in the folder above for the cases.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <libxio.h>

#define INLINE_MAX	8192	/* larger messages need buffers of ours */
#define LISTENERS	32	/* of the case with many connections */

enum mode {
	MODE_REQUEST,		/* request and response of the same size */
	MODE_ONE_WAY,
	MODE_CONNECTIONS,	/* memory of a server per connection */
	MODE_CONTEXTS,		/* memory of a client per context */
	MODE_SERVE		/* a responder alone, for requesters elsewhere */
};

struct params {
	enum mode mode;
	size_t size;
	unsigned int depth;	/* messages in flight */
	double seconds;
	double warm;		/* before that */
	uint64_t count;		/* not 0: this many messages instead */
	unsigned int connections;	/* or contexts */
	uint16_t peer_port;	/* of a responder elsewhere, or 0 */
	pid_t peer_pid;
	bool polling;		/* never sleep in the loop */
	bool nodelay;
	bool single;		/* one socket for a connection */
	bool imm;		/* IMM_SEND_COMP on responses */
	int sockbuf;		/* TCP_SO_SNDBUF and RCVBUF; 0: default */
	bool pin;		/* responder on CPU 0, requester on CPU 1 */
};

/* What the two processes tell each other; written by one side each. */
struct shared {
	pid_t responder;
	_Atomic unsigned int ports;	/* how many of port are valid */
	uint16_t port[LISTENERS];
	_Atomic uint64_t received;	/* by the responder */
	atomic_bool finished;		/* by the requester: errors mean nothing now */
	atomic_bool failed;
};

extern struct params params;
extern struct shared *shared;

/* Prints and ends this process; main.c then ends the run. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void library_options(void);
struct xio_context *new_context(void);
void drive(struct xio_context *ctx, const bool *done);

int64_t now_ns(void);
void *pages(size_t size);		/* zeroed memory that is there already */

/* The number of a message stands at both ends of its data. */
void stamp_put(void *data, size_t size, uint64_t n);
/* The number, after a look at length and both ends. */
uint64_t stamp_get(struct xio_vmsg *v, size_t size);
void one_entry(struct xio_vmsg *v, void *base, size_t len);

struct xio_connection *connect_to(struct xio_context *ctx, uint16_t port,
				  struct xio_session_ops *ops, void *user);

void responder(void) __attribute__((noreturn));
void requester(void);
void many_connections(void);
void many_contexts(void);

#endif
