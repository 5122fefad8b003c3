/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_frame.c - libFuzzer target for the wire format. Whatever is accepted
 * must be sound, and must be accepted again after encoding.
 */
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"
#include "fuzz_input.h"
#include "invariants.h"

#define FUZZ_ASSERT(cond)						\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "%s:%d: %s\n", __FILE__,	\
				__LINE__, #cond);			\
			abort();					\
		}							\
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_frame(bool dual, const uint8_t *p, size_t n)
{
	const struct xe_frame_limits lim = { dual, 9216, 8, 16, 64u << 20 };
	static uint8_t again[XE_PREFIX_LEN + 2 * XIO_MAX_IOV * XE_SGE_LEN];
	struct xe_frame f, g;
	uint32_t type, len;
	size_t head;
	uint8_t *copy;

	if (n < XE_TLV_LEN || xe_tlv_decode(p, &lim, &type, &len) != 0)
		return;
	FUZZ_ASSERT(len <= lim.buf_size - XE_TLV_LEN);
	if (len > n - XE_TLV_LEN)
		return;
	p += XE_TLV_LEN;
	if (xe_frame_decode(type, p, len, &lim, &f) != 0)
		return;
	FUZZ_ASSERT(frame_is_sound(&f, p, len, &lim));

	head = frame_again(&f, dual, again);
	FUZZ_ASSERT(head == XE_PREFIX_LEN + frame_lists_len(&f));
	FUZZ_ASSERT(head - XE_TLV_LEN <= len);
	copy = malloc(len);
	if (!copy)
		return;
	memcpy(copy, p, len);
	memcpy(copy, again + XE_TLV_LEN, head - XE_TLV_LEN);
	FUZZ_ASSERT(xe_tlv_decode(again, &lim, &type, &len) == 0);
	FUZZ_ASSERT(xe_frame_decode(type, copy, len, &lim, &g) == 0);
	FUZZ_ASSERT(f.data_len == g.data_len && f.serial == g.serial &&
		    f.hdr_len == g.hdr_len && f.flags == g.flags &&
		    (f.imm == NULL) == (g.imm == NULL));
	free(copy);
}

static void fuzz_nexus(const uint8_t *p, size_t n)
{
	const struct xe_frame_limits lim = { false, 4096, 4, 4, 0 };
	struct xe_nexus_setup s, t;
	uint8_t again[XE_NEXUS_RSP_LEN];
	uint32_t type, len;

	if (n < XE_TLV_LEN || xe_tlv_decode(p, &lim, &type, &len) != 0 ||
	    len > n - XE_TLV_LEN ||
	    xe_nexus_setup_decode(type, p + XE_TLV_LEN, len, &s) != 0)
		return;
	FUZZ_ASSERT(xe_nexus_setup_encode(&s, again) == XE_TLV_LEN + len);
	FUZZ_ASSERT(xe_nexus_setup_decode(type, again + XE_TLV_LEN, len,
					  &t) == 0);
	FUZZ_ASSERT(s.buf_size == t.buf_size && s.cid == t.cid);
}

static void fuzz_session_req(const uint8_t *p, size_t n)
{
	uint8_t again[XE_SETUP_MAX];
	struct xe_session_req r;

	if (xe_session_req_decode(p, n, &r) != 0)
		return;
	FUZZ_ASSERT(memchr(r.uri, 0, r.uri_len) == NULL);
	FUZZ_ASSERT(xe_session_req_encode(&r, again, sizeof(again)) ==
		    (int)n);
	FUZZ_ASSERT(memcmp(again, p, n) == 0);
}

static void fuzz_session_rsp(const uint8_t *p, size_t n)
{
	uint8_t again[XE_SETUP_MAX];
	struct xe_session_rsp r;
	int m;

	if (xe_session_rsp_decode(p, n, &r) != 0)
		return;
	m = xe_session_rsp_encode(&r, again, sizeof(again));
	/* We never write private data into a redirect. */
	if (r.action == XE_ACTION_REDIRECT && r.priv_len != 0) {
		FUZZ_ASSERT(m == (int)(n - r.priv_len));
		return;
	}
	FUZZ_ASSERT(m == (int)n && memcmp(again, p, n) == 0);
}

static void fuzz_cancel(const uint8_t *p, size_t n)
{
	uint8_t again[XE_CANCEL_LEN];
	struct xe_cancel c;

	if (xe_cancel_decode(p, n, &c) != 0)
		return;
	xe_cancel_encode(&c, again);
	FUZZ_ASSERT(n == sizeof(again) && memcmp(again, p, n) == 0);
}

static void fuzz_connect(const uint8_t *p, size_t n)
{
	struct xe_connect c;

	if (n < XE_CONNECT_LEN || xe_connect_decode(p, 4000, &c) != 0)
		return;
	FUZZ_ASSERT(c.type >= XE_SOCK_SINGLE && c.type <= XE_SOCK_DATA);
	FUZZ_ASSERT(c.second_port != 4000);
	FUZZ_ASSERT((c.second_port == 0) == (c.type == XE_SOCK_SINGLE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *p = data + 1;
	size_t n = size - 1;

	if (size == 0)
		return 0;
	switch ((enum fuzz_kind)(data[0] % FUZZ_KINDS)) {
	case FUZZ_SINGLE:
		fuzz_frame(false, p, n);
		break;
	case FUZZ_DUAL:
		fuzz_frame(true, p, n);
		break;
	case FUZZ_NEXUS:
		fuzz_nexus(p, n);
		break;
	case FUZZ_SESSION_REQ:
		fuzz_session_req(p, n);
		break;
	case FUZZ_SESSION_RSP:
		fuzz_session_rsp(p, n);
		break;
	case FUZZ_CANCEL:
		fuzz_cancel(p, n);
		break;
	default:
		fuzz_connect(p, n);
		break;
	}
	return 0;
}
