// SPDX-License-Identifier: Apache-2.0

// Package v1 is the first version of Ceph's wire protocol, byte for byte, on TCP: the
// opening exchange with banners and addresses, the connect exchange, and the stream of
// messages, acknowledgements and keepalives that follows.
//
// It is a transport for the sessions of package core. Which answer a connect gets, what
// is sent again and who wins a race is decided there.
package v1
