package handlers

import (
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// backendRequests counts for the process: configs come and go.
var backendRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Namespace: "caddy", Subsystem: "socketio", Name: "backend_requests_total",
	Help: "Events that a backend was asked about, by what became of them: ok, refused, outage or canceled.",
}, []string{"hub", "type", "outcome"})

func registerBackendMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	err := registry.Register(backendRequests)
	if _, twice := err.(prometheus.AlreadyRegisteredError); twice {
		return nil
	}
	return err
}

func countBackend(ev *hub.Event, outcome string) {
	backendRequests.WithLabelValues(ev.Socket.Namespace().Hub().Name(), string(ev.Type), outcome).Inc()
}
