// SPDX-License-Identifier: Apache-2.0

// Package examples holds programs that show the packages xio and pool, ports of
// Accelio's C examples that talk to them in either role:
//
//   - xio_server, xio_client: requests and answers, checked and measured
//   - xio_mt_server, xio_mt_client: portals, and a session of several connections
//   - xio_iov_server, xio_iov_client: scatter lists
//   - xio_ow_server, xio_ow_client: one-way messages and receipts
//   - xio_bidi_server, xio_bidi_client: requests both ways
//   - xio_lat_server, xio_lat_client: latency
//   - xio_loop_client: a Context in a main loop of the program's own
//   - xiosrvd, xioclntd: daemons that find each other again
//   - raio: remote files, a package with server and programs
//
// docs/examples.md puts each beside its C program. Try
//
//	go run ./examples/xio_client -local -n 200000
//
// The tests of this package build all of them and run them against each other,
// and against the C programs where the root of a built source tree of Accelio is
// in ACCELIO_UPSTREAM.
package examples
