package eio

import "sync"

// messageCost is how many bytes a message takes besides its text, attachments and
// renderings.
const messageCost = 192

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
	h.meter, h.counted = meter, m.Size()+messageCost
	for r := m.renderings.Load(); r != nil; r = r.next {
		h.counted += len(r.bytes)
	}
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

// addRendering counts a rendering of a message that waits. A first Hold at the same time may
// count it twice, until the message is not held any more.
func (h *holds) addRendering(size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holders > 0 {
		h.counted += size
		h.meter.Add(size)
	}
}
