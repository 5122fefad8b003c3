/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim.h - what the Go side of xio/cgo sees of C.
 *
 * Thread rule: every function that takes an object is called by the present
 * driver of the object's context, one at a time; no lock is taken anywhere.
 * Exceptions are marked "any thread".
 *
 * Nothing here calls back into Go. What happens inside the library becomes a
 * record in the context's event array; Go reads it when xg_turn returns.
 *
 * Calls that can fail return the libxio status or errno itself (0 = success),
 * read on the thread that failed.
 */
#ifndef XG_SHIM_H
#define XG_SHIM_H

#include "provider.h"

#define XG_MAX_SEG	4		/* data segments of an outgoing message */
#define XG_MAX_HDR	256		/* library limit of an application header */
#define XG_INLINE_DATA	8192		/* request data that travels inline */
#define XG_INLINE_RSP	9119		/* header and data of an inline response */
#define XG_BUF_DATA	XG_MAX_HDR	/* where data starts in a slot's buffer */
#define XG_BUF_LEN	9472		/* slot buffer: header, then inline data */
#define XG_MAX_ADDR	128

struct xg_ctx;
struct xg_session;
struct xg_server;
struct xg_conn;

enum xg_event_kind {
	XG_EV_NONE,		/* nothing any more */
	XG_EV_RESPONSE,		/* slot p answered; data valid until it is dropped as read, or release */
	XG_EV_ENDED,		/* slot p ended without response: status, 0 for a one-way that went */
	XG_EV_DELIVERED,	/* the peer's application has seen request p; its end follows */
	XG_EV_REQUEST,		/* request in receive slot p */
	XG_EV_MSG,		/* one-way message in receive slot p */
	XG_EV_REPLIED,		/* reply of slot p completed: status */
	XG_EV_CANCEL,		/* the requester gives request p up */
	XG_EV_SESSION_NEW,	/* server: p = session awaits a decision */
	XG_EV_CONN_NEW,		/* server: connection conn appeared */
	XG_EV_CONN_UP,		/* client: connection established, its session too */
	XG_EV_CONN_AWAY,	/* its transport is lost, the library reconnects */
	XG_EV_CONN_BACK,	/* and has reconnected */
	XG_EV_CONN_DOWN,	/* no more traffic; status = reason, flags = XG_DOWN_* */
	XG_EV_CONN_TORN,	/* the library is done with it: may be destroyed */
	XG_EV_SESSION_GONE,	/* last event of a session */
	XG_EV_SERVER_GONE	/* last event of a server */
};

enum xg_event_flags {
	XG_KEEP = 1,		/* response stays in library memory until xg_release */
	XG_REFUSED = 2,		/* CONN_DOWN: nobody listens there */
	XG_REJECTED = 4		/* CONN_NEW: refused by a limit, only to be torn down */
};

/* One event. Mirrored by the Go type Event; sizes are asserted on both sides. */
struct xg_event {
	uint16_t	kind;
	uint16_t	flags;
	int32_t		status;
	uint32_t	index;		/* of the slot; CONN_DOWN: reason of a reject */
	uint32_t	gen;		/* generation of the slot or key */
	void		*key;		/* go-pointer key of the object, control events */
	void		*p;		/* slot or session */
	struct xg_conn	*conn;
	uint32_t	conn_index;
	uint32_t	session;	/* number of the session, session and connection events */
};

struct xg_seg {
	void		*base;
	uint64_t	len;
	void		*mr;
};

/* What arrived: pointers into library memory or the context's receive memory. */
struct xg_view {
	void			*hdr;
	uint64_t		hdr_len;
	uint64_t		len;		/* sum of all segments */
	struct xio_iovec_ex	*seg;
	uint32_t		nseg;
	uint32_t		contiguous;	/* segments follow each other in memory */
};

/* What the Go side wants sent: header and inline data sit in the slot's buffer. */
struct xg_out {
	uint32_t	hdr_len;	/* at buf */
	uint32_t	data_len;	/* at buf + XG_BUF_DATA, first segment if not 0 */
	uint32_t	nseg;		/* segments after it */
	uint32_t	reserved;
	struct xg_seg	seg[XG_MAX_SEG];
};

/* A slot for requests we send. Owned by Go while free, by C while in flight. */
struct xg_tx {
	uint32_t	kind;		/* first: tells slots apart behind user_context */
	uint32_t	index;
	uint32_t	gen;		/* set by Go at submission, echoed in the event */
	uint32_t	state;
	struct xg_conn	*conn;
	uint8_t		*buf;
	uint64_t	max_rsp;	/* largest response data wanted; 0 = what fits inline */
	uint32_t	oneway;		/* set by Go: no response */
	uint32_t	receipt;	/* set by Go: wants to know when the peer has seen it */
	uint32_t	keep;		/* set by Go: a small response stays as well */
	uint32_t	rdma_read;	/* set by Go for XG_OP_RDMA: into out, not from it */
	struct xio_sge	remote;		/* set by Go for XG_OP_RDMA */
	struct xg_out	out;
	struct xg_view	in;
	uint32_t	unread;		/* a small response whose record is still there */
	struct xio_msg	msg;
};

