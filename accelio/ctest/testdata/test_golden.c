/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_golden.c - decodes every byte of both directions of every capture,
 * in several chunkings and orders of the sockets, compares all fields with
 * the listed ones, and encodes every frame again to the same bytes.
 *
 * Usage: test_golden [-o SEED_DIR] CAPTURE...
 * With -o the frames and payloads are written as inputs of fuzz_frame.c.
 */
#include <errno.h>
#include <inttypes.h>

#include "be.h"
#include "capture.h"
#include "check.h"
#include "frame.h"
#include "fuzz_input.h"
#include "invariants.h"

#define MAX_MSG		(64u << 20)
#define SETUP_BUF	4096	/* before the inline size is agreed */

static const char *seed_dir;
static bool filler;	/* headers and data of this capture are filler */
static long frames_seen;

/* --- the listed fields ---------------------------------------------- */

struct listed {
	const char *line;
	int used;
};

/* The text of a key, or NULL. */
static const char *find_key(struct listed *l, const char *key)
{
	size_t n = strlen(key);
	const char *p = l->line;

	while ((p = strchr(p, ' ')) != NULL) {
		p++;
		if (strncmp(p, key, n) == 0 && p[n] == '=') {
			l->used++;
			return p + n + 1;
		}
	}
	return NULL;
}

static uint64_t number(struct listed *l, const char *key)
{
	const char *p = find_key(l, key);

	return p ? strtoull(p, NULL, 0) : 0;
}

static bool text_is(struct listed *l, const char *key, const char *s,
		    size_t n)
{
	const char *p = find_key(l, key);

	if (!p)
		return n == 0;
	return strcspn(p, " ") == n && memcmp(p, s, n) == 0;
}

static int keys_in(const char *line)
{
	int n = 0;

	while ((line = strchr(line, ' ')) != NULL) {
		line++;
		if (strchr(line, '=') &&
		    strcspn(line, "=") < strcspn(line, " "))
			n++;
	}
	return n;
}

#define LISTED(l, key, value)						\
	CHECK_EQ((uint64_t)(value), number(l, key))

static const char *type_name(uint32_t type)
{
	switch (type) {
	case XE_MSG_REQ: return "MSG_REQ";
	case XE_MSG_RSP: return "MSG_RSP";
	case XE_ONE_WAY_REQ: return "ONE_WAY_REQ";
	case XE_ONE_WAY_RSP: return "ONE_WAY_RSP";
	case XE_NEXUS_SETUP_REQ: return "NEXUS_SETUP_REQ";
	case XE_NEXUS_SETUP_RSP: return "NEXUS_SETUP_RSP";
	case XE_SESSION_SETUP_REQ: return "SESSION_SETUP_REQ";
	case XE_SESSION_SETUP_RSP: return "SESSION_SETUP_RSP";
	case XE_HELLO_REQ: return "HELLO_REQ";
	case XE_HELLO_RSP: return "HELLO_RSP";
	case XE_FIN_REQ: return "FIN_REQ";
	case XE_FIN_RSP: return "FIN_RSP";
	case XE_CANCEL_REQ: return "CANCEL_REQ";
	case XE_ACK_REQ: return "ACK_REQ";
	case XE_KA_REQ: return "KA_REQ";
	case XE_KA_RSP: return "KA_RSP";
	default: return "?";
	}
}

static bool name_is(const struct listed *l, uint32_t type)
{
	size_t n = strcspn(l->line, " ");
	const char *name = type_name(type);

	return strlen(name) == n && memcmp(l->line, name, n) == 0;
}

/* "[0:10,addr:20]", as the captures list entries. */
static void entries_text(const struct xe_frame *f, unsigned int first,
			 unsigned int n, char *dst, size_t cap)
{
	struct xio_sge e;
	unsigned int i;
	size_t used = 0;

	dst[0] = '\0';
	for (i = 0; i < n; i++) {
		xe_frame_sge(f, first + i, &e);
		used += (size_t)snprintf(dst + used, cap - used, "%s%s:%u",
					 i ? "," : "[", e.addr ? "addr" : "0",
					 e.length);
	}
	if (n)
		snprintf(dst + used, cap - used, "]");
}

