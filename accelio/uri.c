/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri.c - see uri.h. Texts come from applications and, as portals and
 * redirect targets, from peers: every copy is bounded.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "libxio.h"
#include "uri.h"

struct span {
	const char *p;
	size_t n;
};

static bool copy_span(char *dst, size_t cap, struct span s)
{
	if (s.n >= cap)
		return false;
	memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return true;
}

/* Empty, or decimal digits up to 65535. */
static bool port_ok(struct span s)
{
	unsigned int v = 0;
	size_t i;

	if (s.n > 5)
		return false;
	for (i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (unsigned int)(s.p[i] - '0');
	}
	return v <= UINT16_MAX;
}

/*
 * Splits "host", "host:port" and "[v6]:port". colon tells whether there was
 * a separator; the port is then what follows it. A bare IPv6 address is
 * refused, as its last group cannot be told from a port.
 */
static bool split_host(struct span s, struct span *host, struct span *port,
		       bool *colon)
{
	const char *end = s.p + s.n;
	const char *sep;

	if (s.n != 0 && s.p[0] == '[') {
		const char *close = memchr(s.p, ']', s.n);

		if (!close || close == s.p + 1)
			return false;
		host->p = s.p + 1;
		host->n = (size_t)(close - s.p - 1);
		sep = close + 1;
		if (sep != end && *sep != ':')
			return false;
	} else {
		sep = memchr(s.p, ':', s.n);
		if (!sep)
			sep = end;
		host->p = s.p;
		host->n = (size_t)(sep - s.p);
		if (host->n == 1 && *s.p == '*')
			host->n = 0;
	}
	*colon = sep != end;
	port->p = *colon ? sep + 1 : end;
	port->n = (size_t)(end - port->p);
	return port_ok(*port);
}

int xe_uri_parse(const char *uri, struct xe_uri *out)
{
	struct span scheme, portal, authority, host, port;
	const char *sep;
	bool colon;

	memset(out, 0, sizeof(*out));
	sep = uri ? strstr(uri, "://") : NULL;
	if (!sep || sep == uri)
		return XIO_E_ADDR_ERROR;
	scheme.p = uri;
	scheme.n = (size_t)(sep - uri);
	authority.p = sep + 3;
	authority.n = strcspn(authority.p, "/");
	portal.p = uri;
	portal.n = (size_t)(authority.p + authority.n - uri);

	if (memchr(scheme.p, '/', scheme.n) ||
	    !split_host(authority, &host, &port, &colon) || !colon ||
	    !copy_span(out->scheme, sizeof(out->scheme), scheme) ||
	    !copy_span(out->portal, sizeof(out->portal), portal) ||
	    !copy_span(out->host, sizeof(out->host), host) ||
	    !copy_span(out->port, sizeof(out->port), port))
		return XIO_E_ADDR_ERROR;
	return 0;
}

/* host may be "": any address when passive, else this machine. */
static int resolve(const char *host, const char *port, int family,
		   bool passive, struct sockaddr_storage *addr,
		   socklen_t *len)
{
	const struct addrinfo *ai, *best = NULL;
	struct addrinfo hints, *list = NULL;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = family;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
	if (getaddrinfo(*host ? host : NULL, *port ? port : "0", &hints,
			&list) != 0)
		return XIO_E_ADDR_ERROR;
	for (ai = list; ai; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(*addr))
			continue;
		if (ai->ai_family == AF_INET) {
			best = ai;
			break;
		}
		if (ai->ai_family == AF_INET6 && !best)
			best = ai;
	}
	if (best) {
		memset(addr, 0, sizeof(*addr));
		memcpy(addr, best->ai_addr, best->ai_addrlen);
		*len = best->ai_addrlen;
	}
	freeaddrinfo(list);
	return best ? 0 : XIO_E_ADDR_ERROR;
}

int xe_uri_resolve(const struct xe_uri *u, bool passive,
		   struct sockaddr_storage *addr, socklen_t *len)
{
	return resolve(u->host, u->port, AF_UNSPEC, passive, addr, len);
}

int xe_out_addr_resolve(const char *text, int family,
			struct sockaddr_storage *addr, socklen_t *len)
{
	char host_text[XE_PORTAL_MAX], port_text[8];
	struct span all, host, port;
	bool colon;

	if (!text || !*text)
		return XIO_E_ADDR_ERROR;
	all.p = text;
	all.n = strlen(text);
	if (!split_host(all, &host, &port, &colon) ||
	    !copy_span(host_text, sizeof(host_text), host) ||
	    !copy_span(port_text, sizeof(port_text), port))
		return XIO_E_ADDR_ERROR;
	/* It is bound to, so an empty host is any local address. */
	return resolve(host_text, port_text, family, true, addr, len);
}

void xe_addr_text(const struct sockaddr_storage *addr, char *dst, size_t n)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;
	const struct sockaddr_in *in = (const void *)addr;
	char host[INET6_ADDRSTRLEN];

	if (n == 0)
		return;
	if (addr->ss_family == AF_INET &&
	    inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)))
		snprintf(dst, n, "%s:%u", host, ntohs(in->sin_port));
	else if (addr->ss_family == AF_INET6 &&
		 inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)))
		snprintf(dst, n, "[%s]:%u", host, ntohs(in6->sin6_port));
	else
		snprintf(dst, n, "?");
}
