package redisadapter

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// newTestQueue returns a queue, and its count of dropped commands.
func newTestQueue() (q *queue, dropped *atomic.Uint64) {
	dropped = new(atomic.Uint64)
	return newQueue("test", dropped), dropped
}

func TestQueueIsBounded(t *testing.T) {
	q, dropped := newTestQueue()
	gone := 0
	for i := range maxQueued + 10 {
		cmd := command{kind: addEntry, payload: strconv.Itoa(i), done: func(_ rueidis.RedisResult, err error) {
			if !errors.Is(err, errQueueFull) {
				t.Error(err)
			}
			gone++
		}}
		if err := q.push(cmd); err != nil {
			t.Fatal(err)
		}
	}
	if gone != 10 || dropped.Load() != 10 || len(q.commands) != maxQueued || q.commands[0].payload != "10" {
		t.Errorf("%d gone, %d counted, %d left, %s first", gone, dropped.Load(), len(q.commands), q.commands[0].payload)
	}
	big := string(make([]byte, 1<<20))
	for range 100 {
		_ = q.push(command{kind: addEntry, payload: big})
	}
	if q.bytes > maxQueuedBytes || len(q.commands) > 32 {
		t.Errorf("%d bytes in %d messages", q.bytes, len(q.commands))
	}
	if err := q.push(command{payload: string(make([]byte, maxMessageSize+1))}); err == nil || err.Error() != "test: message larger than 16 MiB" {
		t.Errorf("a message of any size is queued: %v", err)
	}
	for len(q.takeBatch()) > 0 {
	}
	if q.bytes != 0 || q.commands != nil {
		t.Errorf("%d bytes in an empty queue", q.bytes)
	}
}

func TestExpiredCommandsAreGivenUp(t *testing.T) {
	q, dropped := newTestQueue()
	for i := range 10 {
		_ = q.push(command{kind: []commandKind{addEntry, publishMessage}[i%2], payload: strconv.Itoa(i)})
	}
	for i := range 4 {
		q.commands[i].at = q.commands[i].at.Add(-maxMessageAge - time.Second)
	}
	q.commands[4].at = q.commands[4].at.Add(-maxEntryAge - time.Second)
	next := q.takeBatch()
	if len(next) != 7 || next[0].payload != "0" || next[2].payload != "5" || dropped.Load() != 3 {
		t.Errorf("%d left, %d dropped", len(next), dropped.Load())
	}
	q.putBack(next)
	if again := q.takeBatch(); len(again) != 7 || again[0].payload != "0" {
		t.Errorf("%d come back", len(again))
	}
}

// TestQueueOfExpiredCommandsEmpties gives up more commands than a batch holds.
func TestQueueOfExpiredCommandsEmpties(t *testing.T) {
	q, dropped := newTestQueue()
	for range maxBatch + 10 {
		_ = q.push(command{})
	}
	for i := range q.commands {
		q.commands[i].at = q.commands[i].at.Add(-maxMessageAge - time.Second)
	}
	if next := q.takeBatch(); len(next) != 0 || dropped.Load() != maxBatch+10 || q.commands != nil || q.sending {
		t.Errorf("%d left, %d dropped", len(next), dropped.Load())
	}
	q.waitEmpty(time.Hour)
}

// TestCommandsExpireByKind checks the maximum age of each kind of command.
func TestCommandsExpireByKind(t *testing.T) {
	for kind, age := range map[commandKind]time.Duration{
		addEntry: maxEntryAge, setValue: maxEntryAge, updateValue: maxEntryAge,
		publishMessage: maxMessageAge, getValue: maxMessageAge, getTimeLeft: maxMessageAge, takeValue: maxMessageAge,
	} {
		if cmd := (command{kind: kind}); cmd.isExpired(age) || !cmd.isExpired(age+1) {
			t.Errorf("kind %d: commands get older than %s, or not as old", kind, age)
		}
	}
	if maxMessageAge != 5*time.Second {
		t.Error("messages get older than 5s, or not as old")
	}
}
