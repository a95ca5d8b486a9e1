package hub

import (
	"strings"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/bucket"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

const (
	// maxRoomBuckets is how many rooms of a hub have buckets at a time. Beyond it, a room at
	// random gets full ones again: no client is refused because of other rooms.
	maxRoomBuckets = 50_000
	// roomBucketsPeriod is how often full buckets are removed.
	roomBucketsPeriod = 10 * time.Second
)

// RoomRate limits the emits of clients' events to rooms, see [Event.AllowEmit].
type RoomRate struct {
	// Rooms are names and globs of rooms, whose stars match any text. The limit is of each
	// room.
	Rooms []string
	// Events limits the number of emits, and Bytes the size of their arguments.
	Events, Bytes Rate
}

// roomRateRule is one [RoomRate] of a namespace.
type roomRateRule struct {
	rooms         glob.List
	events, bytes Rate
}

func newRoomRateRules(config []RoomRate) (all []roomRateRule) {
	for _, r := range config {
		all = append(all, roomRateRule{glob.NewList(r.Rooms), r.Events, r.Bytes})
	}
	return all
}

// findRoomRate returns the first rule for a room, or nil.
func (r *rules) findRoomRate(room string) *roomRateRule {
	if r == nil {
		return nil
	}
	for i := range r.roomRates {
		if one := &r.roomRates[i]; one.rooms.Match(room) {
			return one
		}
	}
	return nil
}

// roomBuckets are the buckets of the limited rooms of a hub. A room has none while they
// would be full.
type roomBuckets struct {
	mu     sync.Mutex // guards the following; a leaf
	byRoom map[namespaceRoom]*roomBucket
	timer  *time.Timer // removes full ones; nil while there are none
}

// namespaceRoom names a room of a namespace.
type namespaceRoom struct {
	ns   *Namespace
	name string
}

// roomBucket holds the buckets of one room.
type roomBucket struct{ events, bytes bucket.Bucket }

// roomCharge is one room that an emit counts for, and the limits of the room.
type roomCharge struct {
	room string
	rate *roomRateRule
}

// AllowEmit counts an emit to rooms of a namespace because of a client's event, for the
// limits that the config has for the rooms. The error, "rate limit exceeded", says that the
// emit exceeds one of them: then it counts for none. Emits because of other events are not
// counted.
func (ev *Event) AllowEmit(ns *Namespace, rooms []string, args Args) error {
	if ev.Type != ClientEvent {
		return nil
	}
	charges := ns.rules.Load().listRoomCharges(rooms)
	if len(charges) == 0 {
		return nil
	}
	room, reason := ns.hub.roomBuckets.takeAll(ns, charges, float64(sio.Data(args).Size()))
	if reason == "" {
		return nil
	}
	ns.hub.countLimited(ev.Socket.client.session, reason, zap.String("namespace", ns.name),
		zap.String("event", shortenText(ev.Name)), zap.Stringer("room", loggedRoom{ns, room}))
	return errRateLimit
}

// listRoomCharges returns the rooms that have limits. A name that no room can have is left
// out.
func (r *rules) listRoomCharges(rooms []string) (charges []roomCharge) {
	if r == nil || len(r.roomRates) == 0 {
		return nil
	}
	for _, room := range rooms {
		if rate := r.findRoomRate(room); rate != nil && len(room) <= MaxRoomName {
			charges = append(charges, roomCharge{room, rate})
		}
	}
	return charges
}

// takeAll takes an emit of so many bytes from the buckets of all rooms, or from none. It
// returns the room whose limit the emit exceeds, and the reason.
func (b *roomBuckets) takeAll(ns *Namespace, charges []roomCharge, bytes float64) (room, reason string) {
	now := ns.hub.engine.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range charges {
		own := b.openLocked(ns, c.room)
		if !own.events.CanTake(c.rate.events, 1, now) {
			return c.room, limitedRoom
		}
		if !own.bytes.CanTake(c.rate.bytes, bytes, now) {
			return c.room, limitedRoomBytes
		}
	}
	for _, c := range charges {
		own := b.openLocked(ns, c.room)
		own.events.Take(c.rate.events, 1, now)
		own.bytes.Take(c.rate.bytes, bytes, now)
	}
	return "", ""
}

// openLocked returns the buckets of a room. The caller holds mu.
func (b *roomBuckets) openLocked(ns *Namespace, room string) *roomBucket {
	key := namespaceRoom{ns, room}
	if own := b.byRoom[key]; own != nil {
		return own
	}
	if b.byRoom == nil {
		b.byRoom = make(map[namespaceRoom]*roomBucket)
	}
	if len(b.byRoom) >= maxRoomBuckets {
		for other := range b.byRoom { // at random
			delete(b.byRoom, other)
			break
		}
	}
	own := new(roomBucket)
	key.name = strings.Clone(room) // it may be part of a large message
	b.byRoom[key] = own
	if b.timer == nil {
		b.timer = ns.hub.afterFunc(roomBucketsPeriod, "full buckets of rooms", ns.hub.removeFullBuckets)
	}
	return own
}

// removeFullBuckets removes the buckets of rooms that are full, and the ones of rooms
// without a limit. It removes all of a closed hub.
func (h *Hub) removeFullBuckets() {
	b, now := &h.roomBuckets, h.engine.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, own := range b.byRoom {
		r := key.ns.rules.Load().findRoomRate(key.name)
		if r == nil || own.events.IsFull(r.events, now) && own.bytes.IsFull(r.bytes, now) {
			delete(b.byRoom, key)
		}
	}
	if len(b.byRoom) == 0 || h.ctx.Err() != nil {
		b.byRoom, b.timer = nil, nil
		return
	}
	b.timer.Reset(roomBucketsPeriod)
}
