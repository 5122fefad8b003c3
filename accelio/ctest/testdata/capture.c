/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

static const char *file;
static int lineno;

static void die(const char *why)
{
	fprintf(stderr, "%s:%d: %s\n", file, lineno, why);
	exit(2);
}

static void append(struct bytes *b, int value, size_t n)
{
	if (b->n + n > b->cap) {
		b->cap = 2 * (b->n + n);
		b->p = realloc(b->p, b->cap);
		if (!b->p)
			die("out of memory");
	}
	memset(b->p + b->n, value, n);
	b->n += n;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	die("not a hex digit");
	return 0;
}

static void payload(struct bytes *b, char *text)
{
	char *tok, *save = NULL, *star;

	for (tok = strtok_r(text, " \n", &save); tok;
	     tok = strtok_r(NULL, " \n", &save)) {
		star = strchr(tok, '*');
		if (star) {
			append(b, hex(tok[0]) << 4 | hex(tok[1]),
			       strtoul(star + 1, NULL, 10));
			continue;
		}
		for (; *tok; tok += 2)
			append(b, hex(tok[0]) << 4 | hex(tok[1]), 1);
	}
}

static struct capture_conn *get_conn(struct capture *c, int number)
{
	if (number < 1 || number > CAPTURE_CONNS)
		die("connection number");
	if (c->conns < number)
		c->conns = number;
	return &c->conn[number - 1];
}

/* "# c1 > NAME key=value ..." */
static void comment(struct capture *c, const char *text)
{
	struct capture_conn *conn;
	int number, at = 0, dir;
	char arrow;

	if (strncmp(text, "# request filler:", 17) == 0)
		c->filler = true;
	if (sscanf(text, "# c%d %c %n", &number, &arrow, &at) != 2 ||
	    at == 0 || (arrow != '>' && arrow != '<'))
		return;
	conn = get_conn(c, number);
	dir = arrow == '>' ? TO_SERVER : TO_CLIENT;
	if (conn->lines[dir] == CAPTURE_LINES)
		die("too many frames");
	conn->line[dir][conn->lines[dir]++] = strdup(text + at);
}

static void event(struct capture *c, char *text)
{
	struct capture_sock *s;
	struct capture_conn *conn;
	char name[8];
	int number, at = 0, i;

	if (sscanf(text, "%*f c%d.%7s %n", &number, name, &at) != 2 || at == 0)
		die("not an event");
	conn = get_conn(c, number);
	i = strcmp(name, "one") == 0 ? SOCK_ONE :
	    strcmp(name, "ctl") == 0 ? SOCK_CTL : SOCK_DATA;
	if (i == SOCK_DATA && strcmp(name, "data") != 0)
		die("socket name");
	s = &conn->sock[i];
	text += at;
	if (sscanf(text, "open local=%u peer=%u", &s->local, &s->peer) == 2)
		s->open = true;
	else if (text[0] == '>' || text[0] == '<')
		payload(&s->dir[text[0] == '>' ? TO_SERVER : TO_CLIENT],
			text + 1);
	else if (strncmp(text, "eof", 3) != 0 &&
		 strncmp(text, "error", 5) != 0 &&
		 strncmp(text, "client-", 7) != 0)
		die("unknown event");
}

void capture_read(const char *path, struct capture *c)
{
	char *text = NULL;
	size_t cap = 0;
	FILE *f = fopen(path, "r");

	file = path;
	lineno = 0;
	memset(c, 0, sizeof(*c));
	if (!f)
		die("cannot open");
	while (getline(&text, &cap, f) > 0) {
		lineno++;
		text[strcspn(text, "\n")] = '\0';
		if (text[0] == '#')
			comment(c, text);
		else if (text[0] != '\0')
			event(c, text);
	}
	free(text);
	fclose(f);
	if (c->conns == 0)
		die("no connection");
}

void capture_free(struct capture *c)
{
	int i, s, d, l;

	for (i = 0; i < CAPTURE_CONNS; i++) {
		for (d = 0; d < 2; d++) {
			for (s = 0; s < SOCKS; s++)
				free(c->conn[i].sock[s].dir[d].p);
			for (l = 0; l < c->conn[i].lines[d]; l++)
				free(c->conn[i].line[d][l]);
		}
	}
	memset(c, 0, sizeof(*c));
}