/* A slot for a received request and its reply. Owned by Go between the
 * REQUEST event and the submission of the reply. */
struct xg_rx {
	uint32_t	kind;
	uint32_t	index;
	uint32_t	gen;
	uint32_t	state;
	struct xg_conn	*conn;
	uint8_t		*buf;
	uint64_t	room;		/* largest response data the requester takes */
	uint32_t	notify;		/* set by Go: wants XG_EV_REPLIED */
	uint32_t	canceling;	/* the requester waits for xio_cancel */
	struct xg_out	out;
	struct xg_view	in;
	struct xg_block	*block;		/* receive memory behind in, if ours */
	struct xg_rx	*next;
	struct xio_msg	*req;
	struct xio_msg	msg;
};

enum xg_op_kind {
	XG_OP_SEND = 1,		/* tx */
	XG_OP_RELEASE,		/* tx: a kept response */
	XG_OP_CANCEL,		/* tx: if it still is of that generation */
	XG_OP_REPLY,		/* rx */
	XG_OP_RELEASE_MSG,	/* rx: a one-way message */
	XG_OP_CANCELED,		/* rx: give up a request, as its requester asked */
	XG_OP_RDMA		/* tx: read or write the peer's memory */
};

/* One submission: p is the slot. */
struct xg_op {
	uint32_t	kind;
	uint32_t	gen;		/* of the slot: XG_OP_CANCEL */
	void		*p;
};

struct xg_turned {
	struct xg_event	*ev;		/* the records; moves when objects are made */
	uint32_t	events;		/* how many */
	uint32_t	ready;		/* another turn is due before waiting */
};

struct xg_options {
	int		single_stream;
	int		no_keepalive;
	int		ka_probes, ka_time, ka_interval;	/* used if ka_time > 0 */
	int		log_level;
	int		log_fd;		/* lines of the log go there; -1: standard error */
	int		flow_control;
	int		reconnect;
	int		queue_msgs;	/* 0: the library's default */
	uint64_t	queue_bytes;	/* 0: the library's default */
	int		sockbuf;	/* bytes, 0: the library's default */
	int		segments;	/* of a peer's message, 0: the library's default */
};

struct xg_limits {
	uint64_t	max_message;	/* bytes of one received message */
	uint64_t	max_receive;	/* bytes of all received large messages held */
	uint64_t	keep;		/* bytes of idle receive memory kept */
};

struct xg_addrs {
	struct sockaddr_storage	peer;
	struct sockaddr_storage	local;
};

/* ---- library (lib.c) ---- */
int xg_init(const struct xg_options *o);		/* any thread, once */
int xg_kin(void);		/* the library is the engine of this project */
int xg_pin_thread(const int *cpus, uint32_t n);		/* the calling thread */
const char *xg_version(void);				/* any thread */
const char *xg_strerror(int code);			/* any thread, codes of libxio only */
const char *xg_linkage(void);				/* any thread */
int xg_mem_alloc(uint64_t len, struct xio_reg_mem *m);	/* any thread */
void xg_mem_free(struct xio_reg_mem *m);		/* any thread */

/* ---- memory of a kind (pages.c), any thread ---- */
struct xg_pages {
	struct xio_reg_mem	mem;
	void			*base;		/* what was mapped */
	uint64_t		base_len;
	int			reserved;	/* the machine's reserved huge pages */
};
/* Touched and zeroed. huge and node (-1: any) are wishes, see pages.c. */
int xg_pages_alloc(uint64_t len, int huge, int node, struct xg_pages *p);
void xg_pages_free(struct xg_pages *p);
int xg_node_exists(int node);
/* -1 if the kernel does not tell. */
int64_t xg_bytes_on_node(uintptr_t addr, uint64_t len, int node);

/* ---- context and turn (ctx.c) ---- */
struct xg_ctx *xg_ctx_new(const struct xg_limits *lim, int *err);
/* keep: leave the library's context behind, it cannot be destroyed safely. */
void xg_ctx_free(struct xg_ctx *c, int keep);
int xg_ctx_poll_fd(struct xg_ctx *c);
int xg_ctx_poisoned(struct xg_ctx *c);
void xg_ctx_poison(struct xg_ctx *c);
uint64_t xg_ctx_receive_bytes(struct xg_ctx *c);
/* Connections that were aborted and that the library has not ended yet; each is the
 * last of its session. Drop ends those of some age, at some risk; see orphan.c. */
uint32_t xg_orphans(const struct xg_ctx *c);
void xg_orphans_drop(struct xg_ctx *c, int64_t age_ns);
void xg_wake(struct xg_ctx *c);				/* any thread */
struct xg_op *xg_ops(struct xg_ctx *c, uint32_t *cap);
struct xg_event *xg_events(struct xg_ctx *c);
/* read: how many records of the last turn were read. */
struct xg_turned xg_turn(struct xg_ctx *c, uint32_t nops, uint32_t read);
/* For a driver that does not wait. With more it looks for some microseconds until
 * there are records, or *more is not 0, because there is more to submit. */
