/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from the sockets of a link.
 *
 * The control socket (or the only one) is read in large gulps into the
 * context's scratch memory and parsed there; what is left of an unfinished
 * frame is kept in a buffer of the stream's own. Data that does not come with
 * its frame is read straight into its destination, many frames at a time,
 * with the scratch memory behind it: a read that returns less than was asked
 * for says that the socket is empty, without another call.
 */
#include <errno.h>
#include <string.h>

#include "base.h"
#include "be.h"
#include "tcp.h"

#define READ_IOV	64

/* Ends the link for what the peer has sent: err is a negative errno. */
static void blame(struct xe_link *l, const char *what, uint32_t type, int err)
{
	const char *why = err == -EPROTO ? "against the protocol" :
			  err == -EMSGSIZE ? "larger than is allowed" :
			  err == -EMFILE ? "too many sessions" :
			  xio_strerror(-err);

	if (!l->failed)
		XE_PEER_ERR(&l->peer, "%s 0x%x: %s", what, (unsigned int)type,
			    why);
	xe_link_fail(l, -err);
}

/* Moves up to n bytes from p to the destinations of rx; returns how many. */
static size_t rx_take(struct xe_link *l, struct xe_rx *rx, const uint8_t *p,
		      size_t n)
{
	size_t used = 0;

	while (used < n && rx->left > 0) {
		size_t k = rx->iov->iov_len;

		if (k > n - used)
			k = n - used;
		if (p && rx->iov->iov_base)
			memcpy(rx->iov->iov_base, p + used, k);
		if (rx->iov->iov_base)
			rx->iov->iov_base = (char *)rx->iov->iov_base + k;
		rx->iov->iov_len -= k;
		if (rx->iov->iov_len == 0) {
			rx->iov++;
			rx->iov_nr--;
		}
		used += k;
		rx->left -= k;
	}
	l->rxq_left -= used;
	return used;
}

static void rx_done(struct xe_link *l, struct xe_rx *rx, bool more)
{
	uint32_t type = rx->type;
	int err;

	xe_list_del(&rx->link);
	l->rxq_nr--;
	l->complete++;
	if (rx == l->barrier)
		l->barrier = NULL;
	l->blocked = false;
	err = l->events->done(l->owner, rx, !more && l->rxq_nr == 0);
	if (err)
		blame(l, "content of frame", type, err);
}

/* Completes frames at the head of the queue that wait for nothing more. */
static void rx_advance(struct xe_link *l, bool more)
{
	while (!xe_list_empty(&l->rxq) && !l->failed) {
		struct xe_rx *rx = xe_container_of(l->rxq.next, struct xe_rx,
						   link);

		if (rx->left > 0)
			return;
		rx_done(l, rx, more);
	}
}

/*
 * Must parsing wait? For data, when much of it is due; and behind a control
 * frame whose payload is due, because it decides what may follow.
 */
static bool rx_full(const struct xe_link *l)
{
	return l->dual && (l->barrier || l->rxq_nr >= XE_TCP_RX_AHEAD ||
			   (l->rxq_nr > 0 && l->rxq_left > l->lim.max_msg));
}

static int on_setup_frame(struct xe_link *l, uint32_t type, const uint8_t *body,
			  uint32_t len)
{
	struct xe_nexus_setup s;
	int err;

	if (type != (l->client ? XE_NEXUS_SETUP_RSP : XE_NEXUS_SETUP_REQ))
		return -EPROTO;
	err = xe_nexus_setup_decode(type, body, len, &s);
	if (err)
		return err;
	l->setup_seen = true;
	return l->events->setup(l->owner, &s);
}

static int on_frame(struct xe_link *l, uint32_t type, const uint8_t *body,
		    uint32_t len)
{
	struct xe_frame f;
	struct xe_rx *rx = NULL;
	int err;

	if (!l->setup_seen)
		return on_setup_frame(l, type, body, len);
	if (type == XE_NEXUS_SETUP_REQ || type == XE_NEXUS_SETUP_RSP)
		return -EPROTO;
	err = xe_frame_decode(type, body, len, &l->lim, &f);
	if (!err)
		err = l->events->frame(l->owner, &f, &rx);
	if (err)
		return err;
	rx->type = type;
	xe_list_add_tail(&l->rxq, &rx->link);
	if (!xe_type_is_app(type) && rx->left > 0)
		l->barrier = rx;
	l->rxq_nr++;
	l->rxq_left += rx->left;
	l->bulk = rx->left >= XE_TCP_BULK;
	return 0;
}

