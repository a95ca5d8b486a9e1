package socketio

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// RateLimit limits the packets and bytes that one connection may send. Excess events and
// connects are dropped, with the acknowledgement or connect error "rate limit exceeded". After
// other packets, and beyond the bytes, the client is not read for a while. Heartbeats and
// acknowledgements that the server asked for do not count as packets.
type RateLimit struct {
	// Events is the number of packets a second. Default: no limit.
	Events float64 `json:"events,omitempty"`
	// Burst is the maximum number of packets at once. Default: events.
	Burst int `json:"burst,omitempty"`
	// Bytes is the number of bytes a second, decompressed. Default: no limit.
	Bytes int64 `json:"bytes,omitempty"`
	// BytesBurst is the number of bytes that may come at once. A larger message may come,
	// too: the next one waits longer. Default: bytes.
	BytesBurst int64 `json:"bytes_burst,omitempty"`
}

// RoomRateLimit limits the emits of clients' events to each of some rooms, on this node. An
// emit beyond it is not done, and the event ends with the acknowledgement {"error": "rate
// limit exceeded"}.
type RoomRateLimit struct {
	// Rooms are names and globs of rooms. A star matches any text.
	Rooms []string `json:"rooms"`
	// RateLimit is the limit of each room. Its events are the emits, its bytes the ones of
	// their arguments.
	RateLimit
}

// rates returns the limits of packets and of bytes, with defaults filled in.
func (l *RateLimit) rates() (packets, bytes hub.Rate) {
	packets = hub.Rate{PerSecond: l.Events, Burst: float64(cmp.Or(l.Burst, burstOf(l.Events)))}
	bytes = hub.Rate{PerSecond: float64(l.Bytes), Burst: float64(cmp.Or(l.BytesBurst, l.Bytes))}
	return packets, bytes
}

const (
	// maxRate is the largest number of packets, events or handshakes a second.
	maxRate = 1e9
	// maxBytes is the largest number of bytes a second, and at once.
	maxBytes = 1 << 31
)

// checkRates returns an error for a value that is not possible. A nil limit is none.
func (l *RateLimit) checkRates() error {
	switch {
	case l == nil:
		return nil
	case !(l.Events >= 0 && l.Events <= maxRate):
		return fmt.Errorf("rate_limit: unexpected %v: expected events a second, above 0, up to 1e9", l.Events)
	case l.Burst < 0 || l.Burst > 0 && l.Events == 0:
		return errors.New("rate_limit: expected a burst above 0 beside events")
	case l.Bytes < 0 || l.Bytes > maxBytes || l.BytesBurst < 0 || l.BytesBurst > maxBytes:
		return errors.New("rate_limit: bytes: expected a size a second and a burst, from 1B to 2GiB")
	case l.BytesBurst > 0 && l.Bytes == 0:
		return errors.New("rate_limit: bytes_burst: expected bytes, too")
	case l.Events == 0 && l.Bytes == 0:
		return errors.New("rate_limit: expected events a second, bytes a second, or both")
	}
	return nil
}

// checkBytes returns an error if a message of the largest size would hold up its client for
// longer than the client may go unread, see [engine.Config.MaxPause].
func (h *Handler) checkBytes() error {
	if h.RateLimit == nil || h.RateLimit.Bytes == 0 {
		return nil
	}
	c := hub.DefaultRoute().Engine
	h.configureEngine(&c)
	least := int64(math.Ceil(float64(c.MaxPayload) / c.MaxPause().Seconds()))
	if h.RateLimit.Bytes < least {
		return fmt.Errorf("rate_limit: bytes: unexpected %d: expected %d or more, so that a message of max_payload (%d) takes half of ping_interval and ping_timeout at most (%v)",
			h.RateLimit.Bytes, least, c.MaxPayload, c.MaxPause())
	}
	return nil
}

// checkRooms returns an error for a value that is not possible, also of the rates.
func (l *RoomRateLimit) checkRooms() error {
	place := strings.TrimSpace("rate_limit " + strings.Join(l.Rooms, " "))
	if len(l.Rooms) == 0 || slices.Contains(l.Rooms, "") {
		return fmt.Errorf("%s: expected names or globs of rooms", place)
	}
	return l.RateLimit.checkRates()
}

// provisionRates checks the limits of rooms, and adds them to the compiled config.
func (ns *Namespace) provisionRates() error {
	for i, l := range ns.RateLimits {
		if l == nil {
			return fmt.Errorf("rate_limits: entry %d is null: expected rooms and a limit", i)
		}
		if err := l.checkRooms(); err != nil {
			return err
		}
		r := hub.RoomRate{Rooms: l.Rooms}
		r.Events, r.Bytes = l.rates()
		ns.compiled.RoomRates = append(ns.compiled.RoomRates, r)
	}
	return nil
}

// checkRate returns an error for a limit that is not possible, and for events that clients
// do not emit.
func (r *Rule) checkRate() error {
	if r.RateLimit == nil {
		return nil
	}
	err := r.RateLimit.checkRates()
	if err == nil && r.RateLimit.Bytes > 0 {
		err = errors.New("rate_limit: unexpected bytes: a rule limits events")
	}
	if err != nil {
		return fmt.Errorf("on %s: %w", strings.Join(r.Events, " "), err)
	}
	if i := slices.IndexFunc(r.Events, isLifecycleEvent); i >= 0 {
		return fmt.Errorf("on %s: rate_limit is for events that clients emit, and not for %s: give it a rule of its own",
			strings.Join(r.Events, " "), r.Events[i])
	}
	return nil
}

// rate returns the limit of the rule's events.
func (r *Rule) rate() hub.Rate {
	if r.RateLimit == nil {
		return hub.Rate{}
	}
	events, _ := r.RateLimit.rates()
	return events
}
