/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_uri.c - taking URIs and addresses apart. Only numeric hosts are
 * resolved, so no name server is asked.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "check.h"
#include "libxio.h"
#include "uri.h"

static void parse(void)
{
	static const struct {
		const char *uri;
		const char *scheme;	/* NULL: refused */
		const char *portal;
		const char *host;
		const char *port;
	} cases[] = {
		{ "tcp://host:2061", "tcp", "tcp://host:2061", "host",
		  "2061" },
		{ "tcp://10.0.0.1:1/vol?a=b:c//d", "tcp", "tcp://10.0.0.1:1",
		  "10.0.0.1", "1" },
		{ "tcp://h:1/", "tcp", "tcp://h:1", "h", "1" },
		{ "tcp://*:5", "tcp", "tcp://*:5", "", "5" },
		{ "tcp://:5", "tcp", "tcp://:5", "", "5" },
		{ "tcp://h:0", "tcp", "tcp://h:0", "h", "0" },
		{ "tcp://h:", "tcp", "tcp://h:", "h", "" },
		{ "tcp://h:/x", "tcp", "tcp://h:", "h", "" },
		{ "tcp://h:65535", "tcp", "tcp://h:65535", "h", "65535" },
		{ "rdma://h:1", "rdma", "rdma://h:1", "h", "1" },
		{ "sevenxx://h:1", "sevenxx", "sevenxx://h:1", "h", "1" },
		{ "tcp://[::1]:80/x", "tcp", "tcp://[::1]:80", "::1", "80" },
		{ "tcp://[fe80::1%eth0]:8", "tcp", "tcp://[fe80::1%eth0]:8",
		  "fe80::1%eth0", "8" },
		{ "", NULL, NULL, NULL, NULL },
		{ "tcp", NULL, NULL, NULL, NULL },
		{ "host:2061", NULL, NULL, NULL, NULL },
		{ "tcp:/host:1", NULL, NULL, NULL, NULL },
		{ "://host:1", NULL, NULL, NULL, NULL },
		{ "/x://host:1", NULL, NULL, NULL, NULL },
		{ "eightxxx://h:1", NULL, NULL, NULL, NULL },
		{ "tcp://", NULL, NULL, NULL, NULL },
		{ "tcp://host", NULL, NULL, NULL, NULL },
		{ "tcp://host/x:1", NULL, NULL, NULL, NULL },
		{ "tcp://h:65536", NULL, NULL, NULL, NULL },
		{ "tcp://h:70000", NULL, NULL, NULL, NULL },
		{ "tcp://h:000080", NULL, NULL, NULL, NULL },
		{ "tcp://h:-1", NULL, NULL, NULL, NULL },
		{ "tcp://h:+1", NULL, NULL, NULL, NULL },
		{ "tcp://h:1x", NULL, NULL, NULL, NULL },
		{ "tcp://h: 1", NULL, NULL, NULL, NULL },
		{ "tcp://h:http", NULL, NULL, NULL, NULL },
		{ "tcp://::1:80", NULL, NULL, NULL, NULL },
		{ "tcp://[::1]", NULL, NULL, NULL, NULL },
		{ "tcp://[::1]80", NULL, NULL, NULL, NULL },
		{ "tcp://[::1:80", NULL, NULL, NULL, NULL },
		{ "tcp://[]:80", NULL, NULL, NULL, NULL }
	};
	struct xe_uri u;
	size_t i;
	int err;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = xe_uri_parse(cases[i].uri, &u);
		if ((err == 0) != (cases[i].scheme != NULL))
			fprintf(stderr, "%s\n", cases[i].uri);
		if (!cases[i].scheme) {
			CHECK_EQ(err, XIO_E_ADDR_ERROR);
			continue;
		}
		CHECK_EQ(err, 0);
		CHECK_STR(u.scheme, cases[i].scheme);
		CHECK_STR(u.portal, cases[i].portal);
		CHECK_STR(u.host, cases[i].host);
		CHECK_STR(u.port, cases[i].port);
	}
	CHECK_EQ(xe_uri_parse(NULL, &u), XIO_E_ADDR_ERROR);
}

