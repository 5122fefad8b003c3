/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Design notes: the links of a host are counted without a table of hosts:
 * each host adds to one counter in each of two rows, chosen by independent
 * parts of its hash, and its count is the smaller one. Hosts that share a
 * counter make it too large, never too small; that both are shared with a
 * host that fills them takes bad luck once in four million.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base.h"
#include "limit.h"
#include "option.h"

#define ROWS	2
#define COLS	2048u		/* a power of two */

static atomic_uint hosts[ROWS][COLS];
static atomic_uint total;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t seed;

static void make_seed(void)
{
	/* Without random numbers the time must do. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint64_t)xe_now_ns();
}

/* Finalizer of splitmix64: every bit of x reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t xe_host_hash(const struct sockaddr_storage *a)
{
	const void *p = a;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)p)->sin6_addr;
	uint64_t prefix;
	uint32_t v4;

	pthread_once(&once, make_seed);
	if (a->ss_family != AF_INET6) {
		v4 = ((const struct sockaddr_in *)p)->sin_addr.s_addr;
		return mix(mix(seed + v4) + 4);
	}
	if (IN6_IS_ADDR_V4MAPPED(v6)) {
		memcpy(&v4, v6->s6_addr + 12, sizeof(v4));
		return mix(mix(seed + v4) + 4);
	}
	memcpy(&prefix, v6->s6_addr, sizeof(prefix));
	return mix(mix(seed + prefix) + 6);
}

static atomic_uint *counter(uint64_t hash, int row)
{
	return &hosts[row][(row ? hash >> 32 : hash) & (COLS - 1)];
}

const char *xe_limit_link(const struct sockaddr_storage *peer,
			  unsigned int of_server)
{
	uint64_t h = xe_host_hash(peer);
	unsigned int max = (unsigned int)XE_OPT(limit_links_per_host);
	const char *why;

	if (of_server >= (unsigned int)XE_OPT(limit_links_per_server))
		return "the server has too many links";
	if (atomic_fetch_add(&total, 1) >=
	    (unsigned int)XE_OPT(limit_links_total)) {
		atomic_fetch_sub(&total, 1);
		return "the process has too many links";
	}
	why = NULL;
	if (atomic_fetch_add(counter(h, 0), 1) >= max)
		why = "its host has too many links";
	if (atomic_fetch_add(counter(h, 1), 1) < max)
		why = NULL;
	if (why)
		xe_limit_link_end(peer);
	return why;
}

void xe_limit_link_end(const struct sockaddr_storage *peer)
{
	uint64_t h = xe_host_hash(peer);

	atomic_fetch_sub(counter(h, 0), 1);
	atomic_fetch_sub(counter(h, 1), 1);
	atomic_fetch_sub(&total, 1);
}

bool xe_rate_take(struct xe_rate *r, int64_t now, int max,
		  unsigned long *left_out)
{
	if (r->done == 0 || now - r->since >= XE_NS_PER_SEC) {
		r->since = now;
		r->done = 0;
	}
	if (r->done >= max) {
		r->left_out++;
		return false;
	}
	r->done++;
	*left_out = r->left_out;
	r->left_out = 0;
	return true;
}
