package hub

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/glob"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
)

// ActivityOrder is the order of the namespaces and rooms of an [Activity].
type ActivityOrder string

// The orders of namespaces and rooms: the ones with the most deliveries, or the most sockets,
// come first. The other number decides between equal ones.
const (
	ByDeliveries ActivityOrder = "deliveries"
	BySockets    ActivityOrder = "sockets"
)

// MaxActivityLimit is the largest limit of an [ActivityQuery].
const MaxActivityLimit = 1000

// ActivityQuery selects the namespaces, the lists and the time of [Hub.MeasureActivity].
type ActivityQuery struct {
	// Namespaces are names and globs of the namespaces. A star matches text without a
	// slash. Nil means all.
	Namespaces []string
	// Order is the order of the lists. Default: ByDeliveries.
	Order ActivityOrder
	// Limit is how long each list may be, at most [MaxActivityLimit]. Default: 50.
	Limit int
	// For is how long deliveries are counted. 0 means not at all.
	For time.Duration
	// Local restricts the measurement to this node.
	Local bool
}

// Activity describes the load of a hub: its busiest namespaces and rooms, and the clients with
// the longest queues.
type Activity struct {
	// Time is the end of the measurement, and Seconds how long deliveries were counted.
	Time    time.Time `json:"time"`
	Seconds float64   `json:"seconds"`
	// Nodes is the number of nodes that were measured. Complete is false if not all nodes of
	// the cluster replied in time.
	Nodes    int  `json:"nodes"`
	Complete bool `json:"complete"`
	// Sockets is the number of sockets in the namespaces, and Deliveries how many events
	// were queued for their clients, once a socket.
	Sockets    int    `json:"sockets"`
	Deliveries uint64 `json:"deliveries"`
	// Namespaces and Rooms are the first ones of the order.
	Namespaces []NamespaceActivity `json:"namespaces"`
	Rooms      []RoomActivity      `json:"rooms"`
	// Queues are of the clients that the most bytes wait for.
	Queues []ClientQueue `json:"queues"`
}

// NamespaceActivity is the activity of a namespace.
type NamespaceActivity struct {
	Name string `json:"name"`
	// Sockets is the number of its sockets, and Deliveries how many events were queued for
	// them.
	Sockets    int    `json:"sockets"`
	Deliveries uint64 `json:"deliveries"`
}

// RoomActivity is the activity of a room. Rooms of sockets' own ids have none.
type RoomActivity struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Sockets is the number of its sockets, and Deliveries how many events to the room were
	// queued for them.
	Sockets    int    `json:"sockets"`
	Deliveries uint64 `json:"deliveries"`
}

// ClientQueue is the queue of a client that does not read as fast as it gets events.
type ClientQueue struct {
	// Socket is the id of one of the client's sockets, as logs have it, and Namespace its
	// namespace.
	Socket    string `json:"socket"`
	Namespace string `json:"namespace"`
	// Node is the process that has the socket, as HOST#PID.
	Node string `json:"node"`
	// User is the id of the user, empty without one, Address the address of the client, and
	// Transport polling or websocket.
	User      string `json:"user"`
	Address   string `json:"address"`
	Transport string `json:"transport"`
	// Messages is how many messages wait for the client, and Bytes how many bytes they have
	// together with the ones that are being written.
	Messages int `json:"messages"`
	Bytes    int `json:"bytes"`
}

// MeasureActivity counts deliveries for a time, on all nodes of the cluster, and returns them
// with the numbers of sockets and the queues at its end. Deliveries are counted only
// meanwhile. Of each other node it adds up the first 500 rooms and namespaces. The error is
// [ErrTooManyMeasurements], or the cause of the end of ctx.
func (h *Hub) MeasureActivity(ctx context.Context, q ActivityQuery) (*Activity, error) {
	request := activityRequest{ID: id.New(), Namespaces: q.Namespaces, Order: q.order(), Limit: max(q.limit(), nodeActivityLimit), For: q.For}
	began := time.Now()
	counts, err := h.countDeliveries(ctx, request, q.Local)
	if err != nil {
		return nil, err
	}
	total := newActivitySum(&Activity{Time: time.Now().UTC().Truncate(time.Millisecond), Seconds: time.Since(began).Truncate(time.Millisecond).Seconds()})
	total.addActivity(h.readActivity(&request, counts))
	total.Complete = q.Local || h.fetchActivity(ctx, request, total.addActivity) == nil
	return total.build(q.order(), q.limit()), nil
}

