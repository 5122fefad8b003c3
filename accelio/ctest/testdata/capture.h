/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.h - reads a golden capture (../../testdata/golden/README.md): the
 * bytes of each socket and direction, and the comment lines that list the
 * decoded frames.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_CONNS	8
#define CAPTURE_LINES	64

enum { TO_SERVER, TO_CLIENT };
enum { SOCK_ONE, SOCK_CTL, SOCK_DATA, SOCKS };

struct bytes {
	uint8_t *p;
	size_t n;
	size_t cap;
};

struct capture_sock {
	bool open;
	unsigned int local;
	unsigned int peer;
	struct bytes dir[2];
};

struct capture_conn {
	struct capture_sock sock[SOCKS];
	char *line[2][CAPTURE_LINES];	/* "NAME key=value ..." */
	int lines[2];
};

struct capture {
	struct capture_conn conn[CAPTURE_CONNS];
	int conns;
	bool filler;	/* the head names filler bytes */
};

/* Ends the program with a message when the file is not as described. */
void capture_read(const char *path, struct capture *c);
void capture_free(struct capture *c);

#endif
