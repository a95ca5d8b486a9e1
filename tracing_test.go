package socketio

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// startCollector receives the spans of this process until the test ends.
func startCollector(t *testing.T) <-chan *tracepb.Span {
	t.Helper()
	spans := make(chan *tracepb.Span, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var batch collectorpb.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err != nil || proto.Unmarshal(body, &batch) != nil {
			t.Error("the batch can't be read")
		}
		for _, resource := range batch.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					spans <- span
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_SCHEDULE_DELAY": "20",
	} {
		t.Setenv(name, value)
	}
	return spans
}

// describeSpan returns the span's name and attributes of this module.
func describeSpan(span *tracepb.Span) string {
	values := make(map[string]string)
	for _, a := range span.Attributes {
		values[a.Key] = a.Value.GetStringValue()
	}
	return fmt.Sprintf("%s: namespace %s, event %s, handlers %s, outcome %s, error %v", span.Name, values["socketio.namespace"],
		values["socketio.event"], values["socketio.handlers"], values["socketio.outcome"], span.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR)
}

// tracedSite is a site whose events have spans. Its backend is at an address.
const tracedSite = `
	tracing {
		span handshake
	}
	socketio {
		namespace /chat {
			on connect {
				join lobby
			}
			on message typing {
				backend %s
				ack
			}
			on secret {
				require false
			}
			on broken {
				backend 127.0.0.1:1
			}
		}
	}`

func TestEventsAreSpansLinkedToTheHandshake(t *testing.T) {
	spans := startCollector(t)
	parents := make(chan string, 10)
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parents <- r.Header.Get("Traceparent")
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(application.Close)
	s := startCaddy(t, false, fmt.Sprintf(tracedSite, application.Listener.Addr()))
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	c := s.connectPolling("/chat", "Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	for _, event := range []string{"message", "secret", "broken", "nothing"} {
		c.postPacket(`42/chat,["` + event + `"]`)
	}
	var handshake string // id of the first request's span
	var links []string
	for i, want := range []string{
		"socketio connect: namespace /chat, event connect, handlers join, outcome ok, error false",
		"socketio message typing: namespace /chat, event message, handlers backend ack, outcome ok, error false",
		"socketio secret: namespace /chat, event secret, handlers require, outcome refused, error false",
		"socketio broken: namespace /chat, event broken, handlers backend, outcome refused, error true",
	} {
		span := nextEventSpan(t, spans, traceID, &handshake)
		if got := describeSpan(span); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		links = append(links, checkLink(t, span, traceID))
		if i == 1 {
			if got, want := <-parents, fmt.Sprintf("00-%x-%x-01", span.TraceId, span.SpanId); got != want {
				t.Errorf("the backend got the span %s, want %s", got, want)
			}
		}
	}
	for _, link := range links {
		if link != handshake {
			t.Errorf("a link to %s, the handshake is %q", link, handshake)
		}
	}
}

// nextEventSpan returns the next span of an event. Of the spans of requests before it, it stores
// the id of the one in the trace.
func nextEventSpan(t *testing.T, spans <-chan *tracepb.Span, traceID string, handshake *string) *tracepb.Span {
	t.Helper()
	for {
		span := nextSpan(t, spans)
		if span.Name != "handshake" {
			return span
		}
		if hex.EncodeToString(span.TraceId) == traceID {
			*handshake = hex.EncodeToString(span.SpanId)
		}
	}
}

// checkLink checks that a span is a root with one link to the trace, and returns the id of the
// span that the link names.
func checkLink(t *testing.T, span *tracepb.Span, traceID string) string {
	t.Helper()
	if len(span.ParentSpanId) > 0 || len(span.Links) != 1 || hex.EncodeToString(span.Links[0].TraceId) != traceID {
		t.Fatalf("%s has the parent %x and the links %v", span.Name, span.ParentSpanId, span.Links)
	}
	return hex.EncodeToString(span.Links[0].SpanId)
}

// nextSpan returns the next span of the process.
func nextSpan(t *testing.T, spans <-chan *tracepb.Span) *tracepb.Span {
	t.Helper()
	select {
	case span := <-spans:
		return span
	case <-time.After(time.Minute):
		t.Fatal("no span in time")
	}
	panic("unreachable")
}

