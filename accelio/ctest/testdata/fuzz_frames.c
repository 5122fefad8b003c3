/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of the other side: right ones, and recorded ones made to fit.
 */
#include <string.h>

#include "be.h"
#include "fuzz_peer.h"

#define OFF_DST		16
#define OFF_SERIAL	24
#define OFF_SN		32
#define OFF_LTID	64
#define OFF_RTID	68

const uint16_t peer_types[32] = {
	XE_MSG_REQ, XE_MSG_RSP, XE_ONE_WAY_REQ, XE_ONE_WAY_RSP,
	XE_NEXUS_SETUP_REQ, XE_NEXUS_SETUP_RSP, XE_SESSION_SETUP_REQ,
	XE_SESSION_SETUP_RSP, XE_HELLO_REQ, XE_HELLO_RSP, XE_FIN_REQ,
	XE_FIN_RSP, XE_CANCEL_REQ, XE_CANCEL_RSP, XE_ACK_REQ, XE_KA_REQ,
	XE_KA_RSP, XE_MSG_REQ, XE_MSG_REQ, XE_MSG_RSP, XE_ONE_WAY_REQ,
	XE_MSG_REQ, 0x0008, 0x0041, 0x2004, 0x0000, 0x8002, 0xffff, 0x0016,
	XE_MSG_RSP, XE_ONE_WAY_RSP, XE_KA_REQ,
};

/* ---- what the engine has told ----------------------------------------- */

struct peer_numbers *peer_numbers(struct peer *p, struct peer_link *l)
{
	return &l->numbers[p->session_at % PEER_SESSIONS];
}

void peer_resume(struct peer *p, struct peer_link *l, uint32_t cid)
{
	unsigned int i;

	l->cid = cid;
	for (i = p->links; i-- > 0;) {
		const struct peer_link *o = &p->link[i];

		if (o == l || o->cid != cid)
			continue;
		memcpy(l->numbers, o->numbers, sizeof(l->numbers));
		l->ltid = o->ltid;
		fuzz_stats[STAT_RESUMED]++;
		return;
	}
}

void peer_announced(struct peer *p, uint32_t id)
{
	p->session_at = p->sessions++ % PEER_SESSIONS;
	p->session[p->session_at] = id;
}

const struct peer_asked *peer_asked(struct peer_link *l, uint32_t type,
				    struct peer_asked *copy, bool take)
{
	unsigned int i;

	for (i = 0; i < l->asked_nr; i++) {
		if (l->asked[i].type != type)
			continue;
		*copy = l->asked[i];
		if (take) {
			l->asked_nr--;
			memmove(&l->asked[i], &l->asked[i + 1],
				(l->asked_nr - i) * sizeof(l->asked[0]));
		}
		return copy;
	}
	return NULL;
}

static bool wants_answer(const struct xe_frame *f)
{
	if (f->type == XE_ONE_WAY_REQ)
		return f->flags & (XIO_MSG_FLAG_REQUEST_READ_RECEIPT |
				   XE_FL_IMM_RECEIPT);
	return (f->type & XE_TYPE_REQUEST) && f->type != XE_ACK_REQ;
}

void peer_got(struct peer *p, struct peer_link *l, const uint8_t *b,
	      const struct xe_frame *f)
{
	struct peer_asked *a;
	unsigned int i;

	switch (f->type) {
	case XE_FIN_REQ:
	case XE_FIN_RSP:
		fuzz_stats[STAT_FINS]++;
		break;
	case XE_KA_REQ:
	case XE_KA_RSP:
		fuzz_stats[STAT_KEEPALIVES]++;
		break;
	case XE_HELLO_REQ:
	case XE_HELLO_RSP:
		fuzz_stats[STAT_HELLOS]++;
		break;
	case XE_SESSION_SETUP_REQ:
	case XE_SESSION_SETUP_RSP:
		if (f->hdr && f->hdr_len >= 4)
			peer_announced(p, xe_get32(f->hdr));
		break;
	default:
		break;
	}
	FUZZ_ASSERT(b[56] == 1);
	if (!wants_answer(f) || l->asked_nr == PEER_ASKED)
		return;
	a = &l->asked[l->asked_nr++];
	memset(a, 0, sizeof(*a));
	a->type = f->type;
	a->ltid = f->ltid;
	a->serial = f->serial;
	a->tsn = f->tsn;
	a->in_op = f->in_op;
	a->in_nr = f->in_nr;
	for (i = 0; i < f->in_nr && i < PEER_ENTRIES; i++) {
		struct xio_sge e;

		xe_frame_sge(f, i, &e);
		a->in_len[i] = e.length;
	}
}

