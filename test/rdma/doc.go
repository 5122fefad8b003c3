// SPDX-License-Identifier: Apache-2.0

// Package rdma tests over rdma:// what package xio's own suite does not: load that
// finds a stall, and a limit of locked memory. The script run builds these tests and
// others with an installed libxio, and runs them in a virtual machine with a
// soft-RoCE device. XIO_TEST_URI names where servers listen ("rdma://10.77.0.1:0");
// without it the tests are skipped.
package rdma
