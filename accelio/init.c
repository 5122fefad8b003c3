/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base.h"
#include "init.h"
#include "registry.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint users;

bool xe_initialized(void)
{
	return atomic_load(&users) > 0;
}

void xio_init(void)
{
	pthread_mutex_lock(&lock);
	atomic_fetch_add(&users, 1);
	pthread_mutex_unlock(&lock);
}

static void report(enum xe_handle kind, const char *name)
{
	unsigned int n = xe_registry_count(kind);

	if (n)
		XE_ERR("%u %s left at shutdown", n, name);
}

void xio_shutdown(void)
{
	pthread_mutex_lock(&lock);
	if (atomic_load(&users) == 0) {
		XE_LOG(XIO_LOG_LEVEL_FATAL,
		       "xio_shutdown called more often than xio_init");
		abort();
	}
	if (atomic_fetch_sub(&users, 1) == 1) {
		report(XE_HANDLE_CONNECTION, "connections");
		report(XE_HANDLE_SESSION, "sessions");
		report(XE_HANDLE_SERVER, "servers");
		report(XE_HANDLE_CONTEXT, "contexts");
		xe_registry_fini();
	}
	pthread_mutex_unlock(&lock);
}

const char *xio_version(void)
{
	return "accelio_1.7-go";
}
