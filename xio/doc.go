// Package xio lets Go programs talk Accelio: requests and responses with
// headers and scatter-gather data over libxio's protocol, with any peer that
// speaks it, in C, Java or Go.
//
// # Providers
//
// The package works on libxio's public C API. What stands behind it is chosen
// when the program is built: by default the embedded engine, which is compiled
// into the program and speaks TCP; with the build tag libxio the library that
// is installed on the system. [Engine] tells which.
//
// # Server
//
//	srv, err := xio.Listen("tcp://*:2061", xio.HandlerFunc(func(req *xio.Request) {
//		req.Reply(&xio.Message{Data: answer(req.Data())})
//	}))
//
// A [Handler] runs on one of a bounded number of goroutines. It answers with
// [Request.Reply], or lets another goroutine do so later with [Request.Detach].
// If it panics, or returns without an answer, its request ends with an error at
// the requester, and nothing else happens. [ListenConfig] holds the options.
//
// # Client
//
//	conn, err := xio.Dial(ctx, "tcp://server:2061")
//	…
//	rsp, err := conn.Call(ctx, &xio.Message{Data: question})
//	if err != nil {
//		return err
//	}
//	use(rsp.Data())
//	rsp.Release()
//
// Any number of goroutines may call on one [Connection]; [Connection.Send] is
// for those who rather have a function called. [Dialer] holds the options.
//
// # Sizes
//
// A header has up to [MaxHeader] bytes, data up to [MaxMessage]. A requester
// must say beforehand how large a response it takes, see Message.MaxResponse;
// a server learns of a larger one by the error of Reply.
//
// # What a result means
//
// A response means that the peer's handler answered. An error of Call does not
// say that the request was not seen: after ErrMsgFlushed, ErrTimeout and
// ErrMsgCanceled it may have been. Nothing is sent twice by this package.
//
//	the peer's handler …                       the caller gets
//	answers                                    the response
//	answers with an error, panics, forgets     *Error with Remote set
//	is cut off by a lost or closed connection  ErrMsgFlushed
//	is not done when ctx ends                  ErrTimeout or ErrMsgCanceled, at once
//	answers later than that                    nothing more: the response is dropped
//
// # Lifetimes
//
// A [Context] is an event loop; [Dial] and [Listen] make one each and close it
// with the connection or server. Close waits for the library's teardown and may
// be called by anybody, any number of times. It does not pull memory away: what
// a handler still reads, and what an unreleased [Response] points at, stays
// until it is given back.
//
// # Caveats
//
// An installed libxio resolves to IPv4 only, leaks the two sockets of a connect
// that is refused, tells a rejected client no reason, and should not face
// untrusted networks.
package xio
