package faults_test

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestProcessSuspended suspends the process for longer than its heartbeats take, as a virtual
// machine or a laptop is. No client is disconnected, and events that were sent meanwhile arrive.
func TestProcessSuspended(t *testing.T) {
	p := startCaddy(t, setup{site: `socketio {
		ping_interval 500ms
		ping_timeout 1s
		namespace / {
			join lobby
			on say {
				in lobby emit said {event.args.0}
				ack {event.args.0}
			}
		}
	}`})
	var all []*client
	for _, kind := range clientKinds {
		all = append(all, p.connectClient(t, kind))
	}
	for n, c := range all {
		c.mustEmit(t, fmt.Sprintf("[%d]", n), "say", n)
	}
	wantEvents(t, numberedEvents("said", 0, 3), all...)

	next := 4
	for range 2 {
		p.signalProcess(t, syscall.SIGSTOP)
		emitted := make(chan error, len(all))
		for i, c := range all {
			n := next + i
			time.AfterFunc(time.Duration(i)*100*time.Millisecond, func() { emitted <- c.emitEvent("say", n) })
		}
		time.Sleep(2500 * time.Millisecond) // longer than interval and timeout
		p.signalProcess(t, syscall.SIGCONT)
		for range all {
			if err := <-emitted; err != nil {
				t.Error(err)
			}
		}
		next += len(all)
		for _, c := range all {
			c.awaitRecords(t, fmt.Sprintf("%d events", next), func() bool { return len(c.events) >= next })
		}
	}
	want := numberedEvents("said", 0, next-1)
	for _, c := range all { // events of different senders have no common order
		got := c.readEvents()
		slices.SortFunc(got, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		if difference := compareLists(got, want); difference != "" {
			t.Errorf("%s: %s", c.name, difference)
		}
	}
	wantLife(t, []string{"connect"}, all...)
}
