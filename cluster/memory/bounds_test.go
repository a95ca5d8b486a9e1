package memory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// newBoundLogs returns logs that share the bounds of a process with 8 MiB: a MiB of lost
// sockets, and one of entries. The owner of a lost socket is its address.
func newBoundLogs(t *testing.T, n int) (p *budget.Process, logs []*Log) {
	p = budget.NewProcess(8 << 20)
	bounds := NewBounds(p, func(lost *cluster.LostSocket) address.Key {
		return address.KeyOf(lost.Owner.(string))
	})
	for i := range n {
		logs = append(logs, NewLog(Options{
			Namespace: fmt.Sprint("/", i), Bounds: bounds, Trimmed: func() {},
			RecoveryTime: func() time.Duration { return time.Minute },
			After:        func(time.Duration, string, func()) *time.Timer { return new(time.Timer) },
		}))
	}
	t.Cleanup(func() {
		for _, l := range logs {
			l.Close()
			l.saveSocket(newLost("late", "192.0.2.1", 1000))
			l.recordOperation(cluster.Disconnect{})
		}
		if p.Used() != 0 || len(p.Usage()) > 0 && p.Usage()["recovery"] != 0 {
			t.Errorf("closed logs keep %d bytes", p.Used())
		}
	})
	return p, logs
}

func newLost(pid, owner string, size int) cluster.LostSocket {
	return cluster.LostSocket{PID: pid, Owner: owner, Lost: time.Now(), Data: sio.Data{JSON: []byte(strings.Repeat("d", size))}}
}

func TestAddressLosesOnlyItsOwnLostSockets(t *testing.T) {
	p, logs := newBoundLogs(t, 3)
	logs[0].saveSocket(newLost("victim", "192.0.2.9", 1000))
	for i := range 100 {
		logs[i%3].saveSocket(newLost(fmt.Sprint(i), "192.0.2.1", 50_000))
		if n := p.Used(); n > 1<<20 {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	if !logs[0].Contains("victim") || !logs[99%3].Contains("99") || logs[0].Contains("0") {
		t.Error("the lost socket of another address is gone, or the newest one, or the oldest one is there")
	}
}

func TestRestoredAndReplacedLostSocketsCountNoMore(t *testing.T) {
	p, logs := newBoundLogs(t, 1)
	l := logs[0]
	l.saveSocket(newLost("a", "192.0.2.1", 50_000))
	l.saveSocket(newLost("a", "192.0.2.1", 60_000)) // the client was lost again
	l.updateSocket(newLost("a", "192.0.2.1", 70_000))
	if n := p.Usage()["recovery"]; n != 70_000+lostCost {
		t.Errorf("%d bytes are counted", n)
	}
	if _, err := l.restoreSocket("a", l.formatOffset(0)); err == nil {
		t.Error("an offset before the first entry is accepted")
	}
	l.Remove(func(*cluster.LostSocket) bool { return true })
	if p.Used() != 0 || l.Len() != 0 || l.queue.Len() != 0 {
		t.Errorf("%d bytes are counted for no lost socket", p.Used())
	}
}

func TestLogWithMostEntriesMakesRoomForOthers(t *testing.T) {
	p, logs := newBoundLogs(t, 3)
	record := func(l *Log) {
		l.recordOperation(cluster.SetData{Key: "k", Value: sio.Data{JSON: []byte(strings.Repeat("v", 10_000))}})
	}
	record(logs[0])
	for i := range 500 {
		record(logs[1+i%2])
		if n := p.Used(); n > 1<<20 {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	if len(logs[0].entries) != 1 || len(logs[1].entries) < 20 {
		t.Errorf("%d and %d entries are left", len(logs[0].entries), len(logs[1].entries))
	}
}
