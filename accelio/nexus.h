/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nexus.h - one transport connection and the connections of sessions on it
 * (accelio-wire 2, 4): nexus setup, the table of outstanding exchanges, the
 * way of frames to and from connections, and the time the link lives on
 * after the last connection.
 *
 * Used on the thread of its context only.
 */
#ifndef XE_NEXUS_H
#define XE_NEXUS_H

#include "context.h"
#include "task.h"
#include "transport.h"
#include "uri.h"

enum xe_nexus_state {
	XE_NEXUS_CONNECTING,	/* sockets, then nexus setup */
	XE_NEXUS_UP,
	XE_NEXUS_DOWN		/* the link is gone */
};

struct xe_slot {
	struct xe_task *task;
	uint32_t gen;
	uint32_t next_free;
};

/* Waiting for another link (reconnect.c) */
struct xe_reconnect {
	bool enabled;
	bool lost;			/* it waits now */
	unsigned int attempt;		/* client: made since it last worked */
	int64_t since;			/* when the present link came */
	struct sockaddr_storage peer;
	struct sockaddr_storage from;	/* client: bound to it, or no family */
};

struct xe_nexus {
	struct xe_list link;		/* ctx->nexuses */
	struct xio_context *ctx;
	struct xe_link *l;		/* NULL when down */
	struct xio_server *server;	/* NULL for a client's */
	enum xe_nexus_state state;
	unsigned int refs;		/* connections */
	uint32_t cid;
	bool kin;			/* the peer is this engine */
	char portal[XE_PORTAL_MAX];	/* client: what it may be shared for */
	int tos;
	bool shareable;

	uint32_t own_buf_size;
	uint32_t buf_size;		/* negotiated: largest frame we send */
	uint32_t inline_data;		/* own limit for inline requests */
	uint32_t align;			/* of inline data; 0 or 1: none */
	uint32_t max_in;		/* own limits */
	uint32_t max_out;
	uint32_t max_hdr;
	uint32_t peer_max_in;
	uint32_t peer_max_out;
	uint32_t peer_max_hdr;

	struct xe_list connections;
	struct xe_list ready;		/* connections with frames to send */
	struct xe_work xmit;
	struct xe_work down;		/* connections that follow the link */
	struct xe_timer timer;		/* setup, or idle */
	int down_reason;
	struct xe_reconnect re;
	uint16_t tsn;

	struct xe_slot *slots;
	uint32_t slots_nr;
	uint32_t slot_free;		/* head of the free list */
};

/* What a nexus does with its link. */
extern const struct xe_link_events *const xe_nexus_link_events;

/*
 * A client's nexus for this portal on this context: one that is idle, or a
 * new one. Takes a reference. NULL and xio_errno.
 */
struct xe_nexus *xe_nexus_get(struct xio_context *ctx, const struct xe_uri *u,
			      int tos, const char *out_addr);
/* A server's nexus for an accepted link; owns l, also when it fails. */
void xe_nexus_accept(struct xio_server *server, struct xe_link *l);
void xe_nexus_ref(struct xe_nexus *n);
void xe_nexus_put(struct xe_nexus *n);

/* Nexus setup is complete: frames may flow. */
void xe_nexus_up(struct xe_nexus *n);

/* Closes the link at once, without a word to the connections, and frees. */
void xe_nexus_destroy(struct xe_nexus *n);

/* The connection of this nexus with that session id, or NULL. */
struct xio_connection *xe_nexus_find(struct xe_nexus *n, uint32_t session_id);

/* A slot for the answer to t; false without memory. */
bool xe_nexus_slot_get(struct xe_nexus *n, struct xe_task *t);
void xe_nexus_slot_put(struct xe_task *t);

/* The connection has something to send. */
void xe_nexus_ready(struct xe_nexus *n, struct xio_connection *c);

/* Links that wait for received messages to be released go on. */
void xe_nexus_resume_all(struct xio_context *ctx);

#endif
