package faults_test

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

func init() {
	caddy.RegisterModule(FaultHandler{})
	caddy.RegisterModule(FaultAdapter{})
}

// armedPlaces are the places that panic when they are reached the next time. Only the
// Caddys of the tests use them.
var armedPlaces sync.Map

// panicAt panics if the place is armed, and disarms it.
func panicAt(place string) {
	if _, armed := armedPlaces.LoadAndDelete(place); armed {
		panic("fault at " + place)
	}
}

// FaultHandler is a guest module that panics at the place that it names.
type FaultHandler struct {
	// Place is "now" to panic for every event, "arm" to arm the place that the first argument
	// of the event names, "listen" to add listeners, or an armed place to panic at once.
	Place string `json:"place"`
}

// CaddyModule implements caddy.Module.
func (FaultHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.fault", New: func() caddy.Module { return new(FaultHandler) }}
}

// UnmarshalCaddyfile reads: fault <place>
func (h *FaultHandler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	if !d.AllArgs(&h.Place) {
		return d.Err("fault: expected a place")
	}
	return nil
}

// Provision panics if the place is "provision" and armed.
func (h *FaultHandler) Provision(caddy.Context) error {
	if h.Place == "provision" {
		panicAt(h.Place)
	}
	return nil
}

// CheckSocketFree implements hub.SocketFree.
func (h *FaultHandler) CheckSocketFree() error { return nil }

// HandleEvent implements hub.Handler.
func (h *FaultHandler) HandleEvent(ctx context.Context, ev *hub.Event) error {
	switch h.Place {
	case "now":
		panic("fault in a rule")
	case "arm":
		place, _ := ev.Lookup("event.args.0")
		armedPlaces.Store(place.Text(), true)
	case "listen":
		ev.Namespace().On("overhear", hub.HandlerFunc(func(context.Context, *hub.Event) error { panic("fault in a listener") }))
		ev.Namespace().OnRoom(func(hub.RoomEvent) { panicAt("room listener") })
	case "call back":
		_, _ = ev.Namespace().All().EmitWithAck(ctx, "ready?")
		return ev.Namespace().Request(ctx, cluster.FetchSockets{}, func(cluster.Reply) { panic("fault in a callback") })
	default:
		panicAt(h.Place)
	}
	return nil
}

// FaultAdapter is an adapter of a node without others. Its methods panic when they are armed.
type FaultAdapter struct {
	// Group names the cluster. Another group is another cluster.
	Group string `json:"group"`
}

// CaddyModule implements caddy.Module.
func (FaultAdapter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.adapters.fault", New: func() caddy.Module { return new(FaultAdapter) }}
}

// UnmarshalCaddyfile reads: fault <group>
func (a *FaultAdapter) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	if !d.AllArgs(&a.Group) {
		return d.Err("fault: expected a group")
	}
	return nil
}

// Cluster returns the cluster of the group.
func (a *FaultAdapter) Cluster(string) cluster.Cluster {
	panicAt("cluster")
	return faultCluster{a.Group}
}

// faultCluster is a cluster, and the adapter of each of its namespaces.
type faultCluster struct{ group string }

func (c faultCluster) Open(string, cluster.Node) (cluster.Adapter, error) {
	panicAt("open")
	return c, nil
}

func (c faultCluster) State() cluster.State {
	panicAt("state")
	return cluster.State{Adapter: "fault", Connected: true}
}

func (c faultCluster) Publish(cluster.Operation) error {
	panicAt("publish")
	return nil
}

func (c faultCluster) Request(_ context.Context, q cluster.Request, each func(cluster.Reply)) error {
	panicAt("request")
	if _, ok := q.(cluster.FetchSockets); ok {
		each(cluster.Sockets{})
	}
	return nil
}

func (c faultCluster) Nodes(context.Context) (int, error) {
	panicAt("nodes")
	return 1, nil
}

func (c faultCluster) Close() error {
	panicAt("close")
	return nil
}
