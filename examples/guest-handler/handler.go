// Package guesthandler is a handler of events to copy: a Caddy module in the namespace
// socketio.handlers. README.md beside it says how to build a Caddy that has it.
//
// The handler "seat ROOM SEATS" joins the room when a seat is free, tells the others
// in the room, and acknowledges with the number of the seat. Who sits where is kept
// over config reloads.
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
	// Room to sit in. Placeholders are supported.
	Room string `json:"room,omitempty"`
	// Seats is how many the room has.
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
		return d.Errf("seat: %q is no number", seats)
	}
	return nil
}

// HandleEvent looks for a free seat. It is called for one event of a socket at a
// time, and for different sockets at the same time.
func (s *Seat) HandleEvent(_ context.Context, ev *hub.Event) error {
	room := s.room.For(ev)
	number, ok := taken.take(ev.Socket, room, s.Seats)
	if !ok {
		return &hub.ClientError{Message: "no seat is free in " + room} // the client may read this
	}
	if err := ev.Socket.Join(room); err != nil { // it may be in too many rooms
		taken.free(ev.Socket, room, number)
		return err
	}
	if _, err := ev.Socket.To(room).Emit("seated", ev.Socket.ID(), number); err != nil {
		return err
	}
	return ev.Ack(number)
}

// taken outlives configs, as sockets do: modules are made anew by every reload,
// what the package keeps is not.
var taken = seats{of: make(map[seat]*hub.Socket)}

type seat struct {
	namespace, room string
	number          int
}

type seats struct {
	mu      sync.Mutex // guards the following
	of      map[seat]*hub.Socket
	sweepAt int // the size of the map at which those who are gone are taken out
}

// take gives a socket the first free seat of a room, or the one that it has. It is
// free again when the socket is gone.
func (s *seats) take(socket *hub.Socket, room string, n int) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) >= s.sweepAt { // rooms that nobody asks for again must not stay
		maps.DeleteFunc(s.of, func(_ seat, sitting *hub.Socket) bool { return isGone(sitting) })
		s.sweepAt = 2*len(s.of) + 100
	}
	free := 0
	for number := 1; number <= n; number++ {
		switch sitting := s.of[seat{socket.Namespace().Name(), room, number}]; {
		case sitting == socket:
			return number, true
		case free == 0 && (sitting == nil || isGone(sitting)):
			free = number
		}
	}
	if free == 0 {
		return 0, false
	}
	s.of[seat{socket.Namespace().Name(), room, free}] = socket
	return free, true
}

func (s *seats) free(socket *hub.Socket, room string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, seat{socket.Namespace().Name(), room, number})
}

func isGone(s *hub.Socket) bool {
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
