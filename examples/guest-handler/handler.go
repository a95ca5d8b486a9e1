// Package guesthandler is a handler of events to copy: a Caddy module in the namespace
// socketio.handlers. README.md beside it says how to build a Caddy that has it.
//
// The handler "seat ROOM SEATS" joins the socket to the room if a seat is free, emits the
// number of the seat to the room, and acknowledges with it. Seats stay taken over config
// reloads.
package guesthandler

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Seat{}) }

// Seat gives the socket a seat in a room.
type Seat struct {
	// Room is the name of the room. Placeholders are supported.
	Room string `json:"room,omitempty"`
	// Seats is the number of seats of the room. It is required.
	Seats int `json:"seats,omitempty"`

	room placeholder.Text
}

// CaddyModule returns the Caddy module information.
func (Seat) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.seat", New: func() caddy.Module { return new(Seat) }}
}

// Provision compiles the name of the room.
func (s *Seat) Provision(caddy.Context) (err error) {
	if s.Seats < 1 {
		return fmt.Errorf("seats: expected a number above 0, got %d", s.Seats)
	}
	s.room, err = placeholder.NewText(s.Room)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	seat <room> <seats>
func (s *Seat) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	var seats string
	if !d.AllArgs(&s.Room, &seats) {
		return d.Err("seat: expected a room and the number of its seats")
	}
	var err error
	if s.Seats, err = strconv.Atoi(seats); err != nil {
		return d.Errf("seat: unexpected %q: expected the number of seats", seats)
	}
	return nil
}

// HandleEvent takes a free seat for the socket. It is called for one event of a socket
// at a time, and for different sockets at the same time.
func (s *Seat) HandleEvent(_ context.Context, ev *hub.Event) error {
	room := s.room.For(ev)
	number, ok := taken.takeSeat(ev.Socket, room, s.Seats)
	if !ok {
		return &hub.ClientError{Message: "no seat is free in " + room} // the client may read this
	}
	if err := ev.Socket.Join(room); err != nil { // it may be in too many rooms
		taken.releaseSeat(ev.Socket, room, number)
		return err
	}
	if _, err := ev.Socket.To(room).Emit("seated", ev.Socket.ID(), number); err != nil {
		return err
	}
	return ev.Ack(number)
}

// taken are the seats of all sockets. It outlives configs, as sockets do: a reload makes
// new modules, and keeps the variables of packages.
var taken = seats{of: make(map[seat]*hub.Socket)}

// seat is one seat of a room.
type seat struct {
	namespace, room string
	number          int
}

// seats are the taken seats with their sockets.
type seats struct {
	mu      sync.Mutex // guards the following
	of      map[seat]*hub.Socket
	sweepAt int // the size of the map at which seats of disconnected sockets are removed
}

// takeSeat returns the seat of a socket in a room, or takes the first free one. A seat is
// free again after its socket has disconnected. ok is false if no seat is free.
func (s *seats) takeSeat(socket *hub.Socket, room string, n int) (number int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) >= s.sweepAt { // rooms that are not used again must not stay
		maps.DeleteFunc(s.of, func(_ seat, sitting *hub.Socket) bool { return isDisconnected(sitting) })
		s.sweepAt = 2*len(s.of) + 100
	}
	free := 0
	for number := 1; number <= n; number++ {
		switch sitting := s.of[seat{socket.Namespace().Name(), room, number}]; {
		case sitting == socket:
			return number, true
		case free == 0 && (sitting == nil || isDisconnected(sitting)):
			free = number
		}
	}
	if free == 0 {
		return 0, false
	}
	s.of[seat{socket.Namespace().Name(), room, free}] = socket
	return free, true
}

// releaseSeat makes a seat free.
func (s *seats) releaseSeat(socket *hub.Socket, room string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, seat{socket.Namespace().Name(), room, number})
}

// isDisconnected reports whether a socket has disconnected.
func isDisconnected(s *hub.Socket) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

var (
	_ hub.Handler           = (*Seat)(nil)
	_ caddy.Provisioner     = (*Seat)(nil)
	_ caddyfile.Unmarshaler = (*Seat)(nil)
)
