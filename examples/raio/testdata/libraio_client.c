/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A client on C's libraio, for the tests and for comparison:
 *
 *   get   HOST PORT REMOTE LOCAL BLOCK DEPTH
 *   put   HOST PORT REMOTE LOCAL BLOCK DEPTH
 *   bench HOST PORT REMOTE BLOCK DEPTH SECONDS     random reads, prints their rate
 *   open  HOST PORT REMOTE FLAGS                   prints "open: " and the error
 *
 * It ends with 0, or prints what failed and ends with 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libraio.h"

static raio_context_t ctx;
static int conn; /* libraio's descriptor: of the connection and its one file */

static void fail(const char *what, long err)
{
	fprintf(stderr, "%s: %s\n", what, strerror((int)err));
	exit(1);
}

static void start(char **argv, int depth)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argv[3])),
		.sin_addr.s_addr = inet_addr(argv[2]),
	};

	conn = raio_start("tcp", (struct sockaddr *)&a, sizeof(a));
	if (conn == -1)
		fail("raio_start", errno);
	if (raio_setup(conn, depth, &ctx) == -1)
		fail("raio_setup", errno);
}

static void stop(void)
{
	raio_destroy(ctx);
	if (raio_close(conn) == -1)
		fail("raio_close", errno);
	raio_stop(conn);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One operation in flight: its memory and what it is for. */
struct slot {
	struct raio_iocb cb;
	char *buf;
	raio_mr_t mr;
	long long off;
	size_t len;
};

static struct slot *slots;

static void make_slots(int depth, size_t block)
{
	slots = calloc((size_t)depth, sizeof(*slots));
	for (int i = 0; i < depth; i++) {
		if (posix_memalign((void **)&slots[i].buf, 4096, block))
			fail("memory", ENOMEM);
		if (raio_reg_mr(ctx, slots[i].buf, block, &slots[i].mr) == -1)
			fail("raio_reg_mr", errno);
	}
}

static void submit(struct slot *s, int write)
{
	struct raio_iocb *list = &s->cb;

	if (write)
		raio_prep_pwrite(&s->cb, conn, s->buf, s->len, s->off, s->mr);
	else
		raio_prep_pread(&s->cb, conn, s->buf, s->len, s->off, s->mr);
	s->cb.data = s;
	int n = raio_submit(ctx, 1, &list);

	if (n != 1)
		fail("raio_submit", n < 0 ? -n : EIO);
}

/* The next operation that has ended. */
static struct slot *reap(void)
{
	struct raio_event ev;
	int n = raio_getevents(ctx, 1, 1, &ev, NULL);

	if (n != 1)
		fail("raio_getevents", n < 0 ? -n : EIO);
	struct slot *s = ev.data ? ev.data : ev.obj->data;

	if ((long)(int)ev.res < 0)
		fail("operation", -(long)(int)ev.res);
	if ((size_t)ev.res != s->len)
		fail("operation is short", EIO);
	raio_release(ctx, 1, &ev);
	return s;
}

static void copy(char **argv, int get)
{
	size_t block = (size_t)atol(argv[6]);
	int depth = atoi(argv[7]), flying = 0;
	struct stat64 st;
	long long size, next = 0;
	int local = open(argv[5], get ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0666);

	if (local < 0)
		fail(argv[5], errno);
	start(argv, depth);
	if (raio_open(conn, argv[4], get ? O_RDONLY : O_RDWR) == -1)
		fail("raio_open", errno);
	if ((get ? raio_fstat(conn, &st) : fstat64(local, &st)) == -1)
		fail("stat", errno);
	size = st.st_size;
	make_slots(depth, block);
	for (int i = 0; i < depth || flying > 0; i++) {
		struct slot *s;

		if (i < depth) {
			s = &slots[i];
		} else {
			s = reap();
			flying--;
			if (get && pwrite(local, s->buf, s->len, s->off) != (ssize_t)s->len)
				fail("pwrite", errno);
		}
		if (next >= size)
			continue;
		s->off = next;
		s->len = (size_t)(size - next) < block ? (size_t)(size - next) : block;
		next += (long long)s->len;
		if (!get && pread(local, s->buf, s->len, s->off) != (ssize_t)s->len)
			fail("pread", errno);
		submit(s, !get);
		flying++;
	}
	stop();
	close(local);
	printf("copied %lld bytes\n", size);
}

static void bench(char **argv)
{
	size_t block = (size_t)atol(argv[5]);
	int depth = atoi(argv[6]), flying = 0;
	double seconds = atof(argv[7]), began, end;
	struct stat64 st;
	uint64_t seed = 88172645463325252ull;
	long ops = 0;

	start(argv, depth);
	if (raio_open(conn, argv[4], O_RDONLY) == -1)
		fail("raio_open", errno);
	if (raio_fstat(conn, &st) == -1)
		fail("raio_fstat", errno);
	uint64_t blocks = (uint64_t)st.st_size / block;

	if (blocks == 0)
		fail("the file is too small", EINVAL);
	make_slots(depth, block);
	/* All that has ended is submitted again in one batch. */
	struct raio_iocb **batch = calloc((size_t)depth, sizeof(*batch));
	struct raio_event *ev = calloc((size_t)depth, sizeof(*ev));
	int n = depth;

	for (int i = 0; i < depth; i++)
		batch[i] = &slots[i].cb;
	began = now();
	end = began + seconds;
	for (;;) {
		for (int i = 0; i < n; i++) {
			struct slot *s = (struct slot *)(void *)batch[i];

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			raio_prep_pread(&s->cb, conn, s->buf, block, (long long)(seed % blocks * block), s->mr);
		}
		for (int sent = 0; sent < n;) {
			int k = raio_submit(ctx, n - sent, batch + sent);

			if (k <= 0)
				fail("raio_submit", k < 0 ? -k : EIO);
			sent += k;
		}
		flying += n;
		if (now() >= end)
			break;
		n = raio_getevents(ctx, 1, depth, ev, NULL);
		if (n < 1)
			fail("raio_getevents", n < 0 ? -n : EIO);
		for (int i = 0; i < n; i++) {
			if ((long)(int)ev[i].res != (long)block)
				fail("operation", EIO);
			batch[i] = ev[i].obj;
		}
		raio_release(ctx, n, ev);
		flying -= n;
		ops += n;
	}
	while (flying > 0) {
		n = raio_getevents(ctx, 1, depth, ev, NULL);
		if (n < 1)
			fail("raio_getevents", n < 0 ? -n : EIO);
		raio_release(ctx, n, ev);
		flying -= n;
		ops += n;
	}
	printf("iops %.0f\n", (double)ops / (now() - began));
	stop();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 8 && !strcmp(argv[1], "get"))
		copy(argv, 1);
	else if (argc == 8 && !strcmp(argv[1], "put"))
		copy(argv, 0);
	else if (argc == 8 && !strcmp(argv[1], "bench"))
		bench(argv);
	else if (argc == 6 && !strcmp(argv[1], "open")) {
		start(argv, 1);
		int rc = raio_open(conn, argv[4], (int)strtol(argv[5], NULL, 0));

		printf("open: %s\n", rc == -1 ? strerror(errno) : "ok");
		if (rc != -1)
			stop();
	} else {
		fprintf(stderr, "wrong arguments\n");
		return 2;
	}
	return 0;
}
