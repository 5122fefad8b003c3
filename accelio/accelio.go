// SPDX-License-Identifier: Apache-2.0

//go:build cgo

// Package accelio is the embedded Accelio engine: an implementation in C11 of
// the public C interface of libxio 1.7 (libxio.h) over TCP. The C sources lie
// beside this file and cgo compiles them, so a program that uses it needs a C
// compiler and nothing installed.
//
// The engine speaks the wire protocol of libxio 1.7 in both stream modes and
// both roles, and has its binary interface: a C program written for libxio
// compiles and runs on it unchanged. It is made from descriptions of the
// protocol and of the interface and shares no code with libxio.
//
// This package has no Go interface. Importing it, even as
//
//	import _ "github.com/accelio/accelio-go/accelio"
//
// puts the C functions into the program; the package xio is what Go programs
// use. Without cgo the package does not exist.
//
// # Rooms
//
// Arrows of inclusion point downwards only:
//
//	init, context, session, connection, message, server
//	nexus, registry, task          one transport connection and what is on it
//	transport, tcp, blocks         sockets, single and dual stream
//	loop                           epoll, timers, deferred work
//	frame, payload                 the wire format: pure, no I/O
//	mem, mempool, option, uri,
//	rkey, log, error, base         leaves
//
// The library starts no threads and takes no locks on the message path: one
// thread at a time drives a context and all that belongs to it. Bytes from
// the network are checked by frame and payload before anything uses them.
package accelio

/*
#cgo CFLAGS: -std=gnu11 -O2 -Wall -Wextra -D_GNU_SOURCE
#cgo LDFLAGS: -pthread
*/
import "C"

// APILevel is the release of libxio whose C interface (source and binary) and
// wire protocol the engine implements.
const APILevel = "1.7"
