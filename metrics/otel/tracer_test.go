// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/accelio/accelio-go/xio"
)

// recorder is where the spans of a test go.
func recorder() (*tracetest.SpanRecorder, *sdktrace.TracerProvider) {
	r := tracetest.NewSpanRecorder()
	return r, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
}

// only waits for the one span that ends, and returns it.
func only(t testing.TB, r *tracetest.SpanRecorder) sdktrace.ReadOnlySpan {
	t.Helper()
	eventually(t, "a span", func() bool { return len(r.Ended()) > 0 })
	ended := r.Ended()
	require.Len(t, ended, 1)
	require.Len(t, r.Started(), 1)
	return ended[0]
}

func attr(s sdktrace.ReadOnlySpan, key string) attribute.Value {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value
		}
	}
	return attribute.Value{}
}

func TestSpansOfARequest(t *testing.T) {
	here, hereProvider := recorder()
	there, thereProvider := recorder()
	inHandler := make(chan trace.SpanContext, 1)
	s := listen(t, xio.ListenConfig{Tracer: NewTracer(WithTracerProvider(thereProvider), WithServeName(func(in xio.Served) string {
		return string(in.Header()) + "\xff"
	}))}, func(r *xio.Request) {
		inHandler <- trace.SpanContextFromContext(r.Context())
		echo(r)
	})
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(hereProvider),
		WithSendName(func(_ context.Context, s xio.Sending) string { return string(s.Message.Header) }),
		WithAttributes(attribute.String("service", "test")))}, s)
	parent, root := hereProvider.Tracer("test").Start(testContext(t), "root")
	rsp, err := c.Call(parent, &xio.Message{Header: []byte("get")})
	require.NoError(t, err)
	rsp.Release()
	served := only(t, there)
	eventually(t, "the client's span", func() bool { return len(here.Ended()) == 1 })
	sent := here.Ended()[0]
	root.End()

	assert.Equal(t, trace.SpanKindClient, sent.SpanKind())
	assert.Equal(t, "get", sent.Name())
	assert.Equal(t, root.SpanContext().SpanID(), sent.Parent().SpanID())
	assert.Equal(t, codes.Unset, sent.Status().Code)
	assert.Equal(t, system, attr(sent, "rpc.system.name").AsString())
	assert.Equal(t, "get", attr(sent, "rpc.method").AsString())
	assert.Equal(t, "OK", attr(sent, "rpc.response.status_code").AsString())
	assert.Equal(t, "127.0.0.1", attr(sent, "server.address").AsString())
	assert.Positive(t, attr(sent, "server.port").AsInt64())
	assert.Equal(t, "tcp", attr(sent, "network.transport").AsString())
	assert.Equal(t, "test", attr(sent, "service").AsString())
	assert.Empty(t, attr(sent, "error.type").AsString())
	assert.Equal(t, scope, sent.InstrumentationScope().Name)

	assert.Equal(t, trace.SpanKindServer, served.SpanKind())
	assert.Equal(t, "get\uFFFD", served.Name(), "what exporters refuse is gone")
	assert.False(t, served.Parent().IsValid(), "nobody looks into headers without WithExtract")
	assert.Equal(t, served.SpanContext().SpanID(), (<-inHandler).SpanID())
	assert.Equal(t, "OK", attr(served, "rpc.response.status_code").AsString())
	assert.Equal(t, "127.0.0.1", attr(served, "network.peer.address").AsString())
}

func TestSpansOfAFailure(t *testing.T) {
	here, hereProvider := recorder()
	there, thereProvider := recorder()
	s := listen(t, xio.ListenConfig{Tracer: NewTracer(WithTracerProvider(thereProvider))}, func(r *xio.Request) {
		r.ReplyError(xio.ErrRoute, "no\xffroute")
	})
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(hereProvider))}, s)
	require.ErrorIs(t, call(t, c, &xio.Message{}), xio.ErrRoute)
	for _, span := range []sdktrace.ReadOnlySpan{only(t, here), only(t, there)} {
		assert.Equal(t, system, span.Name())
		assert.Equal(t, codes.Error, span.Status().Code)
		assert.Contains(t, span.Status().Description, "no\uFFFDroute")
		assert.Equal(t, "ROUTE_ERROR", attr(span, "error.type").AsString())
		assert.Equal(t, "ROUTE_ERROR", attr(span, "rpc.response.status_code").AsString())
		require.Len(t, span.Events(), 1)
		assert.Equal(t, "exception", span.Events()[0].Name)
		assert.Contains(t, span.Events()[0].Attributes, attribute.String("exception.type", "*xio.Error"))
	}
}

