package cluster

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// FuzzTraceparent compares ParseTraceparent with the parser of OpenTelemetry, and checks that
// a trace context is read back as it was written.
func FuzzTraceparent(f *testing.F) {
	for header := range traceparents {
		f.Add(header)
	}
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-05")
	f.Add("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-")
	f.Fuzz(func(t *testing.T, header string) {
		got := ParseTraceparent(header)
		if got != nil {
			if again := ParseTraceparent(got.String()); again == nil || *again != *got {
				t.Errorf("%q is written as %q, and read back as %v", header, got, again)
			}
		}
		if want := parseByOpenTelemetry(header); want == nil && got != nil && !hasReservedFlags(header) || want != nil && (got == nil || *got != *want) {
			t.Errorf("%q is read as %v, by OpenTelemetry as %v", header, got, want)
		}
	})
}

// parseByOpenTelemetry is ParseTraceparent by the parser of OpenTelemetry.
func parseByOpenTelemetry(header string) *TraceContext {
	carrier := propagation.MapCarrier{"traceparent": header}
	s := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	if !s.IsSampled() {
		return nil
	}
	return &TraceContext{TraceID: s.TraceID(), SpanID: s.SpanID()}
}

// hasReservedFlags reports whether a header of version 00 has a flag that the version reserves.
// OpenTelemetry rejects such a header. W3C's Trace Context says that a reader ignores the flag.
func hasReservedFlags(header string) bool {
	return header[:2] == "00" && header[traceparentSize-2:] > "03"
}
