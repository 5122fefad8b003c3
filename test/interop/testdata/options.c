/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the peer's arguments: "server" or "client", then key=value. */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

struct options opt = {
	.host = "127.0.0.1",
	.nodelay = true,
	.assign = true,
	.count = 1,
	.depth = 1,
	.segs = 1,
	.sessions = 1,
	.hdr = { 1, { 8 } },
	.size = { 1, { 32 } },
	.rsphdr = { 1, { 8 } },
	.rsp = { 1, { 32 } },
	.in = IN_OWN,
	.reason = XIO_E_SESSION_REJECTED,
	.limit = 60,
};

size_t sizes_pick(const struct sizes *s, uint64_t n)
{
	return s->v[n % s->n];
}

size_t sizes_max(const struct sizes *s)
{
	size_t max = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i] > max)
			max = s->v[i];
	return max;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *v)
{
	char *end;

	*v = strtoull(text, &end, 10);
	return end != text && *end == '\0' && *v <= max;
}

static bool parse_sizes(const char *text, size_t max, struct sizes *s)
{
	s->n = 0;
	for (;;) {
		char *end;
		unsigned long long v = strtoull(text, &end, 10);

		if (end == text || v > max || s->n == MAX_SIZES)
			return false;
		s->v[s->n++] = v;
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
}

/* Index of the text in a list that ends with NULL, or -1. */
static int parse_word(const char *text, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	return -1;
}

static const char *const inbuf_words[] = { "none", "length", "own", NULL };
static const char *const verdict_words[] = {
	"now", "auto", "wait", "reject", NULL
};

static bool parse_one(const char *key, const char *text)
{
	static const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "single", &opt.single }, { "nodelay", &opt.nodelay },
		{ "assign", &opt.assign }, { "echo", &opt.echo },
		{ "hold", &opt.hold }, { "close", &opt.close },
		{ "eager", &opt.eager },
	};
	static const struct {
		const char *name;
		unsigned *value;
		unsigned max;
	} numbers[] = {
		{ "port", &opt.port, 65535 }, { "depth", &opt.depth, 4096 },
		{ "segs", &opt.segs, XIO_IOVLEN },
		{ "sessions", &opt.sessions, 1000000 },
		{ "idle", &opt.idle, 600000 }, { "limit", &opt.limit, 86400 },
	};
	static const struct {
		const char *name;
		struct sizes *sizes;
		size_t max;
	} lists[] = {
		{ "hdr", &opt.hdr, MAX_HEADER },
		{ "rsphdr", &opt.rsphdr, MAX_HEADER },
		{ "size", &opt.size, 64 << 20 }, { "rsp", &opt.rsp, 64 << 20 },
	};
	uint64_t v;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(key, flags[i].name) == 0) {
			if (!parse_number(text, 1, &v))
				return false;
			*flags[i].flag = v != 0;
			return true;
		}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].name) == 0) {
			if (!parse_number(text, numbers[i].max, &v))
				return false;
			*numbers[i].value = (unsigned)v;
			return true;
		}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(key, lists[i].name) == 0)
			return parse_sizes(text, lists[i].max, lists[i].sizes);
	if (strcmp(key, "host") == 0) {
		opt.host = text;
		return true;
	}
	if (strcmp(key, "data") == 0) {
		opt.data = text;
		return true;
	}
	if (strcmp(key, "count") == 0)
		return parse_number(text, UINT64_MAX, &opt.count);
	if (strcmp(key, "reason") == 0 || strcmp(key, "keepalive") == 0) {
		if (!parse_number(text, INT32_MAX, &v))
			return false;
		*(key[0] == 'r' ? &opt.reason : &opt.keepalive) = (int)v;
		return true;
	}
	if (strcmp(key, "in") == 0) {
		int i = parse_word(text, inbuf_words);

		opt.in = (enum inbufs)i;
		return i >= 0;
	}
	if (strcmp(key, "accept") == 0) {
		int i = parse_word(text, verdict_words);

		opt.verdict = (enum verdict)i;
		return i >= 0;
	}
	return false;
}

int options_parse(int argc, char **argv)
{
	static const char *const roles[] = { "client", "server", NULL };
	int role = argc > 1 ? parse_word(argv[1], roles) : -1;

	if (role < 0)
		return -1;
	opt.server = role == 1;
	for (int i = 2; i < argc; i++) {
		char key[32];
		const char *eq = strchr(argv[i], '=');

		if (eq == NULL || (size_t)(eq - argv[i]) >= sizeof(key))
			return -1;
		memcpy(key, argv[i], (size_t)(eq - argv[i]));
		key[eq - argv[i]] = '\0';
		if (!parse_one(key, eq + 1)) {
			fprintf(stderr, "peer: bad argument %s\n", argv[i]);
			return -1;
		}
	}
	return opt.depth > 0 && opt.segs > 0 ? 0 : -1;
}
