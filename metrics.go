package socketio

import (
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// collector collects the counters of the hubs when the metrics are read. Each config has
// its own registry, and the counters outlive it.
type collector struct{}

// registerMetrics registers the collector in the registry of a config, unless it is
// registered already.
func registerMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	err := registry.Register(collector{})
	if _, twice := err.(prometheus.AlreadyRegisteredError); twice {
		return nil
	}
	return err
}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("caddy_socketio_"+name, help, append([]string{"hub"}, labels...), nil)
}

// newProcessDesc describes a metric of the whole process, which has no label hub.
func newProcessDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("caddy_socketio_"+name, help, labels, nil)
}

var (
	connectionsDesc    = newDesc("connections", "Open connections, by transport.", "transport")
	handshakesDesc     = newDesc("handshakes_total", "Connections opened.")
	upgradesDesc       = newDesc("upgrades_total", "Connections upgraded from polling to WebSocket.")
	closesDesc         = newDesc("connections_closed_total", "Connections closed, by reason.", "reason")
	refusedDesc        = newDesc("requests_refused_total", "HTTP requests refused with an Engine.IO error, by its code; 503: at max_connections; 429: over a limit of the address.", "code")
	overloadedDesc     = newDesc("handshakes_refused_total", "Handshakes refused with status 503, by reason.", "reason")
	packetsDesc        = newDesc("packets_total", "Engine.IO packets received (in) and sent (out).", "direction")
	bytesDesc          = newDesc("bytes_total", "Bytes of the Engine.IO packets received (in) and sent (out).", "direction")
	overflowsDesc      = newDesc("slow_clients_total", "Connections of slow clients closed because their queue overflowed (max_queue).")
	slowMessagesDesc   = newDesc("slow_messages_total", "Messages and bodies of POST requests that arrived too slowly; their connections were closed.")
	badPacketsDesc     = newDesc("bad_packets_total", "Connections closed because of an invalid Socket.IO packet.")
	limitedDesc        = newDesc("rate_limited_total", "Limits of rates that clients exceeded, by reason: connection drops events and connects; packets, bytes and idle pause the reading.", "reason")
	failuresDesc       = newDesc("failed_attempts_total", "Connects refused because of a wrong token, or by a backend.")
	addressDesc        = newDesc("address_refused_total", "Handshakes and connects over a limit of their address (per_address).", "limit")
	evictedDesc        = newDesc("address_evicted_total", "Connections and namespaces that lost their place to another address.", "limit")
	unpublishedDesc    = newDesc("unpublished_total", "Operations that could not be published to the other nodes of the cluster.")
	panicsDesc         = newDesc("handler_panics_total", "Handlers of events that panicked; the connection of the socket was closed.")
	clusterUpDesc      = newDesc("cluster_connected", "1 if the adapter is connected to the other nodes, else 0.", "adapter")
	clusterDroppedDesc = newDesc("cluster_dropped_total", "Messages to and from other nodes, dropped.", "adapter")
	clusterBadDesc     = newDesc("cluster_malformed_total", "Malformed messages from other nodes, ignored.", "adapter")
	socketsDesc        = newDesc("sockets", "Connected sockets, by namespace; a glob counts all namespaces that match it.", "namespace")
	roomsDesc          = newDesc("rooms", "Rooms, by namespace, including the room of each socket's id.", "namespace")
	socketsOpenedDesc  = newDesc("sockets_connected_total", "Sockets connected, by namespace.", "namespace")
	socketsClosedDesc  = newDesc("sockets_disconnected_total", "Sockets disconnected, by namespace.", "namespace")
	connectErrorsDesc  = newDesc("connect_errors_total", "Connect errors sent to clients, by namespace.", "namespace")
	eventsDesc         = newDesc("events_total", "Events received from clients, by namespace.", "namespace")
	broadcastSizeDesc  = newDesc("broadcast_sockets", "Sockets of this node that an emit to a target was queued for.", "namespace")
	broadcastTimeDesc  = newDesc("broadcast_duration_seconds", "Seconds that it took to queue an emit for the sockets of its target on this node.", "namespace")
	inboxWaitDesc      = newDesc("inbox_wait_seconds", "Seconds that events of clients waited until their handlers began.", "namespace")
	handlerTimeDesc    = newDesc("handler_duration_seconds", "Seconds that handlers of events took, by handler; go: of a Go program.", "handler")
	queueDesc          = newDesc("queue_bytes", "Open connections by the bytes that wait for their clients at the moment of the scrape.")
	queueMaxDesc       = newDesc("queue_bytes_max", "Bytes of the longest queue at the moment of the scrape.")
	clusterLagDesc     = newDesc("cluster_lag_seconds", "Delays of messages between nodes: out, until the server of the adapter has one; in, from the arrival of one until it is applied.", "adapter", "direction")
	deliveredDesc      = newDesc("delivered_total", "Events queued for clients, once a socket, by namespace: of broadcasts, emits to one socket, replays and history.", "namespace")

	drainingDesc    = newProcessDesc("draining", "1 while new connections are refused because the node drains, else 0.")
	memoryLimitDesc = newProcessDesc("memory_limit_bytes", "Bytes that may be kept because of clients (max_memory); 0 means no limit.")
	memoryUsedDesc  = newProcessDesc("memory_used_bytes", "Bytes kept because of clients; messages that wait for several clients count once.")
	memoryKindsDesc = newProcessDesc("memory_bytes", "Bytes kept because of clients, by kind; messages that wait for several clients count for each.", "kind")
	memoryFullDesc  = newProcessDesc("memory_full", "1 while new connections are refused because of max_memory, else 0.")
	memoryShedDesc  = newProcessDesc("memory_shed_total", "Connections slowed and dropped because of max_memory, the largest first.", "action")
	overMemoryDesc  = newDesc("memory_exceeded_total", "Connections closed because they kept more than max_memory_per_connection.")

	acceptPausesDesc = newProcessDesc("accept_pauses_total", "Pauses of accepting connections because of exhausted file descriptors (socketio_reserve).")
)