/* ---- payloads -------------------------------------------------------- */

static uint8_t *need(struct peer_frame *f, size_t n)
{
	f->mem = calloc(1, n ? n : 1);
	FUZZ_ASSERT(f->mem);
	return f->mem;
}

/* more: lengths of the URI and of private data. */
static int setup_request(struct peer *p, uint8_t more, uint8_t *b)
{
	static const uint16_t lens[4] = { 21, 0, 200, 3000 };
	static char text[3000];
	struct xe_session_req r = {
		.session_id = p->random,
		.snd_bytes = 1u << 26,
		.rcv_bytes = more & 0x40 ? 4096 : 1u << 26,
		.snd_msgs = 1024,
		.rcv_msgs = more & 0x80 ? 2 : 1024,
		.uri = text,
		.uri_len = lens[more & 3],
		.priv = text,
		.priv_len = (more >> 2 & 3) * 250,
	};

	memset(text, 'u', sizeof(text));
	memcpy(text, "tcp://127.0.0.1:20610/", 22);
	return xe_session_req_encode(&r, b, XE_SETUP_MAX);
}

/* more: action, portals, private data, depths. */
static int setup_response(struct peer *p, uint8_t more, uint8_t *b)
{
	static const char elsewhere[] = "tcp://127.0.0.1:1/x";
	static const uint8_t actions[4] = {
		XE_ACTION_ACCEPT, XE_ACTION_ACCEPT, XE_ACTION_REDIRECT,
		XE_ACTION_REJECT,
	};
	struct xe_session_rsp r = {
		.session_id = 7,
		.action = actions[more & 3],
		.snd_bytes = 1u << 26,
		.rcv_bytes = more & 0x40 ? 4096 : 1u << 26,
		.snd_msgs = 1024,
		.rcv_msgs = more & 0x80 ? 2 : 1024,
		.reason = XIO_E_SESSION_REFUSED,
		.priv = elsewhere,
		.priv_len = (more >> 4 & 3) * 5,
	};
	char here[32];
	int n = snprintf(here, sizeof(here), "tcp://127.0.0.1:%u",
			 (unsigned int)p->port);

	if (more & 3) {
		r.portals_nr = (more >> 2 & 3) ? (more >> 2 & 3) : 1;
		r.portals[0].s = here;
		r.portals[0].len = (uint16_t)n;
		r.portals[1].s = elsewhere;
		r.portals[1].len = sizeof(elsewhere) - 1;
		r.portals[2] = r.portals[0];
	}
	return xe_session_rsp_encode(&r, b, XE_SETUP_MAX);
}

static int cancel(struct peer *p, struct peer_link *l, uint8_t more,
		  uint8_t *b)
{
	static const uint32_t results[4] = {
		0, XIO_E_MSG_CANCELED, XIO_E_MSG_CANCEL_FAILED,
		XIO_E_MSG_NOT_FOUND,
	};
	const struct peer_numbers *n = peer_numbers(p, l);
	struct peer_asked a = { 0 };
	struct xe_cancel c = {
		.tsn = (uint16_t)(l->tsn - 1),
		.result = results[more & 3],
		.requester_session = p->own_session,
		.responder_session =
			p->session[p->session_at % PEER_SESSIONS],
		.serial = n->serial - 1 - (more >> 2 & 3),
	};

	/* An answer names a request of the engine. */
	if ((more & 3) && peer_asked(l, XE_MSG_REQ, &a, more & 0x10)) {
		c.serial = a.serial;
		c.tsn = a.tsn;
		c.requester_session = c.responder_session;
		c.responder_session = p->own_session;
	}
	xe_cancel_encode(&c, b);
	return XE_CANCEL_LEN;
}

