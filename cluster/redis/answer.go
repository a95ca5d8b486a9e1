package redis

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redislink"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// handle does what a request of another server says.
func (ln *line) handle(message string) error {
	q, err := decodeRequest(message)
	if err != nil {
		return err
	}
	switch {
	case string(q.UID) == ln.uid:
		return nil
	case q.LegacyID != "":
		return ln.handleLegacy(q)
	case *q.Type == typeJoin || *q.Type == typeLeave || *q.Type == typeDisconnect:
		return ln.handleOp(q)
	case *q.Type == typeServerEmit && q.RequestID == "":
		data, err := q.serverEvent()
		if err == nil {
			ln.apply(cluster.ServerEmit{Data: data})
		}
		return err
	}
	return ln.handleQuery(q)
}

// handleOp applies an operation.
func (ln *line) handleOp(q *request) error {
	if q.SID != "" {
		return ln.handleOne(q)
	}
	if q.Opts == nil {
		return fmt.Errorf("%w: request of type %d without opts", peer.ErrMalformed, *q.Type)
	}
	ln.apply(q.op(q.Opts.Target(), q.Rooms))
	return nil
}

// op returns the operation that a request is.
func (q *request) op(t rooms.Target, names []string) cluster.Operation {
	switch *q.Type {
	case typeJoin:
		return cluster.Join{Target: t, Rooms: names}
	case typeLeave:
		return cluster.Leave{Target: t, Rooms: names}
	default:
		return cluster.Disconnect{Target: t, Close: q.Close != nil && *q.Close}
	}
}

// handleOne applies an operation to one socket, as servers before 4.0 say it:
// {sid, room}. Who has the socket confirms that.
func (ln *line) handleOne(q *request) error {
	if !ln.has(string(q.SID)) {
		return nil
	}
	ln.apply(q.op(rooms.Target{In: []string{string(q.SID)}}, []string{string(q.Room)}))
	return ln.respond(map[string]string{"requestId": string(q.RequestID)})
}

// handleQuery answers a question.
func (ln *line) handleQuery(q *request) error {
	id := string(q.RequestID)
	if id == "" {
		return fmt.Errorf("%w: request without an id", peer.ErrMalformed)
	}
	switch *q.Type {
	case typeSockets:
		return ln.respond(struct {
			RequestID string   `json:"requestId"`
			Sockets   []string `json:"sockets"`
		}{id, ln.ids(q.Rooms)})
	case typeAllRooms:
		ln.answer(ln.names.response, id, cluster.AllRooms{}, 0)
	case typeFetchSockets:
		if q.Opts == nil {
			return fmt.Errorf("%w: request of type %d without opts", peer.ErrMalformed, *q.Type)
		}
		ln.answer(ln.names.response, id, cluster.FetchSockets{Target: q.Opts.Target()}, 0)
	case typeServerEmit:
		data, err := q.serverEvent()
		if err != nil {
			return err
		}
		ln.answer(ln.names.response, id, cluster.ServerEmitAck{ServerEmit: cluster.ServerEmit{Data: data}}, 0)
	case typeEmitAck:
		emit, err := q.emit()
		if err != nil || q.Packet.Nsp != nil && *q.Packet.Nsp != ln.namespace {
			return err
		}
		// Clients' acknowledgements are MessagePack, which ends servers with adapters
		// before version 7, and nobody asks for them with one before 7.2.
		channel := ln.names.response
		if q.UID != "" {
			channel = ln.names.responseTo(string(q.UID))
		}
		ln.answer(channel, id, cluster.EmitAck{Emit: emit}, time.Duration(q.Opts.Flags.Timeout)*time.Millisecond)
	default:
		return fmt.Errorf("%w: request of type %d", peer.ErrMalformed, *q.Type)
	}
	return nil
}

// emit returns the emit that a request for acknowledgements is.
func (q *request) emit() (op cluster.Emit, err error) {
	if q.Packet == nil || q.Opts == nil {
		return op, fmt.Errorf("%w: request of type %d without packet or opts", peer.ErrMalformed, *q.Type)
	}
	if t := q.Packet.Type; t != nil && *t != peer.PacketEvent && *t != peer.PacketBinaryEvent {
		return op, fmt.Errorf("%w: packet of type %d", peer.ErrMalformed, *t)
	}
	op.Target = q.Opts.Target()
	op.Flags = q.Opts.Flags.ClusterFlags()
	op.Data, _ = q.whole.Lookup("packet", "data")
	name, _ := op.Data.Index(0)
	if len(name.JSON) == 0 || name.JSON[0] != '"' || peer.IsReserved(name.Text()) {
		return op, fmt.Errorf("%w: request of type %d without an event", peer.ErrMalformed, *q.Type)
	}
	return op, nil
}

// serverEvent returns the event for servers that a request is.
func (q *request) serverEvent() (sio.Data, error) {
	data, ok := q.whole.Lookup("data")
	if !ok || !peer.IsServerEvent(data) {
		return sio.Data{}, fmt.Errorf("%w: request of type %d without an event", peer.ErrMalformed, *q.Type)
	}
	return data, nil
}

// has reports whether a socket is on this server.
func (ln *line) has(id string) bool {
	for _, s := range ln.sockets([]string{id}) {
		if s.ID == id {
			return true
		}
	}
	return false
}

// ids returns the ids of this server's sockets in rooms.
func (ln *line) ids(in []string) []string {
	list := []string{}
	for _, s := range ln.sockets(in) {
		list = append(list, s.ID)
	}
	return list
}

// sockets returns this server's sockets in rooms.
func (ln *line) sockets(in []string) (found cluster.Sockets) {
	var mu sync.Mutex // the node may reply on any goroutine
	q := cluster.FetchSockets{Target: rooms.Target{In: in}}
	ln.ask(q, func(answer cluster.Reply) {
		mu.Lock()
		defer mu.Unlock()
		if sockets, ok := answer.(cluster.Sockets); ok {
			found = sockets
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return found
}

// respond publishes a response.
func (ln *line) respond(v any) error {
	payload, err := peer.Stringify(v)
	if err != nil {
		return err
	}
	return ln.link.out.Push(outgoing{channel: ln.names.response, payload: payload})
}

// answer has the node answer request id, and publishes what it says on a channel.
func (ln *line) answer(channel, id string, q cluster.Request, timeout time.Duration) {
	node, ok := ln.asker()
	if !ok {
		return
	}
	l := ln.link
	l.Answer(ln, node, q, cmp.Or(timeout, l.settings.requestsTimeout), func(answer cluster.Reply) error {
		payload, err := l.dialect.answer(ln, id, answer)
		if err != nil {
			return err
		}
		return l.out.Push(outgoing{channel: channel, payload: payload})
	})
}

// ask asks the node.
func (ln *line) ask(q cluster.Request, reply func(cluster.Reply)) {
	if node, ok := ln.asker(); ok {
		ln.link.Ask(node, q, ln.link.settings.requestsTimeout, reply, func() {})
	}
}

// asker returns the node that answers: of two for a moment, the one that came last.
func (ln *line) asker() (node redislink.Asker, ok bool) {
	users := ln.users()
	if len(users) == 0 {
		return node, false
	}
	a := users[len(users)-1]
	return redislink.Asker{Context: a.ctx, Node: a.node}, true
}
