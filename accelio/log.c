/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one line per event, to standard error or to the application.
 *
 * Design notes: any thread may log at any time, also from inside a library
 * call; errno survives. The text is formatted here and handed on as "%s", so
 * that bytes from the network never act as a format. An application function
 * must not call back into the library.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base.h"

#define LOG_TEXT_MAX	1024	/* longer texts are cut */

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

void xe_log_write(const char *file, unsigned int line, const char *func,
		  unsigned int level, const char *fmt, ...)
{
	xio_log_fn fn = __atomic_load_n(&log_fn, __ATOMIC_ACQUIRE);
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

	if (fn)
		fn(file, line, func, level, "%s", text);
	else
		write_stderr(file, line, func, level, text);
	errno = saved;
}

void xe_log_set_fn(xio_log_fn fn)
{
	__atomic_store_n(&log_fn, fn, __ATOMIC_RELEASE);
}
