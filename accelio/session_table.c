/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "session.h"

#define BUCKETS	1024u	/* a power of two; ids are consecutive */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct xio_session *buckets[BUCKETS];

static struct xio_session **bucket(uint32_t id)
{
	return &buckets[id & (BUCKETS - 1)];
}

void xe_session_table_add(struct xio_session *s)
{
	pthread_mutex_lock(&lock);
	s->table_next = *bucket(s->id);
	*bucket(s->id) = s;
	pthread_mutex_unlock(&lock);
}

void xe_session_table_del(struct xio_session *s)
{
	struct xio_session **p;

	pthread_mutex_lock(&lock);
	for (p = bucket(s->id); *p && *p != s; p = &(*p)->table_next)
		;
	if (*p)
		*p = s->table_next;
	pthread_mutex_unlock(&lock);
}

struct xio_session *xe_session_table_find(uint32_t id)
{
	struct xio_session *s;

	pthread_mutex_lock(&lock);
	for (s = *bucket(id); s && s->id != id; s = s->table_next)
		;
	/* In the table the application's reference is not given up yet. */
	if (s)
		xe_session_hold(s);
	pthread_mutex_unlock(&lock);
	return s;
}