/*
 * more: buffer size, entries, header, cid, then reconnect and an error; 0x20
 * for a peer that is not of the engine's kind.
 */
static void nexus_setup(struct peer *p, struct peer_link *l, uint32_t type,
			uint8_t more, struct peer_frame *f)
{
	static const uint32_t bufs[4] = { 9216, 1024, 65536, 10240 };
	bool response = type == XE_NEXUS_SETUP_RSP;
	struct xe_nexus_setup s = {
		.response = response,
		.version = XE_PROTO_VERSION,
		.flags = more >> 6 & 1,
		.cid = p->cid + (more >> 4 & 1),
		.status = more >> 7 ? XIO_E_UNSUCCESSFUL : 0,
		.buf_size = bufs[more & 3],
		.max_in = more & 4 ? 1 : 4,
		.max_out = more & 4 ? 1 : 4,
		.max_hdr = more & 8 ? 8 : 256,
		.kin = !(more & 0x20) && (!response || l->kin),
	};

	if (response && l->resumes) {
		s.flags = !s.flags;
		s.cid = l->cid + (more >> 4 & 1);
	} else if (response && !s.flags) {
		/* A new link; its cid is ours to choose. */
		s.cid = p->cid = ++p->random;
	} else if (!response && !s.flags) {
		s.cid = 0;
	}
	if (response)
		l->cid = s.cid;
	f->ctl_n = xe_nexus_setup_encode(&s, f->ctl);
}

/* ---- messages -------------------------------------------------------- */

static const uint32_t data_sizes[8] = {
	0, 8, 200, 8192, 9000, 20000, 65536, 300000,
};

/*
 * An out-of-line response goes where the request said. more: 2 all of it into
 * the first buffer, 4 into one buffer more than there are; the frame as such
 * stays right.
 */
static void large_response(const struct peer_asked *a, uint8_t more,
			   struct xe_frame *f, struct xio_sge *out)
{
	unsigned int i, n = a->in_nr < PEER_ENTRIES ? a->in_nr : PEER_ENTRIES;
	uint64_t left = f->imm_len, total = 0;

	for (i = 0; i < n; i++)
		total += a->in_len[i];
	if (left > total && !(more & 6))
		left = f->imm_len = total;
	if (left == 0)
		return;
	f->out_op = XE_OP_WRITE;
	for (i = 0; i < n && left > 0; i++) {
		uint64_t k = left < a->in_len[i] ? left : a->in_len[i];

		if (k == 0)
			break;
		if (more & 2)
			k = left;
		else if (more & 4)
			k = 1;
		out[f->out_nr++].length = (uint32_t)k;
		left -= k;
	}
	if (left > 0 && i < PEER_ENTRIES)
		out[f->out_nr++].length = (uint32_t)left;
}

/*
 * shape: 3 bits data size, 2 bits entries for the answer, receipt, header,
 * last in batch. more: 1 out-of-line, 2 and 4 how, 8 inline whatever its
 * size (requests) or once more (responses); header, receipts, errors.
 */
static void message(const struct peer_asked *a, uint8_t shape, uint8_t more,
		    struct xe_frame *f, struct xio_sge *in,
		    struct xio_sge *out)
{
	static const uint8_t entries[4] = { 0, 1, 1, 3 };
	static const uint8_t pieces[4] = { 1, 2, 3, PEER_ENTRIES };
	uint64_t data = data_sizes[shape & 7];
	unsigned int i;

