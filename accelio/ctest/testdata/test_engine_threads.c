/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_threads.c - one process, eight threads with a context each, a
 * hundred connections at a time: what accelio-api 1.2 allows between threads,
 * all at once. It is for the thread sanitizer; the counts at the end say that
 * nothing was lost.
 *
 * Four threads serve. Each has a portal of its own, and the first has a
 * listener that accepts with these portals. Four threads are clients: they
 * share sessions that go to the listener, one connection for each thread,
 * and have sessions of their own that go to a portal and are opened anew
 * some times. Requests go both ways. The main thread meanwhile stops loops,
 * which their threads take up again, and disconnects connections of others;
 * one more allocates and frees.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "libxio.h"

#define SERVERS		4
#define CLIENTS		4
#define SHARED		13	/* sessions with a connection of each client */
#define OWN		12	/* sessions of each client */
#define CONNS		(SHARED * CLIENTS + OWN * CLIENTS)
#define ROUNDS		3	/* of a client's own sessions */
#define REQUESTS	12	/* of a connection */
#define WINDOW		2
#define CALL_BACK	4	/* every so many, the server asks, too */
#define BLOCK		32768
#define PATIENCE_MS	100000

#define ALL_CONNS	(SHARED * CLIENTS + OWN * CLIENTS * ROUNDS)
#define ALL_SESSIONS	(SHARED + OWN * CLIENTS * ROUNDS)

struct worker {
	pthread_t thread;
	int index;
	struct xio_context *ctx;
	struct xio_server *portal;
	struct xio_server *listener;	/* of the first one */
	char uri[64];
};

/* A client's connection, again and again. */
struct client_conn {
	struct worker *w;
	struct xio_connection *conn;
	struct xio_session *session;
	struct client_conn *next;	/* in the main thread's list */
	bool shared;
	bool ready;
	int round;
	int portal;
	int sent;
	int answered;
	int asked;			/* by the server */
};

/* A server's connection, and the requests it sends. */
struct server_conn {
	struct xio_connection *conn;
	int requests;
};

struct message {
	struct xio_msg m;
	struct xio_reg_mem mem;
	unsigned int seed;
	size_t len;
};

static struct worker servers[SERVERS], clients[CLIENTS];
static struct client_conn conns[CONNS];
static struct xio_session *shared[SHARED];
static struct xio_mempool *pool;
static char listener_uri[64];

static pthread_barrier_t bound, created, ended;
static atomic_bool go, over, enough;
static atomic_int established, client_ends, server_ends;
static atomic_int client_sessions, server_sessions;
static atomic_int requests, responses, served, asked, told, flushed;

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct client_conn *to_close;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, xio_strerror(xio_errno()));
	exit(2);
}

/* ---- messages ---------------------------------------------------------- */

static struct message *message_new(size_t len, unsigned int seed)
{
	struct message *o = calloc(1, sizeof(*o));

	if (!o || xio_mempool_alloc(pool, BLOCK, &o->mem))
		die("message");
	o->len = len;
	o->seed = seed;
	memset(o->mem.addr, (int)(seed & 0xff), len);
	o->m.out.sgl_type = XIO_SGL_TYPE_IOV;
	o->m.out.data_iov.max_nents = XIO_IOVLEN;
	o->m.in.sgl_type = XIO_SGL_TYPE_IOV;
	o->m.in.data_iov.max_nents = XIO_IOVLEN;
	if (len) {
		o->m.out.data_iov.nents = 1;
		o->m.out.data_iov.sglist[0].iov_base = o->mem.addr;
		o->m.out.data_iov.sglist[0].iov_len = len;
		o->m.out.data_iov.sglist[0].mr = o->mem.mr;
	}
	return o;
}

static void message_free(struct xio_msg *m)
{
	struct message *o = (struct message *)(void *)m;

	xio_mempool_free(&o->mem);
	free(o);
}

