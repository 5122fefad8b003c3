/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - the bytes of a message.
 *
 * Header and data are sequences of little-endian 64-bit words, cut to their
 * length. The first word is the message's number; word i > 0 is
 *
 *	x ^ (x >> 29)  with  x = n * A + i * B + salt
 *
 * so a byte in the wrong place, part, or message is seen.
 */
#include "peer.h"

#include <endian.h>
#include <string.h>

static uint64_t word(uint64_t i, uint64_t n, enum salt salt)
{
	uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15) +
		     i * UINT64_C(0xd1b54a32d192ed03) + salt;

	return htole64(i == 0 ? n : x ^ (x >> 29));
}

void pattern_fill(uint8_t *p, size_t len, uint64_t n, enum salt salt)
{
	for (size_t i = 0; len > 0; i++) {
		uint64_t w = word(i, n, salt);
		size_t m = len < sizeof(w) ? len : sizeof(w);

		memcpy(p, &w, m);
		p += m;
		len -= m;
	}
}

/* Compares a piece that lies at an offset of the sequence. */
static bool check_piece(const uint8_t *p, size_t off, size_t len, uint64_t n,
			enum salt salt)
{
	while (len > 0) {
		uint64_t w = word(off / sizeof(w), n, salt);
		size_t skip = off % sizeof(w);
		size_t m = sizeof(w) - skip;

		if (m > len)
			m = len;
		if (m == sizeof(w)) {
			uint64_t got;

			memcpy(&got, p, sizeof(got));
			if (got != w)
				return false;
		} else if (memcmp(p, (uint8_t *)&w + skip, m) != 0) {
			return false;
		}
		p += m;
		off += m;
		len -= m;
	}
	return true;
}

size_t vmsg_data_len(const struct xio_vmsg *v)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	size_t len = 0;

	for (uint32_t i = 0; i < vmsg_sglist_nents(v); i++)
		len += sgl[i].iov_len;
	return len;
}

bool pattern_check(const struct xio_vmsg *v, size_t hlen, size_t dlen,
		   uint64_t n, enum salt hsalt, enum salt dsalt)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	size_t off = 0;

	if (v->header.iov_len != hlen || vmsg_data_len(v) != dlen)
		return false;
	if (!check_piece(v->header.iov_base, 0, hlen, n, hsalt))
		return false;
	for (uint32_t i = 0; i < vmsg_sglist_nents(v); i++) {
		if (!check_piece(sgl[i].iov_base, off, sgl[i].iov_len, n,
				 dsalt))
			return false;
		off += sgl[i].iov_len;
	}
	return true;
}

/* Tells a received message's number if it is long enough to show it, else
 * what there is of it. */
bool pattern_number(const struct xio_vmsg *v, uint64_t *n)
{
	const struct xio_iovec_ex *sgl = vmsg_sglist(v);
	size_t hlen = v->header.iov_len;
	size_t dlen = vmsg_sglist_nents(v) > 0 ? sgl[0].iov_len : 0;
	uint64_t w = 0;

	if (hlen >= dlen || hlen >= KNOWN)
		memcpy(&w, hlen > 0 ? v->header.iov_base : &w,
		       hlen < KNOWN ? hlen : KNOWN);
	else
		memcpy(&w, sgl[0].iov_base, dlen < KNOWN ? dlen : KNOWN);
	*n = le64toh(w);
	return hlen >= KNOWN || dlen >= KNOWN;
}