	f->hdr_len = shape & 0x40 ? (more & 0x10 ? 255 : 8) : 0;
	f->imm_len = data;
	f->out_op = XE_OP_SEND;
	if (f->type & XE_TYPE_RESPONSE) {
		f->flags = XE_FL_LAST | (shape & 0x20 ? XE_FL_RECEIPT : 0);
		if (f->type == XE_ONE_WAY_RSP)
			f->flags = XE_FL_RECEIPT;
		if (more & 0x20)
			f->flags = XE_FL_RECEIPT;
		if (f->flags == XE_FL_RECEIPT) {
			f->hdr_len = 0;
			f->imm_len = 0;
		}
		f->status = more & 0x40 ? XIO_E_MSG_SIZE : 0;
		f->receipt_res = more >> 7;
		if (a && (more & 1) &&
		    (a->in_op == XE_OP_WRITE || (more & 6)))
			large_response(a, more, f, out);
		return;
	}
	f->flags = (shape & 0x20 ? XIO_MSG_FLAG_REQUEST_READ_RECEIPT : 0) |
		   (more & 0x20 ? XE_FL_IMM_RECEIPT : 0);
	f->tflags = shape & 0x80 ? XE_TFL_LAST_IN_BATCH :
		    more & 0x40 ? XE_TFL_FORCE_WRITE : 0;
	f->in_nr = entries[shape >> 3 & 3];
	if (f->in_nr == 3 && (more & 0x80))
		f->in_nr = PEER_ENTRIES;	/* only with long lists */
	f->in_op = (shape >> 3 & 3) > 1 ? XE_OP_WRITE : XE_OP_SEND;
	for (i = 0; i < f->in_nr; i++) {
		in[i].addr = f->in_op == XE_OP_WRITE ? i + 1 : 0;
		in[i].length = more & 0x80 ? 100 : 20000;
	}
	if ((data > 8192 && !(more & 8)) || (more & 1)) {
		f->out_op = XE_OP_READ;
		f->imm_len = 0;
		f->out_nr = data ? pieces[more >> 1 & 3] : 0;
		for (i = 0; i < f->out_nr; i++)
			out[i].length = (uint32_t)(i + 1u < f->out_nr ?
				data / f->out_nr :
				data - data / f->out_nr * (f->out_nr - 1u));
	}
}

/* ---- frames ---------------------------------------------------------- */

static void lay_out(struct peer_link *l, struct xe_frame *f,
		    const struct xio_sge *in, const struct xio_sge *out,
		    const uint8_t *payload, struct peer_frame *pf)
{
	bool app = xe_type_is_app(f->type);
	uint64_t data = 0;
	unsigned int i;

	if (app) {
		data = f->imm_len;
		if (f->type & XE_TYPE_REQUEST)
			for (i = 0; i < f->out_nr; i++)
				data += out[i].length;
	}
	pf->ctl_n = xe_frame_encode(f, l->dual, in, out, pf->ctl);
	if (app || !l->dual) {
		if (payload)
			memcpy(pf->ctl + pf->ctl_n, payload, f->hdr_len);
		else
			memset(pf->ctl + pf->ctl_n, 'H', f->hdr_len);
		pf->ctl_n += f->hdr_len;
	} else if (f->hdr_len) {
		memcpy(need(pf, f->hdr_len), payload, f->hdr_len);
		pf->dat = pf->mem;
		pf->dat_n = f->hdr_len;
	}
	if (data == 0)
		return;
	pf->dat_n = (size_t)data;
	pf->fill = 'd';
}

