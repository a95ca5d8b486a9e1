package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// awaitRecords waits until ok returns true. ok runs with the client's records locked.
func (c *client) awaitRecords(t *testing.T, want string, ok func() bool) {
	t.Helper()
	late := time.After(maxWait)
	for {
		c.mu.Lock()
		done, changed := ok(), c.changed
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Fatalf("%s: %s expected; %d events, the last ones %.500q; life %q", c.name, want, len(c.events), c.events[max(len(c.events)-3, 0):], c.life)
		}
	}
}

// awaitConnected waits until the socket is connected.
func (c *client) awaitConnected(t *testing.T) {
	t.Helper()
	c.awaitRecords(t, "a connection", func() bool { return c.joined })
}

// awaitLife waits until the client's life has at least n entries.
func (c *client) awaitLife(t *testing.T, n int) {
	t.Helper()
	c.awaitRecords(t, fmt.Sprintf("%d connects and disconnects", n), func() bool { return len(c.life) >= n })
}

// readEvents returns a copy of the events received so far.
func (c *client) readEvents() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// readLife returns a copy of the entries of the client's life so far.
func (c *client) readLife() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.life)
}

// wantEvents checks that each client has received exactly these events, in this order. It waits
// for events that are late.
func wantEvents(t *testing.T, want []string, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		c.awaitRecords(t, fmt.Sprintf("%d events", len(want)), func() bool { return len(c.events) >= len(want) })
		if difference := compareLists(c.readEvents(), want); difference != "" {
			t.Errorf("%s: events: %s", c.name, difference)
		}
	}
}

// wantEventsNamed checks that each client has received exactly these events of a name, in this
// order, among others. It waits for events that are late.
func wantEventsNamed(t *testing.T, name string, want []string, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		c.awaitRecords(t, fmt.Sprintf("%d events %s", len(want), name), func() bool { return len(selectEvents(c.events, name)) >= len(want) })
		if difference := compareLists(selectEvents(c.readEvents(), name), want); difference != "" {
			t.Errorf("%s: events %s: %s", c.name, name, difference)
		}
	}
}

// selectEvents returns the events of a name.
func selectEvents(events []string, name string) (selected []string) {
	for _, event := range events {
		if strings.HasPrefix(event, `["`+name+`"`) {
			selected = append(selected, event)
		}
	}
	return selected
}

// wantLife checks the connects and disconnects of each client, such as "connect".
func wantLife(t *testing.T, want []string, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		c.awaitLife(t, len(want))
		if difference := compareLists(c.readLife(), want); difference != "" {
			t.Errorf("%s: life: %s", c.name, difference)
		}
	}
}

// wantSomeEvents checks that a client has received the last of these events of a name, and others
// of them in order and at most once. It returns the number of events that the client lacks.
func wantSomeEvents(t *testing.T, name string, want []string, c *client) (lacking int) {
	t.Helper()
	last := want[len(want)-1]
	c.awaitRecords(t, "event "+last, func() bool { return slices.Contains(c.events, last) })
	got, next := selectEvents(c.readEvents(), name), 0
	for _, event := range got {
		at := slices.Index(want[next:], event)
		if at < 0 {
			t.Errorf("%s: %s is unexpected, repeated or out of order", c.name, event)
			break
		}
		next += at + 1
	}
	return len(want) - len(got)
}

// compareLists returns the first difference of two lists, or "" if they are equal.
func compareLists(got, want []string) string {
	if slices.Equal(got, want) {
		return ""
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Sprintf("%d instead of %d; at %d got %.300q, want %.300q", len(got), len(want), at, got[at:min(at+3, len(got))], want[at:min(at+3, len(want))])
}

// numberedEvents returns the records of an event with each number from first to last.
func numberedEvents(name string, first, last int) (list []string) {
	for n := first; n <= last; n++ {
		list = append(list, fmt.Sprintf("[%q,%d]", name, n))
	}
	return list
}
