// Package xio lets Go programs talk Accelio: requests and responses with
// headers and scatter-gather data, and one-way messages, over libxio's protocol,
// with any peer that speaks it, in C, Java or Go.
//
// Those who know the C interface, JXIO or the XioMessenger find their terms in
// docs/coming-from.md.
//
// # Providers
//
// The package works on libxio's public C API. What stands behind it is chosen
// when the program is built: by default the embedded engine, which is compiled
// into the program and speaks TCP; with the build tag libxio the library that
// is installed on the system. [Engine] tells which. Where a feature works with
// one of them only, its comment says so.
//
// # Server
//
//	srv, err := xio.Listen("tcp://*:2061", xio.HandlerFunc(func(req *xio.Request) {
//		req.Reply(&xio.Message{Data: answer(req.Data())})
//	}))
//
// A [Handler] runs on one of a bounded number of goroutines. It answers with
// [Request.Reply] or [Request.ReplyError], or lets another goroutine do so later
// with [Request.Detach]. If it panics, or returns without an answer, its request
// ends with an error at the requester, and nothing else happens. [ListenConfig]
// holds the options; with Inline the handler runs on the driver, which is the
// fast path for handlers that never block.
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
// Any number of goroutines may call on one [Connection]. [Connection.Send] is
// for those who rather have a function called, [Connection.TrySend] for those
// who must not wait: where Call and Send wait for room in the queue, it fails
// with ErrTxQueueOverflow. [Dialer] holds the options.
//
// Requests of one connection arrive in the order of sending. Those that several
// handlers work on may be answered in any order.
//
// # One-way messages and receipts
//
// A one-way message has no answer. [ListenConfig].OnMsg and [Dialer].OnMsg
// receive them.
//
//	err := conn.SendMsg(ctx, &xio.Message{Data: news}, nil)
//
// The completion of [Connection.SendMsg] and [Connection.TrySendMsg] comes when
// the message has been handed to the network, or, with Message.Receipt, when the
// peer's library has handed it to its application. [Connection.Deliver] waits for
// that. A request may ask for a receipt too, with Message.OnDelivered. A receipt
// says that the message is with the application, not that the application has
// done anything.
//
// # Both directions
//
// A connection carries messages both ways. The server finds the client's
// connection by [Request.Conn], [OneWay.Conn] or ListenConfig.OnConnect, and uses
// it as the client does; the client answers with Dialer.Handler and
// Dialer.OnMsg.
//
// # Who may connect
//
// ListenConfig.Accept sees what the client asks for, and may take its time. Nil
// accepts; any error rejects, [Reject] with a reason and data; [Redirect] sends
// the client to other servers, which [Dial] follows. Dialer.PrivateData and
// ListenConfig.AcceptData are what both sides tell each other at that moment;
// [Session.PeerData] has the peer's.
//
// # Contexts
//
// A [Context] is an event loop. [Dial] and [Listen] make one each, which costs no
// thread while it is idle; or several connections and servers share one that
// [NewContext] made. Everything on it takes turns, so what shall run in parallel
// needs several. Who turns it is chosen by ContextOptions.Drive:
//
//	DriveAuto    a goroutine that waits in Go's netpoller, and before that looks
//	             for up to 50 us whether something comes, while that pays
//	DrivePark    a goroutine that waits in the netpoller at once
//	DriveBusy    a goroutine that never waits: soonest answers, one processor each
//	DriveManual  the application, with Context.Turn, and Context.PollFD to wait for
//
// ContextOptions.CPUs pins a driver to processors.
//
// # Sessions and portals
//
// Dial begins a [Session], which can have more connections: [Session.Connect]
// adds one, on a Context of its own. A server spreads its connections over
// several Contexts by ListenConfig.Portals; clients are sent to the portals in
// turns, or to one of their choice with Dialer.Index. So both sides use several
// processors for one session.
//
//	srv, err := (&xio.ListenConfig{Portals: 4}).Listen("tcp://*:2061", handler)
//	…
//	conn, err := (&xio.Dialer{Index: 1}).Dial(ctx, "tcp://server:2061")
//	more, err := conn.Session().Connect(ctx, &xio.Dialer{Index: 2})
//
// # Sizes and memory
//
// A header has up to [MaxHeader] bytes, header and data together up to
// [MaxMessage]. A requester must say beforehand how large a response it takes,
// see Message.MaxResponse; a server learns of a larger one by the error of Reply.
//
// Data is copied into C memory once. What lies in buffers of package pool is not
// copied at all: put them into Message.Buffers. They may be released at once, as
// the library holds them until it is done, and must not be written to until then.
// A handler that replies with (part of) its request's data sends it from where it
// lies.
//
// What a [Request], [OneWay] or [Response] returns is memory of the library: it is
// valid until the answer, the return of OnMsg, or Release. Copy what shall live
// longer.
//
// # What a result means
//
// A response means that the peer's handler answered. An error of Call does not
// say that the request was not seen: after ErrMsgFlushed, ErrTimeout and
// ErrMsgCanceled it may have been. This package sends nothing twice; with
// LibraryOptions.Reconnect the library sends again what a lost network has
// swallowed, and the peer's application sees it once.
//
//	the peer's handler …                       the caller gets
//	answers                                    the response
//	answers with an error, panics, forgets     *Error with Remote set
//	is cut off by a lost or closed connection  ErrMsgFlushed
//	is not done when ctx ends                  ErrTimeout or ErrMsgCanceled, at once
//	answers later than that                    nothing more: the response is dropped
//
// Errors are of type *[Error]. They match a [Code] by [errors.Is], an errno where
// there is one, and the context's error where that ended the call. Their text has
// the operation, the URI, and the code's name in C:
//
//	xio: call tcp://server:2061: message flushed (XIO_E_MSG_FLUSHED)
//
// # Cancel
//
// Who waits in Call gives up by ending its context. Between embedded engines the
// peer is told: a request that no handler has begun is taken back, and
// [Request.Context] of one that runs ends. It also ends with the connection, so a
// handler that watches it does no work for nobody.
//
// # The end
//
// Close ends what it is called on, with everything on it, and waits for the
// library's teardown; Drain first finishes what was accepted before. Both may be
// called by anybody, any number of times. Close does not pull memory away: what a
// handler still reads, and what an unreleased Response points at, stays until it
// is given back.
//
//	Connection.Close   requests in flight end with ErrMsgFlushed
//	Connection.Drain   new messages fail with ErrClosed, those under way end as usual
//	Session.Close      all connections of the session
//	Server.Close       stops listening, and closes all connections
//	Server.Drain       stops listening, and drains all connections
//	Context.Close      everything that lives on it
//
// [Connection.Done] is closed when a connection takes no more messages,
// [Connection.Err] says why, and [Connection.Watch] tells every [State] on a
// channel, reconnecting included.
//
// # Options of the process
//
// Some settings of the library hold for the whole process: keepalive, flow
// control, reconnect, queue sizes, sockets, its log. [Init] sets them, once and
// before anything else; programs that want none of it need not call it. Nothing
// else in this package changes them.
//
// # Statistics, hooks and logs
//
// [Connection.Stats], [Server.Stats] and [Context.Stats] are snapshots of counters
// that wait for nobody; [pool.Pool.Stats] is the same for memory.
//
// An [Observer] is told of every message that has ended, with its size and latency.
// A [Tracer] follows single messages: it sees the caller's context, may put
// something into the header, finds it at the other side before the handler runs,
// and adds values to [Request.Context] and [OneWay.Context]. Dialer and
// ListenConfig take both. The modules metrics/prometheus and metrics/otel beside
// this package are ready-made ones; the latter carries OpenTelemetry's traces from
// client to server.
//
// What nobody can be told by an error, above all a panic in a handler or hook, goes
// to the Logger in the options of what it concerns.
//
// # Threads
//
// A type is safe for concurrent use where its comment says so; Request, OneWay and
// Response are for one goroutine at a time. Completions of Send and SendMsg,
// Message.OnDelivered, Observer.MessageSent, and handlers with Inline run on the
// driver: they must not block, so they send with TrySend and TrySendMsg only, and
// leave Call, Dial, Close and Drain to others. Where they hand work to a goroutine they
// call Connection.Yield.
//
// # Caveats
//
// There is no encryption and no authentication in the protocol. An installed
// libxio resolves to IPv4 only, leaks the two sockets of a connect that is
// refused, tells a rejected client no reason, does not pass a cancel on, and
// should not face untrusted networks.
package xio
