/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to the sockets of a link.
 *
 * Each socket has a queue of pieces: headers and small data lie in the
 * queue's arena, where neighbours melt into one piece; larger data is sent
 * from the application's memory. One sendmsg carries many frames.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "tcp.h"

#define SEND_IOV	128

/*
 * A queue is empty most of the time, so its memory is borrowed from the
 * context: what was used last is in the cache, and a thousand connections
 * need no more than one.
 */
static int oq_alloc(struct xe_link *l, struct xe_oq *q)
{
	struct xio_context *ctx = l->ctx;

	if (ctx->obufs) {
		q->buf = ctx->obufs;
		ctx->obufs = q->buf->next;
		ctx->obufs_nr--;
		return 0;
	}
	q->buf = xe_malloc(sizeof(*q->buf));
	return q->buf ? 0 : -ENOMEM;
}

static void oq_release(struct xe_link *l, struct xe_oq *q)
{
	struct xio_context *ctx = l->ctx;

	if (!q->buf)
		return;
	if (ctx->obufs_nr < XE_TCP_BUFS_KEEP) {
		q->buf->next = ctx->obufs;
		ctx->obufs = q->buf;
		ctx->obufs_nr++;
	} else {
		xe_free(q->buf);
	}
	q->buf = NULL;
}

void xe_tcp_oq_free(struct xe_link *l, struct xe_oq *q)
{
	oq_release(l, q);
	memset(q, 0, sizeof(*q));
}

void xe_transport_fini(struct xio_context *ctx)
{
	while (ctx->obufs) {
		struct xe_obuf *b = ctx->obufs;

		ctx->obufs = b->next;
		xe_free(b);
	}
	ctx->obufs_nr = 0;
}

/* Is there a piece of n bytes in one part, and room for segs pieces? */
static bool oq_room(const struct xe_oq *q, size_t n, size_t segs)
{
	size_t off = q->arena_w % XE_TCP_ARENA;
	size_t skip = off + n > XE_TCP_ARENA ? XE_TCP_ARENA - off : 0;

	return q->nr + segs <= XE_TCP_SEGS &&
	       q->arena_w - q->arena_r + skip + n <= XE_TCP_ARENA;
}

/* Space for n bytes in one part; oq_room has said yes. */
static uint8_t *oq_reserve(struct xe_oq *q, size_t n)
{
	size_t off = q->arena_w % XE_TCP_ARENA;
	struct xe_oseg *last;
	uint8_t *p;

	if (off + n > XE_TCP_ARENA) {
		q->arena_w += XE_TCP_ARENA - off;
		off = 0;
	}
	p = q->buf->arena + off;
	q->arena_w += n;
	q->queued += n;
	if (q->nr > 0) {
		last = &q->buf->seg[(q->head + q->nr - 1) % XE_TCP_SEGS];
		if (last->arena_end && last->base + last->len == p) {
			last->len += n;
			last->arena_end = q->arena_w;
			return p;
		}
	}
	last = &q->buf->seg[(q->head + q->nr++) % XE_TCP_SEGS];
	last->base = p;
	last->len = n;
	last->arena_end = q->arena_w;
	return p;
}

static void oq_refer(struct xe_oq *q, void *base, size_t n)
{
	struct xe_oseg *s = &q->buf->seg[(q->head + q->nr++) % XE_TCP_SEGS];

	s->base = base;
	s->len = n;
	s->arena_end = 0;
	q->queued += n;
}

static void oq_consume(struct xe_oq *q, size_t n)
{
	q->sent += n;
	while (n > 0) {
		struct xe_oseg *s = &q->buf->seg[q->head];

		if (n < s->len) {
			s->base += n;
			s->len -= n;
			return;
		}
		n -= s->len;
		if (s->arena_end)
			q->arena_r = s->arena_end;
		q->head = (q->head + 1) % XE_TCP_SEGS;
		q->nr--;
	}
	if (q->nr == 0) {
		q->arena_w = 0;
		q->arena_r = 0;
	}
}

int xe_tcp_oq_raw(struct xe_link *l, struct xe_oq *q, const void *p, size_t n)
{
	if (!q->buf && oq_alloc(l, q) != 0)
		return -ENOMEM;
	if (!oq_room(q, n, 1))
		return -ENOBUFS;
	memcpy(oq_reserve(q, n), p, n);
	return 0;
}

void xe_link_push_setup(struct xe_link *l, const struct xe_nexus_setup *s)
{
	uint8_t b[XE_NEXUS_RSP_LEN];
	size_t n = xe_nexus_setup_encode(s, b);
	int err = xe_tcp_oq_raw(l, &l->s[XE_CTL].oq, b, n);

	if (err)
		xe_link_fail(l, -err);
}

