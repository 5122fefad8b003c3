/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_peer.c - a client or server on the engine that a test drives: the
 * arguments say what its messages look like, lines on standard input when to
 * act, and every callback becomes a line on standard output. Used by
 * golden_test.go, hostile_test.go, cancel_test.go and reconnect_test.go.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bystander.h"
#include "libxio.h"
#include "peer_places.h"
#include "peer_print.h"

#define LINES	4096
#define HELD	64

struct shape {
	size_t hdr;
	size_t data;
	unsigned char hdr_fill;
	unsigned char data_fill;
	const char *text;	/* of the header, instead of its fill */
};

static struct {
	bool server;
	bool one_way;
	bool receipt;
	bool late;		/* answer on command */
	bool echo;		/* verified messages on command */
	bool give_up;		/* gives up requests when asked to */
	bool reject;
	bool undecided;		/* accept on command */
	bool in_turns;		/* a request when the last was answered */
	int requests;		/* queued before the connection is up */
	int sessions;
	bool redirect;		/* to the places that listen */
	int listeners;		/* besides the first: portals or targets */
	int connections;	/* numbered; as client, of each session */
	size_t in_len;		/* offered for each response */
	struct shape req;
	struct shape rsp;
	const char *uri;
	const char *priv;
	const char *bystander;	/* URI of its server */
} opt = {
	.sessions = 1,
	.req = { .hdr_fill = 0x48, .data_fill = 0x41 },
	.rsp = { .hdr_fill = 0x68, .data_fill = 0x61 },
};

static struct xio_context *ctx;
static struct xio_connection *conn;	/* the present one */
static struct xio_session *session;	/* the last new one */
static struct xio_msg *last_sent;
static struct xio_msg *held[HELD];
static int held_nr;
static int sessions_over;
static int answered;
static long echo_left, echo_sent, echo_done;
static unsigned int echo_serial;

static void die(const char *what)
{
	say("FAILED %s: %s", what, xio_strerror(xio_errno()));
	exit(3);
}

/* ---- messages ------------------------------------------------------- */

/* A message of ours, with its buffers behind it. */
struct message {
	struct xio_msg m;
	unsigned int seed;
	char *in;
	size_t in_len;
	char mem[];
};

static struct message *message_new(const struct shape *s)
{
	struct message *o = calloc(1, sizeof(*o) + s->hdr + s->data);

	if (!o)
		exit(2);
	memset(o->mem, s->hdr_fill, s->hdr);
	if (s->text)
		memcpy(o->mem, s->text, s->hdr);
	memset(o->mem + s->hdr, s->data_fill, s->data);
	o->m.out.sgl_type = XIO_SGL_TYPE_IOV;
	o->m.out.data_iov.max_nents = XIO_IOVLEN;
	o->m.in.sgl_type = XIO_SGL_TYPE_IOV;
	o->m.in.data_iov.max_nents = XIO_IOVLEN;
	if (s->hdr) {
		o->m.out.header.iov_base = o->mem;
		o->m.out.header.iov_len = s->hdr;
	}
	if (s->data) {
		o->m.out.data_iov.nents = 1;
		o->m.out.data_iov.sglist[0].iov_base = o->mem + s->hdr;
		o->m.out.data_iov.sglist[0].iov_len = s->data;
	}
	return o;
}

static void message_free(struct xio_msg *m)
{
	struct message *o = (struct message *)(void *)m;

	free(o->in);
	free(o);
}

static void message_offer(struct message *o, size_t n)
{
	if (n == 0)
		return;
	o->in = malloc(n);
	if (!o->in)
		exit(2);
	o->in_len = n;
	o->m.in.data_iov.nents = 1;
	o->m.in.data_iov.sglist[0].iov_base = o->in;
	o->m.in.data_iov.sglist[0].iov_len = n;
}

/* The user context of connections with a number is the number. */
static const char *prefix(const void *user)
{
	return opt.connections ? ((const struct numbered *)user)->prefix : "";
}

static void send_requests(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct message *o = message_new(&opt.req);

		message_offer(o, opt.in_len);
		if (opt.receipt)
			o->m.flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
		last_sent = &o->m;
		if (opt.one_way ? xio_send_msg(conn, &o->m) :
				  xio_send_request(conn, &o->m))
			die("send");
	}
}

