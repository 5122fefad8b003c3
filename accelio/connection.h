/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - struct xio_connection: a session's presence on one context.
 * Queues, sequence numbers, keepalive and the close handshake
 * (accelio-wire 5.5, 6; accelio-api 1.6, 4).
 *
 * Used on the thread of its context; xio_disconnect may come from others.
 */
#ifndef XE_CONNECTION_H
#define XE_CONNECTION_H

#include <stdatomic.h>

#include "flow.h"
#include "nexus.h"
#include "task.h"

enum xe_conn_state {
	XE_CONN_INIT,
	XE_CONN_ONLINE,
	XE_CONN_FIN_WAIT_1,	/* our FIN_REQ is on its way */
	XE_CONN_FIN_WAIT_2,	/* it was answered */
	XE_CONN_CLOSING,	/* both sent FIN_REQ, ours is unanswered */
	XE_CONN_CLOSE_WAIT,	/* the peer's FIN_REQ came first */
	XE_CONN_LAST_ACK,	/* and now ours is on its way */
	XE_CONN_CLOSED,		/* handshake over, teardown is due */
	XE_CONN_DISCONNECTED,	/* link lost, teardown is due */
	XE_CONN_DEAD		/* teardown was delivered */
};

struct xio_connection {
	struct xio_session *session;
	struct xio_context *ctx;	/* NULL when that was destroyed */
	struct xe_nexus *nexus;		/* NULL before start, from teardown on */
	struct xio_server *server;	/* that ops belongs to, or NULL */
	struct xe_list session_link;
	struct xe_list ctx_link;
	struct xe_list nexus_link;
	struct xe_list ready_link;	/* nexus->ready */
	const struct xio_session_ops *ops;
	void *user_context;
	enum xe_conn_state state;
	enum xio_status reason;		/* of teardown */
	uint32_t peer_session_id;
	bool lead;
	bool hello;			/* joins a session that is open */
	bool setup_only;		/* no application frame either way */
	bool silent;			/* the application does not know of it */
	bool holds_session;		/* and lets go of it at its end */
	bool open;			/* frames may go out */
	bool fin_seen;			/* the peer's FIN_REQ came */
	bool timed_out;			/* keepalive gave up */
	atomic_bool disconnecting;	/* xio_disconnect was called */
	uint16_t disconnect_secs;
	int tos;			/* -1: the system's */
	uint32_t conn_idx;
	char *out_addr;
	int start_error;		/* why it need not even try */

	/* struct xe_task */
	struct xe_list ctl_queue;	/* setup and keepalive, before all else */
	struct xe_list req_queue;	/* requests, one-ways, then FIN_REQ */
	struct xe_list rsp_queue;	/* responses, receipts, then FIN_RSP */
	struct xe_list waiting;		/* sent, unanswered, in order */
	struct xe_list unsent;		/* requests that the peer's close met */
	struct xe_list answering;	/* answers with the transport */
	struct xe_list receiving;
	struct xe_list held;		/* with the application */
	struct xe_list parked;		/* answers: reconnect.c */
	struct xe_list failing;		/* cancels that go nowhere: cancel.c */
	bool rsp_turn;
	struct xe_flow flow;

	uint16_t tx_req_sn;		/* next to send */
	uint16_t tx_rsp_sn;
	uint16_t rx_req_sn;		/* next to come */
	uint16_t rx_rsp_sn;
	unsigned int rx_held;		/* received and not released */
	uint64_t rx_bytes;		/* their data */
	unsigned int answers;		/* receipts and the like, not yet sent */
	bool rx_any;
	uint64_t rx_serial;		/* of the last request received */

	/* reconnect.c */
	bool waits;			/* for another link, if it is lost */
	bool tell;			/* an event is due */
	bool any_req_sn;		/* the next one may have any sn */
	bool any_rsp_sn;
	bool rx_repeats;		/* requests may come again: */
	uint64_t rx_done;		/* those up to this were delivered */

	struct xe_work start;		/* posted, any thread */
	struct xe_work setup;		/* nexus is up already */
	struct xe_work disconnect;	/* posted, any thread */
	struct xe_work teardown;
	struct xe_work cancels;		/* reports those in failing */
	struct xe_timer answer_timer;	/* to hello, or of the close handshake */
	struct xe_timer ka_timer;
	bool ka_out;			/* a probe is unanswered */

	struct sockaddr_storage peer;
	struct sockaddr_storage local;
};

/* In no session list yet, and without a nexus. */
struct xio_connection *xe_conn_new(struct xio_session *s,
				   struct xio_context *ctx,
				   const struct xio_session_ops *ops,
				   void *user_context);
/* Puts c on n, whose reference it takes over. */
void xe_conn_attach(struct xio_connection *c, struct xe_nexus *n);

/* Hands an event of the connection to the session's application. */
void xe_conn_event(struct xio_connection *c, enum xio_session_event ev,
		   int reason);

/* Queues a control frame without payload. */
int xe_conn_send_control(struct xio_connection *c, uint32_t type,
			 struct xe_list *queue);
/* Queues one with a payload before all else. len < 0 is returned as it is. */
int xe_conn_send_payload(struct xio_connection *c, uint32_t type,
			 uint32_t rtid, const void *buf, int len);
void xe_conn_ready(struct xio_connection *c);

/* The nexus is up: a client's connection opens its session. */
void xe_conn_nexus_up(struct xio_connection *c);
/* The session is open: queued messages go out. */
void xe_conn_online(struct xio_connection *c);
/*
 * Starts the close handshake from ONLINE. The reasons of the CLOSED event
 * and of teardown.
 */
void xe_conn_close(struct xio_connection *c, int reason, int at_teardown);
/*
 * Client: the link of c closes without c, which may start again on another.
 * 0 or -ENOMEM.
 */
int xe_conn_leave_link(struct xio_connection *c);
/* The link is lost: errno value, 0 for end of stream. */
void xe_conn_lost(struct xio_connection *c, int reason);
/* The end is near: teardown follows from the loop. */
void xe_conn_teardown(struct xio_connection *c);
/* Takes what is not sent out of the request queue; it ends at teardown. */
void xe_conn_drop_queued(struct xio_connection *c);
/* Does an answer from the peer come too late to be delivered? */
bool xe_conn_closed_by_peer(const struct xio_connection *c);

/* Pushes one frame. 1: done, 0: nothing to send, -EAGAIN: link is full. */
int xe_conn_xmit(struct xio_connection *c);

/* Control frames (connection_fin.c, connection.c): 0, or -errno. */
int xe_conn_on_fin_req(struct xio_connection *c, uint32_t peer_ltid);
int xe_conn_on_fin_rsp(struct xio_connection *c);
int xe_conn_on_keepalive_req(struct xio_connection *c, uint32_t peer_ltid);
void xe_conn_on_keepalive_rsp(struct xio_connection *c);
/* FIN_RSP has left. */
void xe_conn_fin_rsp_sent(struct xio_connection *c);
void xe_conn_timers_init(struct xio_connection *c);
void xe_conn_keepalive_start(struct xio_connection *c, int64_t secs);
/* The peer has as long to answer a hello as for nexus setup. */
void xe_conn_hello_timer(struct xio_connection *c);

/* The context goes: the connection stays as an empty shell. */
void xe_conn_detach(struct xio_connection *c);
void xe_conn_free(struct xio_connection *c);

/* True when sends must fail with ESHUTDOWN. */
bool xe_conn_shut(const struct xio_connection *c);

#endif
