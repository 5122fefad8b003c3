/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload.c - connect message, nexus setup, session setup and cancel
 * (accelio-wire 1.4, 2, 5 and 6.8): the other half of frame.h.
 *
 * Design notes: as in frame.c. The variable parts of session setup are read
 * through a cursor that never passes the end, and must fill the payload
 * exactly. Decoded texts and private data point into the source bytes.
 */
#include <errno.h>
#include <string.h>

#include "be.h"
#include "frame.h"

#define BUF_SIZE_MIN	1024	/* no set of options gives less */
#define NEXUS_RECONNECT	1

/* --- connect message (1.4) ------------------------------------------ */

void xe_connect_encode(const struct xe_connect *c, uint8_t dst[8])
{
	xe_put32(dst, c->type);
	xe_put16(dst + 4, c->second_port);
	xe_put16(dst + 6, 0);
}

int xe_connect_decode(const uint8_t src[8], uint16_t own_port,
		      struct xe_connect *c)
{
	c->type = xe_get32(src);
	c->second_port = xe_get16(src + 4);
	switch (c->type) {
	case XE_SOCK_SINGLE:
		c->second_port = 0;
		return 0;
	case XE_SOCK_CONTROL:
	case XE_SOCK_DATA:
		if (c->second_port == 0 || c->second_port == own_port)
			return -EPROTO;
		return 0;
	default:
		return -EPROTO;
	}
}

/* --- nexus setup (2.1, 2.2) ----------------------------------------- */

static uint32_t kin_mark(const struct xe_nexus_setup *s)
{
	return s->response ? XE_KIN_RSP ^ s->cid : XE_KIN_REQ;
}

/* The part that both frames end with: size, limits, mark. */
static void put_nexus_limits(const struct xe_nexus_setup *s, uint8_t *p)
{
	xe_put64(p, s->buf_size);
	xe_put32(p + 8, s->max_in);
	xe_put32(p + 12, s->max_out);
	xe_put32(p + 16, s->max_hdr);
	xe_put32(p + 20, s->kin ? kin_mark(s) : 0);
}

static void get_nexus_limits(const uint8_t *p, struct xe_nexus_setup *s)
{
	s->buf_size = xe_get64(p);
	s->max_in = xe_get32(p + 8);
	s->max_out = xe_get32(p + 12);
	s->max_hdr = xe_get32(p + 16);
	s->kin = xe_get32(p + 20) == kin_mark(s);
}

size_t xe_nexus_setup_encode(const struct xe_nexus_setup *s, uint8_t *dst)
{
	size_t total = s->response ? XE_NEXUS_RSP_LEN : XE_NEXUS_REQ_LEN;
	uint8_t *p = dst + XE_TLV_LEN;

	xe_put32(dst, XE_MAGIC);
	xe_put32(dst + 4, s->response ? XE_NEXUS_SETUP_RSP :
					XE_NEXUS_SETUP_REQ);
	xe_put64(dst + 8, total - XE_TLV_LEN);
	if (s->response) {
		xe_put32(p, s->cid);
		xe_put32(p + 4, s->status);
		xe_put16(p + 8, s->version);
		xe_put16(p + 10, s->flags);
		put_nexus_limits(s, p + 12);
	} else {
		xe_put16(p, s->version);
		xe_put16(p + 2, s->flags);
		xe_put32(p + 4, s->cid);
		put_nexus_limits(s, p + 8);
	}
	return total;
}

static bool iov_limit_ok(uint32_t n)
{
	return n >= 1 && n <= XIO_MAX_IOV;
}

