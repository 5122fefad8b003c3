// SPDX-License-Identifier: Apache-2.0

// Package interop holds tests that talk between this module, whichever
// provider it was built with, and a C program on libxio.
//
// The C program (testdata/peer.c and its neighbours) is written against
// libxio.h alone. Each test runs once with the program linked with an installed
// libxio ("peer=installed") and once with the embedded engine's own sources
// ("peer=embedded"), which needs nothing but a C compiler.
//
// An installed library is looked for at $ACCELIO_PREFIX (include and lib below
// it), then by pkg-config, then in the compiler's and linker's own paths with
// $CGO_CFLAGS and $CGO_LDFLAGS. The first test prints which one was found.
//
//	ACCELIO_LONG=1         a million messages each way instead of 20,000
//	ACCELIO_PEER_CFLAGS    more flags for the embedded peer: "-fsanitize=address"
//	XIO_TEST_PATIENCE=10   stretches every deadline on a slow machine
package interop
