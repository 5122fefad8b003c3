/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h - what every room of the engine uses: the allocator hooks, the
 * calling thread's last error, the log, and the clock.
 *
 * Any thread may call everything here.
 */
#ifndef XE_BASE_H
#define XE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libxio.h"
#include "list.h"

/* --- memory (mem.c) ------------------------------------------------- */

/* Zeroed memory through the allocator hooks; NULL and xio_errno ENOMEM. */
void *xe_zalloc(size_t size);
/* The same without zeroing. */
void *xe_malloc(size_t size);
void xe_free(void *p);
char *xe_strndup(const char *s, size_t n);

/*
 * Page-aligned zeroed memory for buffers, by the hooks when set, else by
 * mmap; give it back with the same size.
 */
void *xe_pages_alloc(size_t size);
void xe_pages_free(void *p, size_t size);

/* Installs the hooks; false when that was done before. */
bool xe_mem_set_allocator(const struct xio_mem_allocator *a);

/* --- errors (error.c) ----------------------------------------------- */

void xe_set_errno(int code);

/* Sets the error and returns -1: `return xe_fail(EINVAL);` */
int xe_fail(int code);

/* --- log (log.c) ---------------------------------------------------- */

/*
 * Formats one line and hands it to the log function when level is enabled.
 * A log function set by the application gets the same arguments.
 */
void xe_log_write(const char *file, unsigned int line, const char *func,
		  unsigned int level, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

extern int xe_log_level;	/* see option.h; read without a lock */

#define XE_LOG(level, ...)						\
	do {								\
		if (__builtin_expect((int)(level) <=			\
		    __atomic_load_n(&xe_log_level, __ATOMIC_RELAXED), 0))\
			xe_log_write(__FILE__, __LINE__, __func__,	\
				     (unsigned int)(level), __VA_ARGS__);\
	} while (0)

#define XE_ERR(...)	XE_LOG(XIO_LOG_LEVEL_ERROR, __VA_ARGS__)
#define XE_WARN(...)	XE_LOG(XIO_LOG_LEVEL_WARN, __VA_ARGS__)
#define XE_INFO(...)	XE_LOG(XIO_LOG_LEVEL_INFO, __VA_ARGS__)
#define XE_DEBUG(...)	XE_LOG(XIO_LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * The same for what a peer can cause: the line starts with its address, and
 * each host has a number of lines a second (XIO_OPTNAME_LIMIT_LOG_LINES).
 */
struct sockaddr_storage;
void xe_log_peer(const char *file, unsigned int line, const char *func,
		 unsigned int level, const struct sockaddr_storage *peer,
		 const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* What a peer gets wrong; most often it loses its connection by it. */
#define XE_PEER_ERR(peer, ...)						\
	xe_log_peer(__FILE__, __LINE__, __func__, XIO_LOG_LEVEL_ERROR,	\
		    peer, __VA_ARGS__)

/* NULL restores the log to standard error. */
void xe_log_set_fn(xio_log_fn fn);

/* --- time (base.c) -------------------------------------------------- */

/* Nanoseconds of the monotonic clock. */
int64_t xe_now_ns(void);

/*
 * memset to zero by the C library: what compilers put in its place for a size
 * they know is several times slower for some hundred bytes.
 */
void xe_clear(void *p, size_t n);

#define XE_NS_PER_MS	1000000LL
#define XE_NS_PER_SEC	1000000000LL

#endif
