// Package cgo is the one package above the engine that speaks C. It is the
// machine room of package xio and promises no stable API; use xio and pool.
//
// # Shape
//
// A [Context] is turned by one goroutine at a time: [Context.Turn] hands over
// a batch of submissions, lets the library run without blocking, and leaves a
// batch of [Event] records. There is no callback from C into Go. Whatever
// needs an answer on the spot (where a large message goes, whether a session
// is accepted when no policy is set) is answered in C.
//
// # Threads
//
// Every method of an object is called by the present driver of its context
// unless it says otherwise. libxio takes no locks. The driver need not stay on
// one OS thread: results and error codes come back from the same C call.
//
// # Handles
//
// A session, a connection and a server carry a go-pointer key each ([Save]),
// and a generation number, because a freed key is handed out again at once.
// Messages carry none: they are slots, known by index and generation.
package cgo
