package handlers

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() { caddy.RegisterModule(Members{}) }

// Members sends the members of a room with presence to the client: their list, in the
// order of their keys, and their number. Without an event it acknowledges the client's
// event with both.
type Members struct {
	// Room is the name of the room, with placeholders.
	Room string `json:"room,omitempty"`
	// Event is the name of the event that the socket gets, with placeholders. Default:
	// none, the list is the acknowledgement.
	Event string `json:"event,omitempty"`
	// Limit is how many members the list has at most, from 1 to 1000. A list has at most
	// about 256 KB, too. Default: 1000.
	Limit int `json:"limit,omitempty"`
	// After is the key after which the list begins, with placeholders: the last key of
	// the page before. Default: none, the list begins with the first member.
	After string `json:"after,omitempty"`

	room, event, after placeholder.Text
}

// CaddyModule returns the Caddy module information.
func (Members) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "socketio.handlers.members", New: func() caddy.Module { return new(Members) }}
}

// Provision compiles the texts.
func (m *Members) Provision(caddy.Context) error {
	if m.Room == "" {
		return errors.New("expected the name of a room")
	}
	if m.Limit < 0 || m.Limit > hub.MaxMembers {
		return fmt.Errorf("limit: unexpected %d: expected a number from 1 to %d", m.Limit, hub.MaxMembers)
	}
	var err error
	if m.room, err = placeholder.NewText(m.Room); err != nil {
		return err
	}
	if m.after, err = placeholder.NewText(m.After); err != nil {
		return fmt.Errorf("after: %w", err)
	}
	if err := hub.CheckEvent(m.Event); err != nil {
		return err
	}
	m.event, err = placeholder.NewText(m.Event)
	return err
}

// UnmarshalCaddyfile sets up the handler:
//
//	members <room> [<event>] {
//		limit <number>
//		after <key>
//	}
func (m *Members) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the name
	name := d.Token()
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Err("members: expected a room, and an event or none")
	}
	m.Room = args[0]
	if len(args) == 2 {
		m.Event = args[1]
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option, value := d.Val(), d.RemainingArgs()
		if len(value) != 1 {
			return d.Errf("members: %s: expected one value", option)
		}
		switch option {
		case "limit":
			n, err := strconv.Atoi(value[0])
			if err != nil || n < 1 || n > hub.MaxMembers {
				return d.Errf("members: limit: unexpected %q: expected a number from 1 to %d", value[0], hub.MaxMembers)
			}
			m.Limit = n
		case "after":
			m.After = value[0]
		default:
			return d.Errf("members: unknown option %q: expected limit or after", option)
		}
	}
	if err := m.Provision(caddy.Context{}); err != nil {
		return directive.ErrorAt(name, "members: %v", err)
	}
	return nil
}

// HandleEvent sends the list. A socket that has disconnected is not an error.
func (m *Members) HandleEvent(_ context.Context, ev *hub.Event) error {
	if m.Event == "" && !ev.WantsAck() {
		return nil
	}
	room, complete, err := m.room.Name(ev)
	if err == nil && !complete {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", hub.ErrRoom, err)
	}
	event, complete, err := m.event.Name(ev)
	if err != nil || !complete {
		return fmt.Errorf("%w: %q", hub.ErrEvent, event)
	}
	limit := m.Limit
	if limit == 0 {
		limit = hub.MaxMembers
	}
	err = ev.SendMembers(event, room, m.after.For(ev), limit)
	if errors.Is(err, hub.ErrDisconnected) {
		return nil
	}
	return err
}

// Immediate marks the handler as one that never waits.
func (*Members) Immediate() {}

// ReadsCounts reports whether the list is a count: it is read and sent in one step.
func (m *Members) ReadsCounts() bool {
	return m.room.ReadsCounts() || m.event.ReadsCounts() || m.after.ReadsCounts()
}

var (
	_ hub.Immediate         = (*Members)(nil)
	_ hub.CountReader       = (*Members)(nil)
	_ caddy.Provisioner     = (*Members)(nil)
	_ caddyfile.Unmarshaler = (*Members)(nil)
)
