package redisadapter

import (
	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/messages"
	"github.com/redis/rueidis"
)

// dialect is the wire format of one of Node.js's adapters, as one connection speaks it.
// There are three: classic, sharded and streams. The connection calls its methods from
// several goroutines.
type dialect interface {
	// channelNames returns the names of a namespace's channels, of which a node with
	// this uid has one for replies to it.
	channelNames(id namespaceID, uid string) channelNames

	// newID returns a random id of a node or a request.
	newID() string

	// newCodec returns the part of a namespace that writes and reads its messages.
	newCodec(ns *namespace) codec

	// newSubscriber returns the subscriber of a session. It sets the session's channels
	// for lost connections and changes, and does not wait for subscriptions. The
	// connection calls it on one goroutine.
	newSubscriber(s *session) (subscriber, error)

	// publisher returns the client that messages to channels are published with.
	publisher(s *session) rueidis.Client

	// redisCommand returns a queued command as Redis reads it.
	redisCommand(b rueidis.Builder, cmd *command) rueidis.Completed

	// countCommand returns the command that counts the subscribers of channels.
	countCommand(b rueidis.Builder, channels ...string) rueidis.Completed
}

// codec writes and reads the messages of one namespace.
type codec interface {
	// fixedRoutes returns the channels that are subscribed to as long as the namespace is
	// open. There are none where the subscriber chooses channels one by one.
	fixedRoutes() []route

	// encodeOperation returns the command that publishes an operation. Its payload is
	// empty when other nodes have nothing to do.
	encodeOperation(op cluster.Operation) (command, error)

	// encodeRequest returns the payload of a request. The timeout is for clients'
	// acknowledgements, in milliseconds.
	encodeRequest(id string, q cluster.Request, timeout int64) (string, error)

	// encodeReply returns the payload of a reply to request id.
	encodeReply(id string, reply cluster.Reply) (string, error)

	// handleDelivery applies an operation, keeps a reply for the pending request, or has the
	// node reply to a request. It is called on one goroutine at a time, in the order
	// received. Errors wrap messages.ErrMalformed.
	handleDelivery(d delivery) error

	// decodeReply reads a reply to q. Errors wrap messages.ErrMalformed.
	decodeReply(q cluster.Request, reply rawReply) (cluster.Reply, error)
}

// holding is a codec that holds messages back from the inbox. Lacking it means that each
// message is queued as it arrives.
type holding interface {
	// dropHeld drops the messages. The caller holds the namespace's mu.
	dropHeld()
}

// rawReply is a reply as received: it is decoded on the goroutine that collects it. A
// dialect that decodes messages to find out their type fills message in place of payload.
type rawReply struct {
	payload string
	message *messages.Message
}

// subscriber holds the subscriptions of one session. The goroutine of the session calls
// its methods.
type subscriber interface {
	// syncSubscriptions makes the subscriptions match the open namespaces and their
	// rooms. Redis has confirmed them when it returns. An error ends the session.
	syncSubscriptions() error

	// keepsClient reports whether the next session can use the same client: not when
	// the session ended before Redis confirmed its subscriptions.
	keepsClient() bool

	// close ends the connections of the subscriber.
	close()
}

// roomSubscriber is a dialect in which rooms have channels. Lacking it means that all
// messages of a namespace arrive by the channels of its codec's routes.
type roomSubscriber interface {
	// watchRooms follows the rooms of an adapter's node. It fails for a node that
	// can't report its rooms.
	watchRooms(a *adapter) error

	// checkRooms has the session compare the subscriptions of a namespace with the
	// rooms of its adapters.
	checkRooms(ns *namespace)
}

// recording is a codec whose adapters are Recorders. Lacking it means that events are
// not kept.
type recording interface {
	// newRecorder returns an adapter as a Recorder.
	newRecorder(a *adapter) cluster.Recorder
}

// newDialect returns the dialect that the settings select, for the hub that has the
// connection to itself in the streams dialect.
func newDialect(c *connection, hub string) dialect {
	switch {
	case c.settings.Streams != nil:
		return newStreams(c, hub)
	case c.settings.Mode != "":
		return newSharded(c)
	}
	return &classic{c}
}