/* Uses bytes of the control socket; returns how many. */
static size_t parse(struct xe_link *l, const uint8_t *p, size_t n)
{
	size_t off = 0;

	while (!l->failed && !l->paused && !l->blocked) {
		uint32_t type, len;
		int err;

		if (!l->dual && !xe_list_empty(&l->rxq)) {
			struct xe_rx *rx = xe_container_of(
				l->rxq.next, struct xe_rx, link);

			off += rx_take(l, rx, p + off, n - off);
			if (rx->left > 0)
				break;
			rx_done(l, rx, n - off >= XE_PREFIX_LEN);
			continue;
		}
		if (n - off < XE_TLV_LEN || rx_full(l))
			break;
		err = xe_tlv_decode(p + off, &l->lim, &type, &len);
		if (err) {
			blame(l, "start of frame", xe_get32(p + off + 4), err);
			break;
		}
		if (n - off < XE_TLV_LEN + (size_t)len)
			break;
		err = on_frame(l, type, p + off + XE_TLV_LEN, len);
		if (err == -EAGAIN) {
			l->paused = true;
			break;
		}
		if (err == -EINPROGRESS) {
			l->blocked = true;
			break;
		}
		if (err) {
			blame(l, "frame", type, err);
			break;
		}
		off += XE_TLV_LEN + (size_t)len;
		if (l->dual)
			rx_advance(l, n - off >= XE_PREFIX_LEN);
	}
	return off;
}

static void buf_free(struct xe_stream *s)
{
	xe_free(s->buf);
	s->buf = NULL;
	s->cap = 0;
	s->pos = 0;
	s->len = 0;
}

/* Keeps n unused bytes at p in the stream's own buffer. */
static int buf_keep(struct xe_stream *s, const uint8_t *p, size_t n,
		    size_t spare)
{
	size_t cap = n + spare;
	uint8_t *b = xe_malloc(cap);

	if (!b)
		return -ENOMEM;
	memcpy(b, p, n);
	xe_free(s->buf);
	s->buf = b;
	s->cap = cap;
	s->pos = 0;
	s->len = n;
	return 0;
}

/* Parses what the stream's own buffer holds, and frees it when it is used. */
static void parse_kept(struct xe_link *l, struct xe_stream *s)
{
	s->pos += parse(l, s->buf + s->pos, s->len - s->pos);
	if (s->pos == s->len)
		buf_free(s);
}

/*
 * How much is read without knowing what it is. Behind large data there is a
 * head, and then large data again: what of it comes with the head must be
 * moved to its place.
 */
static size_t ahead(const struct xe_link *l)
{
	return l->bulk ? XE_TCP_BULK_AHEAD : XE_SCRATCH_LEN;
}

/*
 * Where the next bytes of the control socket go: behind what is kept, or into
 * the scratch memory. NULL: no memory, the link has failed.
 */
static uint8_t *ctl_space(struct xe_link *l, struct xe_stream *s, size_t *n)
{
	size_t want = XE_TLV_LEN + (size_t)l->lim.buf_size;

	if (!s->buf) {
		*n = l->dual ? XE_SCRATCH_LEN : ahead(l);
		return l->ctx->scratch;
	}
	if (s->pos > 0) {
		memmove(s->buf, s->buf + s->pos, s->len - s->pos);
		s->len -= s->pos;
		s->pos = 0;
	}
	if (s->cap - s->len < want) {
		if (buf_keep(s, s->buf, s->len, want)) {
			xe_link_fail(l, ENOMEM);
			return NULL;
		}
	}
	*n = s->cap - s->len;
	return s->buf + s->len;
}

/*
 * Bytes read, or 0: nothing now, or the stream has ended. The end of one
 * socket ends the link, but only after what both still hold has been used.
 */
