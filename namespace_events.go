package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddyserver/caddy/v2"
)

// Every has handlers that run again and again, without a socket.
type Every struct {
	// Interval is the time between two runs: from 1s to 24h. The handlers run at its
	// multiples since 1970, in UTC: every full minute for 1m.
	Interval caddy.Duration `json:"interval"`
	// Handle are the handlers, which run in order. A handler that fails is the last to
	// run. Each must work without a socket, as emit to rooms and backend do. Default: none.
	HandleRaw []json.RawMessage `json:"handle,omitempty" caddy:"namespace=socketio.handlers inline_key=handler"`
}

// checkInterval returns an error for an interval out of bounds.
func (e *Every) checkInterval() error {
	if d := time.Duration(e.Interval); d < hub.MinInterval || d > hub.MaxInterval {
		return fmt.Errorf("every: unexpected interval %s: expected one from 1s to 24h", d)
	}
	return nil
}

// provisionUse loads the handlers that run before the rules.
func (ns *Namespace) provisionUse(ctx caddy.Context) error {
	if len(ns.UseRaw) == 0 {
		return nil
	}
	handlers, err := loadHandlers(ctx, ns, "UseRaw")
	if err != nil {
		return fmt.Errorf("use: %w", err)
	}
	ns.compiled.Use = handlers
	return nil
}

// provisionEvery checks the intervals and loads the handlers that run again and again.
func (ns *Namespace) provisionEvery(ctx caddy.Context) error {
	for i, e := range ns.Every {
		if e == nil {
			return fmt.Errorf("every: entry %d is null: expected an interval and handlers", i)
		}
		if err := e.checkInterval(); err != nil {
			return err
		}
		interval := time.Duration(e.Interval)
		var handlers []hub.Handler
		var err error
		if len(e.HandleRaw) > 0 {
			handlers, err = loadHandlers(ctx, e, "HandleRaw")
		}
		if err == nil {
			err = checkSocketFree(handlers)
		}
		if err != nil {
			return fmt.Errorf("every %s: %w", interval, err)
		}
		ns.compiled.Every = append(ns.compiled.Every, hub.Periodic{Interval: interval, Handlers: handlers})
	}
	return nil
}

// maxParallel is the largest number of events of a rule at a time. As many wait in the
// inbox of a socket.
const maxParallel = 256

// checkParallel returns an error for a number out of bounds, and for events that are
// always handled one after another.
func (r *Rule) checkParallel() error {
	if r.Parallel == 0 {
		return nil
	}
	if err := checkParallelNumber(r.Parallel); err != nil {
		return fmt.Errorf("on %s: %w", strings.Join(r.Events, " "), err)
	}
	if i := slices.IndexFunc(r.Events, isLifecycleEvent); i >= 0 {
		return fmt.Errorf("on %s: parallel is for events that clients emit, and not for %s: give it a rule of its own",
			strings.Join(r.Events, " "), r.Events[i])
	}
	return nil
}

// isLifecycleEvent reports whether a name is an event of a socket's or a room's life.
func isLifecycleEvent(name string) bool {
	return isRoomEvent(name) || slices.Contains(lifeEvents, name)
}

func checkParallelNumber(n int) error {
	if n < 1 || n > maxParallel {
		return errors.New("parallel: expected a number from 1 to 256")
	}
	return nil
}
