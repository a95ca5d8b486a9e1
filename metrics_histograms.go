package socketio

import (
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// nanoseconds is how many units of the hub's durations are one second.
const nanoseconds = 1e9

// newHistogram returns a metric of values, of which so many units are one of the metric.
func newHistogram(d *prometheus.Desc, h hub.Histogram, units float64, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.Bounds))
	for i, bound := range h.Bounds {
		buckets[float64(bound)/units] = h.Counts[i]
	}
	return prometheus.MustNewConstHistogram(d, h.Count, float64(h.Sum)/units, buckets, labels...)
}

// collectHistograms collects the distributions of a hub, and the lengths of its queues.
func collectHistograms(ch chan<- prometheus.Metric, name string, s hub.Stats, queues hub.QueueDepths) {
	for _, ns := range s.Namespaces {
		ch <- newHistogram(broadcastSizeDesc, ns.BroadcastSizes, 1, name, ns.Name)
		ch <- newHistogram(broadcastTimeDesc, ns.BroadcastTimes, nanoseconds, name, ns.Name)
		ch <- newHistogram(inboxWaitDesc, ns.InboxWaits, nanoseconds, name, ns.Name)
	}
	for handler, times := range s.HandlerTimes {
		ch <- newHistogram(handlerTimeDesc, times, nanoseconds, name, handler)
	}
	ch <- newHistogram(queueDesc, queues.Sessions, 1, name)
	ch <- prometheus.MustNewConstMetric(queueMaxDesc, prometheus.GaugeValue, float64(queues.Max), name)
}

// handlerName returns the name of a handler's module, emit for example.
func handlerName(h hub.Handler) string {
	if m, ok := h.(caddy.Module); ok {
		return m.CaddyModule().ID.Name()
	}
	return "go"
}