static size_t in_len(const struct xio_msg *m)
{
	return vmsg_sglist_nents(&m->in) ? vmsg_sglist(&m->in)[0].iov_len : 0;
}

/* Answers a request with its own data. */
static void answer(struct xio_msg *req)
{
	size_t n = in_len(req);
	struct message *o = message_new(n, 0);

	if (n)
		memcpy(o->mem.addr, vmsg_sglist(&req->in)[0].iov_base, n);
	o->m.request = req;
	if (xio_send_response(&o->m))
		die("send_response");
}

static int on_sent(struct xio_session *s, struct xio_msg *m, void *user)
{
	(void)s;
	(void)user;
	message_free(m);
	return 0;
}

/* Only a server's own requests may be out when a client says good-bye. */
static int on_msg_error(struct xio_session *s, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	(void)s;
	(void)user;
	if (dir != XIO_MSG_DIRECTION_OUT || m->type != XIO_MSG_TYPE_REQ ||
	    error != XIO_E_MSG_FLUSHED)
		die("a message failed");
	atomic_fetch_add(&flushed, 1);
	message_free(m);
	return 0;
}

/* ---- servers ------------------------------------------------------------- */

static int server_event(struct xio_session *s,
			struct xio_session_event_data *d, void *user)
{
	struct xio_connection_attr attr;
	struct server_conn *sc;

	(void)user;
	switch (d->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT:
		sc = calloc(1, sizeof(*sc));
		if (!sc)
			die("calloc");
		sc->conn = d->conn;
		memset(&attr, 0, sizeof(attr));
		attr.user_context = sc;
		if (xio_modify_connection(d->conn, &attr,
					  XIO_CONNECTION_ATTR_USER_CTX))
			die("modify_connection");
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		free(d->conn_user_context);
		if (xio_connection_destroy(d->conn))
			die("connection_destroy");
		atomic_fetch_add(&server_ends, 1);
		break;
	case XIO_SESSION_TEARDOWN_EVENT:
		xio_session_destroy(s);
		atomic_fetch_add(&server_sessions, 1);
		break;
	case XIO_SESSION_CONNECTION_CLOSED_EVENT:
		break;
	default:
		die(xio_session_event_str(d->event));
	}
	return 0;
}

static int accept_here(struct xio_session *s, struct xio_new_session_req *r,
		       void *user)
{
	(void)r;
	(void)user;
	return xio_accept(s, NULL, 0, NULL, 0);
}

static int accept_elsewhere(struct xio_session *s,
			    struct xio_new_session_req *r, void *user)
{
	const char *portals[SERVERS];
	int i;

	(void)r;
	(void)user;
	for (i = 0; i < SERVERS; i++)
		portals[i] = servers[i].uri;
	return xio_accept(s, portals, SERVERS, NULL, 0);
}

static int server_msg(struct xio_session *s, struct xio_msg *m, int last,
		      void *user)
{
	struct server_conn *sc = user;

	(void)s;
	(void)last;
	if (m->type == XIO_MSG_TYPE_RSP) {
		atomic_fetch_add(&told, 1);
		xio_release_response(m);
		message_free(m);
		return 0;
	}
	answer(m);
	atomic_fetch_add(&served, 1);
	if (sc->requests++ % CALL_BACK == 0) {
		struct message *o = message_new(100, 7);

		if (xio_send_request(sc->conn, &o->m))
			die("a server's request");
		atomic_fetch_add(&asked, 1);
	}
	return 0;
}

static struct xio_session_ops portal_ops = {
	.on_session_event = server_event,
	.on_new_session = accept_here,
	.on_msg = server_msg,
	.on_msg_send_complete = on_sent,
	.on_msg_error = on_msg_error,
};

static struct xio_session_ops listener_ops = {
	.on_session_event = server_event,
	.on_new_session = accept_elsewhere,
	.on_msg = server_msg,
	.on_msg_send_complete = on_sent,
	.on_msg_error = on_msg_error,
};