int xe_nexus_setup_decode(uint32_t type, const uint8_t *src, size_t n,
			  struct xe_nexus_setup *s)
{
	memset(s, 0, sizeof(*s));
	if (type == XE_NEXUS_SETUP_RSP && n == XE_NEXUS_RSP_LEN - XE_TLV_LEN) {
		s->response = true;
		s->cid = xe_get32(src);
		s->status = xe_get32(src + 4);
		s->version = xe_get16(src + 8);
		s->flags = xe_get16(src + 10);
		get_nexus_limits(src + 12, s);
	} else if (type == XE_NEXUS_SETUP_REQ &&
		   n == XE_NEXUS_REQ_LEN - XE_TLV_LEN) {
		s->version = xe_get16(src);
		s->flags = xe_get16(src + 2);
		s->cid = xe_get32(src + 4);
		get_nexus_limits(src + 8, s);
	} else {
		return -EPROTO;
	}
	if (s->version != XE_PROTO_VERSION || s->flags & ~NEXUS_RECONNECT)
		return -EPROTO;
	/* A refusal says nothing about sizes. */
	if (s->status != 0)
		return 0;
	if (s->buf_size < BUF_SIZE_MIN || !iov_limit_ok(s->max_in) ||
	    !iov_limit_ok(s->max_out))
		return -EPROTO;
	return 0;
}

/* --- session setup (5.3, 5.4) --------------------------------------- */

struct writer {
	uint8_t *p;
	size_t used;
	size_t cap;	/* what does not fit is counted, not written */
};

static void put_bytes(struct writer *w, const void *src, size_t n)
{
	if (n != 0 && w->used <= w->cap && n <= w->cap - w->used)
		memcpy(w->p + w->used, src, n);
	w->used += n;
}

static void put16(struct writer *w, uint16_t v)
{
	uint8_t b[2];

	xe_put16(b, v);
	put_bytes(w, b, sizeof(b));
}

static void put32(struct writer *w, uint32_t v)
{
	uint8_t b[4];

	xe_put32(b, v);
	put_bytes(w, b, sizeof(b));
}

static void put64(struct writer *w, uint64_t v)
{
	uint8_t b[8];

	xe_put64(b, v);
	put_bytes(w, b, sizeof(b));
}

static int writer_end(const struct writer *w)
{
	if (w->used > w->cap || w->used > XE_SETUP_MAX)
		return -EMSGSIZE;
	return (int)w->used;
}

struct reader {
	const uint8_t *p;
	size_t left;
	bool bad;	/* the end was passed; all values are 0 from there */
};

static const uint8_t *get_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->left -= n;
	return p;
}

static uint16_t get16(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 2);

	return p ? xe_get16(p) : 0;
}

static uint32_t get32(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 4);

	return p ? xe_get32(p) : 0;
}

static uint64_t get64(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 8);

	return p ? xe_get64(p) : 0;
}

/* A URI: not empty, no zero inside. */
static const char *get_text(struct reader *r, uint16_t n)
{
	const uint8_t *p = get_bytes(r, n);

	if (!p || n == 0 || memchr(p, 0, n)) {
		r->bad = true;
		return NULL;
	}
	return (const char *)p;
}

static const void *get_private(struct reader *r, uint16_t n)
{
	const uint8_t *p = get_bytes(r, n);

	return n == 0 ? NULL : p;
}

static int reader_end(const struct reader *r)
{
	return r->bad || r->left != 0 ? -EPROTO : 0;
}

int xe_session_req_encode(const struct xe_session_req *r, uint8_t *dst,
			  size_t cap)
{
	struct writer w = { dst, 0, cap };

	put32(&w, r->session_id);
	put64(&w, r->snd_bytes);
	put64(&w, r->rcv_bytes);
	put16(&w, r->snd_msgs);
	put16(&w, r->rcv_msgs);
	put16(&w, r->uri_len);
	put16(&w, r->priv_len);
	put_bytes(&w, r->uri, r->uri_len);
	put_bytes(&w, r->priv, r->priv_len);
	return writer_end(&w);
}

int xe_session_req_decode(const uint8_t *src, size_t n,
			  struct xe_session_req *r)
{
	struct reader in = { src, n, false };

	memset(r, 0, sizeof(*r));
	if (n > XE_SETUP_MAX)
		return -EMSGSIZE;
	r->session_id = get32(&in);
	r->snd_bytes = get64(&in);
	r->rcv_bytes = get64(&in);
	r->snd_msgs = get16(&in);
	r->rcv_msgs = get16(&in);
	r->uri_len = get16(&in);
	r->priv_len = get16(&in);
	r->uri = get_text(&in, r->uri_len);
	r->priv = get_private(&in, r->priv_len);
	return reader_end(&in);
}

