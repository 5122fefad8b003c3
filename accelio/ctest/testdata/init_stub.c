/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_stub.c - stands in for the room above the leaves, so that a test of
 * leaves can say whether xio_init has been called.
 */
#include "init_stub.h"

bool stub_initialized;

bool xe_initialized(void)
{
	return stub_initialized;
}
