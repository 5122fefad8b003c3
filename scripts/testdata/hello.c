/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, client and server on one context: enough to see
 * that a C program compiles, links and runs with the library.
 */
#include <stdio.h>
#include <string.h>
#include <libxio.h>

struct state {
	struct xio_context *ctx;
	struct xio_connection *client;
	struct xio_msg req, rsp;
	int answered;
	int ended;
	char text[32];
};

static int on_session_event(struct xio_session *session,
			    struct xio_session_event_data *data, void *user)
{
	struct state *st = user;

	if (data->event == XIO_SESSION_CONNECTION_TEARDOWN_EVENT)
		xio_connection_destroy(data->conn);
	if (data->event == XIO_SESSION_TEARDOWN_EVENT) {
		xio_session_destroy(session);
		if (++st->ended == 2) /* the client's and the server's */
			xio_context_stop_loop(st->ctx);
	}
	return 0;
}

static int on_new_session(struct xio_session *session,
			  struct xio_new_session_req *req, void *user)
{
	(void)req;
	(void)user;
	return xio_accept(session, NULL, 0, NULL, 0);
}

static int on_request(struct xio_session *session, struct xio_msg *req,
		      int last, void *user)
{
	struct state *st = user;

	(void)session;
	(void)last;
	st->rsp.request = req;
	st->rsp.out.header.iov_base = "hello";
	st->rsp.out.header.iov_len = sizeof("hello");
	return xio_send_response(&st->rsp);
}

static int on_response(struct xio_session *session, struct xio_msg *rsp,
		       int last, void *user)
{
	struct state *st = user;

	(void)session;
	(void)last;
	st->answered++;
	snprintf(st->text, sizeof(st->text), "%s",
		 (const char *)rsp->in.header.iov_base);
	xio_release_response(rsp);
	return xio_disconnect(st->client);
}

int main(void)
{
	static struct state st;
	struct xio_session_ops server_ops = {
		.on_session_event = on_session_event,
		.on_new_session = on_new_session,
		.on_msg = on_request,
	};
	struct xio_session_ops client_ops = {
		.on_session_event = on_session_event,
		.on_msg = on_response,
	};
	struct xio_session_params params = { .type = XIO_SESSION_CLIENT };
	struct xio_connection_params cparams = { 0 };
	struct xio_server *server;
	char uri[64];
	uint16_t port = 0;

	xio_init();
	st.ctx = xio_context_create(NULL, 0, -1);
	server = xio_bind(st.ctx, &server_ops, "tcp://127.0.0.1:0", &port, 0, &st);
	if (!server) {
		fprintf(stderr, "bind: %s\n", xio_strerror(xio_errno()));
		return 1;
	}
	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u", (unsigned)port);
	params.ses_ops = &client_ops;
	params.user_context = &st;
	params.uri = uri;
	cparams.session = xio_session_create(&params);
	cparams.ctx = st.ctx;
	cparams.conn_user_context = &st;
	st.client = xio_connect(&cparams);
	st.req.out.header.iov_base = "hello?";
	st.req.out.header.iov_len = sizeof("hello?");
	if (!st.client || xio_send_request(st.client, &st.req)) {
		fprintf(stderr, "send: %s\n", xio_strerror(xio_errno()));
		return 1;
	}
	xio_context_run_loop(st.ctx, 10000);
	xio_unbind(server);
	xio_context_destroy(st.ctx);
	printf("%s: %s, %d request answered\n", xio_version(), st.text, st.answered);
	xio_shutdown();
	return st.answered == 1 && st.ended == 2 ? 0 : 1;
}
