package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/clusters/internal/peer"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// maxTimeout bounds how long another server may have clients' acknowledgements
// waited for here.
const maxTimeout = 10 * time.Minute

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
func (q *request) op(t rooms.Target, names []string) cluster.Op {
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
	if t := q.Packet.Type; t != nil && *t != peer.Event && *t != peer.BinaryEvent {
		return op, fmt.Errorf("%w: packet of type %d", peer.ErrMalformed, *t)
	}
	op.Target = q.Opts.Target()
	op.Flags = q.Opts.Flags.Of()
	op.Data, _ = q.whole.Lookup("packet", "data")
	name, _ := op.Data.Index(0)
	if len(name.JSON) == 0 || name.JSON[0] != '"' || peer.Reserved(name.Text()) {
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
	ln.ask(q, 0, func(answer cluster.Answer) {
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
	payload, err := peer.JSON(v)
	if err != nil {
		return err
	}
	return ln.link.out.push(outgoing{channel: ln.names.response, payload: payload})
}

// answer has the node answer request id, and publishes what it says on a channel;
// or that it has nothing to say: a server that does not answer makes the other one wait in
// vain, and then fail.
func (ln *line) answer(channel, id string, q cluster.Query, timeout time.Duration) {
	var mu sync.Mutex // the node may reply on any goroutine
	replied := false
	reply := func(answer cluster.Answer) {
		if _, ack := answer.(cluster.ClientAck); !ack {
			mu.Lock()
			again := replied
			replied = true
			mu.Unlock()
			if again {
				return
			}
		}
		payload, err := ln.link.dialect.answer(ln, id, answer)
		if err == nil {
			err = ln.link.out.push(outgoing{channel: channel, payload: payload})
		}
		if err != nil {
			ln.link.log().Error("answer to another server not sent", zap.String("namespace", ln.namespace), zap.Error(err))
		}
	}
	ln.askThen(q, timeout, reply, func() { reply(nothing(q)) })
}

// nothing returns the answer of a node that has nothing to say.
func nothing(q cluster.Query) cluster.Answer {
	switch q.(type) {
	case cluster.FetchSockets:
		return cluster.Sockets{}
	case cluster.AllRooms:
		return cluster.Rooms{}
	case cluster.EmitAck:
		return cluster.ClientCount(0)
	default:
		return cluster.ServerAck{Data: peer.Null}
	}
}

func (ln *line) ask(q cluster.Query, timeout time.Duration, reply func(cluster.Answer)) {
	ln.askThen(q, timeout, reply, func() {})
}

// askThen asks the node, on a goroutine of its own, and calls then when the node
// has no more to say. Whatever says something about the sockets of this moment has
// been answered when it returns, so that what comes next can't overtake it; events
// for servers, whose handlers may take their time, have not.
func (ln *line) askThen(q cluster.Query, timeout time.Duration, reply func(cluster.Answer), then func()) {
	l, users := ln.link, ln.users()
	if len(users) == 0 {
		return
	}
	if l.answering.Add(1) > maxAnswers {
		l.answering.Add(-1)
		l.lose("too many questions are being answered")
		return
	}
	if timeout == 0 {
		timeout = l.settings.requestsTimeout
	}
	a := users[len(users)-1]
	first := make(chan struct{})
	var once sync.Once
	answered := func() { once.Do(func() { close(first) }) }
	l.spawn("redis: answer", func() {
		defer l.answering.Add(-1)
		defer answered()
		ctx, cancel := context.WithTimeout(a.ctx, min(timeout, maxTimeout))
		defer cancel()
		a.node.Answer(ctx, q, func(answer cluster.Answer) {
			reply(answer)
			answered()
		})
		then()
	})
	if _, slow := q.(cluster.ServerEmitAck); !slow {
		<-first
	}
}
