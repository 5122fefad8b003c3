// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceparent is the name of the header in W3C Trace Context, and traceparentLen
// the length of its value.
const (
	traceparent    = "traceparent"
	traceparentLen = 55
)

// Traceparent encodes the span in ctx as a W3C traceparent, 55 bytes of ASCII, to
// be the header of a message, or nil if there is no span. It is for programs that
// have no header of their own. The other side reads it by
// WithExtract(ExtractTraceparent).
func Traceparent(ctx context.Context) []byte { return AppendTraceparent(nil, ctx) }

// AppendTraceparent appends what Traceparent returns to b.
func AppendTraceparent(b []byte, ctx context.Context) []byte {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return b
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return append(b, carrier[traceparent]...)
}

// ExtractTraceparent is for WithExtract: it takes the header's first 55 bytes for
// a traceparent. What is none is no carrier, or one that the propagator finds
// nothing valid in.
func ExtractTraceparent(header []byte) propagation.TextMapCarrier {
	if len(header) < traceparentLen {
		return nil
	}
	return propagation.MapCarrier{traceparent: string(header[:traceparentLen])}
}
