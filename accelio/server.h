/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - struct xio_server: a listener and what its sessions start with
 * (accelio-api 1.7). It lives until it is unbound and its links are gone.
 */
#ifndef XE_SERVER_H
#define XE_SERVER_H

#include "context.h"
#include "transport.h"

struct xio_server {
	struct xe_list link;		/* ctx->servers */
	struct xio_context *ctx;
	struct xe_listener *listener;	/* NULL when unbound */
	struct xio_session_ops ops;
	void *user_context;
	unsigned int refs;		/* the application's and the links' */
	unsigned int links;		/* accepted and open */
	unsigned int conns;		/* of sessions, on all links */
};

void xe_server_ref(struct xio_server *s);
void xe_server_put(struct xio_server *s);
/* Stops listening and lets go of the application's reference. */
void xe_server_unbind(struct xio_server *s);

#endif
