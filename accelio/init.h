/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init.h - starting and ending the library (accelio-api 1.3). Any thread.
 */
#ifndef XE_INIT_H
#define XE_INIT_H

#include <stdbool.h>

bool xe_initialized(void);

#endif