static void answer(struct xio_msg *request)
{
	struct message *o = message_new(&opt.rsp);

	o->m.request = request;
	if (xio_send_response(&o->m))
		die("send_response");
}

/* ---- echo: messages whose every byte is checked --------------------- */

static const size_t echo_sizes[] = { 0, 1, 100, 8192, 8193, 20000, 100000 };
#define ECHO_MAX	100000u

static void pattern(char *p, size_t n, unsigned int seed)
{
	size_t i;

	for (i = 0; i < n; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (char)(seed >> 16);
	}
}

static void echo_send(void)
{
	struct shape s = { .hdr = 4, .hdr_fill = 0 };
	struct message *o;

	s.data = echo_sizes[echo_serial %
			    (sizeof(echo_sizes) / sizeof(echo_sizes[0]))];
	o = message_new(&s);
	o->seed = echo_serial++;
	memcpy(o->mem, &o->seed, 4);
	pattern(o->mem + 4, s.data, o->seed);
	message_offer(o, ECHO_MAX);
	echo_sent++;
	if (xio_send_request(conn, &o->m))
		die("send_request");
}

static void echo_check(struct xio_msg *m)
{
	struct message *o = (struct message *)(void *)m;
	size_t want = echo_sizes[o->seed % (sizeof(echo_sizes) /
					    sizeof(echo_sizes[0]))];
	size_t got = vmsg_sglist_nents(&m->in) ?
		     vmsg_sglist(&m->in)[0].iov_len : 0;

	if (m->in.header.iov_len != 4 ||
	    memcmp(m->in.header.iov_base, &o->seed, 4) != 0 || got != want ||
	    (want && memcmp(vmsg_sglist(&m->in)[0].iov_base, o->mem + 4,
			    want) != 0)) {
		say("FAILED echo %u: %zu bytes of %zu", o->seed, got, want);
		exit(3);
	}
	echo_done++;
	xio_release_response(m);
	message_free(m);
	if (echo_sent < echo_left)
		echo_send();
	if (echo_done == echo_left)
		say("echoed %ld", echo_done);
}

static void echo_answer(struct xio_msg *req)
{
	struct shape s = { .hdr = req->in.header.iov_len };
	const struct xio_iovec_ex *sgl = vmsg_sglist(&req->in);
	unsigned int i, nr = vmsg_sglist_nents(&req->in);
	struct message *o;
	char *p;

	for (i = 0; i < nr; i++)
		s.data += sgl[i].iov_len;
	o = message_new(&s);
	if (s.hdr)
		memcpy(o->mem, req->in.header.iov_base, s.hdr);
	p = o->mem + s.hdr;
	for (i = 0; i < nr; i++) {
		memcpy(p, sgl[i].iov_base, sgl[i].iov_len);
		p += sgl[i].iov_len;
	}
	o->m.request = req;
	if (xio_send_response(&o->m))
		die("send_response");
}

/* ---- callbacks ------------------------------------------------------ */

static void connect_session(void);

static void stop(void)
{
	xio_context_stop_loop(ctx);
}

/* Everything has ended but the bystander. */
static void end(void)
{
	if (opt.bystander)
		bystander_close();
	else
		stop();
}

static void number_new(struct xio_connection *c)
{
	struct xio_connection_attr a = { .user_context = number_next() };
	struct numbered *n = a.user_context;

	if (!n || xio_modify_connection(c, &a, XIO_CONNECTION_ATTR_USER_CTX))
		die("number of a connection");
	n->conn = c;
}

static int on_session_event(struct xio_session *s,
			    struct xio_session_event_data *d, void *user)
{
	struct numbered *n;
	int i;

	(void)user;
	if (opt.connections && d->event == XIO_SESSION_NEW_CONNECTION_EVENT)
		number_new(d->conn);
	n = number_of(d->conn);
	if (d->event == XIO_SESSION_REJECT_EVENT)
		say("%s [%s] %.*s", xio_session_event_str(d->event),
		    xio_strerror((int)d->reason), (int)d->private_data_len,
		    (const char *)d->private_data);
	else if (!opt.echo || !opt.server)
		say("%s%s [%s]", n ? n->prefix : "",
		    xio_session_event_str(d->event),
		    xio_strerror((int)d->reason));
	switch (d->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT:
		conn = d->conn;
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		/* Requests that were held come back at once. */
		for (i = 0; i < held_nr; i++)
			answer(held[i]);
		held_nr = 0;
		if (conn == d->conn)
			conn = NULL;
		if (n)
			n->conn = NULL;
		if (xio_connection_destroy(d->conn))
			die("connection_destroy");
		break;
	case XIO_SESSION_TEARDOWN_EVENT:
		xio_session_destroy(s);
		if ((opt.echo && opt.server) || opt.bystander)
			break;
		if (++sessions_over == opt.sessions)
			end();
		else if (!opt.server)
			connect_session();
		break;
	default:
		break;
	}
	return 0;
}

