package hostile_test

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// roomObserver is a client in the room of an attacker. A second client, the beacon, sends ticks
// to the room until the test ends. The observer must receive each tick, in order.
type roomObserver struct {
	t       *testing.T
	mark    string // the beginning of its ticks: ticks of an observer before may still arrive
	beacon  *wireConn
	wire    *wireConn
	sent    atomic.Int64 // the number of the last tick
	ticks   chan int     // number of the last received tick; receiveTicks closes it
	stopped chan struct{}
	failed  error // read after ticks is closed
}

// observers counts the observers of all tests.
var observers atomic.Int64

// tickPeriod is the time between ticks.
const tickPeriod = 5 * time.Millisecond

// startObserver starts an observer. At its end the test fails if a tick was lost, or if the
// next tick is late.
func (p *process) startObserver(t *testing.T) *roomObserver {
	t.Helper()
	w := &roomObserver{
		t: t, mark: fmt.Sprintf(`42["tick","%d:`, observers.Add(1)), beacon: p.openMember(t, "/socket.io/"), wire: p.openMember(t, "/socket.io/"),
		ticks: make(chan int, 1), stopped: make(chan struct{}),
	}
	go w.sendTicks()
	go w.receiveTicks()
	t.Cleanup(func() {
		w.checkNextTick()
		close(w.stopped)
		w.beacon.Close() // also ends the reader in sendTicks
		w.wire.Close()
		for range w.ticks {
		}
		if w.failed != nil {
			t.Errorf("observer: %v", w.failed)
		}
	})
	return w
}

// sendTicks sends ticks, and reads and discards the messages that the beacon receives.
func (w *roomObserver) sendTicks() {
	go func() {
		for {
			w.beacon.resetDeadline()
			if _, err := w.beacon.readMessage(); err != nil {
				return
			}
		}
	}()
	pace := time.NewTicker(tickPeriod)
	defer pace.Stop()
	for n := 1; ; n++ {
		w.sent.Store(int64(n))
		w.beacon.writeTexts(w.mark + strconv.Itoa(n) + `"]`)
		select {
		case <-pace.C:
		case <-w.stopped:
			return
		}
	}
}

// receiveTicks receives the ticks and checks their order.
func (w *roomObserver) receiveTicks() {
	defer close(w.ticks)
	for last := 0; ; {
		w.wire.resetDeadline()
		m, err := w.wire.readMessage()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				w.failed = err
			}
			return
		}
		if number, ok := strings.CutPrefix(m, w.mark); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(number, `"]`))
			if last > 0 && n != last+1 {
				w.failed = fmt.Errorf("tick %d after tick %d", n, last)
				return
			}
			last = n
			select {
			case <-w.ticks: // replaces a number that checkNextTick has not taken
			default:
			}
			w.ticks <- n
		}
	}
}

// checkNextTick checks that a tick arrives that is sent after the call.
func (w *roomObserver) checkNextTick() {
	w.t.Helper()
	next := int(w.sent.Load()) + 1
	late := time.After(maxWait)
	for {
		select {
		case n, ok := <-w.ticks:
			if !ok {
				w.t.Fatalf("observer: %v", w.failed)
			}
			if n >= next {
				return
			}
		case <-late:
			w.t.Fatal("the observer no longer receives ticks")
		}
	}
}