/*
 * Loops end when somebody stops them, and begin again. A context must not go
 * before the last stop has been called.
 */
static void run(struct worker *w)
{
	while (!atomic_load(&over))
		if (xio_context_run_loop(w->ctx, XIO_INFINITE))
			die("run_loop");
	pthread_barrier_wait(&ended);
}

static void make_context(struct worker *w)
{
	w->ctx = xio_context_create(NULL, 0, -1);
	if (!w->ctx)
		die("context_create");
}

static void *server_thread(void *arg)
{
	struct worker *w = arg;
	uint16_t port;

	make_context(w);
	w->portal = xio_bind(w->ctx, &portal_ops, "tcp://127.0.0.1:0", &port,
			     0, w);
	if (!w->portal)
		die("bind");
	snprintf(w->uri, sizeof(w->uri), "tcp://127.0.0.1:%u",
		 (unsigned int)port);
	if (w->index == 0) {
		w->listener = xio_bind(w->ctx, &listener_ops,
				       "tcp://127.0.0.1:0", &port, 0, w);
		if (!w->listener)
			die("bind");
		snprintf(listener_uri, sizeof(listener_uri),
			 "tcp://127.0.0.1:%u", (unsigned int)port);
	}
	pthread_barrier_wait(&bound);
	run(w);
	if (xio_unbind(w->portal) || (w->listener && xio_unbind(w->listener)))
		die("unbind");
	xio_context_destroy(w->ctx);
	return NULL;
}

/* ---- clients -------------------------------------------------------------- */

static void client_connect(struct client_conn *c);

static void send_request(struct client_conn *c)
{
	/* Inline and out-of-line. */
	struct message *o = message_new(c->sent % 2 ? 20000 : 100,
					(unsigned int)c->sent);

	/* A response of this size must have somewhere to go. */
	if (o->len > 8192) {
		o->m.in.data_iov.nents = 1;
		o->m.in.data_iov.sglist[0].iov_base = NULL;
		o->m.in.data_iov.sglist[0].iov_len = o->len;
	}
	c->sent++;
	atomic_fetch_add(&requests, 1);
	if (xio_send_request(c->conn, &o->m))
		die("send_request");
}

static void start(struct client_conn *c)
{
	int i;

	for (i = 0; i < WINDOW; i++)
		send_request(c);
}

/* Every second time another thread disconnects. */
static void finish(struct client_conn *c)
{
	if (c->shared || c->round % 2) {
		pthread_mutex_lock(&list_lock);
		c->next = to_close;
		to_close = c;
		pthread_mutex_unlock(&list_lock);
	} else if (xio_disconnect(c->conn)) {
		die("disconnect");
	}
}

static int client_msg(struct xio_session *s, struct xio_msg *m, int last,
		      void *user)
{
	struct client_conn *c = user;
	struct message *o = (struct message *)(void *)m;

	(void)s;
	(void)last;
	if (m->type == XIO_MSG_TYPE_REQ) {
		c->asked++;
		answer(m);
		return 0;
	}
	if (in_len(m) != o->len ||
	    memcmp(vmsg_sglist(&m->in)[0].iov_base, o->mem.addr, o->len) != 0)
		die("a wrong response");
	xio_release_response(m);
	message_free(m);
	atomic_fetch_add(&responses, 1);
	c->answered++;
	if (c->sent < REQUESTS)
		send_request(c);
	else if (c->answered == REQUESTS)
		finish(c);
	return 0;
}

static int client_event(struct xio_session *s,
			struct xio_session_event_data *d, void *user)
{
	struct client_conn *c = d->conn_user_context;

