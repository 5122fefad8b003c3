/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xio_connect, and what can be asked of a connection (accelio-api 1.6).
 */
#include <errno.h>
#include <string.h>

#include "connection.h"
#include "registry.h"
#include "session.h"

static struct xio_connection *fail(int err)
{
	xe_set_errno(err);
	return NULL;
}

static struct xio_connection *connect_to(struct xio_session *s,
					 struct xio_connection_params *cparams)
{
	struct xio_connection *c;
	int err;

	if (s->type != XIO_SESSION_CLIENT)
		return fail(EINVAL);
	c = xe_conn_new(s, cparams->ctx, &s->ops, cparams->conn_user_context);
	if (!c)
		return NULL;
	c->tos = cparams->enable_tos ? cparams->tos : -1;
	c->conn_idx = cparams->conn_idx;
	c->disconnect_secs = cparams->disconnect_timeout_secs;
	err = 0;
	if (cparams->out_addr) {
		c->out_addr = xe_strndup(cparams->out_addr,
					 strlen(cparams->out_addr));
		err = c->out_addr ? 0 : ENOMEM;
	}
	if (!err)
		err = xe_session_join(c);
	if (err) {
		/* Nobody has heard of it. */
		c->silent = true;
		xe_conn_free(c);
		return fail(err);
	}
	return c;
}

struct xio_connection *xio_connect(struct xio_connection_params *cparams)
{
	struct xio_connection *c;

	if (!cparams || !xe_registry_has(XE_HANDLE_CONTEXT, cparams->ctx) ||
	    !xe_registry_hold_session(cparams->session))
		return fail(EINVAL);
	c = connect_to(cparams->session, cparams);
	xe_session_drop(cparams->session);
	return c;
}

int xio_modify_connection(struct xio_connection *conn,
			  struct xio_connection_attr *attr, int attr_mask)
{
	if (!conn || !attr)
		return xe_fail(EINVAL);
	if (attr_mask & XIO_CONNECTION_ATTR_USER_CTX)
		conn->user_context = attr->user_context;
	if (attr_mask & XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT)
		conn->disconnect_secs = attr->disconnect_timeout_secs;
	return 0;
}

int xio_query_connection(struct xio_connection *conn,
			 struct xio_connection_attr *attr, int attr_mask)
{
	if (!conn || !attr)
		return xe_fail(EINVAL);
	if (attr_mask & XIO_CONNECTION_ATTR_USER_CTX)
		attr->user_context = conn->user_context;
	if (attr_mask & XIO_CONNECTION_ATTR_CTX)
		attr->ctx = conn->ctx;
	if (attr_mask & XIO_CONNECTION_ATTR_PROTO)
		attr->proto = XIO_PROTO_TCP;
	if (attr_mask & XIO_CONNECTION_ATTR_PEER_ADDR)
		attr->peer_addr = conn->peer;
	if (attr_mask & XIO_CONNECTION_ATTR_LOCAL_ADDR)
		attr->local_addr = conn->local;
	if (attr_mask & XIO_CONNECTION_ATTR_DISCONNECT_TIMEOUT)
		attr->disconnect_timeout_secs = conn->disconnect_secs;
	return 0;
}

int xio_connection_ioctl(struct xio_connection *connection, int con_optname,
			 void *optval, int *optlen)
{
	struct xio_connection *c = connection;

	if (!c || !optval || !optlen)
		return xe_fail(EINVAL);
	switch (con_optname) {
	case XIO_CONNECTION_FIONWRITE_BYTES:
		*(uint64_t *)optval = xe_flow_free_bytes(c);
		*optlen = sizeof(uint64_t);
		return 0;
	case XIO_CONNECTION_FIONWRITE_MSGS:
		*(int *)optval = (int)xe_flow_free_msgs(c);
		*optlen = sizeof(int);
		return 0;
	case XIO_CONNECTION_LEADING_CONN:
		*(int *)optval = c->lead;
		*optlen = sizeof(int);
		return 0;
	default:
		return xe_fail(XIO_E_NOT_SUPPORTED);
	}
}