static int decide(void)
{
	static char yes[64];

	if (opt.redirect)
		return xio_redirect(session, place_uris(), place_uris_nr());
	if (opt.priv)
		snprintf(yes, sizeof(yes), "%s", opt.priv);
	return xio_accept(session, place_uris(), place_uris_nr(),
			  opt.priv ? yes : NULL, strlen(yes));
}

static int on_new_session(struct xio_session *s,
			  struct xio_new_session_req *req, void *user)
{
	static char no[] = "NOPE-reject-data";

	session = s;
	if (!opt.echo)
		say("new session uri=%.*s priv=%.*s", (int)req->uri_len,
		    req->uri, (int)req->private_data_len,
		    (const char *)req->private_data);
	if (opt.reject)
		return xio_reject(s, XIO_E_SESSION_REFUSED, no,
				  sizeof(no) - 1);
	/* The places themselves accept without more ado. */
	if (user)
		return xio_accept(s, NULL, 0, NULL, 0);
	return opt.undecided ? 0 : decide();
}

static int on_session_established(struct xio_session *s,
				  struct xio_new_session_rsp *rsp, void *user)
{
	(void)s;
	(void)user;
	say("session established priv=%.*s", (int)rsp->private_data_len,
	    (const char *)rsp->private_data);
	return 0;
}

static int on_msg(struct xio_session *s, struct xio_msg *m, int last,
		  void *user)
{
	(void)s;
	(void)last;
	if (opt.echo) {
		if (m->type == XIO_MSG_TYPE_RSP)
			echo_check(m);
		else if (m->type == XIO_MSG_TYPE_REQ)
			echo_answer(m);
		else
			xio_release_msg(m);
		return 0;
	}
	say_message(prefix(user), "received", m);
	switch (m->type) {
	case XIO_MSG_TYPE_RSP:
		if (xio_release_response(m))
			die("release_response");
		message_free(m);
		if (opt.in_turns && ++answered < opt.requests)
			send_requests(1);
		break;
	case XIO_MSG_TYPE_ONE_WAY:
		if (xio_release_msg(m))
			die("release_msg");
		break;
	default:
		if (!opt.late)
			answer(m);
		else if (held_nr < HELD)
			held[held_nr++] = m;
		break;
	}
	return 0;
}

static int on_msg_send_complete(struct xio_session *s, struct xio_msg *m,
				void *user)
{
	(void)s;
	(void)user;
	if (!opt.echo)
		say("sent response");
	message_free(m);
	return 0;
}

static int on_ow_msg_send_complete(struct xio_session *s, struct xio_msg *m,
				   void *user)
{
	(void)s;
	(void)user;
	say("sent %s", type_name(m));
	message_free(m);
	return 0;
}

static int on_msg_delivered(struct xio_session *s, struct xio_msg *m,
			    int last, void *user)
{
	(void)s;
	(void)last;
	(void)user;
	say("delivered %s result=%d", type_name(m), (int)m->receipt_res);
	/* A one-way ends with it, a request with its response. */
	if (opt.one_way)
		message_free(m);
	return 0;
}

static int on_msg_error(struct xio_session *s, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	(void)s;
	(void)user;
	if (!opt.echo || !opt.server)
		say("error %s %s [%s]", dir == XIO_MSG_DIRECTION_OUT ? "out" :
		    "in", type_name(m), xio_strerror((int)error));
	if (dir == XIO_MSG_DIRECTION_IN)
		xio_release_response(m);
	message_free(m);
	return 0;
}

static const char *result_name(enum xio_status r)
{
	return r == XIO_E_MSG_CANCELED ? "canceled" :
	       r == XIO_E_MSG_CANCEL_FAILED ? "failed" :
	       r == XIO_E_MSG_NOT_FOUND ? "not found" : "?";
}

