/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_peer.h - the other side of the engine in the whole-engine fuzz
 * targets: plain sockets, on which the script of the input writes what it
 * likes. To get far without luck it can write frames that are right in all
 * that the script does not change; for that it follows what the engine sends
 * and knows which ids and numbers are due.
 *
 * What the engine sends is checked: it must be frames, and nothing else.
 */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

#include "frame.h"
#include "fuzz_world.h"

#define PEER_LINKS	8
#define PEER_SESSIONS	16	/* announced by the engine, the newest */
#define PEER_ENTRIES	12
#define PEER_ASKED	64	/* requests of the engine on one link */
#define PEER_DUE	256	/* frames whose data has not come */
#define PEER_FRAME_MAX	(16u << 10)
#define PEER_BEHIND	(128u << 10)

enum { CTL, DAT };

/* What of a frame is written, and in which order. */
enum peer_order {
	ORDER_CTL_DAT,
	ORDER_DAT_CTL,
	ORDER_CTL_ALONE,	/* the data waits for the next frame */
	ORDER_DAT_ALONE
};

enum peer_cut { CUT_NONE, CUT_BYTES, CUT_HALVES, CUT_RANDOM };

struct peer_sock {
	int fd;			/* -1: not open */
	bool choked;		/* the engine does not read: writes are lost */
	bool deaf;		/* not read */
	bool ended;
};

/* A request of the engine. */
struct peer_asked {
	uint32_t type;
	uint32_t ltid;
	uint64_t serial;
	uint16_t tsn;
	uint8_t in_op;
	uint16_t in_nr;
	uint32_t in_len[PEER_ENTRIES];	/* of the first entries */
};

/* Numbers of one connection, that is: of a session on a link. */
struct peer_numbers {
	uint16_t req_sn;
	uint16_t rsp_sn;
	uint64_t serial;
	bool fin_sent;
};

struct peer_link {
	bool used;
	bool dual;
	struct peer_sock s[2];
	/* what the engine sends */
	uint8_t in[PEER_FRAME_MAX];
	size_t in_n;
	uint64_t skip;		/* data in the only stream */
	bool lost;		/* no longer followed */
	bool got_setup;
	bool kin;		/* the engine says it is of our kind */
	uint32_t cid;
	bool resumes;		/* a lost link, by its cid */
	struct {
		uint32_t type;
		uint64_t left;
		size_t got;
		uint8_t start[8];
	} due[PEER_DUE];
	unsigned int due_at;
	unsigned int due_nr;
	struct peer_asked asked[PEER_ASKED];
	unsigned int asked_nr;
	uint32_t answered;	/* the last id */
	/* what we send */
	uint16_t tsn;
	uint32_t ltid;
	struct peer_numbers numbers[PEER_SESSIONS];
	size_t behind_n;
	uint8_t behind[PEER_BEHIND];	/* data that waits */
};

struct peer {
	bool is_server;
	struct xio_context *ctx;	/* of the engine */
	uint16_t port;			/* where it listens */
	struct peer_link link[PEER_LINKS];
	unsigned int links;
	unsigned int at;		/* the present link */
	uint32_t session[PEER_SESSIONS];
	unsigned int sessions;		/* announced so far */
	unsigned int session_at;	/* slot of the present one */
	uint32_t own_session;		/* what we announced last */
	uint32_t cid;			/* the engine's newest */
	int half[PEER_LINKS];		/* accepted, mate is missing */
	uint32_t random;
	size_t budget;			/* bytes that may still be written */
};

/* Once. */
void peer_init(void);
void peer_open(struct peer *p, bool is_server, struct xio_context *ctx);
/* Closes all sockets; reset: without a good-bye. */
void peer_close_all(struct peer *p, bool reset);

/* --- links (fuzz_peer.c) --------------------------------------------- */

enum peer_dial {
	DIAL_DUAL,
	DIAL_SINGLE,
	DIAL_DUAL_DATA_FIRST,
	DIAL_CTL_ALONE,
	DIAL_DAT_ALONE,
	DIAL_RAW,		/* connect messages from the script */
	DIAL_CROSSED,		/* ports that do not match */
	DIAL_OWN_PORT
};

/* Connects to the engine. raw: 8 bytes for each socket. */
void peer_dial(struct peer *p, uint16_t port, enum peer_dial how,
	       const uint8_t raw[16]);
/* Takes the links that the engine has opened. */
void peer_accept(struct peer *p);
/* The present link; NULL when there is none. */
struct peer_link *peer_link(struct peer *p);
/* flags: 1 control, 2 data; how: 0 half, 1 close, 2 reset */
void peer_shut(struct peer_link *l, unsigned int which, unsigned int how);
void peer_write(struct peer *p, struct peer_link *l, int which,
		const uint8_t *b, size_t n, enum peer_cut cut);
void peer_fill(struct peer *p, struct peer_link *l, int which, uint8_t byte,
	       size_t n);
/* Reads all that the engine has sent. */
void peer_read(struct peer *p);
/* Lets the engine run until it rests, reading what it sends. */
void peer_settle(struct peer *p);
/* Some turns of the engine, then reads. */
void peer_turns(struct peer *p, unsigned int n);

/* --- frames (fuzz_frames.c) ------------------------------------------ */

struct peer_frame {
	uint8_t ctl[PEER_FRAME_MAX];
	size_t ctl_n;
	uint8_t *dat;		/* ctl again, or of its own, or NULL */
	size_t dat_n;
	uint8_t *mem;		/* to be freed */
	int fill;		/* not -1: dat_n times this byte */
};

/* The present session's numbers on this link. */
struct peer_numbers *peer_numbers(struct peer *p, struct peer_link *l);
/* l continues what an earlier link with this cid has carried. */
void peer_resume(struct peer *p, struct peer_link *l, uint32_t cid);
/* The engine has told us a session id. */
void peer_announced(struct peer *p, uint32_t id);
/* The oldest request of this type, taken out when take; NULL: none. */
const struct peer_asked *peer_asked(struct peer_link *l, uint32_t type,
				    struct peer_asked *copy, bool take);

extern const uint16_t peer_types[32];

/* A frame that is right: see fuzz_frames.c for shape and more. */
void peer_make(struct peer *p, struct peer_link *l, uint32_t type,
	       uint8_t shape, uint8_t more, struct peer_frame *f);
/* A recorded frame gets the ids of this conversation. */
void peer_adapt(struct peer *p, struct peer_link *l, struct peer_frame *f);
/* Numbers for the frames that follow. */
void peer_sent(struct peer *p, struct peer_link *l,
	       const struct peer_frame *f);
void peer_send(struct peer *p, struct peer_link *l, struct peer_frame *f,
	       enum peer_order order, enum peer_cut cut);
/* Answers what the engine asks, in its order; at most n answers. */
unsigned int peer_answer(struct peer *p, struct peer_link *l, unsigned int n);

/* A frame of the engine, complete with its lists and header. */
void peer_got(struct peer *p, struct peer_link *l, const uint8_t *b,
	      const struct xe_frame *f);

#endif
