/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - what the files of the test peer share.
 *
 * The peer is a C program on the public interface of libxio, as server or as
 * client of one side of a test. One thread, one context. It prints one line
 * for each thing that happens, obeys the lines on its standard input, and
 * ends with a line of counters.
 *
 *	options.c	key=value arguments
 *	pattern.c	the bytes of a message, made from its number
 *	requester.c	sends requests and checks responses
 *	responder.c	checks requests and sends responses
 *	peer.c		sessions, commands, start and end
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <libxio.h>

#define MAX_SIZES	16
#define MAX_HEADER	256
#define KNOWN		8	/* bytes that tell a message's number */

/* Lengths that messages take in turn, by their number. */
struct sizes {
	unsigned	n;
	size_t		v[MAX_SIZES];
};

enum inbufs { IN_NONE, IN_LENGTH, IN_OWN };
enum verdict { ACCEPT_NOW, ACCEPT_AUTO, ACCEPT_WAIT, ACCEPT_REJECT };

struct options {
	bool		server;
	const char	*host;
	unsigned	port;
	bool		single;		/* one socket per connection */
	bool		nodelay;
	bool		assign;		/* own memory for large requests */
	bool		echo;
	bool		hold;		/* answer on command only */
	bool		close;		/* disconnect after count */
	bool		eager;		/* a server sends requests at once */
	uint64_t	count;
	unsigned	depth;
	unsigned	segs;
	unsigned	sessions;	/* a server ends after so many */
	struct sizes	hdr, size;	/* of requests */
	struct sizes	rsphdr, rsp;	/* of responses */
	enum inbufs	in;
	enum verdict	verdict;
	int		reason;
	const char	*data;		/* private data */
	int		keepalive;	/* seconds; 0: the default */
	unsigned	idle;		/* ms before the first request */
	unsigned	limit;		/* seconds the program may take */
};

enum kind { KIND_REQUEST = 1, KIND_RESPONSE };

/* A request of ours; the library's from sending to response or error. */
struct slot {
	enum kind	kind;
	struct xio_msg	msg;
	uint64_t	n;
	uint8_t		hdr[MAX_HEADER];
	uint8_t		*out;
	uint8_t		*in;
};

/* A request that arrived, until its response has left. */
struct reply {
	enum kind	kind;
	struct xio_msg	msg;
	struct reply	*next;
	struct xio_msg	*req;
	void		*assigned;	/* memory of the request's data */
	bool		last;
	uint8_t		hdr[MAX_HEADER];
	uint8_t		*out;
	size_t		cap;
};

/* One connection. */
struct link {
	struct link		*next;
	struct xio_session	*session;
	struct xio_connection	*conn;
	struct slot		*slots;
	uint64_t		next_n;		/* of the next request */
	uint64_t		ended;		/* requests of ours */
	uint64_t		received;	/* requests of theirs */
	struct reply		*held, **held_end;
	bool			sending;
	bool			closing;
};

struct counters {
	uint64_t	sent, responses, flushed;
	uint64_t	received, answered, discarded;
	uint64_t	bad, errors;
};

extern struct options opt;
extern struct counters count;

/* options.c */
int options_parse(int argc, char **argv);
size_t sizes_pick(const struct sizes *s, uint64_t n);
size_t sizes_max(const struct sizes *s);

/* pattern.c: salts keep the four parts of an exchange apart. */
enum salt { REQ_HEADER = 1, REQ_DATA, RSP_HEADER, RSP_DATA };
void pattern_fill(uint8_t *p, size_t len, uint64_t n, enum salt salt);
bool pattern_check(const struct xio_vmsg *v, size_t hlen, size_t dlen,
		   uint64_t n, enum salt hsalt, enum salt dsalt);
bool pattern_number(const struct xio_vmsg *v, uint64_t *n);
size_t vmsg_data_len(const struct xio_vmsg *v);

/* requester.c */
void requester_start(struct link *l);
void requester_free(struct link *l);
void requester_response(struct link *l, struct xio_msg *msg);
void requester_error(struct link *l, enum xio_status error,
		     enum xio_msg_direction dir, struct xio_msg *msg);

/* responder.c */
int responder_assign(struct xio_msg *msg, void *conn_user_context);
void responder_request(struct link *l, struct xio_msg *req);
void responder_complete(struct link *l, struct xio_msg *rsp);
void responder_error(struct link *l, enum xio_status error,
		     struct xio_msg *rsp);
void responder_release(struct link *l);
void responder_free(void);

/* peer.c */
void link_close(struct link *l);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* PEER_H */
