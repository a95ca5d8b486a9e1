package backend

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/lenient"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// maxSocketsEntries is how many entries the key sockets of a reply may have.
const maxSocketsEntries = 1000

// replySockets is an entry of the key sockets: operations on the sockets of a target, on
// all nodes. The event's socket belongs to the target like any other.
type replySockets struct {
	In, Except  []string // In is nil with All, and with Except alone
	All         bool
	Namespace   string // the event's if empty
	Data        map[string]sio.Data
	Leave, Join []string
	Disconnect  bool
	Close       bool // their connections, too
}

func (a *reply) readSockets(raw []byte) error {
	list, err := lenient.ReadList(raw)
	if len(list) > maxSocketsEntries {
		return fmt.Errorf("%d entries, the limit is %d", len(list), maxSocketsEntries)
	}
	for i, item := range list {
		var s replySockets
		err := a.readInnerObject("sockets", item, lenient.Fields{
			"in": &s.In, "except": &s.Except, "all": &s.All, "namespace": lenient.IntoName(&s.Namespace),
			"data": &s.Data, "leave": &s.Leave, "join": &s.Join, "disconnect": s.readDisconnect,
		})
		if err == nil {
			err = s.checkEntry()
		}
		if err != nil {
			return lenient.ErrorAt(strconv.Itoa(i), err)
		}
		a.Sockets = append(a.Sockets, s)
	}
	return err
}

// readDisconnect reads true, false or "close".
func (s *replySockets) readDisconnect(raw []byte) error {
	if string(raw) == `"close"` {
		s.Disconnect, s.Close = true, true
		return nil
	}
	if lenient.Read(raw, &s.Disconnect) != nil {
		return &lenient.Error{Value: lenient.Describe(raw), Want: `true, false or "close"`}
	}
	return nil
}

// checkEntry returns an error for an entry without a target or operations, and for
// operations that would fail.
func (s *replySockets) checkEntry() error {
	switch {
	case s.All && s.In != nil:
		return errors.New("in and all exclude each other")
	case !s.All && s.In == nil && len(s.Except) == 0:
		return errors.New("expected in, except or all")
	case len(s.Data)+len(s.Leave)+len(s.Join) == 0 && !s.Disconnect:
		return errors.New("expected data, leave, join or disconnect")
	}
	for key, value := range s.Data {
		if len(key)+value.Size() > hub.MaxData {
			return lenient.ErrorAt("data", fmt.Errorf("%w: the limit is %d bytes", hub.ErrDataFull, hub.MaxData))
		}
	}
	for key, names := range map[string][]string{"leave": s.Leave, "join": s.Join} {
		if err := hub.CheckRooms(names); err != nil {
			return lenient.ErrorAt(key, err)
		}
	}
	if len(s.Join) > hub.MaxRooms {
		return lenient.ErrorAt("join", fmt.Errorf("%d rooms, the limit is %d", len(s.Join), hub.MaxRooms))
	}
	return nil
}

// changeSockets sets data of the sockets of all entries, and makes them leave and join rooms.
func (a *reply) changeSockets(ev *hub.Event) error {
	for i := range a.Sockets {
		s := &a.Sockets[i]
		if err := ev.CheckJoin(s.Join...); err != nil {
			return err
		}
		err := s.withTarget(ev, func(target hub.Broadcast) error {
			for _, key := range slices.Sorted(maps.Keys(s.Data)) {
				if _, err := target.SocketsSet(key, s.Data[key]); err != nil {
					return err
				}
			}
			if len(s.Leave) > 0 {
				_, _ = target.SocketsLeave(s.Leave...) // names were checked
			}
			if len(s.Join) > 0 {
				_, _ = target.SocketsJoin(s.Join...)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("sockets %d: %w", i, err)
		}
	}
	return nil
}

// disconnectSockets disconnects the sockets of the entries that say so. It is the last
// operation of a reply: the sockets get its emits before.
func (a *reply) disconnectSockets(ev *hub.Event) error {
	for i := range a.Sockets {
		s := &a.Sockets[i]
		if !s.Disconnect {
			continue
		}
		err := s.withTarget(ev, func(target hub.Broadcast) error {
			_, err := target.DisconnectSockets(s.Close)
			return err
		})
		if err != nil {
			return fmt.Errorf("sockets %d: %w", i, err)
		}
	}
	return nil
}

// withTarget calls fn with the target of the entry. The error says that there is no such
// namespace, or is the one of fn.
func (s *replySockets) withTarget(ev *hub.Event, fn func(hub.Broadcast) error) (err error) {
	call := func(ns *hub.Namespace) {
		target := ns.All().Except(s.Except...)
		if s.In != nil {
			target = target.In(s.In...)
		}
		err = fn(target)
	}
	if s.Namespace == "" || s.Namespace == ev.Namespace().Name() {
		call(ev.Namespace())
	} else if !ev.Namespace().Hub().WithNamespace(s.Namespace, call) {
		err = fmt.Errorf("there is no namespace %q", s.Namespace)
	}
	return err
}
