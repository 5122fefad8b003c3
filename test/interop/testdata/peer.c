/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.c - sessions, commands, start and end of the test peer.
 *
 *	peer version
 *	peer server [key=value ...]
 *	peer client port=N [key=value ...]
 *
 * Commands on standard input, one a line:
 *
 *	send		send requests (a client does so by itself)
 *	release		answer the requests that are held, and no longer hold
 *	accept, reject	decide about the session that waits
 *	close		disconnect all connections
 *
 * The end of standard input ends the program at once: whoever started it is
 * gone. Exit status 0 means that all was checked and torn down.
 */
#include "peer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct counters count;

static struct xio_context *ctx;
static struct xio_session *undecided;
static struct link *links;
static unsigned sessions_ended;
static bool finished;
static int idle_fd = -1;

/* A line to whoever watches. */
void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* ---- connections ---- */

static struct link *link_new(struct xio_session *session)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		say("fatal out of memory");
		exit(4);
	}
	l->session = session;
	l->held_end = &l->held;
	l->next = links;
	links = l;
	return l;
}

static struct link *link_find(struct xio_connection *conn)
{
	struct link *l = links;

	while (l != NULL && l->conn != conn)
		l = l->next;
	return l;
}

void link_close(struct link *l)
{
	if (l->closing)
		return;
	l->closing = true;
	l->sending = false;
	if (xio_disconnect(l->conn) != 0) {
		say("disconnect-failed error=%d", xio_errno());
		count.errors++;
	}
}

static void link_destroy(struct link *l)
{
	struct link **at = &links;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	/* Requests still held are given back before their connection goes. */
	responder_release(l);
	if (xio_connection_destroy(l->conn) != 0) {
		say("connection-destroy-failed error=%d", xio_errno());
		count.errors++;
	}
	requester_free(l);
	free(l);
}

static void finish(void)
{
	finished = true;
	xio_context_stop_loop(ctx);
}

/* ---- what the library calls ---- */

