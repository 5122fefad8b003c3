/* SPDX-License-Identifier: Apache-2.0 */
/*
 * be.h - big-endian numbers at any address, for the wire format only.
 */
#ifndef XE_BE_H
#define XE_BE_H

#include <stdint.h>

static inline uint16_t xe_get16(const uint8_t *p)
{
	return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t xe_get32(const uint8_t *p)
{
	return (uint32_t)xe_get16(p) << 16 | xe_get16(p + 2);
}

static inline uint64_t xe_get64(const uint8_t *p)
{
	return (uint64_t)xe_get32(p) << 32 | xe_get32(p + 4);
}

static inline void xe_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void xe_put32(uint8_t *p, uint32_t v)
{
	xe_put16(p, (uint16_t)(v >> 16));
	xe_put16(p + 2, (uint16_t)v);
}

static inline void xe_put64(uint8_t *p, uint64_t v)
{
	xe_put32(p, (uint32_t)(v >> 32));
	xe_put32(p + 4, (uint32_t)v);
}

#endif