static size_t read_some(struct xe_stream *s, struct iovec *iov, int nr,
			size_t want)
{
	struct xe_link *l = s->link;
	ssize_t r;

	do
		r = nr == 1 ? recv(s->ev.fd, iov->iov_base, iov->iov_len, 0) :
			      readv(s->ev.fd, iov, nr);
	while (r < 0 && errno == EINTR);
	if (r > 0) {
		l->got += (uint64_t)r;
		l->ctx->loop.input = true;
		/*
		 * Less than asked for: empty, unless the end is waiting. Of
		 * large data more has come during the copy, and one more call
		 * costs less than to sleep and wake.
		 */
		if ((size_t)r < want && !s->hup && (size_t)r < XE_TCP_BULK)
			s->readable = false;
		return (size_t)r;
	}
	s->readable = false;
	if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (!l->ended) {
		l->ended = true;
		l->reason = r < 0 ? errno : 0;
		l->s[s == &l->s[XE_CTL] ? XE_DAT : XE_CTL].readable = l->dual;
	}
	return 0;
}

/*
 * Adds the destinations of rx to iov from *nr on and their size to *want.
 * True when all of rx fitted, so that something may follow.
 */
static bool rx_iov(struct xe_link *l, const struct xe_rx *rx,
		   struct iovec *iov, int *nr, size_t *want)
{
	uint64_t left = rx->left;
	unsigned int i;

	for (i = 0; left > 0; i++) {
		struct iovec *v = &iov[*nr];

		if (*nr >= READ_IOV - 1)
			return false;
		*v = rx->iov[i];
		left -= v->iov_len;
		if (!v->iov_base) {
			v->iov_base = l->ctx->trash;
			if (v->iov_len > XE_TRASH_LEN)
				v->iov_len = XE_TRASH_LEN;
		}
		*want += v->iov_len;
		(*nr)++;
		if (v->iov_len < rx->iov[i].iov_len)
			return false;
	}
	return true;
}

/* Parses kept bytes, then reads once. Returns whether anything was done. */
static bool ctl_turn(struct xe_link *l)
{
	struct xe_stream *s = &l->s[XE_CTL];
	struct iovec iov[READ_IOV];
	size_t want = 0, space, got, direct, used;
	bool follow = true;
	bool progress = false;
	uint8_t *b = NULL;
	int nr = 0;

	if (l->paused || l->blocked || rx_full(l))
		return false;
	if (s->buf) {
		size_t before = s->len - s->pos;

		parse_kept(l, s);
		progress = !s->buf || s->len - s->pos != before;
		if (l->failed || l->paused || l->blocked || rx_full(l))
			return progress;
	}
	if (!s->readable)
		return progress;
	if (!l->dual && !xe_list_empty(&l->rxq))
		follow = rx_iov(l, xe_container_of(l->rxq.next, struct xe_rx,
						   link), iov, &nr, &want);
	direct = want;
	if (follow) {
		b = ctl_space(l, s, &space);
		if (!b)
			return false;
		iov[nr].iov_base = b;
		iov[nr++].iov_len = space;
		want += space;
	}
	got = read_some(s, iov, nr, want);
	if (got == 0)
		return progress;
	if (direct > 0) {
		struct xe_rx *rx = xe_container_of(l->rxq.next, struct xe_rx,
						   link);

		got -= rx_take(l, rx, NULL, got < direct ? got : direct);
		if (rx->left == 0)
			rx_done(l, rx, got >= XE_PREFIX_LEN);
		if (got == 0)
			return true;
	}
	if (s->buf) {
		s->len += got;
		parse_kept(l, s);
		return true;
	}
	used = parse(l, b, got);
	if (used < got && !l->failed &&
	    buf_keep(s, b + used, got - used,
		     XE_TLV_LEN + (size_t)l->lim.buf_size))
		xe_link_fail(l, ENOMEM);
	return true;
}

/* Gives n bytes that lie in their destinations to the frames they end. */
static void data_account(struct xe_link *l, size_t n)
{
	bool more = l->s[XE_CTL].buf != NULL;

	while (!xe_list_empty(&l->rxq) && !l->failed) {
		struct xe_rx *rx = xe_container_of(l->rxq.next, struct xe_rx,
						   link);

		n -= rx_take(l, rx, NULL, n);
		if (rx->left > 0)
			return;
		rx_done(l, rx, more);
	}
}

