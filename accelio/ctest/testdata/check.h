/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - the whole test harness: CHECK notes a failure and goes on, RUN
 * names each test, check_done gives the exit status.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures;
static long check_count;

#define CHECK(cond)							\
	do {								\
		check_count++;						\
		if (!(cond)) {						\
			check_failures++;				\
			fprintf(stderr, "%s:%d: %s: failed: %s\n",	\
				__FILE__, __LINE__, __func__, #cond);	\
		}							\
	} while (0)

/* Both sides are shown; any integer type. */
#define CHECK_EQ(a, b)							\
	do {								\
		long long a_ = (long long)(a), b_ = (long long)(b);	\
		check_count++;						\
		if (a_ != b_) {						\
			check_failures++;				\
			fprintf(stderr, "%s:%d: %s: %s is %lld, "	\
				"not %lld\n", __FILE__, __LINE__,	\
				__func__, #a, a_, b_);			\
		}							\
	} while (0)

#define CHECK_STR(a, b)							\
	do {								\
		const char *a_ = (a), *b_ = (b);			\
		check_count++;						\
		if (strcmp(a_, b_) != 0) {				\
			check_failures++;				\
			fprintf(stderr, "%s:%d: %s: %s is \"%s\", "	\
				"not \"%s\"\n", __FILE__, __LINE__,	\
				__func__, #a, a_, b_);			\
		}							\
	} while (0)

#define RUN(test)							\
	do {								\
		int before_ = check_failures;				\
		test();							\
		printf("%s %s\n", check_failures == before_ ?		\
		       "ok  " : "FAIL", #test);				\
	} while (0)

static inline void *must_malloc(size_t n)
{
	/* Never NULL for 0, and exact: one byte more is an error. */
	void *p = malloc(n ? n : 1);

	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return p;
}

static inline int check_done(void)
{
	printf("%ld checks, %d failures\n", check_count, check_failures);
	return check_failures != 0;
}

#endif
