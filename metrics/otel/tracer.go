// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/accelio/accelio-go/xio"
)

// Tracer is an [xio.Tracer] that makes a span of every message: of kind client
// for what this side sends, server for requests it serves, consumer for one-way
// messages it gets. One may serve any number of Dialers and ListenConfigs. It is
// safe for concurrent use.
type Tracer struct {
	*config
	tracer trace.Tracer
}

var _ xio.Tracer = (*Tracer)(nil)

// NewTracer makes a Tracer. Hand it to a Dialer or ListenConfig.
func NewTracer(opts ...Option) *Tracer {
	c := newConfig(opts)
	return &Tracer{c, c.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
}

// begun is a span that Start has made and no message has taken yet.
type begun struct {
	tracer *Tracer
	span   trace.Span
	taken  atomic.Bool
}

type begunKey struct{}

// Start begins the span of a message that is yet to be sent on c, so that its
// context can travel in the message's header: the context that is returned has
// the span, and the first Call, Send, SendMsg or Deliver with that context
// adopts it, instead of making one. end must be called with the error of that
// method; it ends a span that was not adopted, because the message was refused
// before it was submitted, and does nothing else.
//
//	ctx, end := tracer.Start(ctx, conn)
//	rsp, err := conn.Call(ctx, &xio.Message{Header: xiootel.Traceparent(ctx), Data: data})
//	end(err)
//
// A header of the application's own is filled by a propagator, from the same
// context.
func (t *Tracer) Start(ctx context.Context, c *xio.Connection) (_ context.Context, end func(error)) {
	ctx, span := t.client(ctx, c, "")
	b := &begun{tracer: t, span: span}
	return context.WithValue(ctx, begunKey{}, b), func(err error) {
		if !b.taken.Swap(true) {
			endRPC(span, err)
		}
	}
}

// client begins the span of a message that this side sends.
func (t *Tracer) client(ctx context.Context, c *xio.Connection, method string) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, spanName(method), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(rpcSystem, semconv.NetworkTransportTCP),
		trace.WithAttributes(t.attributes...), trace.WithAttributes(serverOf(c)...),
		trace.WithAttributes(methodOf(method)...))
}

// StartCall implements [xio.Tracer].
func (t *Tracer) StartCall(ctx context.Context, c *xio.Connection, m *xio.Message) func(error) {
	method := ""
	if t.callName != nil {
		method = text(t.callName(ctx, m))
	}
	var span trace.Span
	if b, _ := ctx.Value(begunKey{}).(*begun); b != nil && b.tracer == t && !b.taken.Swap(true) {
		span = b.span
		span.SetName(spanName(method))
		span.SetAttributes(methodOf(method)...)
	} else {
		_, span = t.client(ctx, c, method)
	}
	return func(err error) { endRPC(span, err) }
}

// StartServe implements [xio.Tracer].
func (t *Tracer) StartServe(ctx context.Context, in xio.Served) (context.Context, func(error)) {
	if t.extract != nil {
		if carrier := t.extract(in.Header()); carrier != nil {
			ctx = t.propagator.Extract(ctx, carrier)
		}
	}
	kind, end := trace.SpanKindServer, endRPC
	attrs := []attribute.KeyValue{rpcSystem, semconv.NetworkTransportTCP}
	if _, ok := in.(*xio.OneWay); ok {
		kind, end = trace.SpanKindConsumer, endMessage
		attrs = []attribute.KeyValue{
			messagingSystem, semconv.NetworkTransportTCP, semconv.MessagingOperationTypeProcess,
			semconv.MessagingOperationName("process"), semconv.MessagingMessageBodySize(in.Len()),
		}
	}
	method := ""
	if t.serveName != nil {
		method = text(t.serveName(in))
	}
	ctx, span := t.tracer.Start(ctx, spanName(method), trace.WithSpanKind(kind), trace.WithAttributes(attrs...),
		trace.WithAttributes(t.attributes...), trace.WithAttributes(peerOf(in.Conn())...),
		trace.WithAttributes(methodOf(method)...))
	return ctx, func(err error) { end(span, err) }
}
