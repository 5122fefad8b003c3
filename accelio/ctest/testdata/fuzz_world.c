/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base.h"
#include "fuzz_world.h"
#include "registry.h"

#define LIVE_MAX	(96u << 20)	/* bytes of the engine at any time */
#define TIMER_SETS_MAX	20000u
#define PASSES_MAX	20000
#define LOG_LINES	16u
#define FDS		128
#define TIMERS		64
#define PORTS		16
#define SPARES		12
#define SPARE_MIN	(60u << 10)
#define HANDLES		8192	/* at one time */

unsigned long fuzz_stats[STAT_NR];

/* ---- memory ---------------------------------------------------------- */

static size_t live_bytes;
static size_t live_before;

static void *counted(void *p)
{
	if (p)
		live_bytes += malloc_usable_size(p);
	FUZZ_ASSERT(live_bytes < LIVE_MAX);
	return p;
}

/*
 * Contexts come and go with each input, and the large blocks of one would be
 * mapped and unmapped again and again: some are kept, out of bounds meanwhile.
 */
static struct {
	void *p;
	size_t size;
} spare[SPARES];

static void *take_spare(size_t size)
{
	int i;

	for (i = 0; i < SPARES; i++) {
		void *p = spare[i].p;

		if (!p || spare[i].size != size)
			continue;
		ASAN_UNPOISON_MEMORY_REGION(p, size);
		spare[i].p = NULL;
		return p;
	}
	return NULL;
}

static bool keep_spare(void *p, size_t size)
{
	int i;

	for (i = 0; i < SPARES; i++) {
		if (spare[i].p)
			continue;
		spare[i].p = p;
		spare[i].size = size;
		ASAN_POISON_MEMORY_REGION(p, size);
		return true;
	}
	return false;
}

static void *hook_allocate(size_t size, void *user)
{
	void *p = size >= SPARE_MIN ? take_spare(size) : NULL;

	(void)user;
	return counted(p ? p : malloc(size));
}

static void *hook_memalign(size_t boundary, size_t size, void *user)
{
	void *p = NULL;

	(void)user;
	return posix_memalign(&p, boundary, size) ? NULL : counted(p);
}

static void hook_free(void *p, void *user)
{
	size_t size = p ? malloc_usable_size(p) : 0;

	(void)user;
	live_bytes -= size;
	if (size < SPARE_MIN || !keep_spare(p, size))
		free(p);
}

/* ---- log ------------------------------------------------------------- */

static unsigned int log_lines;
static unsigned int log_max;
static bool log_shown;

static void on_log(const char *file, unsigned line, const char *function,
		   unsigned level, const char *fmt, ...)
{
	(void)level;
	log_lines++;
	if (log_shown) {
		va_list ap;

		fprintf(stderr, "%s:%u %s: ", file, line, function);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
}

void world_expect_log(unsigned int n)
{
	log_max += n;
}

/* ---- time ------------------------------------------------------------ */

int64_t __wrap_xe_now_ns(void);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *new,
			   struct itimerspec *old);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *new,
			   struct itimerspec *old);

static int64_t now_ns;
static unsigned int timer_sets;

static struct {
	int fd;
	int64_t deadline;
} timers[TIMERS];
static int timers_nr;

int64_t __wrap_xe_now_ns(void)
{
	return now_ns;
}

static int arm(int fd, bool fire)
{
	struct itimerspec its;

	memset(&its, 0, sizeof(its));
	its.it_value.tv_nsec = fire;	/* one nanosecond: long past */
	return __real_timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *new,
			   struct itimerspec *old)
{
	int64_t deadline = new->it_value.tv_sec * XE_NS_PER_SEC +
			   new->it_value.tv_nsec;
	int i;

	FUZZ_ASSERT(flags == TFD_TIMER_ABSTIME && !old);
	timer_sets++;
	for (i = 0; i < timers_nr && timers[i].fd != fd; i++)
		;
	FUZZ_ASSERT(i < TIMERS);
	if (i == timers_nr)
		timers_nr++;
	timers[i].fd = fd;
	timers[i].deadline = deadline <= now_ns ? 0 : deadline;
	return arm(fd, deadline && deadline <= now_ns);
}

void world_advance(int64_t ns)
{
	int i;

	now_ns += ns;
	for (i = 0; i < timers_nr; i++) {
		if (!timers[i].deadline || timers[i].deadline > now_ns)
			continue;
		timers[i].deadline = 0;
		/* One that is closed by now is no harm. */
		arm(timers[i].fd, true);
	}
}

/* ---- network --------------------------------------------------------- */

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **list);
int __real_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **list);

static uint16_t ports[PORTS];
static int ports_nr;
static uint16_t fallback;

void world_allow(uint16_t port)
{
	FUZZ_ASSERT(ports_nr < PORTS);
	ports[ports_nr++] = port;
}

void world_fallback(uint16_t port)
{
	fallback = port;
}

int world_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return __real_connect(fd, addr, len);
}

