/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seats.h - sessions that live on several contexts. A seat is one context
 * with what it sees: a connection's events are written down by the seat that
 * is the connection's user context, a session's by the seat that is the
 * session's. Seats are driven in turns by one thread, or each by its own.
 */
#ifndef SEATS_H
#define SEATS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libxio.h"

#define SEATS		16
#define SEAT_LIST	400
#define SEAT_SERIALS	256

enum deed { ACCEPT, REDIRECT, REJECT, REFUSE, LATER };

struct seat {
	const char *name;
	struct seat *owner;		/* user context of its sessions */
	struct xio_context *ctx;
	struct xio_server *server;
	struct xio_session *session;	/* the last one seen */
	struct xio_connection *conn;	/* of them */
	uint16_t port;
	char uri[64];
	pthread_t thread;		/* the only one to call back */

	/* what it does */
	enum deed deed;			/* with a new session */
	const char *list[SEAT_LIST];	/* portals, or targets */
	size_t list_nr;
	bool hold;			/* keeps requests unanswered in held */
	bool keep_conn;			/* does not destroy at teardown */
	bool keep_session;
	bool quiet;			/* no record of messages */
	bool poor;			/* its memory may be short */
	uint32_t conn_idx;
	void (*on_event)(struct seat *s, struct xio_session *ses,
			 struct xio_session_event_data *d);
	void (*on_established)(struct seat *s);
	void (*on_new)(struct seat *s, struct xio_new_session_req *req);

	/* what it saw; the record is locked */
	char log[4096];
	char priv[16];			/* of the client, at a server */
	char asked[128];		/* the URI it came for */
	struct xio_msg *held;
	uint64_t serials[SEAT_SERIALS];	/* of requests received */
	atomic_int requests;
	atomic_int responses;
	atomic_int errors;
	atomic_int connected;		/* NEW, or EST */
	atomic_int torn_down;
	atomic_int over;
	pthread_t over_on;		/* the thread of SESSION_TEARDOWN */

	struct xio_session_ops ops;
};

/* Things that must never happen; each is told on standard error. */
extern atomic_int surprises;

void seat_open(struct seat *s, const char *name);
/* As seat_open, and listens. */
void seat_listen(struct seat *s, const char *name);
void seat_close(struct seat *s);
/* Closes all that are open. */
void seats_close(void);

/* What the server offers next: these seats, in this order. */
void seat_offer(struct seat *s, enum deed deed, struct seat *const *others,
		size_t nr);

/* Nobody listens there; a port that was free may be somebody's by now. */
#define NOWHERE	"tcp://127.77.77.77:1"

/* A client session of s to uri; s->session. */
void seat_session(struct seat *s, const char *uri);
/* xio_connect to the session of its owner, NULL when it fails. */
struct xio_connection *seat_connect(struct seat *s, struct seat *owner);
/* Queues a request; false when that is refused. */
bool seat_send(struct seat *s);
/* Says to s->session what s->deed is. */
int seat_decide(struct seat *s);

/* The time limit for clients that were sent to portals, in milliseconds. */
void first_hello_within(int ms);

/* One turn of all open seats, after ms without anything to do at most. */
void turn(int ms);

/*
 * Turns until cond; ten seconds at most. Calls from outside the loops may
 * have left work that no descriptor shows: the first turn is at once.
 */
#define UNTIL(cond)							\
	do {								\
		long long end_ = clock_ms() + 10000;			\
		int ms_ = 0;						\
		while (!(cond) && clock_ms() < end_) {			\
			turn(ms_);					\
			ms_ = 5;					\
		}							\
		CHECK(cond);						\
	} while (0)

#endif
