/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdint.h>

#include "base.h"
#include "registry.h"
#include "session.h"

/* An open hash table per kind, at most half full. */
struct table {
	const void **slot;
	size_t cap;			/* a power of two, or 0 */
	size_t nr;
};

static struct table tables[XE_HANDLE_KINDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place(const struct table *t, const void *p)
{
	uint64_t h = (uint64_t)(uintptr_t)p * 0x9E3779B97F4A7C15u;
	size_t i = (size_t)(h >> 32) & (t->cap - 1);

	while (t->slot[i] && t->slot[i] != p)
		i = (i + 1) & (t->cap - 1);
	return i;
}

static bool grow(struct table *t)
{
	struct table big = { .cap = t->cap ? t->cap * 2 : 16 };
	size_t i;

	big.slot = xe_zalloc(big.cap * sizeof(*big.slot));
	if (!big.slot)
		return false;
	for (i = 0; i < t->cap; i++)
		if (t->slot[i])
			big.slot[place(&big, t->slot[i])] = t->slot[i];
	big.nr = t->nr;
	xe_free(t->slot);
	*t = big;
	return true;
}

bool xe_registry_add(enum xe_handle kind, const void *p)
{
	struct table *t = &tables[kind];
	bool ok;

	pthread_mutex_lock(&lock);
	ok = t->nr * 2 < t->cap || grow(t);
	if (ok) {
		t->slot[place(t, p)] = p;
		t->nr++;
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

/* Locked. */
static bool has(const struct table *t, const void *p)
{
	return p && t->cap && t->slot[place(t, p)] == p;
}

bool xe_registry_has(enum xe_handle kind, const void *p)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = has(&tables[kind], p);
	pthread_mutex_unlock(&lock);
	return found;
}

bool xe_registry_hold_session(struct xio_session *s)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = has(&tables[XE_HANDLE_SESSION], s);
	if (found)
		xe_session_hold(s);
	pthread_mutex_unlock(&lock);
	return found;
}

void xe_registry_del(enum xe_handle kind, const void *p)
{
	struct table *t = &tables[kind];
	size_t i, j;

	pthread_mutex_lock(&lock);
	i = t->cap ? place(t, p) : 0;
	if (t->cap && t->slot[i] == p) {
		t->slot[i] = NULL;
		t->nr--;
		/* Those behind it in the run may have been pushed there. */
		for (j = (i + 1) & (t->cap - 1); t->slot[j];
		     j = (j + 1) & (t->cap - 1)) {
			const void *q = t->slot[j];

			t->slot[j] = NULL;
			t->slot[place(t, q)] = q;
		}
	}
	pthread_mutex_unlock(&lock);
}

unsigned int xe_registry_count(enum xe_handle kind)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = (unsigned int)tables[kind].nr;
	pthread_mutex_unlock(&lock);
	return n;
}

void xe_registry_fini(void)
{
	int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < XE_HANDLE_KINDS; i++) {
		if (tables[i].nr > 0)
			continue;
		xe_free(tables[i].slot);
		tables[i].slot = NULL;
		tables[i].cap = 0;
	}
	pthread_mutex_unlock(&lock);
}
