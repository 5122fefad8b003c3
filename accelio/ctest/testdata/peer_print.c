/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "peer_print.h"

#define NUMBERS	8

static struct numbered numbers[NUMBERS];
static int numbers_nr;

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/*
 * "LEN" of one byte value as "LENxVALUE"; a word is itself, and anything else
 * is "mixed".
 */
static void describe(char *dst, size_t cap, const void *base, size_t n)
{
	const unsigned char *p = base;
	size_t i, word;

	if (n == 0) {
		snprintf(dst, cap, "0");
		return;
	}
	for (i = 1; i < n && p[i] == p[0]; i++)
		;
	for (word = 0; word < n && p[word] >= 'a' && p[word] <= 'z'; word++)
		;
	if (i == n)
		snprintf(dst, cap, "%zux%02x", n, p[0]);
	else if (word == n && n < cap)
		snprintf(dst, cap, "%.*s", (int)n, (const char *)base);
	else
		snprintf(dst, cap, "%zu-mixed", n);
}

const char *type_name(const struct xio_msg *m)
{
	switch ((int)m->type) {
	case XIO_MSG_TYPE_REQ:
		return "request";
	case XIO_MSG_TYPE_RSP:
		return "response";
	case XIO_MSG_TYPE_ONE_WAY:
		return "one-way";
	case 0x24:
		return "one-way-receipt";
	default:
		return "unknown";
	}
}

void say_message(const char *prefix, const char *what, const struct xio_msg *m)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(&m->in);
	char hdr[64], data[64];
	unsigned int i;

	describe(hdr, sizeof(hdr), m->in.header.iov_base,
		 m->in.header.iov_len);
	for (i = 0; i < vmsg_sglist_nents(&m->in); i++)
		describe(data, sizeof(data), sgl[i].iov_base, sgl[i].iov_len);
	say("%s%s %s hdr=%s data=%s", prefix, what, type_name(m), hdr,
	    i ? data : "0");
}

/* ---- numbers --------------------------------------------------------- */

struct numbered *number_next(void)
{
	struct numbered *n;

	if (numbers_nr == NUMBERS)
		return NULL;
	n = &numbers[numbers_nr++];
	snprintf(n->prefix, sizeof(n->prefix), "%d ", numbers_nr);
	return n;
}

struct numbered *number_find(int nr)
{
	return nr > 0 && nr <= numbers_nr ? &numbers[nr - 1] : NULL;
}

struct numbered *number_of(const struct xio_connection *c)
{
	int i;

	for (i = 0; c && i < numbers_nr; i++)
		if (numbers[i].conn == c)
			return &numbers[i];
	return NULL;
}
