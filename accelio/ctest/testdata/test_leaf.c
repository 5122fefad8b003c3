/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_leaf.c - clock, errors, log, registered memory and remote keys.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include "base.h"
#include "blocks.h"
#include "check.h"
#include "init_stub.h"
#include "limit.h"
#include "mem.h"
#include "option.h"

static void clock_moves_forward(void)
{
	int64_t a = xe_now_ns(), b = xe_now_ns();

	CHECK(a > 0);
	CHECK(b >= a);
	CHECK(b - a < 60 * XE_NS_PER_SEC);
}

/* --- errors --------------------------------------------------------- */

static void error_texts(void)
{
	static const struct {
		int code;
		const char *text;
	} cases[] = {
		{ 0, "Success" },
		{ XIO_E_NOT_SUPPORTED, "Not supported" },
		{ XIO_E_ADDR_ERROR, "Address error" },
		{ XIO_E_MSG_SIZE, "Message too long" },
		{ XIO_E_SESSION_REFUSED, "Session refused" },
		{ XIO_E_IN_PORGRESS, "Operation now in progress" },
		{ XIO_E_MSG_FLUSHED, "Message flushed" },
		{ XIO_E_STATE, "Operation not permitted in current state" },
		{ XIO_E_USER_OBJ_NOT_FOUND, "User object not found" },
		{ XIO_E_RSP_BUF_SIZE_MISMATCH,
		  "Response buffer is smaller then actual response" },
		{ XIO_E_LAST_STATUS, "Unknown error" },
		{ XIO_E_LAST_STATUS + 1, "Unknown error" },
		{ 0x7fffffff, "Unknown error" }
	};
	size_t i;
	int code, other;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(xio_strerror(cases[i].code), cases[i].text);
	CHECK_STR(xio_strerror(EINVAL), strerror(EINVAL));
	CHECK(xio_strerror(-5) != NULL);
	CHECK(xio_strerror(XIO_BASE_STATUS - 1) != NULL);
	for (code = XIO_BASE_STATUS; code < XIO_E_LAST_STATUS; code++)
		for (other = XIO_BASE_STATUS; other < code; other++)
			CHECK(strcmp(xio_strerror(code),
				     xio_strerror(other)) != 0);
}

static void *other_thread(void *arg)
{
	*(int *)arg = xio_errno();
	xe_set_errno(EIO);
	return NULL;
}

static void errno_is_per_thread(void)
{
	pthread_t t;
	int seen = -1;

	CHECK_EQ(xe_fail(XIO_E_TIMEOUT), -1);
	CHECK_EQ(xio_errno(), XIO_E_TIMEOUT);
	if (pthread_create(&t, NULL, other_thread, &seen) != 0)
		exit(2);
	pthread_join(t, NULL);
	CHECK_EQ(seen, 0);
	CHECK_EQ(xio_errno(), XIO_E_TIMEOUT);
}

/* --- log ------------------------------------------------------------ */

static struct {
	int calls;
	unsigned int line;
	unsigned int level;
	char file[64];
	char func[64];
	char fmt[8];
	char text[2048];
} logged;

static void log_fn(const char *file, unsigned int line, const char *func,
		   unsigned int level, const char *fmt, ...)
{
	const char *slash = strrchr(file, '/');
	va_list ap;

	logged.calls++;
	logged.line = line;
	logged.level = level;
	snprintf(logged.file, sizeof(logged.file), "%s",
		 slash ? slash + 1 : file);
	snprintf(logged.func, sizeof(logged.func), "%s", func);
	snprintf(logged.fmt, sizeof(logged.fmt), "%s", fmt);
	va_start(ap, fmt);
	vsnprintf(logged.text, sizeof(logged.text), fmt, ap);
	va_end(ap);
	errno = ERANGE;
}

