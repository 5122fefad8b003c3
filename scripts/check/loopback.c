/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response over TCP on 127.0.0.1, client and server on one
 * context, and a clean close: shows that a C program compiles, links and runs
 * with a libxio. build-accelio.sh --check runs it on the one that is installed.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <libxio.h>

#define PATIENCE_MS	10000

static const char question[] = "how are you?", answer[] = "fine, thanks";

struct state {
	struct xio_context *ctx;
	struct xio_connection *client;
	struct xio_msg req, rsp;
	int asked;	/* the request came as it was sent */
	int answered;	/* and so did the response */
	int completed;	/* the server heard that its response has gone */
	int errors;
	int ended;	/* sessions torn down: the client's and the server's */
};

static int same(const struct xio_iovec *header, const char *text)
{
	return header->iov_len == strlen(text) + 1 &&
	       memcmp(header->iov_base, text, header->iov_len) == 0;
}

static int on_session_event(struct xio_session *session,
			    struct xio_session_event_data *data, void *user)
{
	struct state *st = user;

	if (data->event == XIO_SESSION_CONNECTION_TEARDOWN_EVENT)
		xio_connection_destroy(data->conn);
	if (data->event == XIO_SESSION_TEARDOWN_EVENT) {
		xio_session_destroy(session);
		if (++st->ended == 2)
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
	st->asked += same(&req->in.header, question);
	st->rsp.request = req;
	st->rsp.out.header.iov_base = (void *)answer;
	st->rsp.out.header.iov_len = sizeof(answer);
	return xio_send_response(&st->rsp);
}

static int on_completion(struct xio_session *session, struct xio_msg *rsp,
			 void *user)
{
	struct state *st = user;

	(void)session;
	st->completed += rsp == &st->rsp;
	return 0;
}

static int on_response(struct xio_session *session, struct xio_msg *rsp,
		       int last, void *user)
{
	struct state *st = user;

	(void)session;
	(void)last;
	st->answered += same(&rsp->in.header, answer);
	xio_release_response(rsp);
	return xio_disconnect(st->client);
}

static int on_error(struct xio_session *session, enum xio_status error,
		    enum xio_msg_direction direction, struct xio_msg *msg,
		    void *user)
{
	struct state *st = user;

	(void)session;
	(void)direction;
	(void)msg;
	fprintf(stderr, "message: %s\n", xio_strerror(error));
	st->errors++;
	return 0;
}

static int failed(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, xio_strerror(xio_errno()));
	return 1;
}

static int exchange(struct state *st)
{
	struct xio_session_ops server_ops = {
		.on_session_event = on_session_event,
		.on_new_session = on_new_session,
		.on_msg_send_complete = on_completion,
		.on_msg = on_request,
		.on_msg_error = on_error,
	};
	struct xio_session_ops client_ops = {
		.on_session_event = on_session_event,
		.on_msg = on_response,
		.on_msg_error = on_error,
	};
	struct xio_session_params params = { .type = XIO_SESSION_CLIENT };
	struct xio_connection_params cparams = { 0 };
	struct xio_server *server;
	char uri[64];
	uint16_t port = 0;

	st->ctx = xio_context_create(NULL, 0, -1);
	if (!st->ctx)
		return failed("context");
	server = xio_bind(st->ctx, &server_ops, "tcp://127.0.0.1:0", &port, 0, st);
	if (!server)
		return failed("bind");
	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u", (unsigned)port);
	params.ses_ops = &client_ops;
	params.user_context = st;
	params.uri = uri;
	cparams.session = xio_session_create(&params);
	if (!cparams.session)
		return failed("session");
	cparams.ctx = st->ctx;
	cparams.conn_user_context = st;
	st->client = xio_connect(&cparams);
	if (!st->client)
		return failed("connect");
	st->req.out.header.iov_base = (void *)question;
	st->req.out.header.iov_len = sizeof(question);
	if (xio_send_request(st->client, &st->req))
		return failed("send");
	xio_context_run_loop(st->ctx, PATIENCE_MS);
	if (st->asked != 1 || st->answered != 1 || st->completed != 1 ||
	    st->errors != 0 || st->ended != 2) {
		fprintf(stderr, "asked %d, answered %d, completed %d, errors %d, ended %d\n",
			st->asked, st->answered, st->completed, st->errors, st->ended);
		return 1;
	}
	if (xio_unbind(server))
		return failed("unbind");
	xio_context_destroy(st->ctx);
	return 0;
}

int main(void)
{
	static struct state st;
	Dl_info where;
	int no_huge_pages = 1;

	alarm(2 * PATIENCE_MS / 1000); /* a library that hangs ends here */
	xio_init();
	xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_DISABLE_HUGETBL,
		    &no_huge_pages, sizeof(no_huge_pages));
	printf("library:  %s\n", dladdr((void *)xio_version, &where) ?
	       where.dli_fname : "inside the program");
	printf("version:  %s\n", xio_version());
	fflush(stdout);
	if (exchange(&st))
		return 1;
	puts("exchange: one request and its response over TCP, closed cleanly");
	xio_shutdown();
	return 0;
}
