/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_app.h - the application on the engine in the whole-engine fuzz
 * targets. It keeps every rule of the interface in the way that the input
 * chooses, and holds the engine to its side of them: each message ends
 * exactly once, nothing is said of what has ended, memory that is handed out
 * can be read to its last byte.
 */
#ifndef FUZZ_APP_H
#define FUZZ_APP_H

#include "fuzz_world.h"
#include "list.h"

enum fuzz_decision {
	DECIDE_ACCEPT,
	DECIDE_REJECT,
	DECIDE_LATE,
	DECIDE_FAIL,		/* the callback returns -1 */
	DECIDE_PORTALS,
	DECIDE_REDIRECT,
	DECIDE_ACCEPT_DATA,	/* with private data */
	DECIDE_LATE_CLOSE	/* and closes meanwhile */
};

enum fuzz_answer {
	ANSWER_AT_ONCE,
	ANSWER_LATE,		/* when told, or when the connection ends */
	ANSWER_NEVER,		/* drops it when the connection ends */
	ANSWER_SOME,		/* every other one at once */
	ANSWER_TWICE,
	ANSWER_CLOSE,		/* and closes */
	ANSWER_ASK,		/* sends a request of its own first */
	ANSWER_CLOSE_FIRST
};

enum fuzz_assign {
	ASSIGN_ABSENT,		/* no callback */
	ASSIGN_GOOD,
	ASSIGN_DECLINE,
	ASSIGN_ONE,		/* all in one piece */
	ASSIGN_SHORT,
	ASSIGN_NOTHING,
	ASSIGN_NULL,
	ASSIGN_LARGER
};

enum fuzz_keep { KEEP_NOT, KEEP_LATER, KEEP_TO_END, KEEP_SOME };

struct fuzz_behaviour {
	enum fuzz_decision decision;
	enum fuzz_answer answer;
	enum fuzz_assign assign;
	enum fuzz_keep keep;	/* responses and one-ways */
	uint8_t answer_shape;	/* see app_sizes */
	uint8_t cancel;		/* what a cancel request is told */
	bool send_on_open;	/* a request from inside the event */
	bool no_ow_complete;	/* without that callback */
	bool no_delivered;
	bool no_new_session;
};

struct fuzz_app {
	struct xio_context *ctx;
	struct xio_server *server[2];
	uint16_t port[2];
	const char *portal[2];	/* what sessions are sent on to */
	struct fuzz_behaviour b;
	bool polite;		/* what opens now is a neighbour */
	struct xe_list conns;
	struct xe_list sessions;
	struct xe_list out;	/* messages that the engine has */
	struct xe_list kept;	/* responses with us */
	struct xe_list held;	/* requests and one-ways with us */
	unsigned int out_nr;
	unsigned int conns_nr;
	unsigned int turn;
	unsigned int polite_done;	/* answers to a neighbour */
	struct xio_session_ops ops;
	char uri[2][64];
};

struct fuzz_session {
	struct xe_list link;
	struct fuzz_app *app;
	struct xio_session *s;
	bool client;
	bool decided;
	bool polite;
	unsigned int conns;
};

struct fuzz_conn {
	struct xe_list link;
	uint32_t magic;
	struct fuzz_app *app;
	struct fuzz_session *fs;
	struct xio_connection *c;
	bool open;		/* NEW or ESTABLISHED came */
	bool ended;		/* CLOSED, DISCONNECTED, ... came */
	bool polite;
};

/* Contexts of max_conns 2: small pools. */
void app_open(struct fuzz_app *a, const struct fuzz_behaviour *b);
void app_bind(struct fuzz_app *a, int which);
void app_unbind(struct fuzz_app *a, int which);
/* The n-th connection that is not a neighbour's, or NULL. */
struct fuzz_conn *app_conn(struct fuzz_app *a, unsigned int n);
/*
 * A session to this URI with a connection, which may name its own address;
 * NULL when that fails at once.
 */
struct fuzz_conn *app_connect(struct fuzz_app *a, const char *uri,
			      unsigned int private_len, bool from_here);
/* One more connection of a session. */
bool app_connect_more(struct fuzz_app *a, struct fuzz_session *fs,
		      unsigned int index);

/* Shapes: see the tables in fuzz_app_send.c. */
bool app_send_request(struct fuzz_conn *fc, uint8_t out, uint8_t in,
		      uint8_t flags, unsigned int chain);
bool app_send_one_way(struct fuzz_conn *fc, uint8_t out, uint8_t flags,
		      unsigned int chain);
/* Answers the oldest or the newest request that is held. */
void app_answer_one(struct fuzz_app *a, bool newest, uint8_t shape);
void app_release_one(struct fuzz_app *a, bool newest);
void app_decide(struct fuzz_app *a, enum fuzz_decision d);
void app_cancel(struct fuzz_conn *fc, bool newest);
void app_cancel_answer(struct fuzz_app *a, bool canceled);
/* Ends an attempt to connect. */
void app_abort(struct fuzz_conn *fc);

/* Lets go of everything that is held. */
void app_release_all(struct fuzz_app *a);
/* Are sessions there, apart from neighbours? */
bool app_busy(const struct fuzz_app *a);
/* The context has gone under everything. */
void app_context_gone(struct fuzz_app *a);
/* Unbinds and destroys the context, when that is not done; all has ended. */
void app_close(struct fuzz_app *a);

/* ---- between the parts of it ---------------------------------------- */

enum fuzz_kind { KIND_REQUEST, KIND_ONE_WAY, KIND_RESPONSE };
enum fuzz_state { MSG_OUT, MSG_KEPT };

/* A message of ours. */
struct fuzz_msg {
	struct xio_msg m;
	struct xe_list link;
	struct fuzz_app *app;
	struct fuzz_conn *fc;	/* NULL when that has ended */
	enum fuzz_kind kind;
	enum fuzz_state state;
	bool polite;
	bool receipt;		/* asked for */
	bool receipt_seen;
	bool canceling;
	size_t capacity;	/* of the in side; SIZE_MAX: the library's */
	struct xio_iovec_ex *sgl;
	char *out_mem;
	char *in_mem;
	char *in_hdr;
};

/* A message of the peer. */
struct fuzz_held {
	struct xe_list link;
	struct xio_msg *m;
	struct fuzz_conn *fc;	/* NULL when that has ended */
	bool request;
};

/* Sets the callbacks for messages. */
void app_receives(struct fuzz_app *a);
/* The connection that a callback is about. */
struct fuzz_conn *app_user_conn(void *user);
struct fuzz_msg *app_msg_new(struct fuzz_conn *fc, enum fuzz_kind kind,
			     uint8_t out, uint8_t in, uint8_t flags);
void app_msg_free(struct fuzz_msg *fm);
/* Ends one of ours, whoever has it. */
void app_msg_end(struct fuzz_msg *fm);
/* One of ours that the engine names; it must have it. */
struct fuzz_msg *app_msg_of(struct fuzz_app *a, struct xio_msg *m);
void app_msg_taken(struct fuzz_msg *fm);
void app_answer(struct fuzz_conn *fc, struct xio_msg *req, uint8_t shape);
/* Reads all that the received side of m points to. */
void app_touch(const struct xio_vmsg *v, size_t capacity);
void app_release_held(struct fuzz_held *h);
void app_release_kept(struct fuzz_msg *fm);

#endif
