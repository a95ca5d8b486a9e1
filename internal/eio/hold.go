package eio

import "sync"

// How many bytes a message takes besides its text, attachments and renderings.
const (
	messageCost    = 192
	attachmentCost = 24
)

// Meter counts the bytes of held messages. Its Add is called with a lock held, and must not
// wait. A negative n subtracts.
type Meter interface{ Add(n int) }

// holds counts how many clients a message waits for, so that its bytes are counted once.
type holds struct {
	mu      sync.Mutex // guards the following; a leaf
	holders int
	meter   Meter // of the first holder
	counted int   // bytes that meter counts
}

// Hold notes that the message waits for one more client. The first call adds the bytes of
// the message to meter; renderings that are made while it waits are added as well.
func (m *Message) Hold(meter Meter) {
	h := &m.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holders++; h.holders > 1 {
		return
	}
	h.meter, h.counted = meter, m.measure()
	meter.Add(h.counted)
}

// Unhold ends one [Message.Hold]. The last call subtracts the bytes.
func (m *Message) Unhold() {
	h := &m.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holders--; h.holders == 0 {
		h.meter.Add(-h.counted)
		h.meter, h.counted = nil, 0
	}
}

// UnholdTo ends a hold, as [Message.Unhold] does. If others remain, rest counts the bytes
// from then on: a meter whose owner releases the message is not charged for the others.
func (m *Message) UnholdTo(rest Meter) {
	h := &m.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	h.meter.Add(-h.counted)
	if h.holders--; h.holders == 0 {
		h.meter, h.counted = nil, 0
		return
	}
	h.meter = rest
	rest.Add(h.counted)
}

// recountHeld counts a rendering that was made while the message waits.
func (m *Message) recountHeld() {
	h := &m.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holders > 0 {
		before := h.counted
		h.counted = m.measure()
		h.meter.Add(h.counted - before)
	}
}

// measure returns the bytes that the message takes, with its renderings.
func (m *Message) measure() int {
	n := messageCost + len(m.text)
	for _, a := range m.attachments {
		n += cap(a) + attachmentCost
	}
	for r := m.renderings.Load(); r != nil; r = r.next {
		n += len(r.bytes)
	}
	return n
}
