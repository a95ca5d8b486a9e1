package hub

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/rooms"
)

const (
	// activityMark is a room that does not exist. A request for the sockets of a room that
	// excepts it is for the activity of a node: this module replies to it with the key
	// activityKey in the data of a socket. Node.js servers have no sockets in that room.
	activityMark = "caddy-socketio: activity"
	activityKey  = "_activity"
	// activityMessage is the name of the messages that begin a measurement on other nodes.
	activityMessage = "activity"
	// nodeActivityLimit is how many namespaces, rooms and queues a node replies with at
	// least: rooms that are first on all nodes together are among them.
	nodeActivityLimit = 500
	// activityReplyTime is how long replies of other nodes are awaited, and
	// activityLeaseTime how long after a measurement they count on for the request.
	activityReplyTime = 2 * time.Second
	activityLeaseTime = 15 * time.Second
	// maxActivityTime bounds the measurements of other nodes.
	maxActivityTime = 5 * time.Minute
)

// activityRequest is the request for the activity of a node. It is sent at the beginning of a
// measurement, so that the node counts deliveries, and at the end. As a message with the time 0
// it cancels the measurement.
type activityRequest struct {
	ID         string        `json:"id"`
	Namespaces []string      `json:"namespaces,omitempty"`
	Order      ActivityOrder `json:"order"`
	Limit      int           `json:"limit"`
	For        time.Duration `json:"for"` // in nanoseconds
}

// sendActivityRequest makes the other nodes begin to count deliveries, or cancel it.
func (h *Hub) sendActivityRequest(q activityRequest) {
	payload, err := json.Marshal(q)
	if err == nil { // texts and numbers always encode
		h.SendToNodes(activityMessage, payload)
	}
}

// receiveActivityRequest begins to count deliveries for another node, or cancels it.
func (h *Hub) receiveActivityRequest(payload []byte) {
	var q activityRequest
	switch {
	case json.Unmarshal(payload, &q) != nil || q.ID == "" || len(q.ID) > 64: // a later version may have sent it
	case q.For > 0:
		h.requestWatch(q.ID, q.Namespaces, min(q.For, maxActivityTime)+activityLeaseTime)
	default:
		h.watches.closeRequested(q.ID)
	}
}

// fetchActivity requests the activity of the other nodes, and calls each for every reply. The
// error says that not all nodes replied.
func (h *Hub) fetchActivity(ctx context.Context, q activityRequest, each func(*Activity)) error {
	payload, err := json.Marshal(q)
	if err != nil {
		return err
	}
	ctx, cancel := withTimeout(ctx, activityReplyTime)
	defer cancel()
	ns := h.Of("/")
	request := cluster.FetchSockets{Target: rooms.Target{In: []string{string(payload)}, Except: []string{activityMark}}}
	return ns.link.Load().request(ctx, ns.log(), request, func(reply cluster.Reply) {
		sockets, _ := reply.(cluster.Sockets)
		for _, s := range sockets {
			if a := readNodeActivity(s, q.ID); a != nil {
				each(a)
			}
		}
	})
}

// requestedActivity returns the request for the activity of this node. ok is false for another
// request.
func requestedActivity(t rooms.Target) (q activityRequest, ok bool) {
	if len(t.In) != 1 || !slices.Contains(t.Except, activityMark) {
		return q, false
	}
	_ = json.Unmarshal([]byte(t.In[0]), &q) // a later version may send more
	q.Limit = min(max(q.Limit, 1), MaxActivityLimit)
	return q, true
}

// replyActivity replies to a request for the activity of this node. Without the beginning of
// the measurement it has no deliveries.
func (h *Hub) replyActivity(q activityRequest, reply func(cluster.Reply)) {
	counts := h.watches.closeRequested(q.ID)
	found := cluster.Sockets{}
	if data, err := json.Marshal(map[string]*Activity{activityKey: h.readActivity(&q, counts)}); err == nil {
		found = append(found, cluster.Socket{ID: q.ID, Data: data})
	}
	reply(found)
}

// readNodeActivity returns the activity that another node replied with. It returns nil for
// another socket.
func readNodeActivity(s cluster.Socket, id string) *Activity {
	var data struct {
		Activity *Activity `json:"_activity"`
	}
	if s.ID != id || json.Unmarshal(s.Data, &data) != nil || data.Activity == nil {
		return nil
	}
	a := data.Activity
	a.Sockets = max(a.Sockets, 0)
	a.Namespaces = a.Namespaces[:min(len(a.Namespaces), MaxActivityLimit)]
	a.Rooms = a.Rooms[:min(len(a.Rooms), MaxActivityLimit)]
	a.Queues = a.Queues[:min(len(a.Queues), MaxActivityLimit)]
	return a
}
