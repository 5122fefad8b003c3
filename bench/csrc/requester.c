/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps `depth` messages in flight: after a time to warm up the rate, the CPU
 * time of both processes and each message's latency are taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

/* Latencies: 32 steps to each doubling, so within 3 % of the truth. */
#define STEP_BITS	5
#define BUCKETS		(64 << STEP_BITS)

struct slot {
	struct xio_msg msg;
	char *out;
	char *in;		/* NULL: the library's memory */
	uint64_t stamp;
	int64_t sent;
};

static struct {
	struct xio_context *ctx;
	struct xio_connection *conn;
	struct slot *slots;
	clockid_t peer_cpu;
	bool measuring;
	bool done;
	uint64_t stamp;
	uint64_t ended;		/* messages, ever */
	int64_t start, stop;	/* of the measurement; stop first is planned */
	int64_t cpu[2];		/* requester's, responder's */
	uint64_t messages;	/* of the measurement */
	uint64_t latencies;
	uint64_t bucket[BUCKETS];
	int64_t max;
} b;

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int exp;

	if (ns < 1u << STEP_BITS)
		return (unsigned int)ns;
	exp = 63 - (unsigned int)__builtin_clzll(ns) - STEP_BITS;
	return (exp << STEP_BITS) + (unsigned int)(ns >> exp);
}

static double bucket_us(unsigned int i)
{
	unsigned int exp = i >> STEP_BITS;

	if (exp == 0)
		return i / 1e3;
	exp--;
	return (double)((uint64_t)(i - (exp << STEP_BITS)) << exp) / 1e3;
}

static double percentile(double p)
{
	uint64_t want = (uint64_t)(p * (double)b.latencies), seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS - 1; i++) {
		seen += b.bucket[i];
		if (seen > want)
			break;
	}
	return bucket_us(i);
}

static int64_t cpu_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		fail("no CPU time of the other process");
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t progress(void)
{
	return params.mode == MODE_ONE_WAY ?
	       atomic_load_explicit(&shared->received, memory_order_relaxed) :
	       b.ended;
}

static void begin(int64_t now)
{
	b.measuring = true;
	b.start = now;
	b.stop = now + (int64_t)(params.seconds * 1e9);
	b.cpu[0] = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	b.cpu[1] = cpu_ns(b.peer_cpu);
	b.messages = progress();
}

static void end(int64_t now)
{
	b.stop = now;
	b.cpu[0] = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - b.cpu[0];
	b.cpu[1] = cpu_ns(b.peer_cpu) - b.cpu[1];
	b.messages = progress() - b.messages;
	b.done = true;
	xio_context_stop_loop(b.ctx);
}

/* A message has ended at `now`: is the run to go on? */
static bool account(const struct slot *s, int64_t now)
{
	if (b.done)
		return false;
	b.ended++;
	if (b.measuring) {
		int64_t took = now - s->sent;

		b.bucket[bucket_of((uint64_t)took)]++;
		b.latencies++;
		if (took > b.max)
			b.max = took;
	}
	if (params.count ? b.ended >= params.count :
	    b.measuring && now >= b.stop)
		end(now);
	else if (!b.measuring && now >= b.start)
		begin(now);
	return !b.done;
}

static void send_slot(struct slot *s, int64_t now)
{
	int r;

	s->stamp = b.stamp++;
	s->sent = now;
	stamp_put(s->out, params.size, s->stamp);
	s->msg.in.header.iov_base = NULL;
	s->msg.in.header.iov_len = 0;
	if (s->in)
		one_entry(&s->msg.in, s->in, params.size);
	else
		vmsg_sglist_set_nents(&s->msg.in, 0);
	r = params.mode == MODE_ONE_WAY ? xio_send_msg(b.conn, &s->msg) :
					  xio_send_request(b.conn, &s->msg);
	if (r)
		fail("send: %s", xio_strerror(xio_errno()));
}

static int on_response(struct xio_session *session, struct xio_msg *rsp,
		       int last, void *user)
{
	struct slot *s = rsp->user_context;
	int64_t now = now_ns();

	(void)session;
	(void)last;
	(void)user;
	if (stamp_get(&rsp->in, params.size) != s->stamp)
		fail("a response is not the request's own");
	if (xio_release_response(rsp))
		fail("release: %s", xio_strerror(xio_errno()));
	if (account(s, now))
		send_slot(s, now);
	return 0;
}

static int on_one_way_sent(struct xio_session *session, struct xio_msg *msg,
			   void *user)
{
	struct slot *s = msg->user_context;
	int64_t now = now_ns();

	(void)session;
	(void)user;
	if (account(s, now))
		send_slot(s, now);
	return 0;
}

static int on_error(struct xio_session *session, enum xio_status err,
		    enum xio_msg_direction dir, struct xio_msg *m, void *user)
{
	(void)session;
	(void)dir;
	(void)m;
	(void)user;
	fail("requester: %s", xio_strerror(err));
}

static int on_event(struct xio_session *s, struct xio_session_event_data *e,
		    void *user)
{
	unsigned int i;
	int64_t now;

	(void)s;
	(void)user;
	if (e->event != XIO_SESSION_CONNECTION_ESTABLISHED_EVENT)
		fail("requester: %s", xio_session_event_str(e->event));
	now = now_ns();
	b.start = now + (int64_t)(params.warm * 1e9);
	if (params.count)
		begin(now);
	for (i = 0; i < params.depth; i++)
		send_slot(&b.slots[i], now);
	return 0;
}

static void report(void)
{
	double seconds = (double)(b.stop - b.start) / 1e9;
	double n = (double)b.messages;

	printf("messages=%llu seconds=%.3f rate=%.1f cpu_us=%.3f cpu_client_us=%.3f "
	       "cpu_server_us=%.3f p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f\n",
	       (unsigned long long)b.messages, seconds, n / seconds,
	       (double)(b.cpu[0] + b.cpu[1]) / 1e3 / n,
	       (double)b.cpu[0] / 1e3 / n, (double)b.cpu[1] / 1e3 / n,
	       percentile(0.5), percentile(0.99), percentile(0.999),
	       (double)b.max / 1e3);
}

void requester(void)
{
	static struct xio_session_ops ops;
	bool large = params.size > INLINE_MAX;
	unsigned int i;
	char *data;

	ops.on_session_event = on_event;
	ops.on_msg = on_response;
	ops.on_msg_error = on_error;
	ops.on_ow_msg_send_complete = on_one_way_sent;
	if (clock_getcpuclockid(shared->responder, &b.peer_cpu))
		fail("no CPU clock of the other process");
	b.slots = calloc(params.depth, sizeof(*b.slots));
	if (!b.slots)
		fail("no memory for %u messages", params.depth);
	data = pages((large ? 2 : 1) * params.depth * params.size);
	for (i = 0; i < params.depth; i++) {
		struct slot *s = &b.slots[i];

		s->out = data;
		data += params.size;
		if (large) {
			s->in = data;
			data += params.size;
		}
		s->msg.user_context = s;
		s->msg.in.sgl_type = XIO_SGL_TYPE_IOV;
		s->msg.in.data_iov.max_nents = XIO_IOVLEN;
		one_entry(&s->msg.out, s->out, params.size);
	}
	library_options();
	b.ctx = new_context();
	b.conn = connect_to(b.ctx, shared->port[0], &ops, NULL);
	drive(b.ctx, &b.done);
	if (b.messages == 0)
		fail("no message went through in %.1f seconds",
		     params.seconds);
	report();
}
