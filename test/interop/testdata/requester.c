/* SPDX-License-Identifier: Apache-2.0 */
/* requester.c - keeps opt.depth requests in flight and checks the responses. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

static void *must_alloc(size_t n)
{
	void *p = calloc(1, n > 0 ? n : 1);

	if (p == NULL) {
		say("fatal out of memory");
		exit(4);
	}
	return p;
}

static void allocate_slots(struct link *l)
{
	size_t out = sizes_max(&opt.size);
	size_t in = opt.echo ? out : sizes_max(&opt.rsp);

	l->slots = must_alloc(opt.depth * sizeof(*l->slots));
	for (unsigned i = 0; i < opt.depth; i++) {
		struct slot *s = &l->slots[i];

		s->kind = KIND_REQUEST;
		s->out = must_alloc(out);
		if (opt.in == IN_OWN)
			s->in = must_alloc(in);
	}
}

void requester_free(struct link *l)
{
	for (unsigned i = 0; l->slots != NULL && i < opt.depth; i++) {
		free(l->slots[i].out);
		free(l->slots[i].in);
	}
	free(l->slots);
	l->slots = NULL;
}

/* Cuts the data into segments of about equal length. */
static void set_data(struct xio_vmsg *v, uint8_t *p, size_t len)
{
	unsigned segs = len < opt.segs ? 1 : opt.segs;
	size_t part = len / segs;

	v->sgl_type = XIO_SGL_TYPE_IOV;
	v->data_iov.max_nents = XIO_IOVLEN;
	if (len == 0)
		return;
	v->data_iov.nents = segs;
	for (unsigned i = 0; i < segs; i++) {
		v->data_iov.sglist[i].iov_base = p + i * part;
		v->data_iov.sglist[i].iov_len =
			i + 1 < segs ? part : len - i * part;
	}
}

static void set_in(struct xio_vmsg *v, uint8_t *p, size_t len)
{
	v->sgl_type = XIO_SGL_TYPE_IOV;
	v->data_iov.max_nents = XIO_IOVLEN;
	if (opt.in == IN_NONE || len == 0)
		return;
	v->data_iov.nents = 1;
	v->data_iov.sglist[0].iov_base = opt.in == IN_OWN ? p : NULL;
	v->data_iov.sglist[0].iov_len = len;
}

static bool send_next(struct link *l, struct slot *s)
{
	size_t hlen, dlen;

	s->n = l->next_n++;
	hlen = sizes_pick(&opt.hdr, s->n);
	dlen = sizes_pick(&opt.size, s->n);
	xio_reinit_msg(&s->msg);
	pattern_fill(s->hdr, hlen, s->n, REQ_HEADER);
	pattern_fill(s->out, dlen, s->n, REQ_DATA);
	if (hlen > 0) {
		s->msg.out.header.iov_base = s->hdr;
		s->msg.out.header.iov_len = hlen;
	}
	set_data(&s->msg.out, s->out, dlen);
	set_in(&s->msg.in, s->in,
	       opt.echo ? dlen : sizes_pick(&opt.rsp, s->n));
	s->msg.user_context = s;
	if (xio_send_request(l->conn, &s->msg) != 0) {
		if (!l->closing) {
			say("send-failed n=%llu error=%d",
			    (unsigned long long)s->n, xio_errno());
			count.errors++;
		}
		return false;
	}
	count.sent++;
	return true;
}

void requester_start(struct link *l)
{
	if (l->slots == NULL)
		allocate_slots(l);
	l->sending = true;
	if (opt.count == 0) {
		say("all-ended");
		if (opt.close)
			link_close(l);
		return;
	}
	for (unsigned i = 0; i < opt.depth && l->next_n < opt.count; i++)
		if (!send_next(l, &l->slots[i]))
			return;
}

static void request_ended(struct link *l)
{
	if (++l->ended == opt.count) {
		l->sending = false;
		say("all-ended");
		if (opt.close)
			link_close(l);
	}
}

void requester_response(struct link *l, struct xio_msg *msg)
{
	struct slot *s = msg->user_context;
	bool good;

	if (opt.echo)
		good = pattern_check(&msg->in, sizes_pick(&opt.hdr, s->n),
				     sizes_pick(&opt.size, s->n), s->n,
				     REQ_HEADER, REQ_DATA);
	else
		good = pattern_check(&msg->in, sizes_pick(&opt.rsphdr, s->n),
				     sizes_pick(&opt.rsp, s->n), s->n,
				     RSP_HEADER, RSP_DATA);
	if (!good) {
		if (count.bad == 0)
			say("bad-response n=%llu header=%zu data=%zu",
			    (unsigned long long)s->n, msg->in.header.iov_len,
			    vmsg_data_len(&msg->in));
		count.bad++;
	}
	count.responses++;
	if (count.responses == 1 || count.responses == 100)
		say("responses %llu", (unsigned long long)count.responses);
	xio_release_response(msg);
	request_ended(l);
	if (l->sending && !l->closing && l->next_n < opt.count)
		send_next(l, s);
}

void requester_error(struct link *l, enum xio_status error,
		     enum xio_msg_direction dir, struct xio_msg *msg)
{
	if (dir == XIO_MSG_DIRECTION_IN) {
		xio_release_response(msg);
		say("response-error error=%d", (int)error);
		count.errors++;
	} else if (error == XIO_E_MSG_FLUSHED) {
		count.flushed++;
	} else {
		say("request-error error=%d", (int)error);
		count.errors++;
	}
	request_ended(l);
}
