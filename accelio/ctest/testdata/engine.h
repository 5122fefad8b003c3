/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - two applications on the engine in one process, driven in turns,
 * that write down what they are told: "EST[ok]" is an event with its reason,
 * "req", "rsp" and "ow" are messages. Tests compare the whole record.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "libxio.h"
#include "xio_limits.h"

#define APP_MSGS	64

struct app {
	const char *name;
	struct xio_context *ctx;
	struct xio_server *server;
	struct xio_session *session;	/* the last one seen */
	struct xio_connection *conn;
	uint16_t port;
	char log[4096];

	/* what it does */
	bool no_decision;		/* on_new_session decides nothing */
	bool refuse;			/* on_new_session returns -1 */
	bool reject;
	bool hold;			/* keeps requests in held[] */
	bool keep;			/* keeps responses and one-ways there */
	bool keep_conn;			/* does not destroy in teardown */
	bool keep_session;
	bool quiet;			/* no record of messages */
	void (*on_event)(struct app *a, struct xio_session_event_data *d);
	void (*on_msg)(struct app *a, struct xio_msg *m);
	int (*assign)(struct app *a, struct xio_msg *m);

	/* what it saw */
	struct xio_msg *held[APP_MSGS];
	int held_nr;
	int established;
	int torn_down;			/* connections */
	int over;			/* sessions */
	int requests;
	int responses;
	int one_ways;
	int completed;
	int ow_completed;
	int delivered;
	int errors;
	int last_error;
	struct xio_msg *last;

	struct xio_session_ops ops;
};

void app_open(struct app *a, const char *name);
/* Destroys the context too. */
void app_close(struct app *a);
void app_listen(struct app *a);
/* Opens a session to a port; private data is "hi". */
void app_connect(struct app *a, uint16_t port);
/* The parts of it. */
struct xio_session *app_session(struct app *a, const char *uri);

/* One turn of each; never blocks longer than ms. */
void pump(struct app *a, struct app *b, int ms);

/* Turns until cond; false after ten seconds. */
#define WAIT_FOR(a, b, cond)						\
	do {								\
		long long end_ = clock_ms() + 10000;			\
		while (!(cond) && clock_ms() < end_)			\
			pump((a), (b), 5);				\
		CHECK(cond);						\
	} while (0)

long long clock_ms(void);
int open_fds(void);

/* "EST[ok]" and the like, in dst. */
const char *event_text(const struct xio_session_event_data *d, char *dst,
		       size_t n);

/* A connected pair, and the end of it. */
void pair_open(struct app *c, struct app *s);
/* Closes by the client, waits for all, and closes both. */
void pair_close(struct app *c, struct app *s);

/* ---- messages ------------------------------------------------------- */

/* n bytes of data in nr segments, hdr bytes of header, a known pattern. */
struct xio_msg *msg_new(size_t hdr, size_t data, unsigned int nr,
			unsigned int seed);
/* Buffers for the answer: nr of these sizes; addresses unless bare. */
void msg_offer(struct xio_msg *m, const size_t *sizes, unsigned int nr,
	       bool bare);
void msg_free(struct xio_msg *m);
/* Does the received side hold that header and data? */
bool msg_is(const struct xio_msg *m, size_t hdr, size_t data,
	    unsigned int seed);
/* Answers a request. */
struct xio_msg *answer(struct xio_msg *req, size_t hdr, size_t data,
		       unsigned int seed);

void set_int_opt(int level, int name, int value);

#endif
