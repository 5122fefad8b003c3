// SPDX-License-Identifier: Apache-2.0

// Package scripts tests the shell scripts beside it: build-accelio.sh makes a C library
// of the embedded engine, or says what is installed; check-release.sh compares version
// and interface with the last release.
package scripts
