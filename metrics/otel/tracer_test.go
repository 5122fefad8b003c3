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
		WithCallName(func(_ context.Context, m *xio.Message) string { return string(m.Header) }),
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
	assert.Equal(t, trace.SpanKindClient, only(t, here).SpanKind())
	got := only(t, there)
	assert.Equal(t, trace.SpanKindConsumer, got.SpanKind())
	assert.Equal(t, system, attr(got, "messaging.system").AsString())
	assert.Equal(t, "process", attr(got, "messaging.operation.type").AsString())
	assert.EqualValues(t, 77, attr(got, "messaging.message.body.size").AsInt64())
	assert.Equal(t, codes.Unset, got.Status().Code)
}

// The server's span is a child of the client's, which is a child of the caller's.
func TestStartPropagates(t *testing.T) {
	here, hereProvider := recorder()
	there, thereProvider := recorder()
	s := listen(t, xio.ListenConfig{Tracer: NewTracer(WithTracerProvider(thereProvider), WithExtract(ExtractTraceparent))}, echo)
	tracer := NewTracer(WithTracerProvider(hereProvider))
	c := dial(t, xio.Dialer{Tracer: tracer}, s)

	ctx, end := tracer.Start(testContext(t), c)
	rsp, err := c.Call(ctx, &xio.Message{Header: Traceparent(ctx)})
	end(err)
	require.NoError(t, err)
	assert.Len(t, rsp.Header(), traceparentLen)
	rsp.Release()
	sent, served := only(t, here), only(t, there)
	assert.Equal(t, sent.SpanContext().TraceID(), served.SpanContext().TraceID())
	assert.Equal(t, sent.SpanContext().SpanID(), served.Parent().SpanID())
	assert.True(t, served.Parent().IsRemote())
	assert.Equal(t, "OK", attr(sent, "rpc.response.status_code").AsString())

	// The span was adopted; a second call with the context has one below it.
	rsp, err = c.Call(ctx, &xio.Message{})
	require.NoError(t, err)
	rsp.Release()
	eventually(t, "the second", func() bool { return len(here.Ended()) == 2 })
	assert.Equal(t, sent.SpanContext().SpanID(), here.Ended()[1].Parent().SpanID())
}

// A completion, not the return of Send, ends an adopted span.
func TestStartOfASend(t *testing.T) {
	here, provider := recorder()
	release := make(chan struct{})
	s := listen(t, xio.ListenConfig{}, func(r *xio.Request) { <-release; echo(r) })
	tracer := NewTracer(WithTracerProvider(provider))
	c := dial(t, xio.Dialer{Tracer: tracer}, s)
	ctx, end := tracer.Start(testContext(t), c)
	done := make(chan struct{})
	err := c.Send(ctx, &xio.Message{}, func(r *xio.Response, _ error) { r.Release(); close(done) })
	end(err)
	require.NoError(t, err)
	assert.Empty(t, here.Ended())
	close(release)
	<-done
	only(t, here)
}

// A message that is refused ends the span that was begun for it.
func TestStartOfARefusedMessage(t *testing.T) {
	here, provider := recorder()
	s := listen(t, xio.ListenConfig{}, echo)
	tracer := NewTracer(WithTracerProvider(provider))
	c := dial(t, xio.Dialer{Tracer: tracer}, s)
	ctx, end := tracer.Start(testContext(t), c)
	_, err := c.Call(ctx, &xio.Message{Header: make([]byte, xio.MaxHeader+1)})
	require.ErrorIs(t, err, xio.ErrMsgSize)
	assert.Empty(t, here.Ended())
	end(err)
	end(nil)
	span := only(t, here)
	assert.Equal(t, "MSG_SIZE", attr(span, "error.type").AsString())
	assert.Equal(t, codes.Error, span.Status().Code)
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

func TestTraceparent(t *testing.T) {
	assert.Nil(t, Traceparent(context.Background()))
	_, provider := recorder()
	ctx, span := provider.Tracer("test").Start(context.Background(), "x")
	defer span.End()
	h := AppendTraceparent([]byte("app:"), ctx)
	require.Len(t, h, 4+traceparentLen)
	sc := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), ExtractTraceparent(h[4:])))
	assert.Equal(t, span.SpanContext().TraceID(), sc.TraceID())
	assert.Equal(t, span.SpanContext().SpanID(), sc.SpanID())
	assert.True(t, sc.IsSampled())
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
		r.Reply(&xio.Message{Data: []byte(baggage.FromContext(r.Context()).Member("who").Value())})
	})
	tracer := NewTracer(WithTracerProvider(hereProvider))
	c := dial(t, xio.Dialer{Tracer: tracer}, s)
	who, err := baggage.NewMember("who", "me")
	require.NoError(t, err)
	members, err := baggage.New(who)
	require.NoError(t, err)

	ctx, end := tracer.Start(baggage.ContextWithBaggage(testContext(t), members), c)
	carrier := propagation.MapCarrier{}
	bag.Inject(ctx, carrier)
	header, err := json.Marshal(carrier)
	require.NoError(t, err)
	rsp, err := c.Call(ctx, &xio.Message{Header: header})
	end(err)
	require.NoError(t, err)
	assert.Equal(t, "me", string(rsp.Data()))
	rsp.Release()
	assert.Equal(t, only(t, here).SpanContext().SpanID(), only(t, there).Parent().SpanID())
}

// Tracers do not adopt each other's spans.
func TestStartOfAnotherTracer(t *testing.T) {
	here, provider := recorder()
	s := listen(t, xio.ListenConfig{}, echo)
	c := dial(t, xio.Dialer{Tracer: NewTracer(WithTracerProvider(provider))}, s)
	ctx, end := NewTracer(WithTracerProvider(provider)).Start(testContext(t), c)
	rsp, err := c.Call(ctx, &xio.Message{})
	require.NoError(t, err)
	rsp.Release()
	assert.Len(t, here.Started(), 2)
	assert.Len(t, here.Ended(), 1)
	end(err)
	assert.Len(t, here.Ended(), 2)
	assert.Equal(t, here.Ended()[1].SpanContext().SpanID(), here.Ended()[0].Parent().SpanID())
}
