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
// Call, Send, SendMsg or Deliver where a message is sent, and around the
// handler, until the answer, where it is served; [xio.Request.Context] has it.
//
//	message           kind       attributes
//	sent              client     rpc.*, server.address, server.port
//	request served    server     rpc.*, network.peer.address, network.peer.port
//	one-way served    consumer   messaging.*, network.peer.address, network.peer.port
//
// The system in rpc.system.name and messaging.system is "accelio". A message has
// no method that anybody but the application knows: [WithCallName] and
// [WithServeName] name it. rpc.response.status_code is OK or what error.type is:
// the name of libxio's status code without XIO_E_ ("MSG_FLUSHED"), of an errno
// value ("ENOENT"), CLOSED for [xio.ErrClosed], _OTHER for anything else. A span
// that failed has the error's text, as status and as an exception event.
//
// # Traces across programs
//
// Message headers belong to the application, so nothing is put into them or
// looked for in them unless it says so. To send a trace context, begin the span
// before the message is made; a program without a header of its own uses the
// W3C traceparent as the header:
//
//	ctx, end := tracer.Start(ctx, conn)
//	rsp, err := conn.Call(ctx, &xio.Message{Header: xiootel.Traceparent(ctx), Data: data})
//	end(err)
//
// and on the other side
//
//	tracer := xiootel.NewTracer(xiootel.WithExtract(xiootel.ExtractTraceparent))
//
// A program that has a header fills a part of it by a propagator, from the
// context that Start returned, and gives [WithExtract] a function that finds it
// there. [WithPropagator] chooses the format.
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
// A span of a message that is sent is of kind client for one-way messages too,
// and so is its rpc.system.name.
//
// A handler of one-way messages has no context: spans that it makes are not below
// the consumer's.
//
// TrySend and TrySendMsg have no context: their spans have no parent, and do not
// adopt one of [Tracer.Start].
//
// The name that WithCallName gives to a span of [Tracer.Start] comes after
// sampling.
//
// A request that a Connection refuses by itself, without the handler, has no span
// at the side that serves. What fails before it reaches the library is not a
// message to an Observer.
package xiootel
