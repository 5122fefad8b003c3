/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - struct xio_session: what client and server agreed on, and its
 * connections (accelio-wire 5; accelio-api 1.5, 4).
 */
#ifndef XE_SESSION_H
#define XE_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base.h"
#include "frame.h"
#include "loop.h"

enum xe_session_state {
	XE_SESSION_INIT,
	XE_SESSION_CONNECT,	/* setup request sent, or application decides */
	XE_SESSION_ONLINE,
	XE_SESSION_ACCEPTED,	/* server: with portals, nobody has come yet */
	/* No message goes out in those that follow. */
	XE_SESSION_REDIRECTED,	/* server */
	XE_SESSION_REJECTED,
	XE_SESSION_REFUSED,	/* client: the lead connection failed */
	XE_SESSION_CLOSED
};

struct xe_task;
struct xe_nexus;

/*
 * The connections of a session may be on several contexts, each with a thread
 * of its own. What more than one of them uses is behind the lock, atomic, or
 * does not change; the rest belongs to the thread of the lead connection.
 */
struct xio_session {
	pthread_mutex_t lock;
	enum xio_session_type type;
	atomic_int state;		/* enum xe_session_state; set locked */
	uint32_t id;
	uint32_t peer_id;		/* locked */
	struct xio_session_ops ops;
	void *user_context;
	char *uri;			/* locked: a redirect changes it */
	void *priv;
	size_t priv_len;
	atomic_uint_least64_t next_serial;
	uint64_t snd_bytes;		/* own depths, at creation */
	uint64_t rcv_bytes;
	uint32_t snd_msgs;
	uint32_t rcv_msgs;
	uint64_t peer_snd_bytes;	/* from before ONLINE */
	uint64_t peer_rcv_bytes;
	uint32_t peer_snd_msgs;
	uint32_t peer_rcv_msgs;
	struct xe_list connections;	/* locked */
	struct xio_connection *lead;	/* locked */
	bool opened;			/* client, locked: accepted */
	char **portals;			/* client, locked: see session_client.c */
	unsigned int portals_nr;
	unsigned int next_portal;
	unsigned int redirects;		/* followed so far */
	int failure;			/* locked: of the lead, when REFUSED */
	uint32_t setup_ltid;		/* server: what the answer returns */
	bool decided;			/* server: accept, redirect, reject */
	bool announced;			/* server: NEW_CONNECTION delivered */
	int reason;			/* locked: of teardown */
	int refs;			/* locked: the application's, callbacks */
	bool seen;			/* locked: had a connection */
	bool ended;			/* locked: teardown is due, or was */
	bool destroyed;			/* locked */
	struct xe_session_wait *wait;	/* server, locked: see session_wait.c */
	struct xe_work teardown;
	struct xio_context *teardown_ctx; /* where it waits */
	struct xio_session *table_next;
};

static inline enum xe_session_state
xe_session_state(const struct xio_session *s)
{
	return (enum xe_session_state)atomic_load_explicit(
		&s->state, memory_order_acquire);
}

/* NULL and xio_errno. */
struct xio_session *xe_session_new(enum xio_session_type type,
				   const struct xio_session_ops *ops,
				   void *user_context, const char *uri,
				   size_t uri_len, const void *priv,
				   size_t priv_len);

/* Callbacks between these two may destroy the session: it lives on. */
void xe_session_hold(struct xio_session *s);
void xe_session_drop(struct xio_session *s);

/*
 * c is destroyed; the last one on a context that is there brings
 * SESSION_TEARDOWN from ctx's loop.
 */
void xe_session_leave(struct xio_connection *c, struct xio_context *ctx);
/* Locked: connections that wait look whether it is their turn. */
void xe_session_wake(struct xio_session *s);
/* The context of c is destroyed: c stays as a shell without one. */
void xe_session_forsake(struct xio_connection *c);
/* Locked: SESSION_TEARDOWN from ctx's loop, and the end of the session. */
void xe_session_end(struct xio_session *s, struct xio_context *ctx);

/* ---- session_table.c: server sessions by id, any thread ------------- */

void xe_session_table_add(struct xio_session *s);
void xe_session_table_del(struct xio_session *s);
/* Held for the caller; NULL when there is none. */
struct xio_session *xe_session_table_find(uint32_t id);

/* ---- session_client.c ------------------------------------------------ */

/*
 * Makes c a connection of its session and starts it, or lets it wait for the
 * lead connection. 0, or what xio_connect fails with.
 */
int xe_session_join(struct xio_connection *c);
/* From the connection's own loop: it is its turn to start. */
void xe_session_start(struct xio_connection *c);
/* Client: the nexus is up: setup request or hello. 0 or -errno. */
int xe_session_open(struct xio_session *s, struct xio_connection *c);
/* An attempt to connect failed. True: c will try elsewhere. */
bool xe_session_retry(struct xio_connection *c, int reason);
/* Answers have come. 0, or -errno to end the link. */
int xe_session_on_setup_rsp(struct xio_connection *c, const uint8_t *p,
			    size_t n);
int xe_session_on_hello_rsp(struct xio_connection *c);
void xe_session_free_portals(struct xio_session *s);

/* ---- session_server.c ------------------------------------------------ */

/* Requests have come over n. 0, or -errno to end the link. */
int xe_session_on_setup_req(struct xe_nexus *n, uint32_t ltid,
			    const uint8_t *p, size_t len);
int xe_session_on_hello_req(struct xe_nexus *n, uint32_t session_id,
			    uint32_t ltid);

/* ---- session_wait.c: accepted with portals, until the first hello ------- */

/* On the thread of ctx. 0, or -1 and xio_errno. */
int xe_session_wait(struct xio_session *s, const struct xio_connection *c);
/* Locked, any thread: somebody came, or the session is destroyed. */
void xe_session_wait_over(struct xio_session *s);
/* The context goes: nobody watches its waiting sessions any more. */
void xe_session_forget_waiting(struct xio_context *ctx);

#endif
