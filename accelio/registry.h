/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - the handles that are alive, so that a call with a handle that
 * was destroyed is an error and not a crash. Any thread. Used by control
 * calls alone, never on the message path.
 */
#ifndef XE_REGISTRY_H
#define XE_REGISTRY_H

#include <stdbool.h>

struct xio_session;

enum xe_handle {
	XE_HANDLE_CONTEXT,
	XE_HANDLE_SERVER,
	XE_HANDLE_SESSION,
	XE_HANDLE_CONNECTION,
	XE_HANDLE_KINDS
};

/* False without memory. */
bool xe_registry_add(enum xe_handle kind, const void *p);
bool xe_registry_has(enum xe_handle kind, const void *p);
/*
 * The same for a session that another thread may be ending: it stays until
 * xe_session_drop. No session's lock may be held.
 */
bool xe_registry_hold_session(struct xio_session *s);
void xe_registry_del(enum xe_handle kind, const void *p);
unsigned int xe_registry_count(enum xe_handle kind);
void xe_registry_fini(void);

#endif
