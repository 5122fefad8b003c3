// SPDX-License-Identifier: Apache-2.0

package xiootel_test

import (
	"context"
	"fmt"
	"log"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	xiootel "github.com/accelio/accelio-go/metrics/otel"
	"github.com/accelio/accelio-go/xio"
)

// A trace from a client through a server, in one program. Real ones set a
// provider with an exporter, by otel.SetTracerProvider.
func Example() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tracetest.NewSpanRecorder()))
	tracer := xiootel.NewTracer(
		xiootel.WithTracerProvider(provider),
		xiootel.WithInject(xiootel.InjectTraceparent),
		xiootel.WithExtract(xiootel.ExtractTraceparent),
		xiootel.WithSendName(func(context.Context, xio.Sending) string { return "greet" }),
	)

	l := xio.ListenConfig{Tracer: tracer}
	srv, err := l.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		id := trace.SpanContextFromContext(req.Context()).TraceID()
		req.Reply(&xio.Message{Data: []byte("traced as " + id.String())})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	d := xio.Dialer{Tracer: tracer}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ctx, span := provider.Tracer("example").Start(context.Background(), "the whole")
	defer span.End()
	rsp, err := conn.Call(ctx, &xio.Message{Data: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	defer rsp.Release()
	fmt.Println(string(rsp.Data()) == "traced as "+span.SpanContext().TraceID().String())
	// Output: true
}