bool xe_link_push(struct xe_link *l, const struct xe_out *o, struct xe_tx *tx)
{
	const struct xe_frame *f = o->frame;
	struct xe_oq *ctl = &l->s[XE_CTL].oq;
	struct xe_oq *dat = l->dual ? &l->s[XE_DAT].oq : ctl;
	bool app = xe_type_is_app(f->type);
	/* Dual stream: the payload of control frames is data. */
	struct xe_oq *hq = l->dual && !app ? dat : ctl;
	size_t prefix = XE_PREFIX_LEN + XE_SGE_LEN * (size_t)f->in_nr +
			XE_SGE_LEN * (size_t)f->out_nr;
	size_t copy = 0;
	unsigned int i;
	uint8_t *p;

	if (l->failed)
		return false;
	if ((!ctl->buf && oq_alloc(l, ctl)) || (!dat->buf && oq_alloc(l, dat))) {
		xe_link_fail(l, ENOMEM);
		return false;
	}
	for (i = 0; i < o->data_nr; i++)
		if (o->data[i].iov_len <= XE_TCP_COPY_MAX)
			copy += o->data[i].iov_len;
	/* One test with the sum is strict enough for every split of it. */
	if (!oq_room(ctl, prefix + f->hdr_len + f->pad_len + copy,
		     o->data_nr * 2 + 2))
		return false;
	if (dat != ctl && !oq_room(dat, f->hdr_len + copy, o->data_nr * 2 + 2))
		return false;

	/* A response's list is shorter than was allowed for. */
	if (f->type & XE_TYPE_RESPONSE)
		prefix = XE_PREFIX_LEN + XE_WLEN_LEN * (size_t)f->out_nr;
	p = oq_reserve(ctl, prefix);
	xe_frame_encode(f, l->dual, o->in, o->out, p);
	if (f->hdr_len)
		memcpy(oq_reserve(hq, f->hdr_len), o->hdr, f->hdr_len);
	if (f->pad_len)
		memset(oq_reserve(ctl, f->pad_len), 0, f->pad_len);
	for (i = 0; i < o->data_nr; i++) {
		size_t n = o->data[i].iov_len;

		if (n == 0)
			continue;
		if (n <= XE_TCP_COPY_MAX)
			memcpy(oq_reserve(dat, n), o->data[i].iov_base, n);
		else
			oq_refer(dat, o->data[i].iov_base, n);
	}
	tx->ctl_end = ctl->queued;
	tx->dat_end = dat->queued;
	xe_list_add_tail(&l->txq, &tx->link);
	return true;
}

/*
 * What the peer sent before it went away must still be read, and reading
 * meets the same end.
 */
static void send_failed(struct xe_stream *s, int err)
{
	if (err != EPIPE && err != ECONNRESET) {
		s->link->lost = true;
		xe_link_fail(s->link, err);
		return;
	}
	s->hup = true;
	s->broken = true;
	s->readable = true;
	xe_loop_defer(&s->link->ctx->loop, &s->link->work);
}

static ssize_t send_some(int fd, struct iovec *iov, size_t n)
{
	struct msghdr mh;

	/* A single piece is the usual case, and cheaper this way. */
	if (n == 1)
		return send(fd, iov->iov_base, iov->iov_len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = iov;
	mh.msg_iovlen = n;
	return sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * Writes until the queue is empty or the kernel is full. A call locks the
 * socket while it copies, and what the peer sends waits meanwhile: more than
 * XE_TCP_SEND_MAX at once makes a large message a fifth slower.
 */
static void stream_send(struct xe_stream *s)
{
	struct xe_oq *q = &s->oq;

	while (q->nr > 0 && s->writable && !s->link->failed) {
		struct iovec iov[SEND_IOV];
		size_t i, n, sum = 0;
		ssize_t r;

		n = q->nr < SEND_IOV ? q->nr : SEND_IOV;
		for (i = 0; i < n && sum < XE_TCP_SEND_MAX; i++) {
			struct xe_oseg *g =
				&q->buf->seg[(q->head + i) % XE_TCP_SEGS];

			iov[i].iov_base = g->base;
			iov[i].iov_len = g->len;
			if (g->len > XE_TCP_SEND_MAX - sum)
				iov[i].iov_len = XE_TCP_SEND_MAX - sum;
			sum += iov[i].iov_len;
		}
		n = i;
		r = send_some(s->ev.fd, iov, n);
		if (r >= 0) {
			oq_consume(q, (size_t)r);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			s->writable = false;
		} else if (errno != EINTR) {
			s->writable = false;
			send_failed(s, errno);
		}
	}
	if (q->nr == 0)
		oq_release(s->link, q);
}

static void run_done(struct xe_link *l)
{
	uint64_t ctl = l->s[XE_CTL].oq.sent;
	uint64_t dat = l->dual ? l->s[XE_DAT].oq.sent : ctl;

	while (!xe_list_empty(&l->txq)) {
		struct xe_tx *tx = xe_container_of(l->txq.next, struct xe_tx,
						   link);

		if (tx->ctl_end > ctl || tx->dat_end > dat)
			return;
		xe_list_del(&tx->link);
		tx->done(tx);
	}
}

void xe_link_flush(struct xe_link *l)
{
	struct xe_stream *ctl = &l->s[XE_CTL];
	struct xe_stream *dat = &l->s[XE_DAT];

	if (!ctl->connected || (l->dual && !dat->connected))
		return;
	stream_send(ctl);
	if (l->dual)
		stream_send(dat);
	run_done(l);
}

bool xe_link_idle(const struct xe_link *l)
{
	return l->s[XE_CTL].oq.nr == 0 && l->s[XE_DAT].oq.nr == 0;
}