void peer_make(struct peer *p, struct peer_link *l, uint32_t type,
	       uint8_t shape, uint8_t more, struct peer_frame *pf)
{
	uint8_t payload[XE_SETUP_MAX] = { 0 };
	struct xio_sge in[PEER_ENTRIES] = { 0 }, out[PEER_ENTRIES] = { 0 };
	struct peer_numbers *n = peer_numbers(p, l);
	struct xe_frame f = { .type = type };
	struct peer_asked asked = { 0 };
	const struct peer_asked *a = NULL;
	int len = 0;

	pf->ctl_n = 0;
	pf->dat = NULL;
	pf->dat_n = 0;
	pf->mem = NULL;
	pf->fill = -1;
	if (type == XE_NEXUS_SETUP_REQ || type == XE_NEXUS_SETUP_RSP) {
		if (type == XE_NEXUS_SETUP_RSP)
			peer_asked(l, XE_NEXUS_SETUP_REQ, &asked, true);
		nexus_setup(p, l, type, more, pf);
		return;
	}
	f.session_id = p->session[p->session_at % PEER_SESSIONS];
	f.tsn = l->tsn;
	f.out_op = XE_OP_SEND;
	f.in_op = XE_OP_SEND;
	if (type & XE_TYPE_RESPONSE) {
		/* A receipt alone leaves the request open. */
		bool last = type != XE_MSG_RSP || !(more & 0x20);

		a = peer_asked(l, type ^ (XE_TYPE_REQUEST | XE_TYPE_RESPONSE),
			       &asked, last && !(more & 8));
		/* One that was answered before? */
		f.rtid = more & 8 ? l->answered : asked.ltid;
		l->answered = f.rtid;
		f.serial = asked.serial;
		f.sn = n->rsp_sn;
	} else {
		f.ltid = l->ltid;
		f.serial = n->serial;
		f.sn = n->req_sn;
	}
	f.ack_sn = 0xffff;
	if (xe_type_is_app(type)) {
		message(a, shape, more, &f, in, out);
		if (shape & 0x80) {
			f.credit_msgs = 1;
			f.credit_bytes = 1000;
		}
	} else if (type == XE_ACK_REQ) {
		f.credit_msgs = shape;
		f.credit_bytes = (uint64_t)more << 8;
	} else {
		f.serial = 0;
		f.sn = 0;
		f.ack_sn = 0;
	}
	if (type == XE_SESSION_SETUP_REQ)
		len = setup_request(p, more, payload);
	else if (type == XE_SESSION_SETUP_RSP)
		len = setup_response(p, more, payload);
	if (type == XE_CANCEL_REQ || type == XE_CANCEL_RSP) {
		len = cancel(p, l, more, payload);
		f.serial = xe_cancel_mark(l->cid);
	}
	if (len > 0)
		f.hdr_len = (uint16_t)len;
	lay_out(l, &f, in, out, len > 0 ? payload : NULL, pf);
}

void peer_adapt(struct peer *p, struct peer_link *l, struct peer_frame *f)
{
	struct peer_asked a;
	uint32_t type;

	if (f->ctl_n < XE_PREFIX_LEN)
		return;
	type = xe_get32(f->ctl + 4);
	if (type == XE_NEXUS_SETUP_REQ || type == XE_NEXUS_SETUP_RSP)
		return;
	if (type != XE_SESSION_SETUP_REQ)
		xe_put32(f->ctl + OFF_DST,
			 p->session[p->session_at % PEER_SESSIONS]);
	if ((type & XE_TYPE_RESPONSE) &&
	    peer_asked(l, type ^ (XE_TYPE_REQUEST | XE_TYPE_RESPONSE), &a,
		       type != XE_MSG_RSP ||
		       (xe_get32(f->ctl + 20) & XE_FL_LAST)))
		xe_put32(f->ctl + OFF_RTID, a.ltid);
}

void peer_sent(struct peer *p, struct peer_link *l,
	       const struct peer_frame *f)
{
	struct peer_numbers *n = peer_numbers(p, l);
	uint32_t type;

	if (f->ctl_n < XE_PREFIX_LEN)
		return;
	type = xe_get32(f->ctl + 4);
	l->tsn++;
	if (type & XE_TYPE_REQUEST)
		l->ltid = xe_get32(f->ctl + OFF_LTID) + 1;
	if (type == XE_FIN_REQ)
		n->fin_sent = true;
	if (type == XE_SESSION_SETUP_REQ || type == XE_SESSION_SETUP_RSP) {
		if (f->dat && f->dat_n >= 4)
			p->own_session = xe_get32(f->dat);
		else if (f->ctl_n >= XE_PREFIX_LEN + 4)
			p->own_session = xe_get32(f->ctl + XE_PREFIX_LEN);
	}
	if (!xe_type_is_app(type) && type != XE_ACK_REQ)
		return;
	if (type & XE_TYPE_RESPONSE) {
		n->rsp_sn = (uint16_t)(xe_get16(f->ctl + OFF_SN) + 1);
		return;
	}
	n->req_sn = (uint16_t)(xe_get16(f->ctl + OFF_SN) + 1);
	if (type != XE_ACK_REQ)
		n->serial = xe_get64(f->ctl + OFF_SERIAL) + 1;
}

