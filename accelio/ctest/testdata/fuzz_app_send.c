/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the application: how they look, and who has them.
 */
#include <string.h>

#include "base.h"
#include "fuzz_app.h"

#define OWN_MAX		65536	/* data up to this is a copy of its own */
#define OUT_MAX		(2u << 20)

/* Sizes of data, with the limits of the wire format and their neighbours. */
static const uint32_t sizes[16] = {
	0, 1, 16, 200, 1000, 8191, 8192, 8193, 9103, 9104, 9119, 9120, 20000,
	65536, 262144, (1u << 20) + 1,
};

static const uint16_t headers[4] = { 0, 8, 255, 256 };
static const uint8_t segments[4] = { 1, 2, 4, 30 };

/* Data that is not worth a copy; it never changes. */
static char pattern[OUT_MAX];

static void *must(void *p)
{
	FUZZ_ASSERT(p);
	return p;
}

/* ---- the out side ---------------------------------------------------- */

/* shape: data size, then header, then segments. */
static void fill_out(struct fuzz_msg *fm, uint8_t shape)
{
	struct xio_vmsg *v = &fm->m.out;
	size_t size = sizes[shape & 15];
	size_t hdr = headers[shape >> 4 & 3];
	unsigned int nr = segments[shape >> 6 & 3];
	size_t used = 0;
	unsigned int i;
	char *data;

	if (hdr) {
		v->header.iov_base = pattern;
		v->header.iov_len = hdr;
	}
	v->sgl_type = XIO_SGL_TYPE_IOV;
	v->data_iov.max_nents = XIO_IOVLEN;
	if (size == 0)
		return;
	data = pattern;
	if (size <= OWN_MAX)
		data = fm->out_mem = must(calloc(1, size));
	if (nr > size)
		nr = (unsigned int)size;
	if (nr > XIO_IOVLEN) {
		fm->sgl = must(calloc(nr, sizeof(*fm->sgl)));
		v->sgl_type = XIO_SGL_TYPE_IOV_PTR;
		v->pdata_iov.sglist = fm->sgl;
		v->pdata_iov.max_nents = nr;
	}
	vmsg_sglist_set_nents(v, nr);
	for (i = 0; i < nr; i++) {
		struct xio_iovec_ex *e = &vmsg_sglist(v)[i];

		e->iov_base = data + used;
		e->iov_len = i + 1 < nr ? size / nr : size - used;
		used += e->iov_len;
	}
}

/* ---- the in side ----------------------------------------------------- */

/*
 * shape: data size; then nothing, lengths alone, one buffer or three; then a
 * buffer for the header.
 */
static void fill_in(struct fuzz_msg *fm, uint8_t shape)
{
	struct xio_vmsg *v = &fm->m.in;
	size_t size = sizes[shape & 15];
	unsigned int how = shape >> 4 & 3;
	unsigned int nr = how == 3 ? 3 : 1;
	size_t hdr = headers[shape >> 6 & 3];
	unsigned int i;

	fm->capacity = SIZE_MAX;
	v->sgl_type = XIO_SGL_TYPE_IOV;
	v->data_iov.max_nents = XIO_IOVLEN;
	/* As long as the peer's limit, it would be an error at once. */
	if (hdr && hdr < 256) {
		fm->in_hdr = must(malloc(hdr));
		v->header.iov_base = fm->in_hdr;
		v->header.iov_len = hdr;
	}
	if (how == 0 || size == 0)
		return;
	if (how > 1) {
		fm->in_mem = must(malloc(size * nr));
		fm->capacity = size * nr;
	}
	for (i = 0; i < nr; i++) {
		v->data_iov.sglist[i].iov_base = fm->in_mem ?
			fm->in_mem + size * i : NULL;
		v->data_iov.sglist[i].iov_len = size;
	}
	vmsg_sglist_set_nents(v, nr);
}

