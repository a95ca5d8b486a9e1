package handshake

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// tracerName names the spans of this module.
const tracerName = "github.com/caddy-socketio/caddy-socketio"

// tracing is the span of a request that Caddy's tracing handler traces. It keeps the tracer of
// that handler, which exports nothing after the last config with such a handler.
type tracing struct {
	tracer trace.Tracer
	span   trace.SpanContext
}

// captureTracing returns the span of a request, or nil if it has none.
func captureTracing(r *http.Request) *tracing {
	span := trace.SpanFromContext(r.Context())
	if !span.SpanContext().IsValid() {
		return nil
	}
	return &tracing{tracer: span.TracerProvider().Tracer(tracerName), span: span.SpanContext()}
}

// IsTraced reports whether the request has a span.
func (q *Request) IsTraced() bool { return q.tracing != nil }

// StartSpan starts the span of an event of the connection. It is the root of a trace of its
// own, with a link to the span of the request: a connection may last for days. rule is the
// name of the span, handlers are the names of its handlers. The caller calls end with the
// outcome. The request must have a span.
func (q *Request) StartSpan(ctx context.Context, rule, namespace, event, handlers string) (traced context.Context, end func(outcome string, failed bool)) {
	traced, span := q.tracing.tracer.Start(ctx, "socketio "+rule,
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.Link{SpanContext: q.tracing.span}),
		trace.WithAttributes(
			attribute.String("socketio.namespace", namespace), attribute.String("socketio.event", event),
			attribute.String("socketio.handlers", handlers),
		))
	return traced, func(outcome string, failed bool) {
		span.SetAttributes(attribute.String("socketio.outcome", outcome))
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// DeliveryStarter returns a function that starts the span of a delivery: the span's parent is
// the span of a trace that another request began, maybe on another node. rooms is the number
// of rooms that the event was emitted to. The caller calls end with the number of sockets. The
// request must have a span.
func (q *Request) DeliveryStarter() func(traceID [16]byte, spanID [8]byte, namespace, event string, rooms int) (end func(sockets int)) {
	tracer := q.tracing.tracer // the function keeps nothing else of the request
	return func(traceID [16]byte, spanID [8]byte, namespace, event string, rooms int) func(int) {
		parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled, Remote: true})
		_, span := tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), parent), "socketio deliver",
			trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
				attribute.String("socketio.namespace", namespace), attribute.String("socketio.event", event),
				attribute.Int("socketio.rooms", rooms),
			))
		return func(sockets int) {
			span.SetAttributes(attribute.Int("socketio.sockets", sockets))
			span.End()
		}
	}
}