static void send_data(struct peer *p, struct peer_link *l,
		      const struct peer_frame *f, enum peer_cut cut)
{
	uint8_t few[512];

	if (f->dat) {
		peer_write(p, l, DAT, f->dat, f->dat_n, cut);
	} else if (f->fill >= 0 && f->dat_n <= sizeof(few)) {
		memset(few, f->fill, f->dat_n);
		peer_write(p, l, DAT, few, f->dat_n, cut);
	} else if (f->fill >= 0) {
		peer_fill(p, l, DAT, (uint8_t)f->fill, f->dat_n);
	}
}

static void send_behind(struct peer *p, struct peer_link *l)
{
	size_t n = l->behind_n;

	l->behind_n = 0;
	if (n)
		peer_write(p, l, DAT, l->behind, n, CUT_NONE);
}

/* Keeps the data for later; more than there is room for goes out. */
static void keep_behind(struct peer *p, struct peer_link *l,
			const struct peer_frame *f, enum peer_cut cut)
{
	if (l->behind_n + f->dat_n > PEER_BEHIND) {
		send_behind(p, l);
		send_data(p, l, f, cut);
		return;
	}
	if (f->dat)
		memcpy(l->behind + l->behind_n, f->dat, f->dat_n);
	else if (f->fill >= 0)
		memset(l->behind + l->behind_n, f->fill, f->dat_n);
	else
		return;
	l->behind_n += f->dat_n;
}

void peer_send(struct peer *p, struct peer_link *l, struct peer_frame *f,
	       enum peer_order order, enum peer_cut cut)
{
	fuzz_stats[STAT_FRAMES_IN]++;
	if (!l->dual)
		order = ORDER_CTL_DAT;
	if (order == ORDER_DAT_CTL || order == ORDER_DAT_ALONE) {
		send_behind(p, l);
		send_data(p, l, f, cut);
	}
	if (order != ORDER_DAT_ALONE)
		peer_write(p, l, CTL, f->ctl, f->ctl_n, cut);
	if (order == ORDER_CTL_DAT) {
		send_behind(p, l);
		send_data(p, l, f, cut);
	} else if (order == ORDER_CTL_ALONE) {
		keep_behind(p, l, f, cut);
	}
	free(f->mem);
	f->mem = NULL;
}

/* ---- a well-behaved peer --------------------------------------------- */

static void send_right(struct peer *p, struct peer_link *l, uint32_t type,
		       uint8_t shape, uint8_t more)
{
	static struct peer_frame f;

	peer_make(p, l, type, shape, more, &f);
	peer_sent(p, l, &f);
	peer_send(p, l, &f, ORDER_CTL_DAT, CUT_NONE);
}

unsigned int peer_answer(struct peer *p, struct peer_link *l, unsigned int n)
{
	unsigned int done;

	for (done = 0; done < n && l->asked_nr > 0; done++) {
		uint32_t type = l->asked[0].type;

		/* Answers take the oldest of their kind: this one. */
		send_right(p, l, type ^ (XE_TYPE_REQUEST | XE_TYPE_RESPONSE),
			   0x42, type == XE_MSG_REQ);
		if (type == XE_FIN_REQ && !peer_numbers(p, l)->fin_sent)
			send_right(p, l, XE_FIN_REQ, 0, 0);
	}
	return done;
}
