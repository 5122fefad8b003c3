/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bystander.h - a second session of a test's client, to a server that echoes:
 * it must not notice what the first one meets.
 */
#ifndef BYSTANDER_H
#define BYSTANDER_H

#include "libxio.h"

/* Opens it; on_end runs when it is over. Failures end the process. */
void bystander_open(struct xio_context *ctx, const char *uri,
		    void (*on_end)(void));
/* Sends n requests, one after the other, and checks what comes back. */
void bystander_echo(long n);
void bystander_close(void);

#endif
