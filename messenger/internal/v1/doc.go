// SPDX-License-Identifier: Apache-2.0

// Package v1 is the first version of Ceph's wire protocol, byte for byte: the opening
// exchange with banners and addresses, the connect exchange, and the stream of
// messages, acknowledgements and keepalives that follows.
//
// It has the bytes and what can be said of them alone. Which answer a connect gets,
// what is sent again and who wins a race is the business of the sessions above.
package v1
