/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - struct xio_session: what client and server agreed on, and its
 * connections (accelio-wire 5; accelio-api 1.5, 4).
 */
#ifndef XE_SESSION_H
#define XE_SESSION_H

#include <stdatomic.h>

#include "base.h"
#include "frame.h"
#include "loop.h"

enum xe_session_state {
	XE_SESSION_INIT,
	XE_SESSION_CONNECT,	/* setup request sent, or application decides */
	XE_SESSION_ONLINE,
	XE_SESSION_REJECTED,
	XE_SESSION_CLOSED
};

struct xe_task;
struct xe_nexus;

struct xio_session {
	enum xio_session_type type;
	enum xe_session_state state;
	uint32_t id;
	uint32_t peer_id;
	struct xio_session_ops ops;
	void *user_context;
	char *uri;
	void *priv;
	size_t priv_len;
	atomic_uint_least64_t next_serial;
	uint64_t snd_bytes;		/* own depths, at creation */
	uint64_t rcv_bytes;
	uint32_t snd_msgs;
	uint32_t rcv_msgs;
	uint64_t peer_snd_bytes;
	uint64_t peer_rcv_bytes;
	uint32_t peer_snd_msgs;
	uint32_t peer_rcv_msgs;
	struct xe_list connections;
	struct xio_connection *lead;
	uint32_t setup_ltid;		/* server: what the answer returns */
	bool decided;			/* server: accept, reject */
	bool announced;			/* server: NEW_CONNECTION delivered */
	int reason;			/* of teardown */
	int busy;			/* callbacks that hold the session */
	bool destroyed;
	struct xe_work teardown;
	struct xio_context *teardown_ctx; /* where it waits */
};

/* NULL and xio_errno. */
struct xio_session *xe_session_new(enum xio_session_type type,
				   const struct xio_session_ops *ops,
				   void *user_context, const char *uri,
				   size_t uri_len, const void *priv,
				   size_t priv_len);

uint32_t xe_session_next_id(void);

/* Callbacks between these two may destroy the session: it lives on. */
void xe_session_hold(struct xio_session *s);
void xe_session_drop(struct xio_session *s);

/* Client: the setup request as a queued control task. 0 or -errno. */
int xe_session_open(struct xio_session *s, struct xio_connection *c);
/* Client: the answer has come. 0, or -errno to end the link. */
int xe_session_on_setup_rsp(struct xio_connection *c, const uint8_t *p,
			    size_t n);
/* Server: a setup request has come over n. 0, or -errno. */
int xe_session_on_setup_req(struct xe_nexus *n, uint32_t ltid,
			    const uint8_t *p, size_t len);

/* Server: does what the decision asks for, once the session is announced. */
void xe_session_follow_decision(struct xio_session *s);

/* The last connection was destroyed: SESSION_TEARDOWN from ctx's loop. */
void xe_session_teardown(struct xio_session *s, struct xio_context *ctx);

#endif