static int on_cancel(struct xio_session *s, struct xio_msg *m,
		     enum xio_status result, void *user)
{
	(void)s;
	(void)user;
	say("cancel %s", result_name(result));
	if (result == XIO_E_MSG_CANCELED)
		message_free(m);
	return 0;
}

static int on_cancel_request(struct xio_session *s, struct xio_msg *m,
			     void *user)
{
	int i;

	(void)s;
	(void)user;
	say("cancel wanted");
	if (!opt.give_up)
		return xio_cancel(m, XIO_E_MSG_CANCEL_FAILED);
	for (i = 0; i < held_nr && held[i] != m; i++)
		;
	for (held_nr--; i < held_nr; i++)
		held[i] = held[i + 1];
	return xio_cancel(m, XIO_E_MSG_CANCELED);
}

static struct xio_session_ops ops = {
	.on_cancel = on_cancel,
	.on_cancel_request = on_cancel_request,
	.on_session_event = on_session_event,
	.on_new_session = on_new_session,
	.on_session_established = on_session_established,
	.on_msg_send_complete = on_msg_send_complete,
	.on_msg = on_msg,
	.on_msg_delivered = on_msg_delivered,
	.on_msg_error = on_msg_error,
	.on_ow_msg_send_complete = on_ow_msg_send_complete,
};

/* ---- commands -------------------------------------------------------- */

static void command(const char *line)
{
	struct numbered *n;
	int i;

	if (strcmp(line, "bystander") == 0) {
		bystander_echo(5);
	} else if (strcmp(line, "connect") == 0) {
		connect_session();
	} else if (sscanf(line, "close %d", &i) == 1) {
		n = number_find(i);
		if (!n || !n->conn || xio_disconnect(n->conn))
			die("disconnect");
	} else if (strcmp(line, "close") == 0) {
		if (!conn || xio_disconnect(conn))
			die("disconnect");
	} else if (strcmp(line, "answer") == 0) {
		if (held_nr == 0)
			die("nothing to answer");
		answer(held[0]);
		held_nr--;
		for (i = 0; i < held_nr; i++)
			held[i] = held[i + 1];
	} else if (strcmp(line, "accept") == 0) {
		if (!session || decide())
			die("accept");
	} else if (sscanf(line, "request %d", &i) == 1) {
		if (!conn)
			die("no connection");
		send_requests(i);
	} else if (sscanf(line, "echo %ld", &echo_left) == 1) {
		echo_sent = 0;
		echo_done = 0;
		for (i = 0; i < 4 && echo_sent < echo_left; i++)
			echo_send();
	} else if (strcmp(line, "cancel") == 0) {
		if (xio_cancel_request(conn, last_sent))
			die("cancel_request");
	} else if (strcmp(line, "quit") == 0) {
		end();
	} else {
		die(line);
	}
}

static void on_stdin(int fd, int events, void *data)
{
	static char line[LINES];
	static size_t n;
	ssize_t r = read(fd, line + n, sizeof(line) - 1 - n);
	char *end;

	(void)events;
	(void)data;
	if (r <= 0) {
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* The test is gone: so are we. */
		xio_context_del_ev_handler(ctx, fd);
		xio_context_stop_loop(ctx);
		return;
	}
	n += (size_t)r;
	line[n] = 0;
	while ((end = strchr(line, '\n'))) {
		*end = 0;
		command(line);
		n -= (size_t)(end + 1 - line);
		memmove(line, end + 1, n + 1);
	}
}

static void connect_session(void)
{
	struct xio_connection_params cp = { .ctx = ctx };
	struct numbered *n = NULL;
	int i;
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &ops,
		.uri = opt.uri,
	};
	char priv[256];

	if (opt.priv) {
		snprintf(priv, sizeof(priv), "%s", opt.priv);
		sp.private_data = priv;
		sp.private_data_len = strlen(priv);
	}
	cp.session = xio_session_create(&sp);
	if (!cp.session)
		die("session_create");
	for (i = 0; i < (opt.connections ? opt.connections : 1); i++) {
		if (opt.connections)
			n = number_next();
		cp.conn_user_context = n;
		if (i > 0)
			cp.ctx = place_open(ctx);
		conn = cp.ctx ? xio_connect(&cp) : NULL;
		if (!conn)
			die("connect");
		if (n)
			n->conn = conn;
		send_requests(opt.in_turns ? 1 : opt.requests);
	}
}

