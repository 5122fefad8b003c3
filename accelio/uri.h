/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri.h - taking "tcp://host:port/resource" apart and resolving it.
 * Pure functions except for the resolver; any thread.
 */
#ifndef XE_URI_H
#define XE_URI_H

#include <stdbool.h>
#include <sys/socket.h>

#define XE_SCHEME_MAX	8	/* with its end mark */
#define XE_PORTAL_MAX	256	/* with its end mark */

struct xe_uri {
	char scheme[XE_SCHEME_MAX];
	char portal[XE_PORTAL_MAX];	/* "scheme://host:port" as written */
	char host[XE_PORTAL_MAX];	/* no brackets; "" is any address */
	char port[8];			/* decimal text; "" is port 0 */
};

/*
 * Takes a URI apart. A resource (from the first '/' after the authority) is
 * not part of the result. "[v6]:port" is understood, "*" becomes the empty
 * host. Returns 0 or XIO_E_ADDR_ERROR: no scheme, no port separator, a port
 * that is no decimal number up to 65535, or text that is too long.
 */
int xe_uri_parse(const char *uri, struct xe_uri *out);

/*
 * Resolves host and port. passive: an empty host is the wildcard address.
 * IPv4 results are preferred. This may block in the system's resolver.
 * Returns 0 or XIO_E_ADDR_ERROR.
 */
int xe_uri_resolve(const struct xe_uri *u, bool passive,
		   struct sockaddr_storage *addr, socklen_t *len);

/*
 * Resolves the out_addr of xio_connect: "host:port", "host:", "host",
 * ":port", "[v6]:port", "[v6]". Returns 0 or XIO_E_ADDR_ERROR.
 */
int xe_out_addr_resolve(const char *text, int family,
			struct sockaddr_storage *addr, socklen_t *len);

/* A printable "host:port" of addr in dst; always terminated. */
void xe_addr_text(const struct sockaddr_storage *addr, char *dst, size_t n);

#endif