struct xg_turned xg_look(struct xg_ctx *c, uint32_t nops, uint32_t read,
			 const uint32_t *more);

/* ---- RDMA (rdma.c) ---- */
/* From now on every turn looks for completions. */
void xg_ctx_polls(struct xg_ctx *c);
/* How many RDMA devices the library has found. Any thread. */
int xg_rdma_devices(void);
/* The key by which the peer of a message in hand reaches registered memory: a
 * response that is kept, or a request not yet answered. 0 if there is none. Only
 * on a connection whose transport is RDMA: the library does not check. */
uint32_t xg_key_by_tx(struct xg_tx *t, void *base, uint64_t len, void *mr);
uint32_t xg_key_by_rx(struct xg_rx *r, void *base, uint64_t len, void *mr);
/* The registration of a received large message's memory; it has some. */
void *xg_rx_mr(struct xg_rx *r);
/* ENOMEM if a connection could not lock its memory. Any thread. */
int xg_rdma_room(void);
/* Between turns: a response that was kept and is of no use. */
void xg_release_now(struct xg_tx *t);

/* ---- sessions (session.c) ---- */
struct xg_session_args {
	const char	*uri;
	const void	*priv;
	uint32_t	priv_len;
	uint32_t	gen;
	void		*key;
};
/* A client session, without connections. Any thread. */
struct xg_session *xg_session_new(const struct xg_session_args *a, int *err);
/* Only while it never had a connection; after that its last event frees it. */
void xg_session_drop(struct xg_session *s);
uint32_t xg_session_id(const struct xg_session *s);
/* A server's session that went to portals and has no connection anywhere; by
 * its listener's driver. */
void xg_session_abandon(struct xg_session *s);

/* What is known of a session: the peer's private data, the URI it asked for. */
struct xg_session_info {
	const void	*uri;
	const void	*priv;
	uint32_t	uri_len;
	uint32_t	priv_len;
	struct sockaddr_storage	peer;
};
void xg_session_info(struct xg_session *s, struct xg_session_info *i);

/* Decisions about a session that awaits one, by its listener's driver. */
int xg_accept(struct xg_session *s, const char **portals, uint32_t n,
	      const void *priv, uint32_t len);
int xg_redirect(struct xg_session *s, const char **uris, uint32_t n);
int xg_reject(struct xg_session *s, int reason, const void *priv, uint32_t len);

/* ---- connections (conn.c) ---- */
struct xg_connect_args {
	struct xg_session	*session;
	void			*key;
	uint32_t		gen;
	uint32_t		depth;
	uint32_t		index;		/* conn_idx: which portal */
	int			tos;		/* -1: the system's default */
	uint32_t		close_secs;	/* 0: the shim's default */
	const char		*out_addr;	/* NULL: the system chooses */
};
struct xg_conn *xg_connect(struct xg_ctx *c, const struct xg_connect_args *a, int *err);
/* Request slots, once; any thread, as long as cn is not freed meanwhile. */
int xg_conn_slots(struct xg_conn *cn, uint32_t depth);
/* Room for their records, before the first of them is submitted. */
int xg_conn_reserve(struct xg_conn *cn);
uint32_t xg_conn_index(struct xg_conn *cn);
struct xg_tx *xg_conn_tx(struct xg_conn *cn, uint32_t index);
void xg_conn_key(struct xg_conn *cn, void *key, uint32_t gen);
void xg_conn_close_time(struct xg_conn *cn, uint32_t secs);
/* Responses with more data than that stay until XG_OP_RELEASE. */
void xg_conn_copy_max(struct xg_conn *cn, uint64_t len);
void xg_conn_addrs(struct xg_conn *cn, struct xg_addrs *a);
struct xg_session *xg_conn_session(struct xg_conn *cn);
/* What the server said with its rejection. */
const void *xg_conn_reject_data(struct xg_conn *cn, uint32_t *len);
int xg_disconnect(struct xg_conn *cn);
/* Ends a connection that never came up. */
int xg_abort(struct xg_conn *cn);
/* Ends it, with its messages, because the library never will. What the library has of it
 * stays allocated, and its context too. */
void xg_conn_leave(struct xg_conn *cn);
/* After CONN_TORN, once no slot is in use. */
int xg_conn_free(struct xg_conn *cn);

/* ---- servers (server.c) ---- */
struct xg_bind_args {
	const char	*uri;
	void		*key;
	uint32_t	gen;
	uint32_t	max_sessions;
	int		decide;		/* ask Go about every session */
	const void	*priv;		/* accept data */
	uint32_t	priv_len;
};
struct xg_server *xg_listen(struct xg_ctx *c, const struct xg_bind_args *a, uint16_t *port, int *err);
void xg_unlisten(struct xg_server *s);

#endif /* XG_SHIM_H */
