/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconnect.h - carrying connections over the loss of their link
 * (accelio-wire 4.3; accelio-api 4.13), with the option ENABLE_RECONNECT and
 * between engines of our kind. nexus.c tells this room of losses, timers and
 * setup frames, message_rx.c of requests that come again. Loop thread only.
 */
#ifndef XE_RECONNECT_H
#define XE_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

struct xe_nexus;
struct xe_nexus_setup;
struct xe_task;
struct xio_connection;

/* The waits before the second and later attempts of a client. */
#define XE_RECONNECT_WAITS	3
/* Variables for the sake of tests. */
extern int64_t xe_reconnect_wait_ns[XE_RECONNECT_WAITS];
extern int64_t xe_reconnect_keep_ns;	/* a server's patience */

/* The link of n is dead, and not yet closed: shall n live on? */
bool xe_reconnect_wanted(struct xe_nexus *n);
/* Then, after it was closed: waits, or tries again. */
void xe_reconnect_begin(struct xe_nexus *n);
/* n has no link and its timer has fired. */
void xe_reconnect_timer(struct xe_nexus *n);
/* A setup frame of a reconnect. 0, or -errno to end the link. */
int xe_reconnect_on_setup(struct xe_nexus *n, const struct xe_nexus_setup *s);
/* n waits no more, as it is destroyed. */
void xe_reconnect_forget(struct xe_nexus *n);

/* A connection of a waiting n that does not live on, or NULL. */
struct xio_connection *xe_reconnect_hopeless(struct xe_nexus *n);
/* The application closes c while it waits: it ends at once. */
void xe_reconnect_abandon(struct xio_connection *c, int reason,
			  int at_teardown);

/* A request or one-way that was delivered before has come again. */
bool xe_reconnect_is_repeat(const struct xio_connection *c, uint64_t serial);
/* A new one has come: is one missing that had to come again before it? */
bool xe_reconnect_left_out(const struct xio_connection *c);
int xe_reconnect_repeat(struct xe_task *t);

#endif
