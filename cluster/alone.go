package cluster

import "context"

// Alone is the cluster of a hub without other nodes: publishing does nothing, and no
// node replies to a request.
var Alone Cluster = alone{}

// alone is both the cluster and the adapter of each of its namespaces.
type alone struct{}

func (alone) Open(string, Node) (Adapter, error) { return alone{}, nil }

func (alone) State() State { return State{Adapter: "memory", Connected: true} }

func (alone) Publish(Operation) error { return nil }

func (alone) Request(context.Context, Request, func(Reply)) error { return nil }

func (alone) Nodes(context.Context) (int, error) { return 1, nil }

func (alone) Close() error { return nil }