static void log_to_application(void)
{
	char big[4000];
	unsigned int line;

	xe_log_set_fn(log_fn);
	errno = ENOENT;
	line = __LINE__ + 1;
	XE_ERR("%s %d", "a%sb%n", 5);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(logged.calls, 1);
	CHECK_EQ(logged.line, line);
	CHECK_EQ(logged.level, XIO_LOG_LEVEL_ERROR);
	CHECK_STR(logged.file, "test_leaf.c");
	CHECK_STR(logged.func, "log_to_application");
	CHECK_STR(logged.fmt, "%s");
	CHECK_STR(logged.text, "a%sb%n 5");

	XE_WARN("below the level");
	XE_DEBUG("below the level");
	CHECK_EQ(logged.calls, 1);
	xe_log_write("f", 1, "g", XIO_LOG_LEVEL_WARN, "%s", "direct");
	CHECK_EQ(logged.calls, 1);
	xe_log_level = XIO_LOG_LEVEL_TRACE;
	XE_DEBUG("now");
	CHECK_EQ(logged.calls, 2);
	CHECK_EQ(logged.level, XIO_LOG_LEVEL_DEBUG);

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	XE_INFO("%s", big);
	CHECK_EQ(logged.calls, 3);
	CHECK(strlen(logged.text) > 500 && strlen(logged.text) < 2000);

	xe_log_level = -1;
	XE_LOG(XIO_LOG_LEVEL_FATAL, "silenced");
	CHECK_EQ(logged.calls, 3);
	xe_log_level = XIO_LOG_LEVEL_ERROR;
	xe_log_set_fn(NULL);
}

/* The text that fn writes to standard error. */
static void capture_stderr(void (*fn)(void), char *dst, size_t cap)
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	if (saved < 0 || pipe(fds) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
		exit(2);
	fn();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	n = read(fds[0], dst, cap - 1);
	dst[n > 0 ? n : 0] = '\0';
	close(fds[0]);
}

static void hostile_line(void)
{
	XE_ERR("uri %s", "tcp://x\nfaked line\x1b[2J");
}

static void log_to_stderr(void)
{
	char text[1024];
	const char *end;

	capture_stderr(hostile_line, text, sizeof(text));
	end = strchr(text, '\n');
	CHECK(end != NULL && end[1] == '\0');
	CHECK(strchr(text, '\x1b') == NULL);
	CHECK(strstr(text, "ERROR") != NULL);
	CHECK(strstr(text, "test_leaf.c") != NULL);
	CHECK(strstr(text, "uri tcp://x?faked line?[2J") != NULL);
}

/* --- peers ---------------------------------------------------------- */

static struct sockaddr_storage address(const char *host, uint16_t port)
{
	struct sockaddr_storage a;
	struct sockaddr_in *v4 = (void *)&a;
	struct sockaddr_in6 *v6 = (void *)&a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	} else {
		exit(2);
	}
	return a;
}

static void host_of_an_address(void)
{
	static const struct {
		const char *a;
		const char *b;
		bool same;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "10.0.0.1", "::ffff:10.0.0.1", true },
		{ "::ffff:10.0.0.1", "::ffff:10.0.0.2", false },
		{ "2001:db8::1", "2001:db8::ffff:2", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "::1", "10.0.0.1", false }
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage a = address(cases[i].a, 1);
		struct sockaddr_storage b = address(cases[i].b, 2);

		CHECK_EQ(xe_host_hash(&a) == xe_host_hash(&b), cases[i].same);
	}
}

static void links_are_counted(void)
{
	struct sockaddr_storage a = address("10.0.0.1", 1);
	struct sockaddr_storage b = address("2001:db8::1", 1);
	int i;

	xe_opt.limit_links_per_host = 3;
	xe_opt.limit_links_per_server = 50;
	xe_opt.limit_links_total = 5;
	CHECK(xe_limit_link(&a, 50) != NULL);
	for (i = 0; i < 3; i++)
		CHECK(xe_limit_link(&a, 49) == NULL);
	CHECK_STR(xe_limit_link(&a, 3), "its host has too many links");
	CHECK_STR(xe_limit_link(&a, 50), "the server has too many links");
	/* What was refused was not counted. */
	CHECK(xe_limit_link(&b, 0) == NULL);
	CHECK(xe_limit_link(&b, 0) == NULL);
	CHECK_STR(xe_limit_link(&b, 0), "the process has too many links");
	xe_limit_link_end(&b);
	CHECK(xe_limit_link(&a, 0) != NULL);
	xe_limit_link_end(&a);
	CHECK(xe_limit_link(&a, 0) == NULL);
	for (i = 0; i < 3; i++)
		xe_limit_link_end(&a);
	xe_limit_link_end(&b);
	/* All are gone: the whole process may be one host's again. */
	xe_opt.limit_links_per_host = 5;
	for (i = 0; i < 5; i++)
		CHECK(xe_limit_link(&a, 0) == NULL);
	CHECK(xe_limit_link(&a, 0) != NULL);
	for (i = 0; i < 5; i++)
		xe_limit_link_end(&a);
}