	(void)user;
	switch (d->event) {
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		c->ready = true;
		if (c->round == 0)
			atomic_fetch_add(&established, 1);
		else
			start(c);
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		if (xio_connection_destroy(d->conn))
			die("connection_destroy");
		atomic_fetch_add(&client_ends, 1);
		break;
	case XIO_SESSION_TEARDOWN_EVENT:
		xio_session_destroy(s);
		/* A session of one client has its connection as context. */
		c = user;
		if (c && ++c->round < ROUNDS)
			client_connect(c);
		atomic_fetch_add(&client_sessions, 1);
		break;
	case XIO_SESSION_CONNECTION_CLOSED_EVENT:
		break;
	default:
		die(xio_session_event_str(d->event));
	}
	return 0;
}

static struct xio_session_ops client_ops = {
	.on_session_event = client_event,
	.on_msg = client_msg,
	.on_msg_send_complete = on_sent,
	.on_msg_error = on_msg_error,
};

static struct xio_session *session_new(const char *uri, void *user)
{
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &client_ops,
		.user_context = user,
		.uri = uri,
	};
	struct xio_session *s = xio_session_create(&sp);

	if (!s)
		die("session_create");
	return s;
}

static void client_connect(struct client_conn *c)
{
	struct xio_connection_params cp = {
		.ctx = c->w->ctx,
		.conn_idx = c->shared ? (uint32_t)c->w->index : 0,
		.conn_user_context = c,
	};

	c->sent = 0;
	c->answered = 0;
	cp.session = c->shared ? c->session :
		     session_new(servers[c->portal].uri, c);
	c->conn = xio_connect(&cp);
	if (!c->conn)
		die("connect");
}

static struct client_conn *conn_of(int client, int i)
{
	return &conns[client * (SHARED + OWN) + i];
}

static void *client_thread(void *arg)
{
	struct worker *w = arg;
	int i;

	make_context(w);
	for (i = w->index; i < SHARED; i += CLIENTS)
		shared[i] = session_new(listener_uri, NULL);
	pthread_barrier_wait(&created);
	for (i = 0; i < SHARED + OWN; i++) {
		struct client_conn *c = conn_of(w->index, i);

		c->w = w;
		c->shared = i < SHARED;
		c->session = c->shared ? shared[i] : NULL;
		c->portal = i % SERVERS;
		client_connect(c);
	}
	while (!atomic_load(&go))
		if (xio_context_run_loop(w->ctx, XIO_INFINITE))
			die("run_loop");
	for (i = 0; i < SHARED + OWN; i++)
		start(conn_of(w->index, i));
	run(w);
	xio_context_destroy(w->ctx);
	return NULL;
}

/* ---- others ---------------------------------------------------------------- */

static void *memory_thread(void *arg)
{
	struct xio_reg_mem a, b;

	(void)arg;
	while (!atomic_load(&enough)) {
		if (xio_mempool_alloc(pool, BLOCK, &a) ||
		    xio_mem_alloc(5000, &b))
			die("memory");
		memset(a.addr, 1, BLOCK);
		memset(b.addr, 2, 5000);
		xio_mempool_free(&a);
		xio_mem_free(&b);
	}
	return NULL;
}

static void disconnect_others(void)
{
	struct client_conn *c, *next;

	pthread_mutex_lock(&list_lock);
	c = to_close;
	to_close = NULL;
	pthread_mutex_unlock(&list_lock);
	for (; c; c = next) {
		next = c->next;
		if (xio_disconnect(c->conn))
			die("disconnect from another thread");
	}
}