static void on_idle_over(int fd, int events, void *data)
{
	uint64_t n;

	(void)events;
	(void)data;
	if (read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	say("idle-over");
	if (!opt.server && links != NULL)
		requester_start(links);
}

/* Starts the idle time before traffic. */
static void idle_start(void)
{
	struct itimerspec at = {
		.it_value = { opt.idle / 1000, opt.idle % 1000 * 1000000L }
	};

	idle_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (idle_fd < 0 || timerfd_settime(idle_fd, 0, &at, NULL) != 0 ||
	    xio_context_add_ev_handler(ctx, idle_fd, XIO_POLLIN, on_idle_over,
				       NULL) != 0) {
		say("fatal no timer");
		exit(4);
	}
}

static void connection_up(struct link *l)
{
	if (opt.idle > 0)
		idle_start();
	else if (!opt.server || opt.eager)
		requester_start(l);
}

static int on_session_event(struct xio_session *session,
			    struct xio_session_event_data *data, void *cb)
{
	struct link *l;

	(void)cb;
	switch (data->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT: {
		struct xio_connection_attr attr;

		memset(&attr, 0, sizeof(attr));
		l = link_new(session);
		l->conn = data->conn;
		attr.user_context = l;
		xio_modify_connection(data->conn, &attr,
				      XIO_CONNECTION_ATTR_USER_CTX);
		say("event new");
		if (opt.server)
			connection_up(l);
		break;
	}
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		say("event established");
		break;
	case XIO_SESSION_CONNECTION_CLOSED_EVENT:
		say("event closed reason=%d", (int)data->reason);
		break;
	case XIO_SESSION_CONNECTION_DISCONNECTED_EVENT:
		say("event disconnected reason=%d", (int)data->reason);
		break;
	case XIO_SESSION_CONNECTION_REFUSED_EVENT:
		say("event refused reason=%d", (int)data->reason);
		break;
	case XIO_SESSION_CONNECTION_ERROR_EVENT:
		say("event error reason=%d", (int)data->reason);
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		l = link_find(data->conn);
		if (l != NULL)
			link_destroy(l);
		else
			xio_connection_destroy(data->conn);
		return 0;
	case XIO_SESSION_TEARDOWN_EVENT:
		say("teardown reason=%d", (int)data->reason);
		xio_session_destroy(session);
		if (!opt.server || ++sessions_ended == opt.sessions)
			finish();
		return 0;
	default:
		say("event other=%d reason=%d", (int)data->event,
		    (int)data->reason);
		break;
	}
	/* No more requests on a connection that is going. */
	l = link_find(data->conn);
	if (l != NULL &&
	    data->event != XIO_SESSION_NEW_CONNECTION_EVENT &&
	    data->event != XIO_SESSION_CONNECTION_ESTABLISHED_EVENT)
		l->closing = true;
	return 0;
}

static int accept_session(struct xio_session *session)
{
	return xio_accept(session, NULL, 0, (void *)(uintptr_t)opt.data,
			  opt.data != NULL ? strlen(opt.data) : 0);
}

static int reject_session(struct xio_session *session)
{
	return xio_reject(session, (enum xio_status)opt.reason,
			  (void *)(uintptr_t)opt.data,
			  opt.data != NULL ? strlen(opt.data) : 0);
}

static int on_new_session(struct xio_session *session,
			  struct xio_new_session_req *req, void *cb)
{
	int rc = 0;

	(void)cb;
	say("session uri=%.*s data=%.*s", (int)req->uri_len, req->uri,
	    (int)req->private_data_len, (const char *)req->private_data);
	if (opt.verdict == ACCEPT_WAIT)
		undecided = session;
	else if (opt.verdict == ACCEPT_REJECT)
		rc = reject_session(session);
	else
		rc = accept_session(session);
	if (rc != 0) {
		say("verdict-failed error=%d", xio_errno());
		count.errors++;
	}
	return 0;
}

static int on_session_established(struct xio_session *session,
				  struct xio_new_session_rsp *rsp, void *cb)
{
	(void)session;
	(void)cb;
	say("accepted data=%.*s", (int)rsp->private_data_len,
	    (const char *)rsp->private_data);
	connection_up(links);
	return 0;
}

static int on_msg(struct xio_session *session, struct xio_msg *msg,
		  int last_in_rxq, void *conn)
{
	(void)session;
	(void)last_in_rxq;
	if (msg->type == XIO_MSG_TYPE_RSP)
		requester_response(conn, msg);
	else if (msg->type == XIO_MSG_TYPE_REQ)
		responder_request(conn, msg);
	else
		xio_release_msg(msg);
	return 0;
}

static int on_msg_send_complete(struct xio_session *session,
				struct xio_msg *rsp, void *conn)
{
	(void)session;
	responder_complete(conn, rsp);
	return 0;
}

static int on_msg_error(struct xio_session *session, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *msg,
			void *conn)
{
	enum kind *kind = msg->user_context;

	(void)session;
	if (kind != NULL && *kind == KIND_REQUEST)
		requester_error(conn, error, dir, msg);
	else if (kind != NULL && *kind == KIND_RESPONSE)
		responder_error(conn, error, msg);
	return 0;
}

static struct xio_session_ops ops = {
	.on_session_event = on_session_event,
	.on_new_session = on_new_session,
	.on_session_established = on_session_established,
	.on_msg = on_msg,
	.on_msg_send_complete = on_msg_send_complete,
	.on_msg_error = on_msg_error,
	.assign_data_in_buf = responder_assign,
};

/* ---- commands ---- */

static void obey(const char *line)
{
	struct link *l;
	int rc = 0;

	if (strcmp(line, "send") == 0) {
		for (l = links; l != NULL; l = l->next)
			requester_start(l);
	} else if (strcmp(line, "close") == 0) {
		for (l = links; l != NULL; l = l->next)
			link_close(l);
	} else if (strcmp(line, "release") == 0) {
		opt.hold = false;
		for (l = links; l != NULL; l = l->next)
			responder_release(l);
	} else if (strcmp(line, "accept") == 0 && undecided != NULL) {
		rc = accept_session(undecided);
		undecided = NULL;
	} else if (strcmp(line, "reject") == 0 && undecided != NULL) {
		rc = reject_session(undecided);
		undecided = NULL;
	} else {
		rc = -1;
	}
	if (rc != 0) {
		say("command-failed %s", line);
		count.errors++;
	}
}

static void on_command(int fd, int events, void *data)
{
	static char buf[256];
	static size_t used;
	ssize_t n = read(fd, buf + used, sizeof(buf) - 1 - used);
	char *end;

	(void)events;
	(void)data;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		_exit(3);
	used += (size_t)n;
	buf[used] = '\0';
	while ((end = strchr(buf, '\n')) != NULL) {
		*end = '\0';
		obey(buf);
		used -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, used + 1);
	}
}

/* ---- start and end ---- */

static void set_int(int level, int name, int value)
{
	if (xio_set_opt(NULL, level, name, &value, sizeof(value)) != 0)
		say("note option %d refused: %d", name, xio_errno());
}

