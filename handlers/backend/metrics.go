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
		Help: "Seconds from an event to the reply of the backend, or to the beginning of a streamed one, with the wait for a free slot.", Buckets: prometheus.DefBuckets,
	}, []string{"hub", "type"})
	requestsInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_requests_in_flight",
		Help: "Requests to backends at the moment.",
	}, []string{"hub"})
	streamsInFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "caddy", Subsystem: "socketio", Name: "backend_streams_in_flight",
		Help: "Streamed replies of backends at the moment. Their requests are in flight, too.",
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
	for _, c := range []prometheus.Collector{requestsTotal, requestSeconds, requestsInFlight, streamsInFlight, eventsWaiting} {
		err := registry.Register(c)
		if _, twice := err.(prometheus.AlreadyRegisteredError); err != nil && !twice {
			return err
		}
	}
	return nil
}

func hubName(ev *hub.Event) string { return ev.Namespace().Hub().Name() }

// countOutcome counts the event with its outcome, and the time of its reply.
func (c *call) countOutcome(outcome string) {
	took := c.replyTime
	if took == 0 {
		took = time.Since(c.began)
	}
	requestsTotal.WithLabelValues(hubName(c.ev), string(c.ev.Type), outcome).Inc()
	requestSeconds.WithLabelValues(hubName(c.ev), string(c.ev.Type)).Observe(took.Seconds())
}
