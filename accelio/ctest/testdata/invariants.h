/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invariants.h - what must hold for every frame that the decoder accepts,
 * whatever bytes it came from. Shared by the unit test and the fuzz target.
 */
#ifndef INVARIANTS_H
#define INVARIANTS_H

#include <stdlib.h>
#include <string.h>

#include "frame.h"

static inline size_t frame_lists_len(const struct xe_frame *f)
{
	return f->type & XE_TYPE_REQUEST ?
	       XE_SGE_LEN * ((size_t)f->in_nr + f->out_nr) :
	       XE_WLEN_LEN * (size_t)f->out_nr;
}

static inline bool inside(const uint8_t *p, uint64_t n, const uint8_t *body,
			  size_t len)
{
	return p >= body && p <= body + len &&
	       n <= (uint64_t)(body + len - p);
}

static inline bool frame_is_sound(const struct xe_frame *f,
				  const uint8_t *body, size_t len,
				  const struct xe_frame_limits *lim)
{
	uint64_t sum = 0;
	unsigned int i;

	if (!inside(f->lists, frame_lists_len(f), body, len))
		return false;
	if (f->hdr && !inside(f->hdr, f->hdr_len, body, len))
		return false;
	if (f->imm && (!inside(f->imm, f->data_len, body, len) ||
		       f->imm + f->data_len != body + len))
		return false;
	if (f->in_nr > lim->max_out || f->out_nr > lim->max_in)
		return false;
	if (f->data_len > lim->max_msg)
		return false;
	if (f->out_op == XE_OP_SEND && f->data_len > lim->buf_size)
		return false;
	if (f->out_op == XE_OP_SEND)
		return f->out_nr == 0 && f->data_len == f->imm_len;
	for (i = 0; i < f->out_nr; i++) {
		struct xio_sge e;

		if (f->type & XE_TYPE_REQUEST) {
			xe_frame_sge(f, f->in_nr + i, &e);
			if (e.length == 0)
				return false;
			sum += e.length;
		} else {
			sum += xe_frame_wlen(f, i);
		}
	}
	return sum == f->data_len && sum != 0;
}

/* Encodes an accepted frame again; what is stale in it becomes zero. */
static inline size_t frame_again(const struct xe_frame *f, bool dual,
				 uint8_t *dst)
{
	static struct xio_sge in[XIO_MAX_IOV], out[XIO_MAX_IOV];
	unsigned int i;

	memset(out, 0, sizeof(out));
	if (f->type & XE_TYPE_REQUEST) {
		for (i = 0; i < f->in_nr; i++)
			xe_frame_sge(f, i, &in[i]);
		for (i = 0; i < f->out_nr; i++)
			xe_frame_sge(f, f->in_nr + i, &out[i]);
	} else {
		for (i = 0; i < f->out_nr; i++)
			out[i].length = xe_frame_wlen(f, i);
	}
	return xe_frame_encode(f, dual, in, out, dst);
}

#endif