static void rate(void)
{
	struct xe_rate r = { 0, 0, 0 };
	const int64_t second = XE_NS_PER_SEC, start = 7 * second + 3;
	unsigned long out = 9;

	CHECK(!xe_rate_take(&r, start, 0, &out));
	CHECK(xe_rate_take(&r, start, 2, &out));
	CHECK_EQ(out, 1);
	CHECK(xe_rate_take(&r, start + second / 2, 2, &out));
	CHECK_EQ(out, 0);
	CHECK(!xe_rate_take(&r, start + second - 1, 2, &out));
	CHECK(!xe_rate_take(&r, start + second - 1, 2, &out));
	/* A second runs from the first one in it. */
	CHECK(xe_rate_take(&r, start + second, 2, &out));
	CHECK_EQ(out, 2);
	CHECK(xe_rate_take(&r, start + second, 2, &out));
	CHECK_EQ(out, 0);
	CHECK(!xe_rate_take(&r, start + 2 * second - 1, 2, &out));
	CHECK(xe_rate_take(&r, start + 9 * second, 2, &out));
	CHECK_EQ(out, 1);
}

static void log_of_peers(void)
{
	struct sockaddr_storage a = address("192.0.2.7", 4242);
	struct sockaddr_storage b = address("2001:db8::1", 80);
	int64_t start = xe_now_ns();
	int i;

	memset(&logged, 0, sizeof(logged));
	xe_log_set_fn(log_fn);
	xe_opt.limit_log_lines = 2;
	errno = ENOENT;
	XE_PEER_ERR(&a, "frame 0x%x: %s", 0x12, "no%n");
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(logged.calls, 1);
	CHECK_EQ(logged.level, XIO_LOG_LEVEL_ERROR);
	CHECK_STR(logged.fmt, "%s");
	CHECK_STR(logged.text, "peer 192.0.2.7:4242: frame 0x12: no%n");
	for (i = 0; i < 1000; i++)
		XE_PEER_ERR(&a, "again");
	CHECK_EQ(errno, ENOENT);
	CHECK(logged.calls >= 2);
	CHECK(logged.calls <=
	      2 * (2 + (xe_now_ns() - start) / XE_NS_PER_SEC));
	CHECK(strncmp(logged.text, "peer 192.0.2.7:4242: again", 26) == 0);

	/* Another host has lines of its own, unless it shares the counter. */
	if (xe_host_hash(&a) % 64 != xe_host_hash(&b) % 64) {
		XE_PEER_ERR(&b, "hello");
		CHECK_STR(logged.text, "peer [2001:db8::1]:80: hello");
	}
	/* The next line that may be written has the count. */
	xe_opt.limit_log_lines = 1000000;
	XE_PEER_ERR(&a, "more");
	CHECK(strstr(logged.text, "7:4242: more (9") != NULL);
	CHECK(strstr(logged.text, " more lines left out)") != NULL);
	XE_PEER_ERR(&a, "more");
	CHECK_STR(logged.text, "peer 192.0.2.7:4242: more");

	i = logged.calls;
	xe_opt.limit_log_lines = 0;
	XE_PEER_ERR(&b, "never");
	xe_opt.limit_log_lines = 100;
	xe_log_level = XIO_LOG_LEVEL_FATAL;
	XE_PEER_ERR(&b, "below the level");
	xe_log_level = XIO_LOG_LEVEL_ERROR;
	CHECK_EQ(logged.calls, i);
	xe_log_set_fn(NULL);
}

/* --- memory --------------------------------------------------------- */

