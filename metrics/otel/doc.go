// SPDX-License-Identifier: Apache-2.0

// Package xiootel shows OpenTelemetry what package xio does: spans of messages,
// and metrics. It is a module of its own, so that programs without OpenTelemetry
// need not have it.
//
// # Spans
//
//	tracer := xiootel.NewTracer()
//	d := xio.Dialer{Tracer: tracer}
//	l := xio.ListenConfig{Tracer: tracer}
//
// A [Tracer] makes a span of every message: below the span in the context of
// Call, Send, SendMsg or Deliver where a message is sent, from then until its
// end; and around the handler, until the answer, where it is served;
// [xio.Request.Context] and [xio.OneWay.Context] have it.
//
//	message           kind       attributes
//	request sent      client     rpc.*, server.address, server.port
//	request served    server     rpc.*, network.peer.address, network.peer.port
//	one-way sent      producer   messaging.*, server.address, server.port
//	one-way served    consumer   messaging.*, network.peer.address, network.peer.port
//
// The system in rpc.system.name and messaging.system is "accelio". A message has
// no method that anybody but the application knows: [WithSendName] and
// [WithServeName] name it. rpc.response.status_code is OK or what error.type is:
// the name of libxio's status code without XIO_E_ ("MSG_FLUSHED"), of an errno
// value ("ENOENT"), CLOSED for [xio.ErrClosed], _OTHER for anything else. A span
// that failed has the error's text, as status and as an exception event.
//
// # Traces across programs
//
// Message headers belong to the application, so nothing is put into them or
// looked for in them unless it says so. A program without headers of its own
// gives them to the W3C traceparent, on both sides:
//
//	tracer := xiootel.NewTracer(
//		xiootel.WithInject(xiootel.InjectTraceparent),
//		xiootel.WithExtract(xiootel.ExtractTraceparent))
//
// One that has headers says by functions of its own where in them the trace
// context goes, and where it is found. [WithPropagator] chooses the format: W3C
// Trace Context, or baggage with it, or another.
//
// # Metrics
//
//	observer, err := xiootel.NewObserver()
//	d := xio.Dialer{Observer: observer}
//
// An [Observer] records histograms; one-way messages are under messaging:
//
//	rpc.client.call.duration              requests sent
//	rpc.server.call.duration              requests served
//	messaging.client.operation.duration   one-ways sent
//	messaging.process.duration            one-ways served
//	accelio.client.message.size           header and data of messages sent, and of their answers
//	accelio.server.message.size           the same of messages served
//
// Durations are in seconds, with the attributes of spans that have few values.
// Sizes are in bytes, with network.io.direction, and accelio.message.kind
// ("request", "oneway"). Bucket boundaries begin at 10 µs and 64 bytes; a view
// may choose others. No text that a peer sends becomes an attribute of a metric.
//
// # Caveats
//
// TrySend and TrySendMsg have no context: their spans have no parent.
//
// A request that a Connection refuses by itself, without the handler, has no span
// at the side that serves.
package xiootel