func TestSpansOfAOneWay(t *testing.T) {
	here, hereProvider := recorder()
	there, thereProvider := recorder()
	s := listen(t, xio.ListenConfig{Tracer: NewTracer(WithTracerProvider(thereProvider)), OnMsg: func(*xio.OneWay) {}}, echo)
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(hereProvider))}, s)
	require.NoError(t, c.Deliver(testContext(t), &xio.Message{Data: make([]byte, 77)}))
	sent := only(t, here)
	assert.Equal(t, trace.SpanKindProducer, sent.SpanKind())
	assert.Equal(t, system, attr(sent, "messaging.system").AsString())
	assert.Equal(t, "send", attr(sent, "messaging.operation.type").AsString())
	assert.EqualValues(t, 77, attr(sent, "messaging.message.body.size").AsInt64())
	assert.Equal(t, "127.0.0.1", attr(sent, "server.address").AsString())
	got := only(t, there)
	assert.Equal(t, trace.SpanKindConsumer, got.SpanKind())
	assert.Equal(t, system, attr(got, "messaging.system").AsString())
	assert.Equal(t, "process", attr(got, "messaging.operation.type").AsString())
	assert.EqualValues(t, 77, attr(got, "messaging.message.body.size").AsInt64())
	assert.Equal(t, codes.Unset, got.Status().Code)
}

// A trace spans client and server through the header, for requests and one-way
// messages: root, then what was sent, then what was served, then what the handler
// does.
func TestTraceThroughHeaders(t *testing.T) {
	here, hereProvider := recorder()
	there, thereProvider := recorder()
	work := func(ctx context.Context) {
		_, span := thereProvider.Tracer("test").Start(ctx, "work")
		span.End()
	}
	s := listen(t, xio.ListenConfig{
		Tracer: NewTracer(WithTracerProvider(thereProvider), WithExtract(ExtractTraceparent)),
		OnMsg:  func(m *xio.OneWay) { work(m.Context()) },
	}, func(r *xio.Request) { work(r.Context()); echo(r) })
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(hereProvider), WithInject(InjectTraceparent))}, s)
	for _, tc := range []struct {
		name           string
		sent, received trace.SpanKind
		send           func(context.Context) error
	}{
		{"request", trace.SpanKindClient, trace.SpanKindServer, func(ctx context.Context) error {
			rsp, err := c.Call(ctx, &xio.Message{})
			if err == nil {
				assert.Len(t, rsp.Header(), traceparentLen)
				rsp.Release()
			}
			return err
		}},
		{"one-way", trace.SpanKindProducer, trace.SpanKindConsumer, func(ctx context.Context) error {
			return c.Deliver(ctx, &xio.Message{})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			here.Reset()
			there.Reset()
			ctx, root := hereProvider.Tracer("test").Start(testContext(t), "root")
			require.NoError(t, tc.send(ctx))
			root.End()
			eventually(t, "the spans", func() bool { return len(here.Ended()) == 2 && len(there.Ended()) == 2 })
			sent, worked, served := here.Ended()[0], there.Ended()[0], there.Ended()[1]
			assert.Equal(t, tc.sent, sent.SpanKind())
			assert.Equal(t, tc.received, served.SpanKind())
			assert.Equal(t, root.SpanContext().SpanID(), sent.Parent().SpanID())
			assert.Equal(t, sent.SpanContext().SpanID(), served.Parent().SpanID())
			assert.True(t, served.Parent().IsRemote())
			assert.Equal(t, served.SpanContext().SpanID(), worked.Parent().SpanID())
			assert.Equal(t, root.SpanContext().TraceID(), worked.SpanContext().TraceID())
		})
	}
}

