/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp.h - inside of the TCP transport: one or two sockets make a link
 * (accelio-wire 1). tcp.c owns life and events, tcp_rx.c reading, tcp_tx.c
 * writing, tcp_listen.c listening and pairing.
 *
 * Sockets are in the loop edge-triggered and for both directions from the
 * start, so a message costs no epoll_ctl; `readable` and `writable` remember
 * the last edge until the kernel says EAGAIN or gives less than was asked.
 */
#ifndef XE_TCP_H
#define XE_TCP_H

#include "context.h"
#include "loop.h"
#include "transport.h"

#define XE_TCP_SEGS		1024u	/* pieces queued for a socket */
#define XE_TCP_ARENA		(128u * 1024)
#define XE_TCP_COPY_MAX		512	/* data up to this is copied */
#define XE_TCP_RX_AHEAD		1024u	/* frames waiting for their data */
#define XE_TCP_READS_PER_TURN	64
#define XE_TCP_BYTES_PER_TURN	(128u * 1024)
#define XE_TCP_BULK_PER_TURN	(16u << 20)
#define XE_TCP_SEND_MAX		(512u * 1024)	/* in one call */
#define XE_TCP_BULK		(16u * 1024)	/* data read without a copy */
#define XE_TCP_BULK_AHEAD	4096u	/* and what is read behind it */
#define XE_TCP_BUFS_KEEP	2	/* idle xe_obuf that a context keeps */

/* Bytes of queued frames, in order. */
struct xe_oseg {
	uint8_t *base;
	size_t len;
	uint64_t arena_end;	/* not 0: in the arena, free up to here */
};

/* What a queue needs while it is not empty; idle ones are the context's. */
struct xe_obuf {
	struct xe_obuf *next;
	struct xe_oseg seg[XE_TCP_SEGS];	/* ring */
	uint8_t arena[XE_TCP_ARENA];		/* ring */
};

struct xe_oq {
	struct xe_obuf *buf;	/* NULL: nothing is queued */
	unsigned int head;
	unsigned int nr;
	uint64_t arena_w;	/* running positions */
	uint64_t arena_r;
	uint64_t queued;	/* bytes since the start */
	uint64_t sent;
};

struct xe_stream {
	struct xe_ev ev;
	struct xe_link *link;
	bool connected;
	bool readable;
	bool writable;
	bool hup;		/* the peer has ended its side */
	bool broken;		/* nothing can be sent any more */
	/* bytes read but not used; NULL most of the time */
	uint8_t *buf;
	size_t cap;
	size_t pos;
	size_t len;
	struct xe_oq oq;
};

enum { XE_CTL = 0, XE_DAT = 1 };	/* single stream has XE_CTL alone */

struct xe_link {
	struct xio_context *ctx;
	const struct xe_link_events *events;
	void *owner;
	bool client;
	bool dual;
	bool failed;		/* down is due, or has been called */
	bool ended;		/* a socket has ended; reason says how */
	bool lost;		/* this is why it failed */
	bool paused;		/* the owner said -EAGAIN */
	bool blocked;		/* it said -EINPROGRESS */
	bool setup_seen;
	bool bulk;		/* the last data was large; so is the next */
	int reason;
	struct xe_stream s[2];
	struct xe_frame_limits lim;
	struct xe_list rxq;	/* struct xe_rx waiting for data */
	struct xe_rx *barrier;	/* nothing is parsed before it is done */
	unsigned int rxq_nr;
	uint64_t rxq_left;
	uint64_t got;		/* bytes read, ever */
	uint64_t complete;	/* frames received, ever */
	struct xe_list txq;	/* struct xe_tx not yet with the kernel */
	struct xe_work work;	/* down, or go on reading */
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
};

/* tcp.c */
int xe_tcp_socket_setup(int fd);	/* options of every own socket */
uint16_t xe_tcp_port(const struct sockaddr_storage *a);
struct xe_link *xe_tcp_link_new(struct xio_context *ctx, bool dual);
int xe_tcp_stream_attach(struct xe_link *l, int which, int fd);

/* tcp_rx.c: reads what can be read, calls the owner */
void xe_tcp_read(struct xe_link *l);

/* tcp_tx.c */
int xe_tcp_oq_raw(struct xe_link *l, struct xe_oq *q, const void *p, size_t n);
void xe_tcp_oq_free(struct xe_link *l, struct xe_oq *q);

#endif
