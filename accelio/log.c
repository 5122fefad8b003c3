/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one line per event, to standard error or to the application.
 *
 * Design notes: any thread may log at any time, also from inside a library
 * call; errno survives. The text is formatted here and handed on as "%s", so
 * that bytes from the network never act as a format. An application function
 * must not call back into the library.
 *
 * What a peer can cause is counted by its host: a fixed number of counters,
 * each with some lines for every second. Hosts that share a counter share
 * its lines, so that even many hosts cannot fill a log.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"
#include "limit.h"
#include "option.h"

#define LOG_TEXT_MAX	1024	/* longer texts are cut */
#define SOURCES		64	/* counters of lines about peers */
#define PEER_TEXT	80	/* an address and its port */

int xe_log_level = XIO_LOG_LEVEL_ERROR;

static xio_log_fn log_fn;	/* NULL: standard error */

static const char *level_name(unsigned int level)
{
	static const char *const names[XIO_LOG_LEVEL_LAST] = {
		"FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"
	};

	return level < XIO_LOG_LEVEL_LAST ? names[level] : "LOG";
}

static void write_stderr(const char *file, unsigned int line,
			 const char *func, unsigned int level, char *text)
{
	const char *slash = strrchr(file, '/');
	char *p;

	/* Names and texts of peers can be part of it: keep it one line. */
	for (p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	fprintf(stderr, "accelio %s %s:%u %s: %s\n", level_name(level),
		slash ? slash + 1 : file, line, func, text);
}

static void emit(const char *file, unsigned int line, const char *func,
		 unsigned int level, char *text)
{
	xio_log_fn fn = __atomic_load_n(&log_fn, __ATOMIC_ACQUIRE);

	if (fn)
		fn(file, line, func, level, "%s", text);
	else
		write_stderr(file, line, func, level, text);
}

void xe_log_write(const char *file, unsigned int line, const char *func,
		  unsigned int level, const char *fmt, ...)
{
	int saved = errno;
	char text[LOG_TEXT_MAX];
	va_list ap;

	/* Callers check first; this keeps a direct call just as quiet. */
	if ((int)level > __atomic_load_n(&xe_log_level, __ATOMIC_RELAXED))
		return;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	emit(file, line, func, level, text);
	errno = saved;
}

/* ---- peers ----------------------------------------------------------- */

static pthread_mutex_t source_lock = PTHREAD_MUTEX_INITIALIZER;
static struct xe_rate sources[SOURCES];

/* May a line about this peer be written? Takes the number left out before. */
static bool source_may(const struct sockaddr_storage *peer,
		       unsigned long *left_out)
{
	struct xe_rate *r = &sources[xe_host_hash(peer) % SOURCES];
	int64_t now = xe_now_ns();
	bool may;

	pthread_mutex_lock(&source_lock);
	may = xe_rate_take(r, now, XE_OPT(limit_log_lines), left_out);
	pthread_mutex_unlock(&source_lock);
	return may;
}

static void peer_text(const struct sockaddr_storage *peer, char *dst)
{
	const void *p = peer;
	const struct sockaddr_in6 *v6 = p;
	const struct sockaddr_in *v4 = p;
	char host[INET6_ADDRSTRLEN];
	bool six = peer->ss_family == AF_INET6;

	if (!inet_ntop(six ? AF_INET6 : AF_INET,
		       six ? (const void *)&v6->sin6_addr :
			     (const void *)&v4->sin_addr, host, sizeof(host)))
		strcpy(host, "?");
	snprintf(dst, PEER_TEXT, six ? "[%s]:%u" : "%s:%u", host,
		 (unsigned int)ntohs(six ? v6->sin6_port : v4->sin_port));
}

void xe_log_peer(const char *file, unsigned int line, const char *func,
		 unsigned int level, const struct sockaddr_storage *peer,
		 const char *fmt, ...)
{
	int saved = errno;
	char text[LOG_TEXT_MAX], from[PEER_TEXT], more[64] = "";
	char all[LOG_TEXT_MAX + PEER_TEXT + sizeof(more) + 16];
	unsigned long left_out = 0;
	va_list ap;

	if ((int)level > __atomic_load_n(&xe_log_level, __ATOMIC_RELAXED) ||
	    !source_may(peer, &left_out)) {
		errno = saved;
		return;
	}
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	peer_text(peer, from);
	if (left_out)
		snprintf(more, sizeof(more), " (%lu more lines left out)",
			 left_out);
	snprintf(all, sizeof(all), "peer %s: %s%s", from, text, more);
	emit(file, line, func, level, all);
	errno = saved;
}

void xe_log_set_fn(xio_log_fn fn)
{
	__atomic_store_n(&log_fn, fn, __ATOMIC_RELEASE);
}
