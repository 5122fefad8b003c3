/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_server.c - libFuzzer target for a whole server of the engine; an input is a
 * script, see fuzz_script.h.
 */
#include "fuzz_script.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	script_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script_run(true, data, size);
	return 0;
}
