package backend

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// The metrics of all configs in the process: they outlive configs.
var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_requests_total",
		Help: "Events sent to backends, by outcome: ok, refused, outage or canceled.",
	}, []string{"hub", "type", "outcome"})
	requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_request_duration_seconds",
		Help: "Seconds from an event to the reply of the backend, with the wait for a free slot.", Buckets: prometheus.DefBuckets,
	}, []string{"hub", "type"})
	requestsInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_requests_in_flight",
		Help: "Requests to backends at the moment.",
	}, []string{"hub"})
	eventsWaiting = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_events_waiting",
		Help: "Events that wait for a free slot of their backend.",
	}, []string{"hub"})
)

func registerMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{requestsTotal, requestSeconds, requestsInFlight, eventsWaiting} {
		err := registry.Register(c)
		if _, twice := err.(prometheus.AlreadyRegisteredError); err != nil && !twice {
			return err
		}
	}
	return nil
}

func hubName(ev *hub.Event) string { return ev.Namespace().Hub().Name() }

// countEvent counts an event with its outcome, and the time since it began.
func countEvent(ev *hub.Event, outcome string, since time.Time) {
	requestsTotal.WithLabelValues(hubName(ev), string(ev.Type), outcome).Inc()
	requestSeconds.WithLabelValues(hubName(ev), string(ev.Type)).Observe(time.Since(since).Seconds())
}
