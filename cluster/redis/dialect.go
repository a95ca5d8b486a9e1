package redis

import (
	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/redis/rueidis"
)

// dialect is the language that the servers of a link speak: that of createAdapter
// or that of createShardedAdapter, both of @socket.io/redis-adapter.
type dialect interface {
	// names returns what a namespace is called in Redis.
	names(key, namespace, uid string) names

	// id returns a random id, of a server or a request.
	id() string

	// op returns the message that an operation is; without a payload when other
	// servers need not be told.
	op(ln *line, op cluster.Operation) (outgoing, error)

	// question returns the payload of a question, of which id is the request's.
	// The timeout is for clients' acknowledgements, in milliseconds.
	question(ln *line, id string, q cluster.Request, timeout int64) ([]byte, error)

	// answer returns the payload of what answers request id.
	answer(ln *line, id string, answer cluster.Reply) ([]byte, error)

	// responseID returns which request a message answers; nothing when it does
	// not say.
	responseID(message string) string

	// readAnswer reads a response to q. Errors wrap peer.ErrMalformed.
	readAnswer(q cluster.Request, message string) (cluster.Reply, error)

	// publish returns the command that publishes.
	publish(s *session, m *outgoing) rueidis.Completed

	// count returns the command that counts the subscribers of channels.
	count(b rueidis.Builder, channels ...string) rueidis.Completed
}

// classic is the dialect of createAdapter.
type classic struct{}

func (classic) names(key, namespace, uid string) names { return newNames(key, namespace, uid) }

func (classic) id() string { return newID() }

func (classic) op(ln *line, op cluster.Operation) (m outgoing, err error) {
	m.channel = ln.names.request
	if pointless(op) {
		return m, nil // Node's servers take no request without rooms
	}
	if emit, ok := op.(cluster.Emit); ok {
		m.channel = ln.names.channel(&emit)
		m.payload, err = encodeEmit(ln.uid, ln.namespace, &emit)
		return m, err
	}
	m.payload, err = encodeOp(ln.uid, op)
	return m, err
}

// pointless reports whether an operation makes sockets join or leave no rooms.
func pointless(op cluster.Operation) bool {
	switch op := op.(type) {
	case cluster.Join:
		return len(op.Rooms) == 0
	case cluster.Leave:
		return len(op.Rooms) == 0
	}
	return false
}

func (classic) question(ln *line, id string, q cluster.Request, timeout int64) ([]byte, error) {
	return encodeQuery(ln.uid, id, ln.namespace, q, timeout)
}

func (classic) answer(_ *line, id string, answer cluster.Reply) ([]byte, error) {
	return encodeAnswer(id, answer)
}

func (classic) responseID(message string) string { return responseID(message) }

func (classic) readAnswer(q cluster.Request, message string) (cluster.Reply, error) {
	return decodeAnswer(q, message)
}

func (classic) publish(s *session, m *outgoing) rueidis.Completed {
	return s.Home.B().Publish().Channel(m.channel).Message(rueidis.BinaryString(m.payload)).Build()
}

func (classic) count(b rueidis.Builder, channels ...string) rueidis.Completed {
	return b.PubsubNumsub().Channel(channels...).Build()
}
