/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.h - counts of accepted links, by which one is refused, and the rate
 * of things (xio_limits.h).
 *
 * Any thread may call everything here.
 */
#ifndef XE_LIMIT_H
#define XE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A number for the host of an address, the same for its life in a process:
 * an IPv4 address, or the 64-bit prefix of IPv6, which is what one party
 * commonly owns. Different for each process, so that nobody can choose
 * addresses that meet.
 */
uint64_t xe_host_hash(const struct sockaddr_storage *a);

/*
 * Counts one more accepted link of this peer beside the of_server that its
 * server has, or says why not. Counted links end with xe_limit_link_end.
 */
const char *xe_limit_link(const struct sockaddr_storage *peer,
			  unsigned int of_server);
void xe_limit_link_end(const struct sockaddr_storage *peer);

/* Something that may happen max times a second; the caller locks it. */
struct xe_rate {
	int64_t since;			/* start of this second */
	int done;			/* in it */
	unsigned long left_out;		/* since the last one that might */
};

/* May it happen once more? If so, how often it might not before. */
bool xe_rate_take(struct xe_rate *r, int64_t now, int max,
		  unsigned long *left_out);

#endif
