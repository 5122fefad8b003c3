/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi.c - no code: refuses a compiler, or flags such as -fshort-enums, that
 * would lay out the structures of libxio.h in another way than libxio 1.7 has
 * them. Each single fact is in ctest/testdata/abi.tsv.
 */
#include "libxio.h"

#if defined(__LP64__)
_Static_assert(sizeof(enum xio_status) == 4 && sizeof(enum xio_proto) == 4 &&
	       sizeof(struct xio_msg) == 424 &&
	       sizeof(struct xio_connection_attr) == 280,
	       "not the layout of libxio 1.7");
#endif
