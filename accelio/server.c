/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "nexus.h"
#include "registry.h"
#include "server.h"
#include "uri.h"

static void on_accept(void *owner, struct xe_link *l)
{
	xe_nexus_accept(owner, l);
}

void xe_server_ref(struct xio_server *s)
{
	s->refs++;
}

void xe_server_put(struct xio_server *s)
{
	if (--s->refs == 0)
		xe_free(s);
}

struct xio_server *xio_bind(struct xio_context *ctx,
			    struct xio_session_ops *ops, const char *uri,
			    uint16_t *src_port, uint32_t flags,
			    void *cb_user_context)
{
	struct sockaddr_storage addr;
	struct xio_server *s;
	struct xe_uri u;
	socklen_t len;
	uint16_t port;
	int err;

	(void)flags;
	if (!xe_registry_has(XE_HANDLE_CONTEXT, ctx) || !ops || !uri) {
		xe_set_errno(EINVAL);
		return NULL;
	}
	err = xe_uri_parse(uri, &u);
	if (!err && strcmp(u.scheme, "tcp") != 0)
		err = ENOPROTOOPT;
	if (!err)
		err = xe_uri_resolve(&u, true, &addr, &len);
	if (err) {
		xe_set_errno(err);
		return NULL;
	}
	s = xe_zalloc(sizeof(*s));
	if (!s)
		return NULL;
	s->ctx = ctx;
	s->ops = *ops;
	s->user_context = cb_user_context;
	s->refs = 1;
	s->listener = xe_listen(ctx, &addr, len, &port, on_accept, s);
	if (!s->listener) {
		xe_free(s);
		return NULL;
	}
	if (!xe_registry_add(XE_HANDLE_SERVER, s)) {
		xe_listener_close(s->listener);
		xe_free(s);
		return NULL;
	}
	xe_list_add_tail(&ctx->servers, &s->link);
	if (src_port)
		*src_port = port;
	return s;
}

void xe_server_unbind(struct xio_server *s)
{
	xe_registry_del(XE_HANDLE_SERVER, s);
	xe_listener_close(s->listener);
	s->listener = NULL;
	xe_list_del(&s->link);
	xe_server_put(s);
}

int xio_unbind(struct xio_server *server)
{
	if (!server)
		return -1;
	if (!xe_registry_has(XE_HANDLE_SERVER, server))
		return xe_fail(XIO_E_USER_OBJ_NOT_FOUND);
	xe_server_unbind(server);
	return 0;
}
