/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - shared by the shim's own C files.
 *
 * Ownership: a context owns its servers, connections and receive memory. A
 * session belongs to its connections, which may live on several contexts, and
 * is freed by its last event, on whichever of them that comes. Server
 * structures stay until their context goes, because a socket accepted before
 * the unbind may still start a session afterwards.
 */
#ifndef XG_INTERNAL_H
#define XG_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "shim.h"

#define XG_OPS		256	/* submissions of one turn */
#define XG_RX_CHUNK	64	/* receive slots are added in this number */
#define XG_RX_MAX	65536	/* receive slots of one connection */
#define XG_ORPHANS	256	/* see orphan.c */
#define XG_MEM_CLASSES	13	/* 16 KiB .. 64 MiB, powers of two */
#define XG_MEM_SHIFT	14

/* First word of everything that the library carries as a user context. */
enum xg_kind {
	XG_TX = 0x7478, XG_RX = 0x7278,
	XG_SERVER = 0x7376, XG_SESSION = 0x7373, XG_CONN = 0x636e
};
enum xg_slot_state { XG_SLOT_FREE, XG_SLOT_BUSY, XG_SLOT_READY };

/* A piece of receive memory. */
struct xg_block {
	struct xio_reg_mem	mem;
	uint32_t		class_no;
	struct xg_block		*next;
};

/* A connection that was given up before it came up. */
struct xg_orphan {
	struct xio_connection	*xio;
	struct xg_session	*session;
	int64_t			since;	/* xg_now */
	int			seen;	/* the library ends it by itself */
};

struct xg_ctx {
	struct xio_context	*xio;
	int			poll_fd;
	int			wake_fd;
	int			poisoned;	/* xio_context_destroy would abort */
	int			polls;		/* looks for completions of RDMA, see rdma.c */
	struct xg_limits	lim;

	struct xg_op		*ops;
	uint32_t		nops;		/* of them to be submitted yet */
	int			looking;	/* in xg_look last; wake_fd is readable */
	struct xg_event		*ev;
	uint32_t		nev;		/* written */
	uint32_t		ev_cap;
	uint32_t		ev_need;	/* most that live objects can produce */


	struct xg_block		*idle[XG_MEM_CLASSES];
	uint64_t		idle_bytes;
	uint64_t		used_bytes;

	struct xg_conn		**conns;	/* by index, NULL where free */
	uint32_t		nconns;
	struct xg_server	*servers;
	struct xg_orphan	orphan[XG_ORPHANS];	/* the oldest first */
	uint32_t		norphans;
};

struct xg_server {
	uint32_t		kind;
	struct xg_ctx		*ctx;
	struct xio_server	*xio;
	void			*key;
	uint32_t		gen;
	uint32_t		max_sessions;
	int			decide;
	void			*priv;
	uint32_t		priv_len;
	struct xg_server	*next;

	/* Sessions with portals end on the threads of these. */
	atomic_uint		sessions;	/* and one while it listens */
	atomic_bool		closing;
};

struct xg_session {
	uint32_t		kind;
	uint32_t		id;
	struct xio_session	*xio;
	struct xg_server	*server;	/* NULL on the client side */
	void			*key;		/* client side: the Go session */
	uint32_t		gen;
	int			rejected;
	int			reserved;	/* events, at the server's context */
	atomic_bool		established;	/* client side */
	void			*uri;
	void			*priv;		/* from the peer */
	uint32_t		uri_len;
	uint32_t		priv_len;
	struct sockaddr_storage	peer;
};

struct xg_conn {
	uint32_t		kind;
	struct xg_ctx		*ctx;
	struct xg_session	*session;
	struct xio_connection	*xio;
	void			*key;
	uint32_t		gen;
	uint32_t		index;
	int			seen;		/* the library has mentioned it */
	int			up;		/* established at least once */
	int			down;		/* an ending event was seen */
	int			torn;
	int			left;		/* behind, see xg_conn_leave */
	uint32_t		reject_reason;	/* of the server, if it was told */
	uint32_t		reject_len;
	void			*reject_data;
	struct xg_addrs		addrs;

	uint64_t		copy_max;	/* responses up to this are copied by Go */
	struct xg_tx		*tx;
	uint8_t			*tx_buf;
	uint32_t		depth;
	int			tx_reserved;	/* room for the records of tx */

	struct xg_rx		**rx_chunk;
	uint8_t			**rx_buf;
	uint32_t		rx_chunks;
	struct xg_rx		*rx_free;