static void stop_all(void)
{
	int i;

	for (i = 0; i < SERVERS; i++)
		xio_context_stop_loop(servers[i].ctx);
	for (i = 0; i < CLIENTS; i++)
		xio_context_stop_loop(clients[i].ctx);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Stops loops and disconnects until cond. */
#define DISTURB_UNTIL(cond)						\
	do {								\
		long long end_ = now_ms() + PATIENCE_MS;		\
		while (!(cond) && now_ms() < end_) {			\
			struct timespec pause_ = { 0, 1000000 };	\
			stop_all();					\
			disconnect_others();				\
			nanosleep(&pause_, NULL);			\
		}							\
		CHECK(cond);						\
	} while (0)

static void hundred_connections(void)
{
	pthread_t memory;
	int i, called = 0;

	pool = xio_mempool_create(-1, XIO_MEMPOOL_FLAG_REGULAR_PAGES_ALLOC);
	if (!pool || xio_mempool_add_slab(pool, BLOCK, 8, 4096, 32, 0))
		die("mempool");
	pthread_barrier_init(&bound, NULL, SERVERS + 1);
	pthread_barrier_init(&created, NULL, CLIENTS + 1);
	pthread_barrier_init(&ended, NULL, SERVERS + CLIENTS + 1);
	if (pthread_create(&memory, NULL, memory_thread, NULL))
		die("thread");
	for (i = 0; i < SERVERS; i++) {
		servers[i].index = i;
		if (pthread_create(&servers[i].thread, NULL, server_thread,
				   &servers[i]))
			die("thread");
	}
	pthread_barrier_wait(&bound);
	for (i = 0; i < CLIENTS; i++) {
		clients[i].index = i;
		if (pthread_create(&clients[i].thread, NULL, client_thread,
				   &clients[i]))
			die("thread");
	}
	pthread_barrier_wait(&created);

	DISTURB_UNTIL(atomic_load(&established) == CONNS);
	atomic_store(&go, true);
	DISTURB_UNTIL(atomic_load(&client_sessions) == ALL_SESSIONS &&
		      atomic_load(&server_sessions) == ALL_SESSIONS);
	atomic_store(&over, true);
	stop_all();
	pthread_barrier_wait(&ended);
	for (i = 0; i < CLIENTS; i++)
		pthread_join(clients[i].thread, NULL);
	for (i = 0; i < SERVERS; i++)
		pthread_join(servers[i].thread, NULL);
	atomic_store(&enough, true);
	pthread_join(memory, NULL);
	xio_mempool_destroy(pool);

	CHECK_EQ(atomic_load(&client_ends), ALL_CONNS);
	/* Each shared session had a connection for its setup, too. */
	CHECK_EQ(atomic_load(&server_ends), ALL_CONNS + SHARED);
	CHECK_EQ(atomic_load(&requests), ALL_CONNS * REQUESTS);
	CHECK_EQ(atomic_load(&responses), ALL_CONNS * REQUESTS);
	CHECK_EQ(atomic_load(&served), ALL_CONNS * REQUESTS);
	CHECK_EQ(atomic_load(&told) + atomic_load(&flushed),
		 atomic_load(&asked));
	for (i = 0; i < CONNS; i++)
		called += conns[i].asked;
	CHECK(called > 0 && called <= atomic_load(&asked));
	CHECK(atomic_load(&told) > 0);
	printf("%d connections, %d requests, %d the other way (%d flushed)\n",
	       ALL_CONNS, atomic_load(&requests), atomic_load(&asked),
	       atomic_load(&flushed));
}

/* ---- a context ends with the stop of another thread -------------------------- */

static void *lone_stop(void *arg)
{
	_Atomic(struct xio_context *) *shown = arg;
	struct xio_context *ctx = xio_context_create(NULL, 0, -1);

	if (!ctx)
		die("context_create");
	atomic_store(shown, ctx);
	if (xio_context_run_loop(ctx, XIO_INFINITE))
		die("run_loop");
	xio_context_destroy(ctx);
	return NULL;
}

static void stop_and_destroy(void)
{
	int i;

	for (i = 0; i < 300; i++) {
		_Atomic(struct xio_context *) shown = NULL;
		pthread_t t;

		if (pthread_create(&t, NULL, lone_stop, &shown))
			die("thread");
		while (!atomic_load(&shown))
			sched_yield();
		xio_context_stop_loop(atomic_load(&shown));
		pthread_join(t, NULL);
	}
	CHECK_EQ(i, 300);
}

int main(void)
{
	xio_init();
	RUN(stop_and_destroy);
	RUN(hundred_connections);
	xio_shutdown();
	return check_done();
}
