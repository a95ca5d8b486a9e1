package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits of members.
const (
	// MaxKey is how many bytes the key of a member may have.
	MaxKey = 256
	// MaxData is how many bytes the data of a member may have, as JSON.
	MaxData = 4 << 10
)

// Limits of messages.
const (
	protocolVersion = 1
	maxMessage      = 256 << 10 // bytes of a received message
	chunkBytes      = 60 << 10  // bytes of entries, after which a message is sent
	maxName         = 512       // bytes of a room's name
	maxNodeID       = 64        // bytes of the id of a node
	maxNumber       = 1 << 53   // of versions and sizes; JavaScript's largest integer
)

// The types of messages.
const (
	typeHello = "hello" // a node opened: the others send a heartbeat
	typeBeat  = "beat"  // a heartbeat
	typeDelta = "delta" // changes of entries, with a number
	typeWant  = "want"  // a request for a part of a snapshot
	typeChunk = "chunk" // a part of a snapshot
	typeBye   = "bye"   // a node closes
)

// The kinds of entries.
const (
	memberEntry    = "m"
	sizeEntry      = "s"
	announcedEntry = "a"
)

// message is a message between nodes. Each has the rank of the sender, the last term in
// which it led, whether it leads, and the number of its last delta.
type message struct {
	Version int    `json:"v"`
	From    string `json:"from"`
	Type    string `json:"type"`
	Rank    uint64 `json:"rank,omitempty"`
	Term    uint64 `json:"term,omitempty"`
	Leads   bool   `json:"leads,omitempty"`
	Seq     uint64 `json:"seq,omitempty"`

	To       string  `json:"to,omitempty"`       // of want and chunk
	Snapshot uint64  `json:"snapshot,omitempty"` // its number; 0 in a request for a new one
	At       int     `json:"at,omitempty"`       // the place of the part in the snapshot
	Next     int     `json:"next,omitempty"`     // the place of the next part; 0 after the last one
	Entries  []entry `json:"entries,omitempty"`
}

// entry is a fact about a room that a node owns.
type entry struct {
	Kind   string          `json:"t"`
	Room   string          `json:"r,omitempty"` // empty in the size of the namespace
	Key    string          `json:"k,omitempty"` // of a member
	Data   json.RawMessage `json:"d,omitempty"` // of a member; none if it left
	Number uint64          `json:"n,omitempty"` // a member's version, a size, 1 for announced
	shared *Data           // Data of this node; nil in received entries
}

// name returns the name of the entry among the entries of its node.
func (e *entry) name() entryName { return entryName{e.Kind, e.Room, e.Key} }

// isRemoved reports whether the entry says that its node has no such entry any more.
func (e *entry) isRemoved() bool {
	if e.Kind == memberEntry {
		return e.Data == nil
	}
	return e.Number == 0
}

// wireSize returns about how many bytes the entry has in a message.
func (e *entry) wireSize() int { return len(e.Room) + len(e.Key) + len(e.Data) + 48 }

// entryName identifies an entry of a node.
type entryName struct{ kind, room, key string }

var errMalformed = errors.New("malformed message of a roster")

// decodeMessage returns a message. ok is false for one of another version, which is
// ignored.
func decodeMessage(payload []byte) (m message, ok bool, err error) {
	if len(payload) > maxMessage {
		return m, false, fmt.Errorf("%w: %d bytes, the limit is %d", errMalformed, len(payload), maxMessage)
	}
	err = json.Unmarshal(payload, &m)
	if m.Version != protocolVersion && m.Version > 0 {
		return m, false, nil // its other fields may be of other types
	}
	if err != nil {
		return m, false, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return m, true, m.check()
}

// check returns an error for values that no node sends.
func (m *message) check() error {
	switch {
	case m.Version != protocolVersion:
		return fmt.Errorf("%w: version %d", errMalformed, m.Version)
	case m.From == "" || len(m.From) > maxNodeID:
		return fmt.Errorf("%w: id of a node with %d bytes", errMalformed, len(m.From))
	case max(m.Rank, m.Term, m.Seq) > maxNumber || m.At < 0 || m.Next < 0:
		return fmt.Errorf("%w: number out of range", errMalformed)
	}
	switch m.Type {
	case typeHello, typeBeat, typeDelta, typeWant, typeChunk, typeBye:
	default:
		return fmt.Errorf("%w: type %.20q", errMalformed, m.Type)
	}
	for i := range m.Entries {
		if err := m.Entries[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error for an entry that no node has.
func (e *entry) check() error {
	if len(e.Room) > maxName || e.Number > maxNumber {
		return fmt.Errorf("%w: room with %d bytes, number %d", errMalformed, len(e.Room), e.Number)
	}
	switch e.Kind {
	case memberEntry:
		if bytes.Equal(e.Data, []byte("null")) {
			e.Data = nil
		}
		if err := CheckMember(e.Key, e.Data); err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		if e.Room == "" || e.Data != nil && e.Data[0] != '{' {
			return fmt.Errorf("%w: member of no room, or with data that is no object", errMalformed)
		}
	case sizeEntry, announcedEntry:
		if e.Key != "" || e.Data != nil || e.Room == "" && e.Kind == announcedEntry {
			return fmt.Errorf("%w: entry %q with a key, data or without a room", errMalformed, e.Kind)
		}
	default:
		return fmt.Errorf("%w: entry of kind %.20q", errMalformed, e.Kind)
	}
	return nil
}

// CheckMember returns an error for a key or data that no member may have: a key that is
// empty, longer than [MaxKey], not UTF-8 or has control characters, or data longer than
// [MaxData].
func CheckMember(key string, data []byte) error {
	switch {
	case key == "":
		return errors.New("the key is empty")
	case len(key) > MaxKey:
		return fmt.Errorf("the key has %d bytes, the limit is %d", len(key), MaxKey)
	case !utf8.ValidString(key):
		return errors.New("the key is not UTF-8")
	case len(data) > MaxData:
		return fmt.Errorf("the data has %d bytes, the limit is %d", len(data), MaxData)
	}
	for _, c := range key {
		if unicode.IsControl(c) {
			return fmt.Errorf("the key has the control character %U", c)
		}
	}
	return nil
}
