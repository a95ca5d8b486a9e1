package redislink

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// note is a message of a test.
type note struct {
	text   string
	lasts  time.Duration // how old it may be
	giveUp func(error)
}

func (n note) Size() int                      { return len(n.text) }
func (n note) Cost() int                      { return len(n.text) + Overhead }
func (n note) Expired(age time.Duration) bool { return age > n.lasts }

func (n note) GiveUp(why error) {
	if n.giveUp != nil {
		n.giveUp(why)
	}
}

// newQueue returns a queue, and what it has counted.
func newQueue() (q *Queue[note], dropped *int) {
	dropped = new(int)
	return NewQueue[note]("test", func(n int) { *dropped += n }), dropped
}

func TestQueueIsBounded(t *testing.T) {
	q, dropped := newQueue()
	gone := 0
	for i := range maxQueued + 10 {
		m := note{strconv.Itoa(i), time.Minute, func(err error) {
			if !errors.Is(err, errDropped) {
				t.Error(err)
			}
			gone++
		}}
		if err := q.Push(m); err != nil {
			t.Fatal(err)
		}
	}
	if gone != 10 || *dropped != 10 || len(q.queue) != maxQueued || q.queue[0].Item.text != "10" {
		t.Errorf("%d gone, %d counted, %d left, %s first", gone, *dropped, len(q.queue), q.queue[0].Item.text)
	}
	big := string(make([]byte, 1<<20))
	for range 100 {
		_ = q.Push(note{text: big, lasts: time.Minute})
	}
	if q.bytes > maxQueuedBytes || len(q.queue) > 32 {
		t.Errorf("%d bytes in %d messages", q.bytes, len(q.queue))
	}
	if err := q.Push(note{text: string(make([]byte, MaxMessage+1))}); err == nil || err.Error() != "test: message larger than 16 MiB" {
		t.Errorf("a message of any size is queued: %v", err)
	}
	for len(q.batch()) > 0 {
	}
	if q.bytes != 0 || q.queue != nil {
		t.Errorf("%d bytes in an empty queue", q.bytes)
	}
}

func TestOldMessagesAreGivenUp(t *testing.T) {
	q, dropped := newQueue()
	for i := range 10 {
		_ = q.Push(note{text: strconv.Itoa(i), lasts: []time.Duration{time.Hour, time.Minute}[i%2]})
	}
	for i := range 4 {
		q.queue[i].at = q.queue[i].at.Add(-time.Minute - time.Second)
	}
	q.queue[4].at = q.queue[4].at.Add(-time.Hour - time.Second)
	next := q.batch()
	if len(next) != 7 || next[0].Item.text != "0" || next[2].Item.text != "5" || *dropped != 3 {
		t.Errorf("%d left, %d dropped", len(next), *dropped)
	}
	q.back(next)
	if again := q.batch(); len(again) != 7 || again[0].Item.text != "0" {
		t.Errorf("%d come back", len(again))
	}
}

// TestAllAreTooOld has the queue be empty when it says so, however many are given up.
func TestAllAreTooOld(t *testing.T) {
	q, dropped := newQueue()
	for range maxBatch + 10 {
		_ = q.Push(note{})
	}
	for i := range q.queue {
		q.queue[i].at = q.queue[i].at.Add(-time.Second)
	}
	if next := q.batch(); len(next) != 0 || *dropped != maxBatch+10 || q.queue != nil || q.active {
		t.Errorf("%d left, %d dropped", len(next), *dropped)
	}
	q.Flush(time.Hour)
}