static void long_texts(void)
{
	char text[8192];
	struct xe_uri u;
	size_t n;

	for (n = 1; n < 600; n++) {
		snprintf(text, sizeof(text), "tcp://%0*d:1", (int)n, 1);
		CHECK_EQ(xe_uri_parse(text, &u),
			 strlen(text) < XE_PORTAL_MAX ? 0 : XIO_E_ADDR_ERROR);
	}
	/* A resource may be of any length. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "tcp://h:1/", 10);
	text[sizeof(text) - 1] = '\0';
	CHECK_EQ(xe_uri_parse(text, &u), 0);
	CHECK_STR(u.portal, "tcp://h:1");
}

static void check_resolved(const char *uri, bool passive, const char *want)
{
	struct sockaddr_storage addr;
	struct xe_uri u;
	socklen_t len = 0;
	char text[80];

	CHECK_EQ(xe_uri_parse(uri, &u), 0);
	if (!want) {
		CHECK_EQ(xe_uri_resolve(&u, passive, &addr, &len),
			 XIO_E_ADDR_ERROR);
		return;
	}
	CHECK_EQ(xe_uri_resolve(&u, passive, &addr, &len), 0);
	xe_addr_text(&addr, text, sizeof(text));
	CHECK_STR(text, want);
	CHECK_EQ(len, addr.ss_family == AF_INET ?
		 sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}

static void resolve(void)
{
	check_resolved("tcp://127.0.0.1:2061", false, "127.0.0.1:2061");
	check_resolved("tcp://127.0.0.1:2061/res", true, "127.0.0.1:2061");
	check_resolved("tcp://127.0.0.1:", true, "127.0.0.1:0");
	check_resolved("tcp://*:7", true, "0.0.0.0:7");
	check_resolved("tcp://:0", true, "0.0.0.0:0");
	check_resolved("tcp://*:7", false, "127.0.0.1:7");
	check_resolved("tcp://[::1]:80", false, "[::1]:80");
	check_resolved("tcp://[fe80::1%nosuchif]:7", false, NULL);
}

static void out_addr(void)
{
	static const struct {
		const char *text;
		int family;
		const char *want;
	} cases[] = {
		{ "127.0.0.1:5000", AF_INET, "127.0.0.1:5000" },
		{ "127.0.0.1:", AF_INET, "127.0.0.1:0" },
		{ "127.0.0.1", AF_INET, "127.0.0.1:0" },
		{ ":5000", AF_INET, "0.0.0.0:5000" },
		{ "*:5000", AF_INET, "0.0.0.0:5000" },
		{ "*", AF_INET, "0.0.0.0:0" },
		{ "[::1]:5000", AF_INET6, "[::1]:5000" },
		{ "[::1]:", AF_INET6, "[::1]:0" },
		{ "[::1]", AF_INET6, "[::1]:0" },
		{ ":5000", AF_INET6, "[::]:5000" },
		{ "", AF_INET, NULL },
		{ NULL, AF_INET, NULL },
		{ "127.0.0.1:65536", AF_INET, NULL },
		{ "127.0.0.1:x", AF_INET, NULL },
		{ "[::1]:5000", AF_INET, NULL },
		{ "127.0.0.1:5000", AF_INET6, NULL },
		{ "::1", AF_INET6, NULL },
		{ "[::1", AF_INET6, NULL },
		{ "[::1]x", AF_INET6, NULL }
	};
	struct sockaddr_storage addr;
	socklen_t len;
	char text[80], big[1000];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!cases[i].want) {
			CHECK_EQ(xe_out_addr_resolve(cases[i].text,
						     cases[i].family, &addr,
						     &len), XIO_E_ADDR_ERROR);
			continue;
		}
		CHECK_EQ(xe_out_addr_resolve(cases[i].text, cases[i].family,
					     &addr, &len), 0);
		xe_addr_text(&addr, text, sizeof(text));
		CHECK_STR(text, cases[i].want);
	}
	memset(big, 'h', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	CHECK_EQ(xe_out_addr_resolve(big, AF_INET, &addr, &len),
		 XIO_E_ADDR_ERROR);
}

static void address_text(void)
{
	struct sockaddr_storage addr;
	struct xe_uri u;
	socklen_t len;
	char text[8];

	memset(&addr, 0, sizeof(addr));
	xe_addr_text(&addr, text, sizeof(text));
	CHECK_STR(text, "?");
	CHECK_EQ(xe_uri_parse("tcp://127.0.0.1:2061", &u), 0);
	CHECK_EQ(xe_uri_resolve(&u, false, &addr, &len), 0);
	xe_addr_text(&addr, text, sizeof(text));
	CHECK_STR(text, "127.0.0");
	text[0] = 'x';
	xe_addr_text(&addr, text, 0);
	CHECK_EQ(text[0], 'x');
}

int main(void)
{
	RUN(parse);
	RUN(long_texts);
	RUN(resolve);
	RUN(out_addr);
	RUN(address_text);
	return check_done();
}
