/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resident memory: of a server per connection it has accepted, of a client
 * per context with a connection. Each connection has carried a request and
 * its response, one after the other.
 *
 * Connections of one context to one portal may share a socket, so there are
 * LISTENERS portals, and a new context when all of them are used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

struct client {
	struct xio_context *ctx;
	struct xio_connection *conn;
	struct xio_msg msg;
	char *data;
	bool done;
};

static int on_response(struct xio_session *s, struct xio_msg *rsp, int last,
		       void *user)
{
	struct client *c = user;

	(void)s;
	(void)last;
	if (stamp_get(&rsp->in, params.size) != (uintptr_t)c)
		fail("a response is not the request's own");
	xio_release_response(rsp);
	c->done = true;
	xio_context_stop_loop(c->ctx);
	return 0;
}

static int on_event(struct xio_session *s, struct xio_session_event_data *e,
		    void *user)
{
	struct client *c = user;

	(void)s;
	if (e->event != XIO_SESSION_CONNECTION_ESTABLISHED_EVENT)
		fail("client: %s", xio_session_event_str(e->event));
	stamp_put(c->data, params.size, (uintptr_t)c);
	one_entry(&c->msg.out, c->data, params.size);
	c->msg.in.sgl_type = XIO_SGL_TYPE_IOV;
	c->msg.in.data_iov.max_nents = XIO_IOVLEN;
	if (xio_send_request(c->conn, &c->msg))
		fail("send: %s", xio_strerror(xio_errno()));
	return 0;
}

static void exchange(struct client *c, uint16_t port, char *data)
{
	static struct xio_session_ops ops;

	ops.on_session_event = on_event;
	ops.on_msg = on_response;
	c->data = data;
	c->conn = connect_to(c->ctx, port, &ops, c);
	drive(c->ctx, &c->done);
}

/* Anonymous resident memory of a process, in bytes. */
static long resident(pid_t pid)
{
	char line[256];
	long kib = -1;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", (int)pid);
	f = fopen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	if (kib < 0)
		fail("the resident memory cannot be read");
	return kib * 1024;
}

void many_connections(void)
{
	struct client *c = calloc(params.connections, sizeof(*c));
	char *data = pages(params.size);
	long at1 = 0, at100 = 0;
	unsigned int i;

	if (!c)
		fail("no memory");
	library_options();
	for (i = 0; i < params.connections; i++) {
		c[i].ctx = i % LISTENERS ? c[i - 1].ctx : new_context();
		exchange(&c[i], shared->port[i % LISTENERS], data);
		if (i + 1 == 1)
			at1 = resident(shared->responder);
		if (i + 1 == 100)
			at100 = resident(shared->responder);
	}
	printf("rss_1=%ld ", at1);
	if (params.connections <= 100) {
		printf("each_first=%ld\n",
		       (resident(shared->responder) - at1) /
		       (long)(params.connections - 1));
		return;
	}
	printf("each_first=%ld each_later=%ld\n", (at100 - at1) / 99,
	       (resident(shared->responder) - at100) /
	       (long)(params.connections - 100));
}

void many_contexts(void)
{
	struct client *c = calloc(params.connections, sizeof(*c));
	char *data = pages(params.size);
	long first = 0;
	unsigned int i;

	if (!c)
		fail("no memory");
	library_options();
	for (i = 0; i < params.connections; i++) {
		c[i].ctx = new_context();
		exchange(&c[i], shared->port[0], data);
		if (i == 0)
			first = resident(getpid());
	}
	printf("rss_1=%ld each=%ld\n", first, (resident(getpid()) - first) /
	       (long)(params.connections - 1));
}
