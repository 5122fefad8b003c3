/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_places.h - for engine_peer.c: contexts beside its first one, driven
 * through their poll fds by the first one's loop, so that all runs in one
 * thread, and listeners on them.
 */
#ifndef PEER_PLACES_H
#define PEER_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "libxio.h"

#define PLACES	4

/* A further context; NULL and xio_errno. */
struct xio_context *place_open(struct xio_context *first);
/*
 * A further context that listens; its port, or 0 and xio_errno. The user
 * context of the server is not NULL.
 */
uint16_t place_listen(struct xio_context *first, struct xio_session_ops *ops);
/* Where the places listen, in the order of opening. */
const char **place_uris(void);
size_t place_uris_nr(void);
/* Ends all of them; -1 and xio_errno when an unbind failed. */
int places_close(struct xio_context *first);

#endif
