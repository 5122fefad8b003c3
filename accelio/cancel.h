/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cancel.h - taking requests back (accelio-wire 6.8; accelio-api 5.10).
 * What applications call is xio_cancel_request and xio_cancel; the rest of
 * the library tells this room when frames of it have come and when a request
 * ends in another way. Loop thread only.
 */
#ifndef XE_CANCEL_H
#define XE_CANCEL_H

#include "connection.h"
#include "task.h"

void xe_cancel_init(struct xio_connection *c);

/* CANCEL_REQ of our kind, complete. 0, or -errno to end the link. */
int xe_cancel_on_req(struct xe_task *r);
/* The answer to ours. 0, or -errno to end the link. */
int xe_cancel_on_rsp(struct xe_task *k);

/*
 * Our request ends otherwise, or has to wait on: if it was to be cancelled
 * the application hears that this failed. The message must still be there.
 */
void xe_cancel_over(struct xe_task *t);
/* The application answers a request that it was asked to give up. */
void xe_cancel_answered(struct xe_task *t);

#endif