static void put_portals(struct writer *w, const struct xe_session_rsp *r)
{
	unsigned int i;

	for (i = 0; i < r->portals_nr; i++) {
		put16(w, r->portals[i].len);
		put_bytes(w, r->portals[i].s, r->portals[i].len);
	}
}

int xe_session_rsp_encode(const struct xe_session_rsp *r, uint8_t *dst,
			  size_t cap)
{
	struct writer w = { dst, 0, cap };

	if (r->portals_nr > XE_PORTALS_MAX)
		return -EMSGSIZE;
	put32(&w, r->session_id);
	put16(&w, r->action);
	switch (r->action) {
	case XE_ACTION_ACCEPT:
		put64(&w, r->snd_bytes);
		put64(&w, r->rcv_bytes);
		put16(&w, r->snd_msgs);
		put16(&w, r->rcv_msgs);
		put16(&w, r->portals_nr);
		put16(&w, r->priv_len);
		put_portals(&w, r);
		put_bytes(&w, r->priv, r->priv_len);
		break;
	case XE_ACTION_REDIRECT:
		if (r->portals_nr == 0)
			return -EINVAL;
		put16(&w, r->portals_nr);
		put16(&w, 0);
		put_portals(&w, r);
		break;
	case XE_ACTION_REJECT:
		put32(&w, r->reason);
		put16(&w, r->priv_len);
		put_bytes(&w, r->priv, r->priv_len);
		break;
	default:
		return -EINVAL;
	}
	return writer_end(&w);
}

static void get_portals(struct reader *in, struct xe_session_rsp *r)
{
	unsigned int i;

	for (i = 0; i < r->portals_nr && !in->bad; i++) {
		r->portals[i].len = get16(in);
		r->portals[i].s = get_text(in, r->portals[i].len);
	}
}

int xe_session_rsp_decode(const uint8_t *src, size_t n,
			  struct xe_session_rsp *r)
{
	struct reader in = { src, n, false };

	memset(r, 0, sizeof(*r));
	if (n > XE_SETUP_MAX)
		return -EMSGSIZE;
	r->session_id = get32(&in);
	r->action = get16(&in);
	switch (r->action) {
	case XE_ACTION_ACCEPT:
		r->snd_bytes = get64(&in);
		r->rcv_bytes = get64(&in);
		r->snd_msgs = get16(&in);
		r->rcv_msgs = get16(&in);
		r->portals_nr = get16(&in);
		break;
	case XE_ACTION_REDIRECT:
		r->portals_nr = get16(&in);
		if (r->portals_nr == 0)
			return -EPROTO;
		break;
	case XE_ACTION_REJECT:
		r->reason = get32(&in);
		break;
	default:
		return -EPROTO;
	}
	r->priv_len = get16(&in);
	if (r->portals_nr > XE_PORTALS_MAX)
		return -EMSGSIZE;
	get_portals(&in, r);
	r->priv = get_private(&in, r->priv_len);
	return reader_end(&in);
}

/* --- cancel (6.8) --------------------------------------------------- */

#define CANCEL_HDR_LEN		8
#define CANCEL_INNER_LEN	16

void xe_cancel_encode(const struct xe_cancel *c, uint8_t dst[26])
{
	xe_put16(dst, CANCEL_HDR_LEN);
	xe_put16(dst + 2, c->tsn);
	xe_put32(dst + 4, c->result);
	xe_put16(dst + 8, CANCEL_INNER_LEN);
	xe_put32(dst + 10, c->requester_session);
	xe_put32(dst + 14, c->responder_session);
	xe_put64(dst + 18, c->serial);
}

int xe_cancel_decode(const uint8_t *src, size_t n, struct xe_cancel *c)
{
	memset(c, 0, sizeof(*c));
	if (n != XE_CANCEL_LEN || xe_get16(src) != CANCEL_HDR_LEN ||
	    xe_get16(src + 8) != CANCEL_INNER_LEN)
		return -EPROTO;
	c->tsn = xe_get16(src + 2);
	c->result = xe_get32(src + 4);
	c->requester_session = xe_get32(src + 10);
	c->responder_session = xe_get32(src + 14);
	c->serial = xe_get64(src + 18);
	return 0;
}
