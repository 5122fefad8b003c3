/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.h - the one doubly linked list of the engine. A node that is in no
 * list points to itself, so removing it twice does no harm.
 */
#ifndef XE_LIST_H
#define XE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct xe_list {
	struct xe_list *next;
	struct xe_list *prev;
};

#define xe_container_of(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))

static inline void xe_list_init(struct xe_list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool xe_list_empty(const struct xe_list *l)
{
	return l->next == l;
}

static inline void xe_list_add_tail(struct xe_list *l, struct xe_list *n)
{
	n->next = l;
	n->prev = l->prev;
	l->prev->next = n;
	l->prev = n;
}

static inline void xe_list_add_head(struct xe_list *l, struct xe_list *n)
{
	xe_list_add_tail(l->next, n);
}

static inline void xe_list_del(struct xe_list *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	xe_list_init(n);
}

/* Moves all of from to the end of to. */
static inline void xe_list_splice_tail(struct xe_list *to, struct xe_list *from)
{
	if (xe_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	xe_list_init(from);
}

static inline struct xe_list *xe_list_pop(struct xe_list *l)
{
	struct xe_list *n = l->next;

	if (n == l)
		return NULL;
	xe_list_del(n);
	return n;
}

#define xe_list_for_each(p, l) \
	for ((p) = (l)->next; (p) != (l); (p) = (p)->next)

/* The body may remove p from the list. */
#define xe_list_for_each_safe(p, tmp, l) \
	for ((p) = (l)->next, (tmp) = (p)->next; (p) != (l); \
	     (p) = (tmp), (tmp) = (p)->next)

#endif
