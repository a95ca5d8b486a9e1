package hub

import (
	"fmt"
	"unicode/utf8"
)

// CheckEvent returns an error for names that can't be emitted: official clients close the
// connection on them, or have own events of that name. The error wraps [ErrEvent].
func CheckEvent(name string) error {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return fmt.Errorf("%w: %q", ErrEvent, name)
	}
	return nil
}

// CheckRooms returns an error for names that are empty, longer than [MaxRoomName] or not
// UTF-8. The error wraps [ErrRoom].
func CheckRooms(rooms []string) error {
	for _, room := range rooms {
		if room == "" {
			return fmt.Errorf("%w: it is empty", ErrRoom)
		}
		if len(room) > MaxRoomName {
			return fmt.Errorf("%w: %d bytes, the limit is %d", ErrRoom, len(room), MaxRoomName)
		}
		if !utf8.ValidString(room) {
			return fmt.Errorf("%w: it is not UTF-8", ErrRoom)
		}
	}
	return nil
}
