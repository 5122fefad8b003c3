// SPDX-License-Identifier: Apache-2.0

package xiootel

import "go.opentelemetry.io/otel/propagation"

// traceparent is the name of the header in W3C Trace Context, and traceparentLen
// the length of its value.
const (
	traceparent    = "traceparent"
	traceparentLen = 55
)

// InjectTraceparent is for [WithInject]: it makes the W3C traceparent, 55 bytes of
// ASCII, the header of messages without one. A header of the application's own
// stays as it is.
func InjectTraceparent(header []byte, carrier propagation.MapCarrier) []byte {
	if len(header) > 0 {
		return header
	}
	return []byte(carrier[traceparent])
}

// ExtractTraceparent is for [WithExtract]: it takes the header's first 55 bytes for
// a traceparent. What is none is no carrier, or one that the propagator finds
// nothing valid in.
func ExtractTraceparent(header []byte) propagation.TextMapCarrier {
	if len(header) < traceparentLen {
		return nil
	}
	return propagation.MapCarrier{traceparent: string(header[:traceparentLen])}
}
