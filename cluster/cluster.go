// Package cluster says what the hubs of several processes tell and ask each
// other so that they share rooms: operations that are applied, and questions
// that are answered. It knows the words only. How they travel (the wire format
// of Node's Redis adapters, say) is an engine's matter, in cluster/*; what
// they do to sockets is the hub's.
//
// An [Adapter] is one namespace's line to the other nodes. It never touches the
// sockets of its own node: those are served by the hub before the adapter is
// told, and do not wait for it.
package cluster

import (
	"context"
	"errors"
)

// Cluster is a process's membership in one group of nodes. Open is called once
// for each namespace that comes to life, Close once at the end, after the
// adapters were closed.
type Cluster interface {
	// Open joins a namespace. The adapter calls n for what other nodes say
	// from then on. It does not wait for the network: a cluster out of reach
	// opens all the same and catches up by itself.
	Open(namespace string, n Node) (Adapter, error)

	// State tells how the cluster is doing, for listings.
	State() State

	// Close leaves the group and frees what the cluster holds.
	Close() error
}

// State describes a cluster's health.
type State struct {
	// Adapter is the name of the adapter, "redis" for example.
	Adapter string `json:"adapter"`
	// Connected is true while messages get through.
	Connected bool `json:"connected"`
	// Error says what keeps messages, all or some of them, from getting through.
	// It is empty when nothing does.
	Error string `json:"error,omitempty"`
	// Dropped counts messages that were given up since the process began.
	Dropped uint64 `json:"dropped"`
	// Malformed counts messages of others that made no sense and were ignored.
	Malformed uint64 `json:"malformed"`
}

// Adapter tells and asks the other nodes of one namespace. Its methods are safe
// for concurrent use. The hub never gives it a request whose target is nobody, see
// [TargetsNone]: Node.js's adapters read a target without rooms as everyone.
type Adapter interface {
	// Publish tells the other nodes to apply op. It queues and returns; it
	// does not wait for the network or for them. Operations of one caller
	// arrive in the order published. The error says that the queue is full
	// or the adapter closed.
	Publish(op Operation) error

	// Ask puts q to the other nodes and calls each for every answer, one at
	// a time, on the caller's goroutine. It returns nil when all nodes have
	// answered in full, [ErrIncomplete] (wrapped) when ctx ends first, or
	// another error when the question could not be put.
	Request(ctx context.Context, q Request, each func(Reply)) error

	// Nodes counts the nodes of the namespace, this one included.
	Nodes(ctx context.Context) (int, error)

	// Close leaves the namespace. No method of the Node is called after it
	// returns.
	Close() error
}

// Node is what an adapter calls: the local side of a namespace.
type Node interface {
	// Apply does what another node said, to this node's sockets. An adapter
	// calls it from one goroutine at a time, in the order received. It does
	// not block.
	Apply(op Operation)

	// Answer answers what another node asks, by calling reply as often as
	// there are answers, from any goroutine; it returns when there will be no
	// more, or when ctx ends. The adapter calls each Answer on a goroutine of
	// its own, a bounded number of them.
	Reply(ctx context.Context, q Request, reply func(Reply))
}

// ErrIncomplete means that some nodes did not answer in time.
var ErrIncomplete = errors.New("some nodes did not answer in time")
