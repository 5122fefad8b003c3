// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/accelio/accelio-go/xio"
)

// Tracer is an [xio.Tracer] that makes a span of every message: of kind client
// for requests this side sends and server for those it serves, producer for
// one-way messages it sends and consumer for those it gets. One may serve any number of Dialers and ListenConfigs. It is
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

// StartSend implements [xio.Tracer].
func (t *Tracer) StartSend(ctx context.Context, s xio.Sending) ([]byte, func(error)) {
	kind, end := trace.SpanKindClient, endRPC
	attrs := []attribute.KeyValue{rpcSystem, semconv.NetworkTransportTCP}
	if s.OneWay {
		kind, end = trace.SpanKindProducer, endMessage
		attrs = []attribute.KeyValue{
			messagingSystem, semconv.NetworkTransportTCP, semconv.MessagingOperationTypeSend,
			semconv.MessagingOperationName("send"), semconv.MessagingMessageBodySize(s.Message.Len()),
		}
	}
	method := ""
	if t.sendName != nil {
		method = text(t.sendName(ctx, s))
	}
	ctx, span := t.start(ctx, kind, method, attrs, serverOf(s.Conn))
	return t.header(ctx, s.Message), func(err error) { end(span, err) }
}

// header is the header to send, with the span in ctx if that is wanted and fits.
func (t *Tracer) header(ctx context.Context, m *xio.Message) []byte {
	if t.inject == nil {
		return m.Header
	}
	carrier := propagation.MapCarrier{}
	t.propagator.Inject(ctx, carrier)
	h := t.inject(m.Header, carrier)
	if len(h) > xio.MaxHeader || len(h)+m.Len() > xio.MaxMessage {
		return m.Header
	}
	return h
}

// start begins a span.
func (t *Tracer) start(ctx context.Context, kind trace.SpanKind, method string, attrs ...[]attribute.KeyValue) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(t.attributes...), trace.WithAttributes(methodOf(method)...)}
	for _, a := range attrs {
		opts = append(opts, trace.WithAttributes(a...))
	}
	return t.tracer.Start(ctx, spanName(method), opts...)
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
	ctx, span := t.start(ctx, kind, method, attrs, peerOf(in.Conn()))
	return ctx, func(err error) { end(span, err) }
}