/* A peer may name any address at all: nothing must leave this machine. */
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_in in;
	int i;

	if (addr->sa_family != AF_INET || len < sizeof(in)) {
		errno = ENETUNREACH;
		return -1;
	}
	memcpy(&in, addr, sizeof(in));
	if (ntohl(in.sin_addr.s_addr) >> 24 != 127) {
		errno = ENETUNREACH;
		return -1;
	}
	for (i = 0; i < ports_nr; i++)
		if (ntohs(in.sin_port) == ports[i])
			return __real_connect(fd, addr, len);
	if (!fallback) {
		errno = ECONNREFUSED;
		return -1;
	}
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(fallback);
	return __real_connect(fd, (const struct sockaddr *)&in, sizeof(in));
}

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **list)
{
	struct addrinfo h = *hints;

	h.ai_flags |= AI_NUMERICHOST;
	return __real_getaddrinfo(host, service, &h, list);
}

/* ---- chance ---------------------------------------------------------- */

ssize_t __wrap_getrandom(void *buf, size_t n, unsigned int flags);

static uint32_t chance;

/* The same in every run of an input. */
ssize_t __wrap_getrandom(void *buf, size_t n, unsigned int flags)
{
	uint8_t *b = buf;
	size_t i;

	(void)flags;
	for (i = 0; i < n; i++) {
		chance = chance * 1664525u + 1013904223u;
		b[i] = (uint8_t)(chance >> 24);
	}
	return (ssize_t)n;
}

/* ---- descriptors ----------------------------------------------------- */

static uint8_t fds_before[FDS];

static void fds_open(uint8_t open[FDS])
{
	struct pollfd p[FDS];
	int i;

	for (i = 0; i < FDS; i++) {
		p[i].fd = i;
		p[i].events = 0;
	}
	FUZZ_ASSERT(poll(p, FDS, 0) >= 0);
	for (i = 0; i < FDS; i++)
		open[i] = !(p[i].revents & POLLNVAL);
}

/* ---- the loop -------------------------------------------------------- */

static bool ready(struct xio_context *ctx)
{
	struct pollfd p = {
		.fd = xio_context_get_poll_fd(ctx),
		.events = POLLIN,
	};

	return poll(&p, 1, 0) > 0;
}

bool world_pass(struct xio_context *ctx)
{
	bool work = ready(ctx);

	/* Also without: calls outside the loop may have left some. */
	xio_context_poll_wait(ctx, 0);
	return work;
}

void world_settle(struct xio_context *ctx)
{
	int i = 0;

	do {
		FUZZ_ASSERT(i++ < PASSES_MAX);
		xio_context_poll_wait(ctx, 0);
	} while (ready(ctx));
}

/* ---- around an input ------------------------------------------------- */

void world_begin(void)
{
	ports_nr = 0;
	fallback = 0;
	timers_nr = 0;
	timer_sets = 0;
	chance = 1;
	log_lines = 0;
	log_max = LOG_LINES;
	live_before = live_bytes;
	fds_open(fds_before);
	fuzz_stats[STAT_INPUTS]++;
}

void world_end(void)
{
	uint8_t open[FDS];

	FUZZ_ASSERT(live_bytes == live_before);
	fds_open(open);
	FUZZ_ASSERT(memcmp(open, fds_before, FDS) == 0);
	FUZZ_ASSERT(timer_sets < TIMER_SETS_MAX);
	FUZZ_ASSERT(log_lines <= log_max);
}

static const char *const stat_names[STAT_NR] = {
	"inputs", "links", "frames-in", "frames-out", "sessions",
	"established", "requests", "responses", "one-ways", "large",
	"assigned", "sent", "receipts", "msg-errors", "fins", "keepalives",
	"hellos", "cancels", "closed", "lost", "rejected", "resumed",
	"neighbours",
};

static void print_stats(void)
{
	int i;

	fprintf(stderr, "fuzz-stats:");
	for (i = 0; i < STAT_NR; i++)
		fprintf(stderr, " %s=%lu", stat_names[i], fuzz_stats[i]);
	fputc('\n', stderr);
}

void world_init(void)
{
	static const struct xio_mem_allocator hooks = {
		.allocate = hook_allocate,
		.memalign = hook_memalign,
		.free = hook_free,
	};
	static char handles[HANDLES];
	int level = XIO_LOG_LEVEL_WARN;
	struct xio_context *ctx;
	enum xe_handle kind;
	int i;

	signal(SIGPIPE, SIG_IGN);
	now_ns = XE_NS_PER_SEC;
	log_shown = getenv("FUZZ_LOG") != NULL;
	FUZZ_ASSERT(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
				XIO_OPTNAME_MEM_ALLOCATOR, &hooks,
				sizeof(hooks)) == 0);
	xio_init();
	FUZZ_ASSERT(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
				XIO_OPTNAME_LOG_FN,
				(const void *)(uintptr_t)on_log,
				sizeof(xio_log_fn)) == 0);
	FUZZ_ASSERT(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
				XIO_OPTNAME_LOG_LEVEL, &level,
				sizeof(level)) == 0);
	/* What is allocated once and kept. */
	ctx = xio_context_create(NULL, 0, -1);
	FUZZ_ASSERT(ctx);
	xio_context_destroy(ctx);
	for (kind = 0; kind < XE_HANDLE_KINDS; kind++) {
		for (i = 0; i < HANDLES; i++)
			FUZZ_ASSERT(xe_registry_add(kind, handles + i));
		for (i = 0; i < HANDLES; i++)
			xe_registry_del(kind, handles + i);
	}
	if (getenv("FUZZ_STATS"))
		atexit(print_stats);
}
