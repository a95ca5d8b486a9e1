package handlers

import (
	"errors"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/internal/directive"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// compileRooms compiles the names of one or more rooms.
func compileRooms(names []string) (placeholder.Rooms, error) {
	if len(names) == 0 {
		return nil, errors.New("expected one or more rooms")
	}
	return placeholder.NewRooms(names)
}

// parseRooms parses a line with the name of a handler and one or more rooms.
func parseRooms(d *caddyfile.Dispenser) ([]string, error) {
	names, err := parseRoomNames(d)
	if err != nil {
		return nil, err
	}
	return names, directive.RefuseBlock(d, "leave")
}

// parseRoomNames is parseRooms for a line that a block may follow.
func parseRoomNames(d *caddyfile.Dispenser) ([]string, error) {
	d.Next() // the name
	handler := d.Val()
	names := d.RemainingArgs()
	if len(names) == 0 {
		return nil, d.Errf("%s: expected one or more rooms", handler)
	}
	if _, err := placeholder.NewRooms(names); err != nil {
		return nil, d.Errf("%s: %v", handler, err)
	}
	return names, nil
}