static void set_options(void)
{
	struct xio_options_keepalive ka = {
		.probes = 1, .time = opt.keepalive, .intvl = opt.keepalive
	};

	set_int(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_DISABLE_HUGETBL, 1);
	set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_NO_DELAY, opt.nodelay);
	set_int(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, !opt.single);
	if (opt.keepalive > 0 &&
	    xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			XIO_OPTNAME_CONFIG_KEEPALIVE, &ka, sizeof(ka)) != 0)
		say("note keepalive refused: %d", xio_errno());
}

static struct xio_server *serve(void)
{
	struct xio_server *server;
	char uri[256];
	uint16_t port = 0;

	snprintf(uri, sizeof(uri), "tcp://%s:%u", opt.host, opt.port);
	server = xio_bind(ctx, &ops, uri, &port, 0, NULL);
	if (server == NULL) {
		say("fatal bind %s: %s", uri, xio_strerror(xio_errno()));
		return NULL;
	}
	say("listening %u", (unsigned)port);
	return server;
}

static bool connect_out(void)
{
	struct xio_session_params sp;
	struct xio_connection_params cp;
	struct link *l;
	char uri[256];

	snprintf(uri, sizeof(uri), "tcp://%s:%u/interop", opt.host, opt.port);
	memset(&sp, 0, sizeof(sp));
	sp.type = XIO_SESSION_CLIENT;
	sp.ses_ops = &ops;
	sp.uri = uri;
	sp.private_data = (void *)(uintptr_t)opt.data;
	sp.private_data_len = opt.data != NULL ? strlen(opt.data) : 0;
	l = link_new(xio_session_create(&sp));
	memset(&cp, 0, sizeof(cp));
	cp.session = l->session;
	cp.ctx = ctx;
	cp.conn_user_context = l;
	l->conn = l->session != NULL ? xio_connect(&cp) : NULL;
	if (l->conn == NULL)
		say("fatal connect %s: %s", uri, xio_strerror(xio_errno()));
	return l->conn != NULL;
}

/* Names the library: where its code lies tells an installed one. */
static int print_version(void)
{
	Dl_info info;
	void *sym = dlsym(RTLD_DEFAULT, "xio_version");
	const char *path = "linked in";

	if (sym != NULL && dladdr(sym, &info) != 0 && info.dli_fname != NULL)
		path = info.dli_fname;
	say("version %s", xio_version());
	say("path %s", path);
	return 0;
}

int main(int argc, char **argv)
{
	struct xio_server *server = NULL;
	bool good;

	if (argc == 2 && strcmp(argv[1], "version") == 0)
		return print_version();
	if (options_parse(argc, argv) != 0) {
		fprintf(stderr, "usage: peer version|server|client key=value ...\n");
		return 2;
	}
	alarm(opt.limit);
	if (!opt.assign)
		ops.assign_data_in_buf = NULL;
	if (opt.verdict == ACCEPT_AUTO)
		ops.on_new_session = NULL;
	xio_init();
	set_options();
	ctx = xio_context_create(NULL, 0, -1);
	if (ctx == NULL ||
	    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0 ||
	    xio_context_add_ev_handler(ctx, STDIN_FILENO, XIO_POLLIN,
				       on_command, NULL) != 0) {
		say("fatal no context: %d", xio_errno());
		return 4;
	}
	if (opt.server)
		server = serve();
	if (opt.server ? server == NULL : !connect_out())
		return 4;
	while (!finished)
		xio_context_run_loop(ctx, XIO_INFINITE);

	xio_context_del_ev_handler(ctx, STDIN_FILENO);
	if (idle_fd >= 0) {
		xio_context_del_ev_handler(ctx, idle_fd);
		close(idle_fd);
	}
	if (server != NULL)
		xio_unbind(server);
	xio_context_destroy(ctx);
	xio_shutdown();
	responder_free();
	good = count.bad == 0 && count.errors == 0 && links == NULL;
	say("done sent=%llu responses=%llu flushed=%llu received=%llu "
	    "answered=%llu discarded=%llu bad=%llu errors=%llu",
	    (unsigned long long)count.sent,
	    (unsigned long long)count.responses,
	    (unsigned long long)count.flushed,
	    (unsigned long long)count.received,
	    (unsigned long long)count.answered,
	    (unsigned long long)count.discarded,
	    (unsigned long long)count.bad,
	    (unsigned long long)count.errors);
	return good ? 0 : 1;
}
