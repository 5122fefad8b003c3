// SPDX-License-Identifier: Apache-2.0

// Package examples holds programs that show the packages xio and pool:
//
//   - xio_server answers requests, by default with what they carry
//   - xio_client sends requests, checks the answers and measures them
//
// They take the positional arguments of Accelio's C hello_world pair, and
// either of them works against the C program of the other side. Try
//
//	go run ./examples/xio_client -local -n 200000
//
// The tests of this package build both and run them against each other.
package examples