// countDeliveries counts deliveries for the time of a request, on other nodes too unless it is
// local. The error is [ErrTooManyMeasurements], or the cause of the end of ctx.
func (h *Hub) countDeliveries(ctx context.Context, q activityRequest, local bool) (counts deliveryCounts, err error) {
	if q.For <= 0 {
		return counts, nil
	}
	watch, err := h.watches.openWatch(q.Namespaces)
	if err != nil {
		return counts, err
	}
	defer func() { counts = h.watches.closeWatch(watch) }()
	if !local {
		h.sendActivityRequest(q)
	}
	timer := time.NewTimer(q.For)
	defer timer.Stop()
	select {
	case <-timer.C:
		return counts, nil
	case <-ctx.Done():
		if !local {
			h.sendActivityRequest(activityRequest{ID: q.ID}) // which ends it
		}
		return counts, context.Cause(ctx)
	}
}

const defaultActivityLimit = 50

func (q *ActivityQuery) limit() int {
	return min(cmp.Or(max(q.Limit, 0), defaultActivityLimit), MaxActivityLimit)
}

func (q *ActivityQuery) order() ActivityOrder { return cmp.Or(q.Order, ByDeliveries) }

// compareActivity compares the numbers of two namespaces or rooms by an order.
func compareActivity(order ActivityOrder, socketsA, socketsB int, deliveriesA, deliveriesB uint64) int {
	sockets, deliveries := cmp.Compare(socketsB, socketsA), cmp.Compare(deliveriesB, deliveriesA)
	if order == BySockets {
		return cmp.Or(sockets, deliveries)
	}
	return cmp.Or(deliveries, sockets)
}

func newNamespaceRanking(order ActivityOrder, limit int) ranking[NamespaceActivity] {
	return ranking[NamespaceActivity]{limit: limit, compare: func(a, b NamespaceActivity) int {
		return cmp.Or(compareActivity(order, a.Sockets, b.Sockets, a.Deliveries, b.Deliveries), strings.Compare(a.Name, b.Name))
	}}
}

func newRoomRanking(order ActivityOrder, limit int) ranking[RoomActivity] {
	return ranking[RoomActivity]{limit: limit, compare: func(a, b RoomActivity) int {
		return cmp.Or(compareActivity(order, a.Sockets, b.Sockets, a.Deliveries, b.Deliveries),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	}}
}

func newQueueRanking(limit int) ranking[ClientQueue] {
	return ranking[ClientQueue]{limit: limit, compare: func(a, b ClientQueue) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Socket, b.Socket))
	}}
}

// activitySum adds up the activity of nodes.
type activitySum struct {
	*Activity
	namespaces map[string]*NamespaceActivity
	rooms      map[roomName]*RoomActivity
}

func newActivitySum(a *Activity) *activitySum {
	return &activitySum{a, make(map[string]*NamespaceActivity), make(map[roomName]*RoomActivity)}
}

// addActivity adds the activity of one node.
func (s *activitySum) addActivity(a *Activity) {
	s.Nodes++
	s.Sockets += a.Sockets
	s.Deliveries += a.Deliveries
	for _, ns := range a.Namespaces {
		sum := s.namespaces[ns.Name]
		if sum == nil {
			sum = &NamespaceActivity{Name: ns.Name}
			s.namespaces[ns.Name] = sum
		}
		sum.Sockets += ns.Sockets
		sum.Deliveries += ns.Deliveries
	}
	for _, r := range a.Rooms {
		key := roomName{r.Namespace, r.Name}
		sum := s.rooms[key]
		if sum == nil {
			sum = &RoomActivity{Namespace: r.Namespace, Name: r.Name}
			s.rooms[key] = sum
		}
		sum.Sockets += r.Sockets
		sum.Deliveries += r.Deliveries
	}
	s.Queues = append(s.Queues, a.Queues...)
}

