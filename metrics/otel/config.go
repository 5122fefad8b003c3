// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/accelio/accelio-go/xio"
)

// scope is the name of the instrumentation.
const scope = "github.com/accelio/accelio-go/metrics/otel"

// system is Accelio among RPC and messaging systems.
const system = "accelio"

// Attributes of everything of one kind.
var (
	rpcSystem       = semconv.RPCSystemNameKey.String(system)
	messagingSystem = semconv.MessagingSystemKey.String(system)
)

// Option is an option of NewTracer or NewObserver. Those that concern the other
// one are ignored, so that one list serves both.
type Option func(*config)

type config struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	propagator propagation.TextMapPropagator
	inject     func(header []byte, carrier propagation.MapCarrier) []byte
	extract    func(header []byte) propagation.TextMapCarrier
	sendName   func(context.Context, xio.Sending) string
	serveName  func(xio.Served) string
	attributes []attribute.KeyValue
}

func newConfig(opts []Option) *config {
	c := new(config)
	for _, o := range opts {
		o(c)
	}
	if c.tracers == nil {
		c.tracers = otel.GetTracerProvider()
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	if c.propagator == nil {
		c.propagator = propagation.TraceContext{}
	}
	return c
}

// WithTracerProvider sets where spans go, in place of the global provider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithMeterProvider sets where metrics go, in place of the global provider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// WithPropagator sets what turns a trace context into the carrier of WithInject,
// and the carrier of WithExtract into one, in place of W3C Trace Context.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(c *config) { c.propagator = p }
}

// WithInject makes the trace context travel with messages that are sent: f gets
// the header that the application gave the message, which it must not change, and
// what the propagator wants sent along, and returns the header to send. Headers
// belong to the application, so nothing is put into them without this option. A
// header that would be too long for the message is not sent: the application's
// goes in its place. f runs on the caller's goroutine, at several at once. See
// [InjectTraceparent].
func WithInject(f func(header []byte, carrier propagation.MapCarrier) []byte) Option {
	return func(c *config) { c.inject = f }
}

// WithExtract makes spans of served messages continue the trace that came with
// the message: f finds it in the message's header, which it must not keep, or
// returns nil if there is none. Headers belong to the application, so nobody
// looks into them without this option. f runs before the handler and must
// expect anything: the peer made the header. See [ExtractTraceparent].
func WithExtract(f func(header []byte) propagation.TextMapCarrier) Option {
	return func(c *config) { c.extract = f }
}

// WithSendName names the method of messages that are sent, in rpc.method and in
// the name of the span; f runs on the caller's goroutine. An empty name is none.
// There should be few different ones.
func WithSendName(f func(ctx context.Context, s xio.Sending) string) Option {
	return func(c *config) { c.sendName = f }
}

// WithServeName is WithSendName for messages that are served. f runs before the
// handler. Do not let a peer choose freely: return what is known, and one name
// for the rest.
func WithServeName(f func(in xio.Served) string) Option {
	return func(c *config) { c.serveName = f }
}

// WithAttributes adds attributes to all spans and metrics.
func WithAttributes(a ...attribute.KeyValue) Option {
	return func(c *config) { c.attributes = append(c.attributes, a...) }
}