static void set_keepalive(const char *arg)
{
	struct xio_options_keepalive k = {
		.probes = 3, .time = atoi(arg), .intvl = 20,
	};

	if (xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			XIO_OPTNAME_CONFIG_KEEPALIVE, &k, sizeof(k)))
		die("keepalive");
}

static void set_reconnect(void)
{
	int on = 1;

	if (xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			XIO_OPTNAME_ENABLE_RECONNECT, &on, sizeof(on)))
		die("reconnect");
}

static void set_dual(int on)
{
	if (xio_set_opt(NULL, XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM,
			&on, sizeof(on)))
		die("stream mode");
}

static void set_accelio(int name, int value)
{
	if (xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO, name, &value,
			sizeof(value)))
		die("option");
}

/* NUMBER=VALUE at level ACCELIO */
static void set_option(const char *arg)
{
	int name, value;

	if (sscanf(arg, "%d=%d", &name, &value) != 2)
		exit(2);
	set_accelio(name, value);
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv,
			   "s1orlejugfwxTn:h:d:t:H:D:i:p:S:k:O:b:R:P:C:")) != -1) {
		switch (c) {
		case 's': opt.server = true; break;
		case '1': set_dual(0); break;
		case 'o': opt.one_way = true; break;
		case 'r': opt.receipt = true; break;
		case 'l': opt.late = true; break;
		case 'e': opt.echo = true; break;
		case 'j': opt.reject = true; break;
		case 'f':
			set_accelio(XIO_OPTNAME_ENABLE_FLOW_CONTROL, 1);
			break;
		case 'R':
			set_accelio(XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS,
				    atoi(optarg));
			break;
		case 'u': opt.undecided = true; break;
		case 'w': opt.in_turns = true; break;
		case 'g': opt.give_up = true; break;
		case 'x': set_reconnect(); break;
		case 'n': opt.requests = atoi(optarg); break;
		case 'h': opt.req.hdr = (size_t)atol(optarg); break;
		case 'd': opt.req.data = (size_t)atol(optarg); break;
		case 'H': opt.rsp.hdr = (size_t)atol(optarg); break;
		case 'D': opt.rsp.data = (size_t)atol(optarg); break;
		case 'i': opt.in_len = (size_t)atol(optarg); break;
		case 'p': opt.priv = optarg; break;
		case 'S': opt.sessions = atoi(optarg); break;
		case 'k': set_keepalive(optarg); break;
		case 'O': set_option(optarg); break;
		case 'b': opt.bystander = optarg; break;
		case 'T': opt.redirect = true; break;
		case 'P': opt.listeners = atoi(optarg); break;
		case 'C': opt.connections = atoi(optarg); break;
		case 't':
			opt.req.text = optarg;
			opt.req.hdr = strlen(optarg);
			break;
		default: exit(2);
		}
	}
	if (optind + 1 != argc)
		exit(2);
	opt.uri = argv[optind];
	if (opt.server) {
		opt.req.hdr_fill = 0x73;
		opt.req.data_fill = 0x6d;
	}
}

int main(int argc, char **argv)
{
	struct xio_server *server = NULL;
	uint16_t port = 0;
	int i;

	xio_init();
	options(argc, argv);
	ctx = xio_context_create(NULL, 0, -1);
	if (!ctx)
		die("context_create");
	fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
	if (xio_context_add_ev_handler(ctx, 0, XIO_POLLIN, on_stdin, NULL))
		die("stdin");
	if (opt.server) {
		server = xio_bind(ctx, &ops, opt.uri, &port, 0, NULL);
		if (!server)
			die("bind");
		say("port %u", (unsigned int)port);
		for (i = 0; i < opt.listeners; i++) {
			port = place_listen(ctx, &ops);
			if (!port)
				die("listen");
			say("port %u", (unsigned int)port);
		}
	} else if (opt.bystander) {
		bystander_open(ctx, opt.bystander, stop);
	} else {
		connect_session();
	}
	xio_context_run_loop(ctx, XIO_INFINITE);
	if (server && xio_unbind(server))
		die("unbind");
	if (places_close(ctx))
		die("unbind of a place");
	xio_context_destroy(ctx);
	xio_shutdown();
	say("end");
	return 0;
}
