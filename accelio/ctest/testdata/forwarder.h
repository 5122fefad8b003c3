/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarder.h - a TCP forwarder in the test's own process, which can cut the
 * connections that go through it: what it has not passed on is lost, and
 * both ends see a reset. It understands the connect message (accelio-wire
 * 1.4), whose ports it must rewrite for dual stream to work behind it.
 */
#ifndef FORWARDER_H
#define FORWARDER_H

#include <stdbool.h>
#include <stdint.h>

#define FWD_PIPES	64

struct fwd_pipe {
	int fd[2];			/* client, server; -1: none */
	uint16_t port[2];		/* of the client, and ours to the server */
	bool matched;			/* the connect message has gone */
	int msg_len;
	unsigned char msg[8];
};

struct forwarder {
	int listener;
	uint16_t port;			/* where it listens */
	uint16_t target;
	bool stopped;			/* passes nothing on */
	bool to_server_only;		/* drops what the server says */
	long long passed;		/* bytes, both ways */
	long long cut_after;		/* of them, counted from the last cut */
	int cuts;
	int accepted;			/* TCP connections */
	struct fwd_pipe pipe[FWD_PIPES];
};

void fwd_open(struct forwarder *f, uint16_t target);
void fwd_close(struct forwarder *f);
/* Passes on what is there, without waiting. */
void fwd_step(struct forwarder *f);
void fwd_cut(struct forwarder *f);

#endif
