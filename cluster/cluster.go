// Package cluster is the contract between a hub and the adapters that join it with the
// hubs of other nodes: operations, which each node applies, and requests, to which each
// node replies. It knows no wire format: adapters do, in cluster/*. It applies nothing to
// sockets: hubs do.
//
// An [Adapter] joins one namespace with the other nodes. It never touches the sockets of
// its own node: the hub has served them before, and they do not wait for the adapter.
package cluster

import (
	"context"
	"errors"

	"github.com/caddy-socketio/caddy-socketio/internal/histogram"
)

// Cluster is a node's membership in one group of nodes. The hub calls Open once for each
// namespace. The owner of the cluster calls Close once, after the adapters were closed.
type Cluster interface {
	// Open opens a namespace. From then on, the adapter calls n for operations and
	// requests of other nodes. Open does not wait for the network: an adapter without a
	// connection connects later.
	Open(namespace string, n Node) (Adapter, error)

	// State returns the health of the cluster, for listings.
	State() State

	// Close leaves the group and frees the resources of the cluster.
	Close() error
}

// State describes a cluster's health.
type State struct {
	// Adapter is the name of the adapter, "redis" for example.
	Adapter string `json:"adapter"`
	// Connected is true while messages get through.
	Connected bool `json:"connected"`
	// Error is the reason why all or some messages do not get through, or empty.
	Error string `json:"error,omitempty"`
	// Dropped is the number of messages that were dropped since the process began.
	Dropped uint64 `json:"dropped"`
	// Malformed is the number of malformed messages from other nodes, ignored.
	Malformed uint64 `json:"malformed"`
	// PublishTimes are the durations from an operation until the adapter's server has its
	// message, ApplyTimes the ones from the arrival of another node's message until it is
	// applied, in nanoseconds. Nil means that the adapter does not measure them.
	PublishTimes, ApplyTimes *Histogram `json:"-"`
}

// Histogram is the number of values up to each of some bounds.
type Histogram = histogram.Snapshot

// Adapter publishes operations and makes requests in one namespace. Its methods are safe
// for concurrent use. The hub never calls it with a target that means no socket, see
// [TargetsNone]: adapters of Node.js read a target without rooms as all sockets.
type Adapter interface {
	// Publish has the other nodes apply op. It queues op and returns. Operations of one
	// caller arrive in the order published. The error says that the queue is full or the
	// adapter closed.
	Publish(op Operation) error

	// Request sends q to the other nodes and calls each for every reply, one at a time,
	// on the caller's goroutine. It returns nil when all nodes have replied in full,
	// [ErrIncomplete] (wrapped) when ctx ends first, or another error when q could not be
	// sent.
	Request(ctx context.Context, q Request, each func(Reply)) error

	// Nodes returns the number of nodes of the namespace, with this one.
	Nodes(ctx context.Context) (int, error)

	// Close closes the namespace. The adapter calls no method of the Node after it
	// returns.
	Close() error
}

// Node is the local side of a namespace, for an adapter.
type Node interface {
	// Apply applies an operation of another node to the sockets of this one. An adapter
	// calls it from one goroutine at a time, in the order received. It does not block.
	Apply(op Operation)

	// Reply replies to a request of another node by calling reply any number of times,
	// from any goroutine. It returns after the last call, or when ctx ends. The adapter
	// calls each Reply on a goroutine of its own, a bounded number of them.
	Reply(ctx context.Context, q Request, reply func(Reply))
}

// ErrIncomplete means that some nodes did not reply in time.
var ErrIncomplete = errors.New("some nodes did not answer in time")
