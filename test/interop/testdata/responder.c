/* SPDX-License-Identifier: Apache-2.0 */
/* responder.c - checks requests and answers them, at once or on command. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

/* Memory for the data of one large request. It is on a list until then, as a
 * request whose connection breaks half-way never arrives. */
struct block {
	struct block	*next, **prev;
	_Alignas(64) uint8_t mem[];
};

static struct block *blocks;
static struct reply *unused;
static uint8_t *seen;		/* a bit for every number that arrived */
static uint64_t seen_bits;

static void *must_realloc(void *old, size_t n)
{
	void *p = realloc(old, n);

	if (p == NULL) {
		say("fatal out of memory");
		exit(4);
	}
	return p;
}

static void block_free(void *mem)
{
	struct block *b;

	if (mem == NULL)
		return;
	b = (struct block *)((uint8_t *)mem - offsetof(struct block, mem));
	*b->prev = b->next;
	if (b->next != NULL)
		b->next->prev = b->prev;
	free(b);
}

int responder_assign(struct xio_msg *msg, void *conn_user_context)
{
	struct xio_iovec_ex *sgl = vmsg_sglist(&msg->in);
	uint32_t nents = vmsg_sglist_nents(&msg->in);
	size_t len = vmsg_data_len(&msg->in), off = 0;
	struct block *b;

	(void)conn_user_context;
	b = aligned_alloc(64, (sizeof(*b) + len + 63) / 64 * 64);
	if (b == NULL)
		return -1;
	b->next = blocks;
	b->prev = &blocks;
	if (blocks != NULL)
		blocks->prev = &b->next;
	blocks = b;
	for (uint32_t i = 0; i < nents; i++) {
		sgl[i].iov_base = b->mem + off;
		sgl[i].mr = NULL;
		off += sgl[i].iov_len;
	}
	msg->user_context = b->mem;
	return 0;
}

static struct reply *reply_get(void)
{
	struct reply *r = unused;

	if (r == NULL) {
		r = must_realloc(NULL, sizeof(*r));
		r->out = NULL;
		r->cap = 0;
	} else {
		unused = r->next;
	}
	r->kind = KIND_RESPONSE;
	r->next = NULL;
	r->assigned = NULL;
	r->last = false;
	return r;
}

static void reply_put(struct reply *r)
{
	block_free(r->assigned);
	r->assigned = NULL;
	r->next = unused;
	unused = r;
}

void responder_free(void)
{
	while (unused != NULL) {
		struct reply *r = unused;

		unused = r->next;
		free(r->out);
		free(r);
	}
	while (blocks != NULL)
		block_free(blocks->mem);
	free(seen);
	seen = NULL;
}

/* Says whether a number arrives for the first time. */
static bool first_time(uint64_t n)
{
	if (n >= UINT64_C(1) << 32)
		return false;
	if (n >= seen_bits) {
		uint64_t bits = n + 65536;

		seen = must_realloc(seen, (size_t)(bits / 8 + 1));
		memset(seen + (seen_bits == 0 ? 0 : seen_bits / 8 + 1), 0,
		       (size_t)(bits / 8 + 1 -
				(seen_bits == 0 ? 0 : seen_bits / 8 + 1)));
		seen_bits = bits;
	}
	if (seen[n / 8] & (1u << (n % 8)))
		return false;
	seen[n / 8] |= (uint8_t)(1u << (n % 8));
	return true;
}

static void set_echo(struct xio_vmsg *out, const struct xio_vmsg *in)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(in);
	uint32_t nents = vmsg_sglist_nents(in);

	out->header = in->header;
	out->data_iov.nents = nents;
	for (uint32_t i = 0; i < nents && i < XIO_IOVLEN; i++) {
		out->data_iov.sglist[i].iov_base = sgl[i].iov_base;
		out->data_iov.sglist[i].iov_len = sgl[i].iov_len;
	}
}

static void set_response(struct reply *r, uint64_t n)
{
	size_t hlen = sizes_pick(&opt.rsphdr, n);
	size_t dlen = sizes_pick(&opt.rsp, n);

	if (dlen > r->cap) {
		r->out = must_realloc(r->out, dlen);
		r->cap = dlen;
	}
	pattern_fill(r->hdr, hlen, n, RSP_HEADER);
	pattern_fill(r->out, dlen, n, RSP_DATA);
	if (hlen > 0) {
		r->msg.out.header.iov_base = r->hdr;
		r->msg.out.header.iov_len = hlen;
	}
	if (dlen > 0) {
		r->msg.out.data_iov.nents = 1;
		r->msg.out.data_iov.sglist[0].iov_base = r->out;
		r->msg.out.data_iov.sglist[0].iov_len = dlen;
	}
}

static void answer(struct reply *r)
{
	uint64_t n;

	pattern_number(&r->req->in, &n);
	xio_reinit_msg(&r->msg);
	r->msg.request = r->req;
	r->msg.out.sgl_type = XIO_SGL_TYPE_IOV;
	r->msg.out.data_iov.max_nents = XIO_IOVLEN;
	if (opt.echo)
		set_echo(&r->msg.out, &r->req->in);
	else
		set_response(r, n);
	r->msg.user_context = r;
	/* Completions come late without this; large memory must not wait. */
	if (r->last || r->assigned != NULL ||
	    vmsg_data_len(&r->msg.out) > 8192)
		r->msg.flags = XIO_MSG_FLAG_IMM_SEND_COMP;
	if (xio_send_response(&r->msg) != 0) {
		say("response-failed error=%d", xio_errno());
		count.errors++;
	}
}

void responder_request(struct link *l, struct xio_msg *req)
{
	struct reply *r = reply_get();
	uint64_t n;
	bool known = pattern_number(&req->in, &n);

	r->req = req;
	if (req->hints & XIO_MSG_HINT_ASSIGNED_DATA_IN_BUF)
		r->assigned = req->user_context;
	if (!pattern_check(&req->in, sizes_pick(&opt.hdr, n),
			   sizes_pick(&opt.size, n), n, REQ_HEADER, REQ_DATA) ||
	    (known && !first_time(n))) {
		if (count.bad == 0)
			say("bad-request n=%llu header=%zu data=%zu",
			    (unsigned long long)n, req->in.header.iov_len,
			    vmsg_data_len(&req->in));
		count.bad++;
	}
	count.received++;
	if (++l->received == opt.count)
		r->last = opt.close;
	if (opt.hold) {
		*l->held_end = r;
		l->held_end = &r->next;
		say("held %llu", (unsigned long long)l->received);
		return;
	}
	answer(r);
}

void responder_complete(struct link *l, struct xio_msg *rsp)
{
	struct reply *r = rsp->user_context;
	bool last = r->last;

	count.answered++;
	reply_put(r);
	if (last)
		link_close(l);
}

void responder_error(struct link *l, enum xio_status error,
		     struct xio_msg *rsp)
{
	(void)l;
	if (error == XIO_E_MSG_DISCARDED || error == XIO_E_MSG_FLUSHED) {
		count.discarded++;
	} else {
		say("answer-error error=%d", (int)error);
		count.errors++;
	}
	reply_put(rsp->user_context);
}

/* Answers what was held; on a closed connection the library gives it back. */
void responder_release(struct link *l)
{
	struct reply *r = l->held;

	l->held = NULL;
	l->held_end = &l->held;
	while (r != NULL) {
		struct reply *next = r->next;

		answer(r);
		r = next;
	}
}
