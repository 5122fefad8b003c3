/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "peer_places.h"

static struct place {
	struct xio_context *ctx;
	struct xio_server *server;
	char uri[64];
} places[PLACES];
static int places_nr;

static const char *uris[PLACES];
static size_t uris_nr;

static void drive(int fd, int events, void *data)
{
	(void)fd;
	(void)events;
	xio_context_poll_wait(data, 0);
}

static struct place *open_place(struct xio_context *first)
{
	struct place *p;

	if (places_nr == PLACES)
		return NULL;
	p = &places[places_nr];
	p->ctx = xio_context_create(NULL, 0, -1);
	if (!p->ctx)
		return NULL;
	if (xio_context_add_ev_handler(first,
				       xio_context_get_poll_fd(p->ctx),
				       XIO_POLLIN, drive, p->ctx)) {
		xio_context_destroy(p->ctx);
		return NULL;
	}
	places_nr++;
	return p;
}

struct xio_context *place_open(struct xio_context *first)
{
	struct place *p = open_place(first);

	return p ? p->ctx : NULL;
}

uint16_t place_listen(struct xio_context *first, struct xio_session_ops *ops)
{
	struct place *p = open_place(first);
	uint16_t port = 0;

	if (!p)
		return 0;
	p->server = xio_bind(p->ctx, ops, "tcp://127.0.0.1:0", &port, 0, p);
	if (!p->server)
		return 0;
	snprintf(p->uri, sizeof(p->uri), "tcp://127.0.0.1:%u",
		 (unsigned int)port);
	uris[uris_nr++] = p->uri;
	return port;
}

const char **place_uris(void)
{
	return uris;
}

size_t place_uris_nr(void)
{
	return uris_nr;
}

int places_close(struct xio_context *first)
{
	int err = 0;

	while (places_nr) {
		struct place *p = &places[--places_nr];

		if (p->server && xio_unbind(p->server))
			err = -1;
		xio_context_del_ev_handler(first,
					   xio_context_get_poll_fd(p->ctx));
		xio_context_destroy(p->ctx);
	}
	return err;
}