// build returns the sum, with lists of an order and up to a limit.
func (s *activitySum) build(order ActivityOrder, limit int) *Activity {
	namespaces, rooms, queues := newNamespaceRanking(order, limit), newRoomRanking(order, limit), newQueueRanking(limit)
	for _, ns := range s.namespaces {
		namespaces.addItem(*ns)
	}
	for _, r := range s.rooms {
		rooms.addItem(*r)
	}
	for _, queue := range s.Queues {
		queues.addItem(queue)
	}
	s.Namespaces, s.Rooms, s.Queues = namespaces.trimToLimit(), rooms.trimToLimit(), queues.trimToLimit()
	return s.Activity
}

// readActivity returns the activity of this node.
func (h *Hub) readActivity(q *activityRequest, counts deliveryCounts) *Activity {
	all := h.selectNamespaces(q.Namespaces)
	byName := make(map[string]*Namespace, len(all))
	for _, ns := range all {
		byName[ns.name] = ns
	}
	a := &Activity{Rooms: readRooms(q, byName, counts.byRoom), Queues: readQueues(all, q.Limit)}
	namespaces := newNamespaceRanking(q.Order, q.Limit)
	add := func(ns NamespaceActivity) {
		a.Sockets += ns.Sockets
		a.Deliveries += ns.Deliveries
		namespaces.addItem(ns)
	}
	for _, ns := range all {
		add(NamespaceActivity{ns.name, ns.Len(), counts.byNamespace[ns.name]})
	}
	for name, n := range counts.byNamespace {
		if byName[name] == nil {
			add(NamespaceActivity{name, 0, n}) // it is gone
		}
	}
	a.Namespaces = namespaces.trimToLimit()
	return a
}

// selectNamespaces returns the namespaces that names and globs match, or all.
func (h *Hub) selectNamespaces(names []string) []*Namespace {
	all := h.Namespaces()
	if names == nil {
		return all
	}
	selected := glob.NewSegmentsList(names)
	return slices.DeleteFunc(all, func(ns *Namespace) bool { return !selected.Match(ns.name) })
}

// readRooms returns the rooms of namespaces that come first in the order of a request, with
// their deliveries.
func readRooms(q *activityRequest, byName map[string]*Namespace, deliveries map[roomName]*uint64) []RoomActivity {
	found := newRoomRanking(q.Order, q.Limit)
	listed := make(map[roomName]bool)
	for _, ns := range byName {
		for _, room := range ns.index.LargestFunc(q.Limit, isOwnRoom) {
			r := RoomActivity{Namespace: ns.name, Name: room.Name, Sockets: room.Members}
			if n := deliveries[roomName{ns.name, room.Name}]; n != nil {
				r.Deliveries, listed[roomName{ns.name, room.Name}] = *n, true
			}
			found.addItem(r)
		}
	}
	for key, n := range deliveries {
		if listed[key] {
			continue
		}
		r := RoomActivity{Namespace: key.namespace, Name: key.room, Deliveries: *n}
		if ns := byName[key.namespace]; ns != nil {
			r.Sockets = ns.index.Size(key.room)
		}
		found.addItem(r)
	}
	return found.trimToLimit()
}

// isOwnRoom reports whether a room of a single socket has the name of its id.
func isOwnRoom(name string, only *Socket) bool { return only.id == name }

// queuedSocket is a socket whose client has a queue.
type queuedSocket struct {
	*Socket
	messages, bytes int
}

// readQueues returns the longest queues of the clients of namespaces. A client with sockets in
// several namespaces is listed once.
func readQueues(all []*Namespace, limit int) []ClientQueue {
	longest := ranking[queuedSocket]{limit: limit, compare: func(a, b queuedSocket) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(b.messages, a.messages))
	}}
	listed := make(map[*client]bool)
	for _, ns := range all {
		ns.forEachSocket(everySocket, func(s *Socket) bool {
			messages, bytes := s.client.session.CountQueued()
			if bytes > 0 && !listed[s.client] {
				listed[s.client] = true
				longest.addItem(queuedSocket{s, messages, bytes})
			}
			return true
		})
	}
	found := []ClientQueue{}
	for _, s := range longest.trimToLimit() {
		found = append(found, ClientQueue{
			Socket: s.logID(), Namespace: s.ns.name, Node: nodeName, User: shortenText(s.findUser()),
			Address: s.handshakeRequest().Address, Transport: s.client.session.Transport(), Messages: s.messages, Bytes: s.bytes,
		})
	}
	return found
}
