/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rdma.c - what there is only over RDMA: the peer's memory, read and written
 * directly, and looking for completions.
 *
 * Design notes
 * - libxio sleeps through completions that lie in the queue when it goes from
 *   looking to waiting, on devices that give no event for those (soft-RoCE). A
 *   turn therefore looks by itself, and Go sees to it that turns come (nudge.go).
 * - The library knows the key of a piece of memory by connection, and finds the
 *   connection by a message: there must be one in hand.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "internal.h"

void xg_ctx_polls(struct xg_ctx *c)
{
	c->polls = 1;
}

int xg_rdma_devices(void)
{
	int n = 0, len = sizeof(n);

	if (xio_get_opt(NULL, XIO_OPTLEVEL_RDMA, XIO_OPTNAME_RDMA_NUM_DEVICES, &n, &len))
		return 0;
	return n;
}

/* More than a connection locks at its beginning. */
#define ROOM	(32u << 20)

int xg_rdma_room(void)
{
	struct xio_reg_mem m;
	struct rlimit lim;
	void *p;
	int err = ENOMEM;

	/* Where there is no limit, and where there is no device, all is well. */
	if (getrlimit(RLIMIT_MEMLOCK, &lim) || lim.rlim_cur == RLIM_INFINITY ||
	    xg_rdma_devices() == 0)
		return 0;
	p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return ENOMEM;
	memset(&m, 0, sizeof(m));
	if (xio_mem_register(p, ROOM, &m) == 0) {
		xio_mem_dereg(&m);
		err = 0;
	}
	munmap(p, ROOM);
	return err;
}

int xg_is_rdma(struct xg_conn *cn)
{
	struct xio_connection_attr a;

	memset(&a, 0, sizeof(a));
	return cn->xio &&
	       xio_query_connection(cn->xio, &a, XIO_CONNECTION_ATTR_PROTO) == 0 &&
	       a.proto == XIO_PROTO_RDMA;
}

void *xg_rx_mr(struct xg_rx *r)
{
	return r->block->mem.mr;
}

static void reg_mem(struct xio_reg_mem *m, void *base, uint64_t len, void *mr)
{
	memset(m, 0, sizeof(*m));
	m->addr = base;
	m->length = len;
	m->mr = mr;
}

/* A libxio that was built without RDMA does not have them. */
#pragma weak xio_lookup_rkey_by_response
#pragma weak xio_lookup_rkey_by_request

uint32_t xg_key_by_tx(struct xg_tx *t, void *base, uint64_t len, void *mr)
{
	struct xio_reg_mem m;

	reg_mem(&m, base, len, mr);
	return t->conn->xio && xio_lookup_rkey_by_response ?
		xio_lookup_rkey_by_response(&m, &t->msg) : 0;
}

uint32_t xg_key_by_rx(struct xg_rx *r, void *base, uint64_t len, void *mr)
{
	struct xio_reg_mem m;

	reg_mem(&m, base, len, mr);
	return r->conn->xio && xio_lookup_rkey_by_request ?
		xio_lookup_rkey_by_request(&m, r->req) : 0;
}

void xg_release_now(struct xg_tx *t)
{
	xg_here = t->conn->ctx;
	xg_release(t);
}

void xg_send_rdma(struct xg_tx *t)
{
	struct xio_msg *m = &t->msg;

	memset(m, 0, sizeof(*m));
	xg_fill_out(&m->out, &t->out, t->buf);
	m->type = XIO_MSG_TYPE_RDMA;
	m->rdma.is_read = (int)t->rdma_read;
	m->rdma.length = t->remote.length;
	m->rdma.nents = 1;
	m->rdma.rsg_list = &t->remote;
	m->user_context = t;
	t->state = XG_SLOT_BUSY;
	if (t->conn->torn || !t->conn->xio) {
		xg_tx_ended(t, XIO_E_MSG_FLUSHED);
		return;
	}
	errno = 0;
	if (xio_send_rdma(t->conn->xio, m))
		xg_tx_ended(t, xg_error());
}

int xg_on_rdma(struct xio_session *s, struct xio_msg *m, void *user)
{
	return xg_on_msg_gone(s, m, user);
}
