/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.h - a link: one transport connection between two processes, seen
 * as a stream of frames with data. TCP (tcp_*.c) is the transport here; the
 * layers above know only this file, so another one can stand beside it.
 *
 * Thread rule: the loop thread of the context, always. A link calls its
 * owner only from the loop, never from inside xe_link_push or xe_link_close.
 * After xe_link_close it calls nothing.
 */
#ifndef XE_TRANSPORT_H
#define XE_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "frame.h"
#include "list.h"

struct xe_link;
struct xe_listener;

/*
 * A frame being received: where its data goes. The owner returns it from
 * its frame callback and gets it back in done, in the order of the frames.
 * iov describes `left` bytes; an entry without a base is thrown away.
 */
struct xe_rx {
	struct xe_list link;
	uint32_t type;			/* of the frame */
	uint64_t left;
	struct iovec *iov;
	unsigned int iov_nr;
};

/* A frame being sent; done runs when the kernel has all its bytes. */
struct xe_tx {
	struct xe_list link;		/* empty: not with the link */
	uint64_t ctl_end;
	uint64_t dat_end;
	void (*done)(struct xe_tx *tx);
};

/* What to put on the wire for one frame. */
struct xe_out {
	const struct xe_frame *frame;
	const struct xio_sge *in;	/* frame->in_nr entries */
	const struct xio_sge *out;	/* frame->out_nr entries */
	const void *hdr;		/* frame->hdr_len bytes, copied */
	const struct xio_iovec_ex *data; /* sent from where they lie */
	unsigned int data_nr;
};

struct xe_link_events {
	/* Client: connected, nexus setup may be sent. */
	void (*up)(void *owner);
	/* The nexus setup frame of the peer. 0, or -errno to end the link. */
	int (*setup)(void *owner, const struct xe_nexus_setup *s);
	/*
	 * A frame has been decoded. Returns 0 and the xe_rx that takes its
	 * data; -EAGAIN to see the same frame again after xe_link_resume;
	 * -EINPROGRESS to see it again when an earlier frame is complete; any
	 * other -errno to end the link. Data that came with the frame
	 * (f->imm) must be copied at once.
	 */
	int (*frame)(void *owner, const struct xe_frame *f,
		     struct xe_rx **rx);
	/* rx is complete. last: no more received frames are waiting. */
	int (*done)(void *owner, struct xe_rx *rx, bool last);
	/* There is room to push again. */
	void (*room)(void *owner);
	/* The link is dead; errno value, 0 for end of stream. Close it. */
	void (*down)(void *owner, int reason);
};

/*
 * Connects to addr, from bind_addr when not NULL. Returns the link, or NULL
 * and xio_errno. What happens later comes as an event, refusal included.
 */
struct xe_link *xe_link_connect(struct xio_context *ctx,
				const struct sockaddr_storage *addr,
				const struct sockaddr_storage *bind_addr,
				int tos, const struct xe_link_events *events,
				void *owner);
void xe_link_close(struct xe_link *l);

/* Takes over a link that a listener handed out. */
void xe_link_own(struct xe_link *l, const struct xe_link_events *events,
		 void *owner);

/* Limits for what is received, once nexus setup has fixed them. */
void xe_link_set_limits(struct xe_link *l, const struct xe_frame_limits *lim);

/* Queues the nexus setup frame. */
void xe_link_push_setup(struct xe_link *l, const struct xe_nexus_setup *s);

/*
 * Queues a frame behind those queued before. False: no room, nothing was
 * taken; room will be called. Header and lists are copied, data is not: it
 * must stay until tx->done, or until the link is closed.
 */
bool xe_link_push(struct xe_link *l, const struct xe_out *o, struct xe_tx *tx);

/* Hands queued bytes to the kernel; runs done of what has gone. */
void xe_link_flush(struct xe_link *l);
bool xe_link_idle(const struct xe_link *l);	/* nothing queued */
bool xe_link_failed(const struct xe_link *l);	/* down will follow */
/* It failed because the network or the peer ended it. */
bool xe_link_lost(const struct xe_link *l);
/*
 * Has the peer ended it, whether this was noticed or not? If not, the kernel
 * begins to find out whether the peer is there.
 */
bool xe_link_gone(struct xe_link *l);

/* Continues reading after frame returned -EAGAIN. */
void xe_link_resume(struct xe_link *l);

/* Ends the link soon: down follows from the loop. */
void xe_link_fail(struct xe_link *l, int reason);

bool xe_link_dual(const struct xe_link *l);
bool xe_same_host(const struct sockaddr_storage *a,
		  const struct sockaddr_storage *b);
const struct sockaddr_storage *xe_link_peer(const struct xe_link *l);
const struct sockaddr_storage *xe_link_local(const struct xe_link *l);

/*
 * Listens; accepted links come through accept, which owns them from then
 * on. *port: the real port. NULL and xio_errno on failure.
 */
struct xe_listener *xe_listen(struct xio_context *ctx,
			      const struct sockaddr_storage *addr,
			      socklen_t len, uint16_t *port,
			      void (*accept)(void *owner, struct xe_link *l),
			      void *owner);
void xe_listener_close(struct xe_listener *ls);

/* Frees what links of the context have left for the next ones. */
void xe_transport_fini(struct xio_context *ctx);

#endif