static void check_lists(struct listed *l, const struct xe_frame *f)
{
	char text[256];
	unsigned int i;
	size_t used = 0;

	if (f->type & XE_TYPE_REQUEST) {
		entries_text(f, 0, f->in_nr, text, sizeof(text));
		CHECK(text_is(l, "in", text, strlen(text)));
		entries_text(f, f->in_nr, f->out_nr, text, sizeof(text));
		CHECK(text_is(l, "out", text, strlen(text)));
		return;
	}
	text[0] = '\0';
	for (i = 0; i < f->out_nr; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%u", i ? "," : "[",
					 xe_frame_wlen(f, i));
	if (f->out_nr)
		snprintf(text + used, sizeof(text) - used, "]");
	CHECK(text_is(l, "wl", text, strlen(text)));
}

static void check_headers(struct listed *l, const struct xe_frame *f)
{
	CHECK(name_is(l, f->type));
	LISTED(l, "dst", f->session_id);
	LISTED(l, "fl", f->flags);
	LISTED(l, "serial", f->serial);
	LISTED(l, "sn", f->sn);
	LISTED(l, "ack", f->ack_sn);
	LISTED(l, "crm", f->credit_msgs);
	LISTED(l, "crb", f->credit_bytes);
	LISTED(l, "rr", f->receipt_res);
	LISTED(l, "tfl", f->tflags);
	LISTED(l, "tsn", f->tsn);
	LISTED(l, "ltid", f->ltid);
	LISTED(l, "rtid", f->rtid);
	LISTED(l, "status", f->status);
	LISTED(l, "iop", f->in_op);
	LISTED(l, "oop", f->out_op);
	LISTED(l, "uh", f->hdr_len);
	LISTED(l, "up", f->pad_len);
	LISTED(l, "imm", f->imm_len);
	check_lists(l, f);
}

/* --- the other way round -------------------------------------------- */

static void mask(uint8_t *p, size_t from, size_t to)
{
	memset(p + from, 0, to - from);
}

/* Zeroes what golden/README.md calls stale in a captured prefix. */
static void mask_stale(uint8_t *p, uint32_t type)
{
	bool app = xe_type_is_app(type) || type == XE_ACK_REQ;

	mask(p, 38, 44);
	if (!app)
		mask(p, 24, 32);
	if (type == XE_CANCEL_REQ)
		mask(p, 16, 56);
	mask(p, 62, 64);
	mask(p, 84, 88);
	if (type & XE_TYPE_REQUEST) {
		mask(p, 68, 70);
		mask(p, 76, 80);
	} else {
		mask(p, 73, 74);
	}
}

static void check_encoded(const struct xe_frame *f, bool dual,
			  const uint8_t *tlv)
{
	uint8_t got[XE_PREFIX_LEN + 8 * XE_SGE_LEN];
	uint8_t want[sizeof(got)];
	size_t n;

	memset(got, 0xff, sizeof(got));
	n = frame_again(f, dual, got);
	CHECK_EQ(n, XE_PREFIX_LEN + frame_lists_len(f));
	memcpy(want, tlv, n);
	mask_stale(want, f->type);
	CHECK(memcmp(got, want, n) == 0);
}

static void save_seed(enum fuzz_kind kind, const uint8_t *p, size_t n)
{
	static int serial;
	char path[512];
	FILE *f;

	if (!seed_dir)
		return;
	snprintf(path, sizeof(path), "%s/golden-%04d", seed_dir, serial++);
	f = fopen(path, "wb");
	if (!f || fputc(kind, f) == EOF || fwrite(p, 1, n, f) != n ||
	    fclose(f) != 0) {
		perror(path);
		exit(2);
	}
}

/* --- payloads ------------------------------------------------------- */

static void portals_text(const struct xe_session_rsp *r, char *dst,
			 size_t cap)
{
	size_t used = (size_t)snprintf(dst, cap, "[");
	unsigned int i;

	for (i = 0; i < r->portals_nr; i++)
		used += (size_t)snprintf(dst + used, cap - used, "%s%.*s",
					 i ? "," : "", r->portals[i].len,
					 r->portals[i].s);
	snprintf(dst + used, cap - used, "]");
}

static void check_setup_request(struct listed *l, const uint8_t *p, size_t n)
{
	struct xe_session_req r;
	uint8_t again[XE_SETUP_MAX];

	CHECK_EQ(xe_session_req_decode(p, n, &r), 0);
	LISTED(l, "sid", r.session_id);
	LISTED(l, "sb", r.snd_bytes);
	LISTED(l, "rb", r.rcv_bytes);
	LISTED(l, "sm", r.snd_msgs);
	LISTED(l, "rm", r.rcv_msgs);
	CHECK(text_is(l, "uri", r.uri, r.uri_len));
	CHECK(text_is(l, "pd", r.priv, r.priv_len));
	CHECK_EQ(xe_session_req_encode(&r, again, sizeof(again)), n);
	CHECK(memcmp(again, p, n) == 0);
	save_seed(FUZZ_SESSION_REQ, p, n);
}

static void check_setup_response(struct listed *l, const uint8_t *p, size_t n)
{
	struct xe_session_rsp r;
	uint8_t again[XE_SETUP_MAX];
	char text[512];

	CHECK_EQ(xe_session_rsp_decode(p, n, &r), 0);
	LISTED(l, "sid", r.session_id);
	LISTED(l, "act", r.action);
	LISTED(l, "sb", r.snd_bytes);
	LISTED(l, "rb", r.rcv_bytes);
	LISTED(l, "sm", r.snd_msgs);
	LISTED(l, "rm", r.rcv_msgs);
	LISTED(l, "reason", r.reason);
	if (r.action != XE_ACTION_REJECT) {
		portals_text(&r, text, sizeof(text));
		CHECK(text_is(l, "portals", text, strlen(text)));
	}
	CHECK(text_is(l, "pd", r.priv, r.priv_len));
	CHECK_EQ(xe_session_rsp_encode(&r, again, sizeof(again)), n);
	CHECK(memcmp(again, p, n) == 0);
	save_seed(FUZZ_SESSION_RSP, p, n);
}

static void check_cancel(struct listed *l, const uint8_t *p, size_t n)
{
	struct xe_cancel c;
	uint8_t again[XE_CANCEL_LEN];

	CHECK_EQ(xe_cancel_decode(p, n, &c), 0);
	LISTED(l, "csn", c.tsn);
	LISTED(l, "cres", c.result);
	LISTED(l, "rqs", c.requester_session);
	LISTED(l, "rss", c.responder_session);
	LISTED(l, "msn", c.serial);
	xe_cancel_encode(&c, again);
	CHECK(memcmp(again, p, sizeof(again)) == 0);
	save_seed(FUZZ_CANCEL, p, n);
}

static void check_control_payload(struct listed *l, uint32_t type,
				  const uint8_t *p, size_t n)
{
	switch (type) {
	case XE_SESSION_SETUP_REQ:
		check_setup_request(l, p, n);
		break;
	case XE_SESSION_SETUP_RSP:
		check_setup_response(l, p, n);
		break;
	case XE_CANCEL_REQ:
		check_cancel(l, p, n);
		break;
	default:
		CHECK_EQ(n, 0);
		break;
	}
}

/* The fillers that the head of each capture names. */
static bool filled(const uint8_t *p, uint64_t n, int value)
{
	uint64_t i;

	for (i = 0; filler && i < n; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void check_header(const struct xe_frame *f, int dir)
{
	int value = f->type & XE_TYPE_RESPONSE ? 0x68 :
		    dir == TO_SERVER ? 0x48 : 0x73;

	CHECK(filled(f->hdr, f->hdr_len, value));
}

static void check_data(const struct xe_frame *f, int dir, const uint8_t *p)
{
	int value = f->type & XE_TYPE_RESPONSE ? 0x61 :
		    dir == TO_SERVER ? 0x41 : 0x6d;
	struct xio_sge e;
	unsigned int i;

	if (f->out_op != XE_OP_READ) {
		CHECK(filled(p, f->data_len, value));
		return;
	}
	for (i = 0; i < f->out_nr; i++) {
		xe_frame_sge(f, f->in_nr + i, &e);
		CHECK(filled(p, e.length, value + (int)i));
		p += e.length;
	}
}

/* --- a reader of one direction of one transport connection ----------- */

enum state { ST_CONNECT, ST_TLV, ST_BODY, ST_DATA };

struct feed {
	const struct bytes *b;
	size_t avail;	/* how much of it has arrived */
	size_t pos;
};

struct reader {
	const struct capture_conn *conn;
	int dir;
	bool dual;
	enum state state;
	struct feed ctl;	/* or the only socket */
	struct feed data;
	struct xe_frame_limits lim;
	uint32_t type;
	uint32_t len;
	struct xe_frame f;
	uint8_t *frame;		/* TLV and body in an exact allocation */
	struct listed listed;
	int line;
	bool failed;
};

static size_t left(const struct feed *s)
{
	return s->avail - s->pos;
}

static const uint8_t *take(struct feed *s, size_t n)
{
	const uint8_t *p = s->b->p + s->pos;

	s->pos += n;
	return p;
}

static bool stop(struct reader *r, const char *why)
{
	fprintf(stderr, "%s (frame %d: %s)\n", why, r->line,
		r->line > 0 ? r->conn->line[r->dir][r->line - 1] : "-");
	check_failures++;
	r->failed = true;
	return false;
}

static void check_connect(const uint8_t *p, uint16_t own, uint32_t type,
			  unsigned int second)
{
	struct xe_connect c;
	uint8_t again[8];

	CHECK_EQ(xe_connect_decode(p, own, &c), 0);
	CHECK_EQ(c.type, type);
	CHECK_EQ(c.second_port, second);
	xe_connect_encode(&c, again);
	CHECK(memcmp(again, p, 8) == 0);
	save_seed(FUZZ_CONNECT, p, 8);
}

static bool step_connect(struct reader *r)
{
	const struct capture_sock *s = r->conn->sock;

	if (left(&r->ctl) < XE_CONNECT_LEN ||
	    (r->dual && left(&r->data) < XE_CONNECT_LEN))
		return false;
	if (r->dual) {
		check_connect(take(&r->ctl, XE_CONNECT_LEN),
			      (uint16_t)s[SOCK_CTL].local, XE_SOCK_CONTROL,
			      s[SOCK_DATA].local);
		check_connect(take(&r->data, XE_CONNECT_LEN),
			      (uint16_t)s[SOCK_DATA].local, XE_SOCK_DATA,
			      s[SOCK_CTL].local);
	} else {
		check_connect(take(&r->ctl, XE_CONNECT_LEN),
			      (uint16_t)s[SOCK_ONE].local, XE_SOCK_SINGLE, 0);
	}
	r->state = ST_TLV;
	return true;
}

static bool step_tlv(struct reader *r)
{
	uint8_t tlv[XE_TLV_LEN];

	if (left(&r->ctl) < XE_TLV_LEN)
		return false;
	memcpy(tlv, r->ctl.b->p + r->ctl.pos, XE_TLV_LEN);
	if (xe_tlv_decode(tlv, &r->lim, &r->type, &r->len) != 0)
		return stop(r, "TLV refused");
	if (r->line == r->conn->lines[r->dir])
		return stop(r, "a frame that is not listed");
	r->listed.line = r->conn->line[r->dir][r->line++];
	r->listed.used = 0;
	r->state = ST_BODY;
	return true;
}

static bool end_frame(struct reader *r)
{
	CHECK_EQ(r->listed.used, keys_in(r->listed.line));
	free(r->frame);
	r->frame = NULL;
	frames_seen++;
	r->state = ST_TLV;
	return true;
}

static bool nexus_setup(struct reader *r)
{
	struct xe_nexus_setup s;
	uint8_t again[XE_NEXUS_RSP_LEN];
	size_t n;

	if (r->line != 1)
		return stop(r, "a second nexus setup");
	if (xe_nexus_setup_decode(r->type, r->frame + XE_TLV_LEN, r->len,
				  &s) != 0)
		return stop(r, "nexus setup refused");
	CHECK(name_is(&r->listed, r->type));
	LISTED(&r->listed, "ver", s.version);
	LISTED(&r->listed, "flags", s.flags);
	LISTED(&r->listed, "cid", s.cid);
	LISTED(&r->listed, "status", s.status);
	LISTED(&r->listed, "bufsz", s.buf_size);
	LISTED(&r->listed, "in", s.max_in);
	LISTED(&r->listed, "out", s.max_out);
	LISTED(&r->listed, "hdr", s.max_hdr);
	CHECK(!s.kin);			/* libxio wrote it */
	CHECK_EQ(s.response, r->dir == TO_CLIENT);
	save_seed(FUZZ_NEXUS, r->frame, XE_TLV_LEN + r->len);

	n = xe_nexus_setup_encode(&s, again);
	CHECK_EQ(n, XE_TLV_LEN + r->len);
	mask(r->frame, n - 4, n);
	CHECK(memcmp(again, r->frame, n) == 0);

	r->lim.buf_size = (uint32_t)s.buf_size;
	r->lim.max_in = s.max_in;
	r->lim.max_out = s.max_out;
	return end_frame(r);
}

static bool step_body(struct reader *r)
{
	size_t n = XE_TLV_LEN + (size_t)r->len;
	const uint8_t *body;
	bool app;

	if (left(&r->ctl) < n)
		return false;
	r->frame = must_malloc(n);
	memcpy(r->frame, take(&r->ctl, n), n);
	if (r->type == XE_NEXUS_SETUP_REQ || r->type == XE_NEXUS_SETUP_RSP)
		return nexus_setup(r);
	if (r->line == 1)
		return stop(r, "no nexus setup");

	body = r->frame + XE_TLV_LEN;
	if (xe_frame_decode(r->type, body, r->len, &r->lim, &r->f) != 0)
		return stop(r, "frame refused");
	CHECK(frame_is_sound(&r->f, body, r->len, &r->lim));
	check_headers(&r->listed, &r->f);
	check_encoded(&r->f, r->dual, r->frame);
	save_seed(r->dual ? FUZZ_DUAL : FUZZ_SINGLE, r->frame, n);

	app = xe_type_is_app(r->type);
	if (app && r->f.hdr)
		check_header(&r->f, r->dir);
	if (r->f.imm) {
		check_data(&r->f, r->dir, r->f.imm);
		return end_frame(r);
	}
	if (!app && !r->dual) {
		check_control_payload(&r->listed, r->type, r->f.hdr,
				      r->f.hdr_len);
		return end_frame(r);
	}
	r->state = ST_DATA;
	return true;
}

static bool step_data(struct reader *r)
{
	bool app = xe_type_is_app(r->type);
	struct feed *s = r->dual ? &r->data : &r->ctl;
	size_t n = app ? (size_t)r->f.data_len : r->f.hdr_len;
	uint8_t *exact;

	if (left(s) < n)
		return false;
	if (app) {
		check_data(&r->f, r->dir, take(s, n));
	} else {
		exact = must_malloc(n);
		memcpy(exact, take(s, n), n);
		check_control_payload(&r->listed, r->type, exact, n);
		free(exact);
	}
	return end_frame(r);
}

static void run(struct reader *r)
{
	bool more = true;

	while (more && !r->failed) {
		switch (r->state) {
		case ST_CONNECT:
			more = step_connect(r);
			break;
		case ST_TLV:
			more = step_tlv(r);
			break;
		case ST_BODY:
			more = step_body(r);
			break;
		case ST_DATA:
			more = step_data(r);
			break;
		}
	}
}

static bool arrive(struct reader *r, struct feed *s, size_t chunk)
{
	size_t n;

	if (!s->b || s->avail == s->b->n || r->failed)
		return false;
	n = s->b->n - s->avail;
	s->avail += n < chunk ? n : chunk;
	run(r);
	return true;
}

enum order { CONTROL_FIRST, DATA_FIRST, IN_TURNS, ORDERS };

static void replay(const struct capture_conn *conn, int dir, size_t chunk,
		   enum order order)
{
	struct reader r = { .conn = conn, .dir = dir };

	r.dual = conn->sock[SOCK_CTL].open;
	r.lim.dual = r.dual;
	r.lim.buf_size = SETUP_BUF;
	r.lim.max_in = XIO_IOVLEN;
	r.lim.max_out = XIO_IOVLEN;
	r.lim.max_msg = MAX_MSG;
	r.state = dir == TO_SERVER ? ST_CONNECT : ST_TLV;
	r.ctl.b = &conn->sock[r.dual ? SOCK_CTL : SOCK_ONE].dir[dir];
	if (r.dual)
		r.data.b = &conn->sock[SOCK_DATA].dir[dir];

	switch (order) {
	case CONTROL_FIRST:
		while (arrive(&r, &r.ctl, chunk))
			;
		while (arrive(&r, &r.data, chunk))
			;
		break;
	case DATA_FIRST:
		while (arrive(&r, &r.data, chunk))
			;
		while (arrive(&r, &r.ctl, chunk))
			;
		break;
	default:
		for (;;) {
			bool a = arrive(&r, &r.ctl, chunk);
			bool b = arrive(&r, &r.data, chunk);

			if (!a && !b)
				break;
		}
		break;
	}

	CHECK_EQ(r.state, ST_TLV);
	CHECK_EQ(r.ctl.pos, r.ctl.b->n);
	if (r.dual)
		CHECK_EQ(r.data.pos, r.data.b->n);
	CHECK_EQ(r.line, conn->lines[dir]);
	free(r.frame);
}

static void replay_file(const char *path)
{
	static const size_t chunks[] = { SIZE_MAX, 1, 3, 17, 96, 4096 };
	const char *name = strrchr(path, '/');
	const char *seeds = seed_dir;
	int before = check_failures, i, dir, order;
	struct capture c;
	size_t k;

	capture_read(path, &c);
	filler = c.filler;
	for (i = 0; i < c.conns; i++) {
		seed_dir = seeds;
		for (k = 0; k < sizeof(chunks) / sizeof(chunks[0]); k++)
			for (order = 0; order < ORDERS; order++) {
				for (dir = 0; dir < 2; dir++)
					replay(&c.conn[i], dir, chunks[k],
					       (enum order)order);
				seed_dir = NULL;	/* once is enough */
			}
	}
	seed_dir = seeds;
	capture_free(&c);
	printf("%s %s\n", before == check_failures ? "ok  " : "FAIL",
	       name ? name + 1 : path);
}

int main(int argc, char **argv)
{
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-o") == 0) {
		seed_dir = argv[2];
		i = 3;
	}
	if (i >= argc) {
		fprintf(stderr, "usage: test_golden [-o DIR] CAPTURE...\n");
		return 2;
	}
	for (; i < argc; i++)
		replay_file(argv[i]);
	printf("%ld frames decoded and encoded\n", frames_seen);
	CHECK(frames_seen > 0);
	return check_done();
}
