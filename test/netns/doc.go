// SPDX-License-Identifier: Apache-2.0

// Package netns tests xio between two hosts, as far as one machine has them: the
// test program and its peer live in network namespaces of their own, with
// addresses of their own and a link between them that delays, loses and reorders
// packets, and that is taken down in the middle.
//
// The link is a veth pair, with the kernel's netem where the kernel has it, or a
// relay of this package's own between two TUN devices, which needs no more than
// /dev/net/tun.
//
// Where namespaces are not permitted, or a tool is missing, the tests are skipped
// and say why.
package netns
