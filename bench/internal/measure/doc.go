// SPDX-License-Identifier: Apache-2.0

// Package measure is what the programs of this module have in common: they
// build the C program in ../../csrc against a library, run programs that print
// values, and compare medians of these with a floor and a goal. It is for them
// alone and promises nobody else anything.
package measure
