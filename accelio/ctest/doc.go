// SPDX-License-Identifier: Apache-2.0

// Package ctest tests the engine by itself. It compiles and runs the C tests below
// testdata, with address, undefined-behaviour and thread sanitizers and with every
// compiler that is there; replays recorded conversations; plays hostile peers; fuzzes the
// wire format and the whole engine; and compares the binary interface with libxio's.
//
// The C compiler is $CC, or else the first of cc, gcc and clang; clang is
// tried in addition. Having none is a failure, as the engine needs one.
// ACCELIO_FUZZ_SECONDS sets the time of each fuzz run (default 5).
package ctest