static void mem_register(void)
{
	char buf[10];
	struct xio_reg_mem r, s;

	memset(&r, 0x55, sizeof(r));
	memset(&s, 0, sizeof(s));
	CHECK_EQ(xio_mem_register(buf + 1, 9, &r), 0);
	CHECK(r.addr == buf + 1 && r.length == 9 && r.mr != NULL);
	CHECK(r.priv == (void *)0x5555555555555555);
	CHECK_EQ(xio_mem_register(buf, 1, &s), 0);
	CHECK(s.mr == r.mr && r.mr == xe_dummy_mr());
	CHECK_EQ(xio_mem_dereg(&r), 0);
	CHECK(r.mr == NULL && r.addr == buf + 1 && r.length == 9);
	xe_set_errno(0);
	CHECK_EQ(xio_mem_dereg(&r), -1);
	CHECK_EQ(xio_errno(), EINVAL);

	xe_set_errno(0);
	CHECK_EQ(xio_mem_register(NULL, 5, &r), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	xe_set_errno(0);
	CHECK_EQ(xio_mem_register(buf, 0, &r), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_mem_register(buf, 1, NULL), -1);
	CHECK_EQ(xio_mem_dereg(NULL), -1);
	CHECK_EQ(xio_mem_free(NULL), -1);
}

static void mem_alloc(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	struct xio_reg_mem r;
	void *addr;

	memset(&r, 0x55, sizeof(r));
	stub_initialized = false;
	xe_set_errno(0);
	CHECK_EQ(xio_mem_alloc(10, &r), -1);
	CHECK_EQ(xio_errno(), EFAULT);
	stub_initialized = true;

	CHECK_EQ(xio_mem_alloc(10, &r), 0);
	CHECK_EQ((uintptr_t)r.addr % page, 0);
	CHECK_EQ(r.length, 10);
	CHECK(r.mr == xe_dummy_mr() && r.priv == NULL);
	for (i = 0; i < page; i++)
		CHECK_EQ(((char *)r.addr)[i], 0);
	memset(r.addr, 1, page);
	addr = r.addr;
	r.length = 3;		/* applications do that */
	CHECK_EQ(xio_mem_free(&r), 0);
	CHECK(r.mr == NULL && r.addr == addr);
	xe_set_errno(0);
	CHECK_EQ(xio_mem_free(&r), -1);
	CHECK_EQ(xio_errno(), EINVAL);

	xe_set_errno(0);
	CHECK_EQ(xio_mem_alloc(0, &r), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_mem_alloc(SIZE_MAX, &r), -1);
	CHECK_EQ(xio_mem_alloc(10, NULL), -1);
}

static void pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), i;
	char *p = xe_pages_alloc(page + 1);

	CHECK(p != NULL);
	CHECK_EQ((uintptr_t)p % page, 0);
	for (i = 0; i < 2 * page; i++)
		CHECK_EQ(p[i], 0);
	memset(p, 1, 2 * page);
	xe_pages_free(p, page + 1);
	xe_pages_free(NULL, page);
	CHECK(xe_pages_alloc(0) == NULL);
	xe_set_errno(0);
	CHECK(xe_pages_alloc(SIZE_MAX) == NULL);
	CHECK_EQ(xio_errno(), ENOMEM);
}

static void small_blocks(void)
{
	char *s = xe_strndup("abcdef", 3), *z = xe_zalloc(100);
	int i;

	CHECK_STR(s, "abc");
	xe_free(s);
	s = xe_strndup("ab", 10);
	CHECK_STR(s, "ab");
	xe_free(s);
	for (i = 0; i < 100; i++)
		CHECK_EQ(z[i], 0);
	xe_free(z);
	xe_free(NULL);
}

/* Takes n blocks of size at a time and puts them back. */
static void use_blocks(struct xe_blocks *b, void **p, int n, size_t size)
{
	int i;

	for (i = 0; i < n; i++) {
		p[i] = xe_block_get(b, size);
		CHECK(p[i] != NULL);
	}
	for (i = 0; i < n; i++)
		xe_block_put(b, p[i]);
}

