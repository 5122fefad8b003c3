/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the other side, and what comes out of them.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "be.h"
#include "fuzz_peer.h"

#define CHUNK		(64u << 10)
#define BUDGET		(3u << 20)
#define PIECES_MAX	112	/* all of the headers byte by byte */

static uint8_t scratch[CHUNK];

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	return a;
}

static uint16_t port_of(int fd, bool peer)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	if (peer ? getpeername(fd, (struct sockaddr *)&a, &n) :
		   getsockname(fd, (struct sockaddr *)&a, &n))
		return 0;
	return ntohs(a.sin_port);
}

static void tune(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void close_fd(int fd, bool reset)
{
	struct linger now = { 1, 0 };

	/* Without it the port would wait for minutes. */
	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* ---- life ------------------------------------------------------------ */

/* One for all inputs. */
static int listener = -1;
static uint16_t listener_port;

static void drain(void)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		close_fd(fd, true);
}

void peer_init(void)
{
	struct sockaddr_in a = loopback(0);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	FUZZ_ASSERT(listener >= 0 &&
		    bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 &&
		    listen(listener, 1024) == 0);
	listener_port = port_of(listener, false);
}

void peer_open(struct peer *p, bool is_server, struct xio_context *ctx)
{
	p->links = 0;
	p->at = 0;
	p->sessions = 0;
	p->session_at = 0;
	p->own_session = 0;
	p->cid = 0;
	p->is_server = is_server;
	p->ctx = ctx;
	p->random = 1;
	p->budget = BUDGET;
	p->port = listener_port;
	memset(p->session, 0, sizeof(p->session));
	memset(p->half, 0xff, sizeof(p->half));
	if (is_server)
		drain();
}

static struct peer_link *link_new(struct peer *p)
{
	struct peer_link *l;

	if (p->links == PEER_LINKS)
		return NULL;
	l = &p->link[p->links++];
	memset(l, 0, offsetof(struct peer_link, behind));
	l->used = true;
	l->s[CTL].fd = -1;
	l->s[DAT].fd = -1;
	l->ltid = 1;
	fuzz_stats[STAT_LINKS]++;
	return l;
}

struct peer_link *peer_link(struct peer *p)
{
	return p->links ? &p->link[p->at % p->links] : NULL;
}

static void drop(struct peer_sock *s, bool reset)
{
	if (s->fd >= 0)
		close_fd(s->fd, reset);
	s->fd = -1;
	s->ended = true;
}

void peer_close_all(struct peer *p, bool reset)
{
	unsigned int i;

	for (i = 0; i < p->links; i++) {
		drop(&p->link[i].s[CTL], reset);
		drop(&p->link[i].s[DAT], reset);
	}
	for (i = 0; i < PEER_LINKS; i++) {
		if (p->half[i] >= 0)
			close_fd(p->half[i], true);
		p->half[i] = -1;
	}
	if (p->is_server)
		drain();
}

/* ---- opening --------------------------------------------------------- */

static int dial(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	FUZZ_ASSERT(fd >= 0);
	tune(fd);
	/* Does not block: the kernel answers for a listener. */
	if (world_connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void say_hello(int fd, uint32_t type, uint16_t port)
{
	uint8_t b[XE_CONNECT_LEN] = { 0 };

	if (fd < 0)
		return;
	xe_put32(b, type);
	xe_put16(b + 4, port);
	if (send(fd, b, sizeof(b), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void peer_dial(struct peer *p, uint16_t port, enum peer_dial how,
	       const uint8_t raw[16])
{
	struct peer_link *l;
	uint16_t ctl_port, dat_port;
	int ctl, dat;

	if (p->links == PEER_LINKS)
		return;
	ctl = dial(port);
	if (ctl < 0)
		return;
	p->at = p->links;
	l = link_new(p);
	l->s[CTL].fd = ctl;
	if (how == DIAL_SINGLE) {
		say_hello(ctl, XE_SOCK_SINGLE, 0);
		return;
	}
	l->dual = true;
	dat = l->s[DAT].fd = dial(port);
	if (dat < 0)
		return;
	ctl_port = port_of(ctl, false);
	dat_port = port_of(dat, false);
	switch (how) {
	case DIAL_DUAL_DATA_FIRST:
		say_hello(dat, XE_SOCK_DATA, ctl_port);
		say_hello(ctl, XE_SOCK_CONTROL, dat_port);
		break;
	case DIAL_CTL_ALONE:
		say_hello(ctl, XE_SOCK_CONTROL, dat_port);
		break;
	case DIAL_DAT_ALONE:
		say_hello(dat, XE_SOCK_DATA, ctl_port);
		break;
	case DIAL_CROSSED:
		say_hello(ctl, XE_SOCK_CONTROL, dat_port);
		say_hello(dat, XE_SOCK_CONTROL, ctl_port);
		break;
	case DIAL_OWN_PORT:
		say_hello(ctl, XE_SOCK_CONTROL, ctl_port);
		break;
	case DIAL_RAW:
		peer_write(p, l, CTL, raw, 8, CUT_NONE);
		peer_write(p, l, DAT, raw + 8, 8, CUT_HALVES);
		break;
	default:
		say_hello(ctl, XE_SOCK_CONTROL, dat_port);
		say_hello(dat, XE_SOCK_DATA, ctl_port);
		break;
	}
}

/* Is this the half that fd waits for? Control sockets come out first. */
static bool mates(int ctl, const uint8_t *c, int dat, const uint8_t *d)
{
	return xe_get32(c) == XE_SOCK_CONTROL && xe_get32(d) == XE_SOCK_DATA &&
	       xe_get16(c + 4) == port_of(dat, true) &&
	       xe_get16(d + 4) == port_of(ctl, true);
}

static void pair_up(struct peer *p)
{
	uint8_t b[PEER_LINKS][XE_CONNECT_LEN];
	bool whole[PEER_LINKS];
	struct peer_link *l;
	int i, k;

	for (i = 0; i < PEER_LINKS; i++)
		whole[i] = p->half[i] >= 0 &&
			   recv(p->half[i], b[i], XE_CONNECT_LEN, MSG_PEEK |
				MSG_DONTWAIT) == XE_CONNECT_LEN;
	for (i = 0; i < PEER_LINKS; i++) {
		if (!whole[i])
			continue;
		FUZZ_ASSERT(xe_get32(b[i]) >= XE_SOCK_SINGLE &&
			    xe_get32(b[i]) <= XE_SOCK_DATA);
		for (k = 0; k < PEER_LINKS; k++)
			if (whole[k] && mates(p->half[i], b[i], p->half[k],
					      b[k]))
				break;
		if (xe_get32(b[i]) != XE_SOCK_SINGLE && k == PEER_LINKS)
			continue;
		l = link_new(p);
		if (!l)
			return;
		l->s[CTL].fd = p->half[i];
		p->half[i] = -1;
		whole[i] = false;
		FUZZ_ASSERT(read(l->s[CTL].fd, b[i], XE_CONNECT_LEN) ==
			    XE_CONNECT_LEN);
		if (k == PEER_LINKS)
			continue;
		l->dual = true;
		l->s[DAT].fd = p->half[k];
		p->half[k] = -1;
		whole[k] = false;
		FUZZ_ASSERT(read(l->s[DAT].fd, b[k], XE_CONNECT_LEN) ==
			    XE_CONNECT_LEN);
	}
}

void peer_accept(struct peer *p)
{
	int i, fd;

	if (!p->is_server)
		return;
	for (i = 0; i < PEER_LINKS; i++) {
		if (p->half[i] >= 0)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			break;
		tune(fd);
		p->half[i] = fd;
	}
	pair_up(p);
}

/* ---- writing --------------------------------------------------------- */

static uint32_t next_random(struct peer *p)
{
	p->random = p->random * 1664525u + 1013904223u;
	return p->random >> 16;
}

/* One piece, as far as the engine takes it. */
static void write_piece(struct peer *p, struct peer_sock *s, const uint8_t *b,
			size_t n)
{
	int tries = 0;
	ssize_t r;

	while (n > 0 && s->fd >= 0 && !s->choked) {
		r = send(s->fd, b, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r > 0) {
			b += r;
			n -= (size_t)r;
			tries = 0;
			continue;
		}
		if (errno != EAGAIN || ++tries > 8) {
			s->choked = true;
			return;
		}
		peer_turns(p, 2);
	}
}

void peer_write(struct peer *p, struct peer_link *l, int which,
		const uint8_t *b, size_t n, enum peer_cut cut)
{
	struct peer_sock *s = &l->s[l->dual ? which : CTL];
	int pieces;

	if (n > p->budget)
		n = p->budget;
	p->budget -= n;
	for (pieces = 0; n > 0 && !s->choked && s->fd >= 0; pieces++) {
		size_t k = n;

		if (cut == CUT_BYTES && pieces < PIECES_MAX)
			k = 1;
		else if (cut == CUT_HALVES && pieces == 0)
			k = (n + 1) / 2;
		else if (cut == CUT_RANDOM && pieces < PIECES_MAX)
			k = 1 + next_random(p) % 64;
		if (k > n)
			k = n;
		write_piece(p, s, b, k);
		b += k;
		n -= k;
		if (n > 0)
			xio_context_poll_wait(p->ctx, 0);
	}
}

void peer_fill(struct peer *p, struct peer_link *l, int which, uint8_t byte,
	       size_t n)
{
	static uint8_t fill[CHUNK];

	if (fill[0] != byte || fill[CHUNK - 1] != byte)
		memset(fill, byte, sizeof(fill));
	while (n > 0 && p->budget > 0) {
		size_t k = n < CHUNK ? n : CHUNK;

		peer_write(p, l, which, fill, k, CUT_NONE);
		n -= k;
		if (n > 0)
			xio_context_poll_wait(p->ctx, 0);
	}
}

void peer_shut(struct peer_link *l, unsigned int which, unsigned int how)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct peer_sock *s = &l->s[i];

		if (!(which & (1u << i)) || s->fd < 0)
			continue;
		if (how == 0) {
			shutdown(s->fd, SHUT_WR);
			s->choked = true;
		} else {
			drop(s, how == 2);
		}
	}
}

/* ---- reading --------------------------------------------------------- */

/* What data belongs to a frame, apart from what its TLV counts. */
static uint64_t data_apart(const struct peer_link *l, const struct xe_frame *f)
{
	if (!xe_type_is_app(f->type))
		return l->dual ? f->hdr_len : 0;
	if (f->out_op != XE_OP_SEND || l->dual)
		return f->data_len;
	return 0;
}

static void data_due(struct peer_link *l, uint32_t type, uint64_t n)
{
	if (n == 0)
		return;
	if (!l->dual) {
		l->skip = n;
		return;
	}
	if (l->due_nr == PEER_DUE) {
		l->lost = true;
		return;
	}
	l->due[(l->due_at + l->due_nr) % PEER_DUE].type = type;
	l->due[(l->due_at + l->due_nr) % PEER_DUE].left = n;
	l->due[(l->due_at + l->due_nr) % PEER_DUE].got = 0;
	l->due_nr++;
}

static void on_frame(struct peer *p, struct peer_link *l)
{
	const struct xe_frame_limits lim = {
		.dual = l->dual,
		.buf_size = PEER_FRAME_MAX,
		.max_in = XIO_MAX_IOV,
		.max_out = XIO_MAX_IOV,
		.max_msg = UINT32_MAX,
	};
	struct xe_nexus_setup setup;
	struct xe_frame f;
	uint32_t type, len;

	FUZZ_ASSERT(xe_tlv_decode(l->in, &lim, &type, &len) == 0);
	fuzz_stats[STAT_FRAMES_OUT]++;
	if (!l->got_setup) {
		FUZZ_ASSERT(type == (p->is_server ? XE_NEXUS_SETUP_REQ :
				     XE_NEXUS_SETUP_RSP));
		FUZZ_ASSERT(xe_nexus_setup_decode(type, l->in + XE_TLV_LEN,
						  len, &setup) == 0);
		l->got_setup = true;
		l->kin = setup.kin;
		l->resumes = setup.flags & 1;
		if (l->resumes)
			peer_resume(p, l, setup.cid);
		else if (!p->is_server)
			l->cid = p->cid = setup.cid;
		if (p->is_server) {
			l->asked[l->asked_nr].type = type;
			l->asked[l->asked_nr++].ltid = 0;
		}
		return;
	}
	FUZZ_ASSERT(xe_frame_decode(type, l->in + XE_TLV_LEN, len, &lim, &f)
		    == 0);
	data_due(l, type, data_apart(l, &f));
	peer_got(p, l, l->in, &f);
}

/* Uses n bytes of the control socket, or of the only one. */
static void feed(struct peer *p, struct peer_link *l, const uint8_t *b,
		 size_t n)
{
	while (n > 0 && !l->lost) {
		size_t want = XE_TLV_LEN, k;

		if (l->skip > 0) {
			k = l->skip < n ? (size_t)l->skip : n;
			l->skip -= k;
			b += k;
			n -= k;
			continue;
		}
		if (l->in_n >= XE_TLV_LEN) {
			uint64_t len = xe_get64(l->in + 8);

			FUZZ_ASSERT(xe_get32(l->in) == XE_MAGIC);
			FUZZ_ASSERT(len <= PEER_FRAME_MAX - XE_TLV_LEN);
			want += (size_t)len;
		}
		k = want - l->in_n < n ? want - l->in_n : n;
		memcpy(l->in + l->in_n, b, k);
		l->in_n += k;
		b += k;
		n -= k;
		if (l->in_n < want || want == XE_TLV_LEN)
			continue;
		on_frame(p, l);
		l->in_n = 0;
	}
}

/* Data of frames that have come; more than that is not looked at. */
static void feed_data(struct peer *p, struct peer_link *l, const uint8_t *b,
		      size_t n)
{
	while (n > 0 && l->due_nr > 0) {
		uint32_t type = l->due[l->due_at].type;
		uint64_t *left = &l->due[l->due_at].left;
		size_t *got = &l->due[l->due_at].got;
		size_t k = *left < n ? (size_t)*left : n;
		size_t i;

		for (i = 0; i < k && *got + i < 8; i++)
			l->due[l->due_at].start[*got + i] = b[i];
		*got += k;
		*left -= k;
		b += k;
		n -= k;
		if (*left > 0)
			return;
		if ((type == XE_SESSION_SETUP_REQ ||
		     type == XE_SESSION_SETUP_RSP) && *got >= 4)
			peer_announced(p, xe_get32(l->due[l->due_at].start));
		l->due_at = (l->due_at + 1) % PEER_DUE;
		l->due_nr--;
	}
}

/* How much may be read from the data socket just now. */
static size_t data_wanted(const struct peer_link *l)
{
	uint64_t n = 0;
	unsigned int i;

	if (l->lost)
		return CHUNK;
	for (i = 0; i < l->due_nr && n < CHUNK; i++)
		n += l->due[(l->due_at + i) % PEER_DUE].left;
	return n < CHUNK ? (size_t)n : CHUNK;
}

static bool read_sock(struct peer *p, struct peer_link *l, int which)
{
	struct peer_sock *s = &l->s[which];
	size_t want = which == DAT ? data_wanted(l) : CHUNK;
	ssize_t r;

	if (s->fd < 0 || s->ended || s->deaf || want == 0)
		return false;
	r = recv(s->fd, scratch, want, MSG_DONTWAIT);
	if (r <= 0) {
		s->ended = r == 0 || (errno != EAGAIN && errno != EINTR);
		return false;
	}
	if (which == DAT)
		feed_data(p, l, scratch, (size_t)r);
	else
		feed(p, l, scratch, (size_t)r);
	return true;
}

void peer_read(struct peer *p)
{
	unsigned int i;
	bool more;

	for (i = 0; i < p->links; i++) {
		struct peer_link *l = &p->link[i];

		do {
			more = read_sock(p, l, CTL);
			if (l->dual)
				more = read_sock(p, l, DAT) || more;
		} while (more);
	}
	peer_accept(p);
}

void peer_turns(struct peer *p, unsigned int n)
{
	while (n-- > 0)
		xio_context_poll_wait(p->ctx, 0);
	peer_read(p);
}

void peer_settle(struct peer *p)
{
	unsigned long before;
	int i = 0;

	do {
		FUZZ_ASSERT(i++ < 10000);
		before = fuzz_stats[STAT_FRAMES_OUT] + p->links;
		world_settle(p->ctx);
		peer_read(p);
		/* Room that we made lets it go on. */
	} while (before != fuzz_stats[STAT_FRAMES_OUT] + p->links);
}
