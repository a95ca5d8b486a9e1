package backend

import (
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// These count for the process: configs come and go.
var (
	backendRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_requests_total",
		Help: "Events that a backend was asked about, by what became of them: ok, refused, outage or canceled.",
	}, []string{"hub", "type", "outcome"})
	backendSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_request_duration_seconds",
		Help: "How long backends took to answer, with the time that events waited for their turn.", Buckets: prometheus.DefBuckets,
	}, []string{"hub", "type"})
	backendInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_requests_in_flight",
		Help: "Requests to backends that are under way.",
	}, []string{"hub"})
	backendWaiting = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_events_waiting",
		Help: "Events that wait for their turn to be asked about.",
	}, []string{"hub"})
)

func registerBackendMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{backendRequests, backendSeconds, backendInFlight, backendWaiting} {
		err := registry.Register(c)
		if _, twice := err.(prometheus.AlreadyRegisteredError); err != nil && !twice {
			return err
		}
	}
	return nil
}

func hubOf(ev *hub.Event) string { return ev.Socket.Namespace().Hub().Name() }

// countBackend counts an event that was asked about since a time.
func countBackend(ev *hub.Event, outcome string, since time.Time) {
	backendRequests.WithLabelValues(hubOf(ev), string(ev.Type), outcome).Inc()
	backendSeconds.WithLabelValues(hubOf(ev), string(ev.Type)).Observe(time.Since(since).Seconds())
}
