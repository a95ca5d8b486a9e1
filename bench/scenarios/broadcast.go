package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/bench/load"
)

// broadcaster sends numbered broadcasts to rooms, and checks that each member gets each of
// them once and in order. With several senders, they take turns with the numbers, and the
// order is each sender's own.
type broadcaster struct {
	loop    *load.Loop
	rooms   []*room
	padding string
	senders uint64
	stopped bool  // the scenario sends no further broadcast
	failure error // the first wrong delivery

	deliveries int
	latency    *load.Histogram
}

// room is one room with its members.
type room struct {
	name    string
	sender  *load.Client
	members int
	next    uint64         // the number of the next broadcast
	flying  int            // broadcasts that have not reached all members
	missing [maxFlying]int // deliveries that are missing, by number modulo maxFlying
}

// maxFlying is the largest number of broadcasts that a room may have in flight.
const maxFlying = 1 << 14

// stampBytes is the length of number and time at the begin of a payload.
const stampBytes = 10 + 1 + 19

// newBroadcaster returns a broadcaster whose payloads have a size in bytes.
func newBroadcaster(loop *load.Loop, size int) *broadcaster {
	b := &broadcaster{loop: loop, senders: 1, latency: new(load.Histogram)}
	b.padding = strings.Repeat("x", size-stampBytes)
	loop.OnMessage = b.checkDelivery
	return b
}

// addRoom adds a room whose broadcasts the first client sends. All clients are its members.
func (b *broadcaster) addRoom(name string, clients []*load.Client) *room {
	r := &room{name: name, sender: clients[0], members: len(clients), next: 1}
	for _, c := range clients {
		c.User, c.Next = r, [load.MaxSenders]uint64{b.senders, 1, 2, 3}
	}
	b.rooms = append(b.rooms, r)
	return r
}

// sendBroadcast sends the next broadcast to a room.
func (b *broadcaster) sendBroadcast(r *room, protocol load.Protocol) {
	r.sender.Send(protocol.Broadcast(0, r.name, b.nextPayload(r)))
}

// nextPayload returns the payload of the next broadcast, and expects it to be delivered.
func (b *broadcaster) nextPayload(r *room) []byte {
	if r.flying == maxFlying {
		b.failure = fmt.Errorf("%s: %d broadcasts are in flight: the server is too slow", r.name, r.flying)
		return nil
	}
	payload := fmt.Appendf(make([]byte, 0, stampBytes+len(b.padding)), "%010d %019d%s", r.next, time.Now().UnixNano(), b.padding)
	r.missing[r.next%maxFlying] = r.members
	r.flying++
	r.next++
	return payload
}

func (b *broadcaster) checkDelivery(c *load.Client, m load.Message) {
	if m.Kind != load.Delivered || b.failure != nil {
		return
	}
	r := c.User.(*room)
	number, sent, err := parseStamp(m.Payload)
	next := &c.Next[number%b.senders]
	if err == nil && (number != *next || len(m.Payload) != stampBytes+len(b.padding)) {
		err = fmt.Errorf("want broadcast %d, got %d with %d bytes", *next, number, len(m.Payload))
	}
	if err != nil {
		b.failure = fmt.Errorf("client %d in %s: %w", c.Index, r.name, err)
		return
	}
	*next += b.senders
	b.deliveries++
	b.latency.Add(time.Duration(b.loop.Now().UnixNano() - sent))
	left := &r.missing[number%maxFlying]
	if *left--; *left == 0 {
		r.flying--
	}
}

// parseStamp returns the number and the time in a payload.
func parseStamp(payload []byte) (number uint64, sent int64, err error) {
	if len(payload) < stampBytes {
		return 0, 0, fmt.Errorf("payload %q is too short", payload)
	}
	for i, digit := range payload[:stampBytes] {
		switch {
		case i == 10 && digit == ' ':
		case digit < '0' || digit > '9':
			return 0, 0, fmt.Errorf("payload %.40q has no stamp", payload)
		case i < 10:
			number = 10*number + uint64(digit-'0')
		default:
			sent = 10*sent + int64(digit-'0')
		}
	}
	return number, sent, nil
}

// resetCounts begins a measurement.
func (b *broadcaster) resetCounts() {
	b.deliveries, b.latency = 0, new(load.Histogram)
}

// awaitDeliveries waits until every broadcast has reached every member.
func (b *broadcaster) awaitDeliveries() error {
	b.loop.OnTick = nil
	err := b.loop.Run("await the last deliveries", time.Minute, func() bool {
		for _, r := range b.rooms {
			if r.flying > 0 && b.failure == nil {
				return false
			}
		}
		return true
	})
	if err == nil {
		b.loop.Do(func() { err = b.failure })
	}
	return err
}