	struct xg_block		*assigned;	/* given to the library, not yet delivered */
};

extern struct xio_session_ops xg_ops_table;

/*
 * The context whose driver is in the library just now: session events belong to
 * no context, but come on the thread of one. Set by every call that may bring
 * about a callback.
 */
extern _Thread_local struct xg_ctx *xg_here;

/* ctx.c: room for n more events than before, or ENOMEM; n may be negative. */
int xg_reserve(struct xg_ctx *c, int n);
struct xg_event *xg_push(struct xg_ctx *c, int kind);
int xg_error(void);
int64_t xg_now(void);	/* ns, monotonic */
/* lib.c: a copy of n bytes, NULL for none. */
void *xg_copy(const void *p, size_t n);

/* latefree.c: frees late; for libxio, before its first use. */
extern struct xio_mem_allocator xg_late_allocator;

/* session.c */
#define XG_EV_SESSION	3	/* most events of a session */
struct xg_session *xg_session_accepted(struct xg_server *sv, struct xio_session *xs,
				       const struct xio_new_session_req *rq);
int xg_on_session_established(struct xio_session *xs,
			      struct xio_new_session_rsp *rsp, void *user);
void xg_session_gone(struct xg_session *s, int reason);

/* conn.c */
int xg_conn_lives(const struct xg_ctx *c, const struct xg_conn *cn);
void xg_on_new_connection(struct xg_ctx *c, struct xg_session *s,
			  struct xio_connection *xc);
void xg_on_conn_event(struct xg_conn *cn, const struct xio_session_event_data *ed);

/* orphan.c: gives up a connection that has not come up; -1 if there is no room. */
int xg_orphan(struct xg_conn *cn);
/* An event of a connection that is none of Go's, any more or ever. */
void xg_on_stray_event(struct xg_ctx *c, const struct xio_session_event_data *ed);

/* server.c */
int xg_on_new_session(struct xio_session *xs, struct xio_new_session_req *rq,
		      void *user);
void xg_server_left(struct xg_server *sv);

/* rxmem.c */
struct xg_block *xg_block_get(struct xg_ctx *c, uint64_t len);
void xg_block_put(struct xg_ctx *c, struct xg_block *b);
void xg_block_leave(struct xg_ctx *c, struct xg_block *b);
void xg_block_drain(struct xg_ctx *c);
struct xg_block *xg_assigned_take(struct xg_conn *cn, const void *base);

/* slots.c */
int xg_rx_grow(struct xg_conn *cn);
void xg_rx_put(struct xg_rx *r);
void xg_slots_free(struct xg_conn *cn);
void xg_slots_leave(struct xg_conn *cn);
void xg_view_of(struct xg_view *v, struct xio_vmsg *m);
void xg_fill_out(struct xio_vmsg *m, const struct xg_out *o, uint8_t *buf);

/* tx.c: requests and one-way messages of ours */
void xg_send(struct xg_tx *t);
void xg_release(struct xg_tx *t);
void xg_cancel(struct xg_tx *t, uint32_t gen);
void xg_response_read(struct xg_event *e);
void xg_release_unread(struct xg_conn *cn);
void xg_tx_ended(struct xg_tx *t, int status);
int xg_on_response(struct xio_msg *m);
int xg_on_delivered(struct xio_session *s, struct xio_msg *m, int last, void *user);
int xg_on_msg_gone(struct xio_session *s, struct xio_msg *m, void *user);
int xg_on_cancel(struct xio_session *s, struct xio_msg *m,
		 enum xio_status result, void *user);

/* rdma.c: memory of the peer, read and written directly */
int xg_is_rdma(struct xg_conn *cn);
void xg_send_rdma(struct xg_tx *t);
int xg_on_rdma(struct xio_session *s, struct xio_msg *m, void *user);

/* rx.c: requests and one-way messages of the peer */
void xg_reply(struct xg_rx *r);
void xg_release_msg(struct xg_rx *r);
void xg_canceled(struct xg_rx *r);
void xg_rx_done(struct xg_rx *r, int status);
int xg_on_request(struct xg_conn *cn, struct xio_msg *m, int status);
int xg_on_one_way(struct xg_conn *cn, struct xio_msg *m);
int xg_on_sent(struct xio_session *s, struct xio_msg *m, void *user);
int xg_on_cancel_request(struct xio_session *s, struct xio_msg *m, void *user);
int xg_on_assign(struct xio_msg *m, void *user);

#endif /* XG_INTERNAL_H */