void app_touch(const struct xio_vmsg *v, size_t capacity)
{
	static volatile unsigned int sum;
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	const unsigned char *p = v->header.iov_base;
	unsigned int s = 0;
	size_t total = 0;
	size_t i, k;

	FUZZ_ASSERT(vmsg_sglist_nents(v) <= XIO_MAX_IOV);
	FUZZ_ASSERT(v->header.iov_len <= UINT16_MAX);
	for (i = 0; i < v->header.iov_len; i++)
		s += p[i];
	for (k = 0; k < vmsg_sglist_nents(v); k++) {
		p = sgl[k].iov_base;
		total += sgl[k].iov_len;
		FUZZ_ASSERT(total <= capacity);
		/* Edges and some between: a megabyte takes its time. */
		for (i = 0; i < sgl[k].iov_len;
		     i += sgl[k].iov_len > 4096 ? 509 : 1)
			s += p[i];
		if (sgl[k].iov_len)
			s += p[sgl[k].iov_len - 1];
	}
	sum += s;
	(void)sum;
}

/* ---- life ------------------------------------------------------------ */

struct fuzz_msg *app_msg_new(struct fuzz_conn *fc, enum fuzz_kind kind,
			     uint8_t out, uint8_t in, uint8_t flags)
{
	struct fuzz_msg *fm = must(calloc(1, sizeof(*fm)));

	fm->app = fc->app;
	fm->fc = fc;
	fm->kind = kind;
	fm->polite = fc->polite;
	fm->receipt = flags & XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	xe_list_init(&fm->link);
	fm->m.flags = flags & 0x1f;
	fill_out(fm, out);
	if (kind == KIND_REQUEST)
		fill_in(fm, in);
	return fm;
}

void app_msg_free(struct fuzz_msg *fm)
{
	xe_list_del(&fm->link);
	free(fm->sgl);
	free(fm->out_mem);
	free(fm->in_mem);
	free(fm->in_hdr);
	free(fm);
}

void app_msg_taken(struct fuzz_msg *fm)
{
	fm->state = MSG_OUT;
	fm->app->out_nr++;
	xe_list_add_tail(&fm->app->out, &fm->link);
}

struct fuzz_msg *app_msg_of(struct fuzz_app *a, struct xio_msg *m)
{
	struct xe_list *p;

	xe_list_for_each(p, &a->out) {
		struct fuzz_msg *fm = xe_container_of(p, struct fuzz_msg,
						      link);

		if (&fm->m == m)
			return fm;
	}
	FUZZ_ASSERT(!"a message that the engine does not have");
	return NULL;
}

void app_msg_end(struct fuzz_msg *fm)
{
	if (fm->state == MSG_OUT)
		fm->app->out_nr--;
	app_msg_free(fm);
}

/* ---- sending --------------------------------------------------------- */

/*
 * A chain is taken as a whole or not at all. Messages are with the engine
 * before the call: it may end them inside.
 */
static bool send_chain(struct fuzz_conn *fc, struct fuzz_msg **fm,
		       unsigned int n,
		       int (*send)(struct xio_connection *, struct xio_msg *))
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		fm[i]->m.next = i + 1 < n ? &fm[i + 1]->m : NULL;
		app_msg_taken(fm[i]);
	}
	if (send(fc->c, &fm[0]->m) == 0)
		return true;
	for (i = 0; i < n; i++)
		app_msg_end(fm[i]);
	return false;
}

bool app_send_request(struct fuzz_conn *fc, uint8_t out, uint8_t in,
		      uint8_t flags, unsigned int chain)
{
	struct fuzz_msg *fm[4];
	unsigned int i;

	for (i = 0; i < chain; i++)
		fm[i] = app_msg_new(fc, KIND_REQUEST, out, in, flags);
	return send_chain(fc, fm, chain, xio_send_request);
}