/* Gives kept bytes of the data socket to the frames that wait for them. */
static bool data_kept(struct xe_link *l, struct xe_stream *s)
{
	bool more = l->s[XE_CTL].buf != NULL;
	bool progress = false;

	while (s->buf && !xe_list_empty(&l->rxq) && !l->failed) {
		struct xe_rx *rx = xe_container_of(l->rxq.next, struct xe_rx,
						   link);

		s->pos += rx_take(l, rx, s->buf + s->pos, s->len - s->pos);
		progress = true;
		if (s->pos == s->len)
			buf_free(s);
		if (rx->left > 0)
			break;
		rx_done(l, rx, more);
	}
	rx_advance(l, more);
	return progress;
}

/* One read of the data socket for all frames that wait for it. */
static bool dat_turn(struct xe_link *l)
{
	struct xe_stream *s = &l->s[XE_DAT];
	struct iovec iov[READ_IOV];
	struct xe_list *p;
	size_t dest = 0, want, got;
	bool follow = true;
	bool progress;
	int nr = 0;

	progress = data_kept(l, s);
	if (l->failed || xe_list_empty(&l->rxq) || !s->readable)
		return progress;
	xe_list_for_each(p, &l->rxq) {
		follow = rx_iov(l, xe_container_of(p, struct xe_rx, link), iov,
				&nr, &dest);
		if (!follow)
			break;
	}
	want = dest;
	if (follow) {
		iov[nr].iov_base = l->ctx->scratch;
		iov[nr++].iov_len = ahead(l);
		want += ahead(l);
	}
	got = read_some(s, iov, nr, want);
	if (got == 0)
		return progress;
	if (got > dest && buf_keep(s, l->ctx->scratch, got - dest, 0)) {
		xe_link_fail(l, ENOMEM);
		return false;
	}
	data_account(l, got < dest ? got : dest);
	return true;
}

/*
 * Has a socket ended that nobody reads just now? The control socket, while
 * parsing waits for data that has not come; the data socket, when no frame
 * waits for it and nothing lies in it for a frame to come. Any, while reading
 * waits for messages to be answered and the answers cannot leave.
 */
static bool ended_unread(struct xe_link *l)
{
	const struct xe_stream *d = &l->s[XE_DAT];
	ssize_t r;
	char c;

	if (l->paused)
		return l->s[XE_CTL].broken || d->broken;
	if (!l->dual)
		return false;
	if (l->s[XE_CTL].hup && (l->blocked || rx_full(l)))
		return true;
	if (!d->hup || d->buf || !xe_list_empty(&l->rxq))
		return false;
	do
		r = recv(d->ev.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r == 0 || (r < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

/*
 * A socket has ended, and what the sockets hold does not help. While reading
 * waits for the application that is not the end yet, unless a frame that has
 * begun lacks data, which goes before all others.
 */
static bool ended_in_use(const struct xe_link *l)
{
	return l->ended && (!l->paused || !xe_list_empty(&l->rxq));
}

/*
 * Reads for a while, then lets others run: what was received is answered
 * while it is still in the cache, and other links are not starved. In the
 * middle of a message there is nothing to answer yet; and messages that the
 * cache cannot hold anyway go faster in long turns, which keep both ends busy.
 */
void xe_tcp_read(struct xe_link *l)
{
	uint64_t begin = l->got;
	uint64_t complete = l->complete;
	int turns;

	for (turns = 0; turns < XE_TCP_READS_PER_TURN &&
	     (l->complete == complete || l->got - begin <
	      (l->bulk ? XE_TCP_BULK_PER_TURN : XE_TCP_BYTES_PER_TURN));
	     turns++) {
		bool progress = ctl_turn(l);

		if (l->dual && !l->failed)
			progress = dat_turn(l) || progress;
		if (l->failed)
			return;
		if (!progress) {
			if (ended_in_use(l) || ended_unread(l)) {
				l->lost = true;
				xe_link_fail(l, l->reason);
			}
			return;
		}
	}
	xe_loop_defer(&l->ctx->loop, &l->work);
}