// Describe describes the metrics.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		connectionsDesc, handshakesDesc, upgradesDesc, closesDesc, refusedDesc, overloadedDesc, packetsDesc, bytesDesc, overflowsDesc,
		slowMessagesDesc, badPacketsDesc, limitedDesc, failuresDesc, addressDesc, evictedDesc, unpublishedDesc, panicsDesc, clusterUpDesc, clusterDroppedDesc, clusterBadDesc,
		socketsDesc, roomsDesc, socketsOpenedDesc, socketsClosedDesc, connectErrorsDesc, eventsDesc, deliveredDesc,
		acceptPausesDesc, drainingDesc, memoryLimitDesc, memoryUsedDesc, memoryKindsDesc, memoryFullDesc, memoryShedDesc, overMemoryDesc,
		broadcastSizeDesc, broadcastTimeDesc, inboxWaitDesc, handlerTimeDesc, queueDesc, queueMaxDesc, clusterLagDesc,
	} {
		ch <- d
	}
}

// Collect reads the metrics.
func (collector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(acceptPausesDesc, prometheus.CounterValue, float64(acceptPauses.Load()))
	collectMemory(ch)
	ch <- prometheus.MustNewConstMetric(drainingDesc, prometheus.GaugeValue, boolValue(drainer.Refuses()))
	for h := range eachHub {
		stats := h.Stats()
		collectHub(ch, h.Name(), stats)
		collectHistograms(ch, h.Name(), stats, h.QueueDepths())
		if state, ok := h.ClusterState(); ok {
			collectCluster(ch, h.Name(), state)
		}
	}
}