static void kept_blocks(void)
{
	const size_t mib = 1024 * 1024;
	struct xe_blocks b = { 0 };
	void *p[128];
	int i;

	use_blocks(&b, p, 4, mib);
	CHECK(b.idle >= 4 * mib && b.idle <= XE_BLOCKS_KEEP);
	use_blocks(&b, p, 32, mib);	/* they will be needed again */
	CHECK(b.idle >= 32 * mib);
	use_blocks(&b, p, 128, mib);	/* but not that many */
	CHECK(b.idle >= 32 * mib && b.idle <= XE_BLOCKS_KEEP_MOST);
	for (i = 0; i < 2 * XE_BLOCKS_LATELY; i++)
		use_blocks(&b, p, 1, mib);
	CHECK(b.idle > 4 * mib && b.idle <= XE_BLOCKS_KEEP);
	xe_block_put(&b, NULL);
	CHECK_EQ(b.used, 0);
	xe_blocks_fini(&b);
	CHECK_EQ(b.idle, 0);
}

static void remote_keys(void)
{
	struct xio_connection *conn = (void *)&stub_initialized;
	struct xio_managed_rkey *a, *b;
	struct xio_reg_mem r = { 0 };
	struct xio_msg m;

	a = xio_register_remote_rkey(conn, 7);
	b = xio_register_remote_rkey(conn, 0xffffffff);
	CHECK(a != NULL && b != NULL && a != b);
	CHECK_EQ(xio_managed_rkey_unwrap(a), 7);
	CHECK_EQ(xio_managed_rkey_unwrap(b), 0xffffffff);
	xio_unregister_remote_key(a);
	CHECK_EQ(xio_managed_rkey_unwrap(b), 0xffffffff);
	xio_unregister_remote_key(b);
	xio_unregister_remote_key(NULL);
	xe_set_errno(0);
	CHECK(xio_register_remote_rkey(NULL, 7) == NULL);
	CHECK_EQ(xio_errno(), EINVAL);

	xio_reinit_msg(&m);
	xe_set_errno(0);
	CHECK_EQ(xio_lookup_rkey_by_request(&r, &m), 0);
	CHECK_EQ(xio_errno(), XIO_E_NOT_SUPPORTED);
	xe_set_errno(0);
	CHECK_EQ(xio_lookup_rkey_by_response(&r, &m), 0);
	CHECK_EQ(xio_errno(), XIO_E_NOT_SUPPORTED);
}

/* abi.tsv holds the layouts; this is about the helpers of the header. */
static void message_helpers(void)
{
	struct xio_iovec_ex own[5];
	struct xio_reg_mem r = { own, 40, xe_dummy_mr(), NULL };
	struct xio_msg m;

	xio_reinit_msg(&m);
	CHECK_EQ(xio_init_vmsg(&m.out, 4), 0);
	CHECK(vmsg_sglist(&m.out) == m.out.data_iov.sglist);
	m.in.sgl_type = XIO_SGL_TYPE_IOV_PTR;
	m.in.pdata_iov.sglist = own;
	CHECK(vmsg_sglist(&m.in) == own);
	vmsg_sglist_set_nents(&m.in, 5);
	CHECK_EQ(vmsg_sglist_nents(&m.in), 5);
	CHECK_EQ(m.in.pdata_iov.nents, 5);
	vmsg_sglist_set_by_reg_mem(&m.out, &r);
	CHECK(vmsg_sglist_one_base(&m.out) == own);
	CHECK_EQ(vmsg_sglist_one_len(&m.out), 40);
	CHECK(m.out.data_iov.sglist[0].mr == xe_dummy_mr());
	vmsg_sglist_set_user_context(&m.out, &m);
	CHECK(vmsg_sglist_get_user_context(&m.out) == &m);
	m.out.sgl_type = XIO_SGL_TYPE_SCATTERLIST;
	CHECK(vmsg_sglist(&m.out) == NULL);
	xio_fini_vmsg(&m.out);
}

int main(void)
{
	RUN(clock_moves_forward);
	RUN(error_texts);
	RUN(errno_is_per_thread);
	RUN(log_to_application);
	RUN(log_to_stderr);
	RUN(host_of_an_address);
	RUN(links_are_counted);
	RUN(rate);
	RUN(log_of_peers);
	RUN(mem_register);
	RUN(mem_alloc);
	RUN(pages);
	RUN(small_blocks);
	RUN(kept_blocks);
	RUN(remote_keys);
	RUN(message_helpers);
	return check_done();
}
