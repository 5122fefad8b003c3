/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_print.h - for engine_peer.c: the lines that it prints, and numbers for
 * connections, to tell them apart there.
 */
#ifndef PEER_PRINT_H
#define PEER_PRINT_H

#include "libxio.h"

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *type_name(const struct xio_msg *m);
/* A message that came, behind the prefix of its connection. */
void say_message(const char *prefix, const char *what,
		 const struct xio_msg *m);

struct numbered {
	char prefix[16];		/* "N " */
	struct xio_connection *conn;	/* NULL before and after */
};

/* The next number; NULL when there are too many. */
struct numbered *number_next(void);
/* By number, from 1; NULL when it was not given out. */
struct numbered *number_find(int nr);
/* By connection. */
struct numbered *number_of(const struct xio_connection *c);

#endif