bool app_send_one_way(struct fuzz_conn *fc, uint8_t out, uint8_t flags,
		      unsigned int chain)
{
	struct fuzz_msg *fm[4];
	unsigned int i;

	for (i = 0; i < chain; i++)
		fm[i] = app_msg_new(fc, KIND_ONE_WAY, out, 0, flags);
	return send_chain(fc, fm, chain, xio_send_msg);
}

void app_answer(struct fuzz_conn *fc, struct xio_msg *req, uint8_t shape)
{
	struct fuzz_msg *fm = app_msg_new(fc, KIND_RESPONSE, shape, 0, 0);
	int r;

	fm->m.request = req;
	app_msg_taken(fm);
	r = xio_send_response(&fm->m);
	if (r == 0)
		return;
	/* A shape that its options do not allow: the request still waits. */
	app_msg_end(fm);
	fm = app_msg_new(fc, KIND_RESPONSE, 0, 0, 0);
	fm->m.request = req;
	app_msg_taken(fm);
	FUZZ_ASSERT(xio_send_response(&fm->m) == 0);
}

/* ---- releasing ------------------------------------------------------- */

void app_release_held(struct fuzz_held *h)
{
	FUZZ_ASSERT(!h->request);
	FUZZ_ASSERT(xio_release_msg(h->m) == 0);
	xe_list_del(&h->link);
	free(h);
}

void app_release_kept(struct fuzz_msg *fm)
{
	FUZZ_ASSERT(xio_release_response(&fm->m) == 0);
	/* What the library wrote for us to read is gone now, not ours. */
	app_msg_end(fm);
}

static struct xe_list *end_of(struct xe_list *l, bool newest)
{
	return xe_list_empty(l) ? NULL : newest ? l->prev : l->next;
}

void app_release_one(struct fuzz_app *a, bool newest)
{
	struct xe_list *p = end_of(&a->kept, newest);

	if (p) {
		app_release_kept(xe_container_of(p, struct fuzz_msg, link));
		return;
	}
	xe_list_for_each(p, &a->held) {
		struct fuzz_held *h = xe_container_of(p, struct fuzz_held,
						      link);

		if (!h->request) {
			app_release_held(h);
			return;
		}
	}
}

void app_answer_one(struct fuzz_app *a, bool newest, uint8_t shape)
{
	struct xe_list *p = end_of(&a->held, newest);
	struct fuzz_held *h;

	for (; p && p != &a->held; p = newest ? p->prev : p->next) {
		h = xe_container_of(p, struct fuzz_held, link);
		if (!h->request || !h->fc)
			continue;
		xe_list_del(&h->link);
		app_answer(h->fc, h->m, shape);
		free(h);
		return;
	}
}

/* ---- cancel ---------------------------------------------------------- */

void app_cancel(struct fuzz_conn *fc, bool newest)
{
	struct xe_list *p = end_of(&fc->app->out, newest);
	struct fuzz_msg *fm;

	for (; p && p != &fc->app->out; p = newest ? p->prev : p->next) {
		fm = xe_container_of(p, struct fuzz_msg, link);
		if (fm->kind != KIND_REQUEST || fm->fc != fc || fm->canceling)
			continue;
		fm->canceling = true;
		/* It may end inside a call that succeeds. */
		if (xio_cancel_request(fc->c, &fm->m) == 0)
			fuzz_stats[STAT_CANCELS]++;
		else
			fm->canceling = false;
		return;
	}
}

void app_cancel_answer(struct fuzz_app *a, bool canceled)
{
	struct xe_list *p;

	xe_list_for_each(p, &a->held) {
		struct fuzz_held *h = xe_container_of(p, struct fuzz_held,
						      link);

		if (!h->request || !h->fc)
			continue;
		if (xio_cancel(h->m, canceled ? XIO_E_MSG_CANCELED :
			       XIO_E_MSG_CANCEL_FAILED) == 0 && canceled) {
			xe_list_del(&h->link);
			free(h);
		}
		return;
	}
}