// A connection that was traced goes on when the config has no tracing handler any longer, and
// its events have no spans.
func TestEventsAreHandledAfterTracingEnds(t *testing.T) {
	spans := startCollector(t)
	const rules = "socketio {\nnamespace /chat {\non message {\nack\n}\n}\n}"
	s := startCaddy(t, false, "tracing {\nspan handshake\n}\n"+rules)
	s.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a reload ends kept connections
	c := s.connectPolling("/chat")
	s.loadSite(rules)
	c.postPacket(`42/chat,0["message"]`)
	if got := c.pollPackets(); got != `43/chat,0[]` {
		t.Errorf("got %q", got)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	for len(spans) > 0 {
		if span := <-spans; span.Name != "handshake" {
			t.Errorf("a span of %s", span.Name)
		}
	}
}

// Emits of the API have a delivery span, a child of the request's span, if the trace is sampled.
func TestDeliveriesOfAPIEmitsContinueTheirTrace(t *testing.T) {
	spans := startCollector(t)
	s := startCaddy(t, false, `
	tracing {
		span request
	}
	socketio {
		namespace /chat
	}
	socketio_api`)
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	const sampled, unsampled = "00-" + trace + "-" + parent + "-01", "00-" + trace + "-" + parent + "-00"
	const news = `{"namespace": "/chat", "to": ["lobby", "hall"], "except": ["attic"], "event": "news"`
	emit := func(url, traceparent, body, reply string) {
		t.Helper()
		s.checkResponse(200, reply, "POST", url+"/socketio/emit", body, "Content-Type", "application/json", "Traceparent", traceparent)
	}
	admin := "http://" + s.admin
	emit(admin, sampled, news+"}", `{"delivered":0}`) // before the first client
	s.connectPolling("/chat")
	emit(admin, "", news+"}", `{"delivered":0}`)
	emit(admin, unsampled, news+"}", `{"delivered":0}`)
	emit(admin, sampled, `{"namespace": "/chat", "event": "all"}`, `{"delivered":1}`)
	emit(admin, sampled, news+`, "ack": {}}`, `{"delivered":0,"responses":[],"complete":true}`)
	emit(admin, sampled, "["+strings.Repeat(news+"},", 100)+news+"}]", `{"emits":101,"delivered":0,"errors":[]}`)
	emit(s.site, "", news+"}", `{"delivered":0}`)

	want := []string{"all: 0 rooms, 1 sockets, parent " + parent}
	for range 1 + 100 {
		want = append(want, "news: 2 rooms, 0 sockets, parent "+parent)
	}
	requests := make(map[string]bool) // traces and ids of spans of the tracing handler
	for _, want := range want {
		if got := describeDelivery(t, nextDelivery(t, spans, requests)); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
	last := nextDelivery(t, spans, requests) // behind the tracing handler
	for !requests[string(last.TraceId)+string(last.ParentSpanId)] {
		noteRequest(nextSpan(t, spans), requests)
	}
}

// nextDelivery returns the next span of a delivery, and notes the spans of requests before it.
func nextDelivery(t *testing.T, spans <-chan *tracepb.Span, requests map[string]bool) *tracepb.Span {
	t.Helper()
	for {
		span := nextSpan(t, spans)
		if span.Name == "socketio deliver" {
			return span
		}
		noteRequest(span, requests)
	}
}

// noteRequest adds the trace and id of the span of an HTTP request.
func noteRequest(span *tracepb.Span, requests map[string]bool) {
	requests[string(span.TraceId)+string(span.SpanId)] = true
}

// describeDelivery returns the attributes and the parent of the span of a delivery.
func describeDelivery(t *testing.T, span *tracepb.Span) string {
	t.Helper()
	values := make(map[string]*commonpb.AnyValue)
	for _, a := range span.Attributes {
		values[a.Key] = a.Value
	}
	if got := values["socketio.namespace"].GetStringValue(); got != "/chat" {
		t.Errorf("a span of the namespace %q", got)
	}
	return fmt.Sprintf("%s: %d rooms, %d sockets, parent %x", values["socketio.event"].GetStringValue(),
		values["socketio.rooms"].GetIntValue(), values["socketio.sockets"].GetIntValue(), span.ParentSpanId)
}
