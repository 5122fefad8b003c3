// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"fmt"
	"net"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/accelio/accelio-go/xio"
)

// spanName is what a span is called: as its method, if that has a name.
func spanName(method string) string {
	if method == "" {
		return system
	}
	return method
}

func methodOf(method string) []attribute.KeyValue {
	if method == "" {
		return nil
	}
	return []attribute.KeyValue{semconv.RPCMethod(method)}
}

// text is s without what exporters refuse: a peer may have a part in it.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// serverOf describes the peer as the one that is asked.
func serverOf(c *xio.Connection) []attribute.KeyValue {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	return []attribute.KeyValue{semconv.ServerAddress(a.IP.String()), semconv.ServerPort(a.Port)}
}

// peerOf describes the peer as the one that asks.
func peerOf(c *xio.Connection) []attribute.KeyValue {
	a, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	return []attribute.KeyValue{semconv.NetworkPeerAddress(a.IP.String()), semconv.NetworkPeerPort(a.Port)}
}

// endRPC ends the span of a request.
func endRPC(span trace.Span, err error) {
	if span.IsRecording() {
		span.SetAttributes(semconv.RPCResponseStatusCode(resultName(resultOf(err))))
	}
	endMessage(span, err)
}

// endMessage ends the span of a one-way message, and what is common to all.
func endMessage(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		what := text(err.Error())
		span.SetStatus(codes.Error, what)
		span.SetAttributes(semconv.ErrorTypeKey.String(resultName(resultOf(err))))
		// Not RecordError: it takes the error's text as it is.
		span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(
			semconv.ExceptionType(fmt.Sprintf("%T", err)), semconv.ExceptionMessage(what)))
	}
	span.End()
}