// collectMemory collects the memory of the process.
func collectMemory(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(memoryLimitDesc, processMemory.Limit())
	gauge(memoryUsedDesc, processMemory.Used())
	for kind, bytes := range processMemory.Usage() {
		gauge(memoryKindsDesc, bytes, kind)
	}
	full := int64(0)
	if processMemory.Full() {
		full = 1
	}
	gauge(memoryFullDesc, full)
	slowed, dropped := processMemory.Shed()
	ch <- prometheus.MustNewConstMetric(memoryShedDesc, prometheus.CounterValue, float64(slowed), "slowed")
	ch <- prometheus.MustNewConstMetric(memoryShedDesc, prometheus.CounterValue, float64(dropped), "dropped")
}

// collectCluster collects the state of a hub's cluster. Hubs that share a connection
// share its counters.
func collectCluster(ch chan<- prometheus.Metric, name string, s cluster.State) {
	metric := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
		ch <- prometheus.MustNewConstMetric(d, kind, value, name, s.Adapter)
	}
	metric(clusterUpDesc, prometheus.GaugeValue, boolValue(s.Connected))
	metric(clusterDroppedDesc, prometheus.CounterValue, float64(s.Dropped))
	metric(clusterBadDesc, prometheus.CounterValue, float64(s.Malformed))
	if s.PublishTimes != nil {
		ch <- newHistogram(clusterLagDesc, *s.PublishTimes, nanoseconds, name, s.Adapter, "out")
		ch <- newHistogram(clusterLagDesc, *s.ApplyTimes, nanoseconds, name, s.Adapter, "in")
	}
}

// boolValue returns the value of a gauge for a fact.
func boolValue(fact bool) float64 {
	if fact {
		return 1
	}
	return 0
}

func collectHub(ch chan<- prometheus.Metric, name string, s hub.Stats) {
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), append([]string{name}, labels...)...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), append([]string{name}, labels...)...)
	}
	gauge(connectionsDesc, s.Engine.Polling, "polling")
	gauge(connectionsDesc, s.Engine.WebSocket, "websocket")
	counter(handshakesDesc, s.Engine.Opened)
	counter(upgradesDesc, s.Engine.Upgraded)
	for reason, n := range s.Engine.Closed {
		counter(closesDesc, n, reason)
	}
	for code, n := range s.Engine.Refused {
		counter(refusedDesc, n, strconv.Itoa(code))
	}
	for reason, n := range s.Engine.Overloaded {
		counter(overloadedDesc, n, reason)
	}
	counter(packetsDesc, s.Engine.PacketsIn, "in")
	counter(packetsDesc, s.Engine.PacketsOut, "out")
	counter(bytesDesc, s.Engine.BytesIn, "in")
	counter(bytesDesc, s.Engine.BytesOut, "out")
	counter(overflowsDesc, s.Engine.SlowClients)
	counter(slowMessagesDesc, s.Engine.SlowMessages)
	counter(badPacketsDesc, s.RefusedPackets)
	counter(overMemoryDesc, s.OverMemory)
	for reason, n := range s.Limited {
		counter(limitedDesc, n, reason)
	}
	counter(failuresDesc, s.FailedAttempts)
	for limit, n := range s.AddressRefused {
		counter(addressDesc, n, limit)
	}
	for limit, n := range s.AddressEvicted {
		counter(evictedDesc, n, limit)
	}
	counter(unpublishedDesc, s.Unpublished)
	counter(panicsDesc, s.Panics)
	for _, ns := range s.Namespaces {
		gauge(socketsDesc, ns.Sockets, ns.Name)
		gauge(roomsDesc, ns.Rooms, ns.Name)
		counter(socketsOpenedDesc, ns.Connected, ns.Name)
		counter(socketsClosedDesc, ns.Disconnected, ns.Name)
		counter(connectErrorsDesc, ns.Refused, ns.Name)
		counter(eventsDesc, ns.Events, ns.Name)
		counter(deliveredDesc, ns.Delivered, ns.Name)
	}
}
