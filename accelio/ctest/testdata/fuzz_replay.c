/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_replay.c - runs a fuzz target on files, without libFuzzer: the inputs
 * that once found something, under every compiler.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t n = 0, cap = 0, r;

	if (!f) {
		perror(path);
		exit(2);
	}
	do {
		if (cap - n < 4096) {
			cap += 65536;
			data = realloc(data, cap);
			if (!data)
				exit(2);
		}
		r = fread(data + n, 1, cap - n, f);
		n += r;
	} while (r > 0);
	fclose(f);
	printf("%s: %zu bytes\n", path, n);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
}

int main(int argc, char **argv)
{
	int i;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (i = 1; i < argc; i++)
		replay(argv[i]);
	return 0;
}
