package hub

import (
	"maps"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// Data returns the socket's data, the values of [Socket.Set], as a JSON object.
func (s *Socket) Data() sio.Data {
	s.mu.Lock()
	defer s.mu.Unlock()
	return jsonObject(s.data)
}

// Set sets a key of the socket's data, as socket.data.KEY = value does in JavaScript. The
// value is anything that [sio.Marshal] takes. The error wraps [ErrDataFull] if all keys
// and values together would be larger than [MaxData] bytes.
func (s *Socket) Set(key string, value any) error {
	data, err := sio.Marshal(value)
	if err != nil {
		return err
	}
	data = data.CloneText() // it may be a part of a larger event
	if err := s.setData(key, data); err != nil {
		return err
	}
	s.ns.trackValues(s)
	s.ns.hub.observe(Observation{Kind: DataChanged, Socket: s})
	if s.lost.Load() {
		s.passOnData(key, data)
	}
	return nil
}

// setData sets a key of the socket's data.
func (s *Socket) setData(key string, data sio.Data) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admission != nil && s.state.Load() == stateJoining {
		s.admission.newKeys = append(s.admission.newKeys, key)
	}
	return s.setDataLocked(key, data)
}

func (s *Socket) setDataLocked(key string, data sio.Data) error {
	size := s.dataBytes + len(key) + data.Size()
	old, known := s.data[key]
	if known {
		size -= len(key) + old.Size()
	}
	if size > MaxData {
		return ErrDataFull
	}
	grown := size - s.dataBytes
	if !known {
		grown += dataCost
	}
	if !s.chargeDataLocked(grown) {
		return ErrMemory
	}
	if s.data == nil {
		s.data = make(map[string]sio.Data)
	}
	s.data[key], s.dataBytes = data, size
	return nil
}

// chargeDataLocked charges the connection for n bytes more of data and values, and reports
// whether it did.
func (s *Socket) chargeDataLocked(n int) bool {
	if n > 0 && !s.client.account.Charge(budget.Data, n) {
		return false
	}
	if n < 0 {
		s.client.account.Add(budget.Data, n)
	}
	s.chargedData += n
	return true
}

// replayDataLocked sets the keys that operations of a replay set. It leaves out the keys
// in except, and values for which the data has no room, as Set does.
func (s *Socket) replayDataLocked(changes map[string]sio.Data, except []string) {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if !slices.Contains(except, key) {
			_ = s.setDataLocked(key, changes[key])
		}
	}
}

// valueOf returns the value that [Event.SetValue] set.
func (s *Socket) valueOf(name string) (sio.Data, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[name]
	return v, ok
}

// setValue keeps a value under a name, in the saved state of a lost socket too.
func (s *Socket) setValue(name string, value sio.Data) {
	s.mu.Lock()
	n := value.Size() - s.values[name].Size()
	s.client.account.Add(budget.Data, n)
	s.chargedData += n
	s.values = withValue(s.values, name, value)
	s.mu.Unlock()
	s.ns.trackValues(s)
	if s.lost.Load() {
		s.updateSaved()
	}
}

// sizeValues returns how many bytes a connection is charged for values.
func sizeValues(values map[string]sio.Data) (size int) {
	for _, value := range values {
		size += value.Size()
	}
	return size
}

// withValue returns a copy of values with a value set.
func withValue(values map[string]sio.Data, name string, value sio.Data) map[string]sio.Data {
	values = maps.Clone(values)
	if values == nil {
		values = make(map[string]sio.Data, 1)
	}
	values[name] = value
	return values
}