// A message that cannot be sent has a span that says why.
func TestSpanOfARefusedMessage(t *testing.T) {
	here, provider := recorder()
	s := listen(t, xio.ListenConfig{}, echo)
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(provider))}, s)
	require.ErrorIs(t, call(t, c, &xio.Message{Header: make([]byte, xio.MaxHeader+1)}), xio.ErrMsgSize)
	span := only(t, here)
	assert.Equal(t, "MSG_SIZE", attr(span, "error.type").AsString())
	assert.Equal(t, codes.Error, span.Status().Code)
}

// The application's header goes unchanged where the trace context has no place.
func TestInjectWithoutRoom(t *testing.T) {
	_, provider := recorder()
	s := listen(t, xio.ListenConfig{}, echo)
	for name, tc := range map[string]struct {
		inject func([]byte, propagation.MapCarrier) []byte
		header string
	}{
		"header of the application": {InjectTraceparent, "mine"},
		"header too long":           {func([]byte, propagation.MapCarrier) []byte { return make([]byte, xio.MaxHeader+1) }, "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(provider), WithInject(tc.inject))}, s)
			rsp, err := c.Call(testContext(t), &xio.Message{Header: []byte(tc.header)})
			require.NoError(t, err)
			assert.Equal(t, tc.header, string(rsp.Header()))
			rsp.Release()
		})
	}
}

// What a peer sends as a trace context is not believed if it is none.
func TestHostileHeaders(t *testing.T) {
	there, provider := recorder()
	s := listen(t, xio.ListenConfig{Tracer: NewTracer(WithTracerProvider(provider), WithExtract(ExtractTraceparent))}, echo)
	c := dial(t, xio.Dialer{}, s)
	valid := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	headers := []string{"", "x", valid[:54], "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "ff" + valid[2:], valid[:54] + "\xff", string(make([]byte, xio.MaxHeader))}
	for _, h := range headers {
		require.NoError(t, call(t, c, &xio.Message{Header: []byte(h)}))
	}
	require.NoError(t, call(t, c, &xio.Message{Header: []byte(valid + " and more")}))
	eventually(t, "all", func() bool { return len(there.Ended()) == len(headers)+1 })
	for i, span := range there.Ended() {
		if i < len(headers) {
			assert.False(t, span.Parent().IsValid(), "%q", headers[i])
		} else {
			assert.Equal(t, "b7ad6b7169203331", span.Parent().SpanID().String())
		}
	}
}

// Another format, in a header of the application's own.
func TestPropagatorOfTheApplication(t *testing.T) {
	here, hereProvider := recorder()
	there, thereProvider := recorder()
	bag := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	s := listen(t, xio.ListenConfig{Tracer: NewTracer(WithTracerProvider(thereProvider), WithPropagator(bag), WithExtract(func(h []byte) propagation.TextMapCarrier {
		var carrier propagation.MapCarrier
		if json.Unmarshal(h, &carrier) != nil {
			return nil
		}
		return carrier
	}))}, func(r *xio.Request) {
		r.Reply(&xio.Message{Header: r.Header(), Data: []byte(baggage.FromContext(r.Context()).Member("who").Value())})
	})
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(hereProvider), WithPropagator(bag), WithInject(func(h []byte, carrier propagation.MapCarrier) []byte {
		carrier["app"] = string(h)
		all, err := json.Marshal(carrier)
		assert.NoError(t, err)
		return all
	}))}, s)
	who, err := baggage.NewMember("who", "me")
	require.NoError(t, err)
	members, err := baggage.New(who)
	require.NoError(t, err)

	rsp, err := c.Call(baggage.ContextWithBaggage(testContext(t), members), &xio.Message{Header: []byte("mine")})
	require.NoError(t, err)
	assert.Equal(t, "me", string(rsp.Data()))
	var arrived propagation.MapCarrier
	require.NoError(t, json.Unmarshal(rsp.Header(), &arrived))
	assert.Equal(t, "mine", arrived["app"])
	rsp.Release()
	assert.Equal(t, only(t, here).SpanContext().SpanID(), only(t, there).Parent().SpanID())
}
