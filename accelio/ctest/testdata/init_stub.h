/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INIT_STUB_H
#define INIT_STUB_H

#include <stdbool.h>

#include "init.h"

extern bool stub_initialized;

#endif
