package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	residentRooms = 6               // rooms of residents
	emitInterval  = 2 * time.Second // mean time between two messages of a resident
)

// resident is a client that stays for the whole run. It emits numbered messages to its room, and
// checks that it gets all messages of the room.
type resident struct {
	name, room string
	kind       kind
	sequence   *sequence
	sent       atomic.Int64
}

// runResident keeps a resident connected until ctx is done. A closed connection is a fault.
func (s *soak) runResident(ctx context.Context, r *resident, ready func()) {
	for ctx.Err() == nil {
		c, err := openClient(ctx, s.server.address, r.kind, "/soak", func(name string, args []json.RawMessage, attachments [][]byte) {
			if name == "msg" {
				r.sequence.checkMessage(args, attachments)
			}
		})
		if err == nil {
			_, err = c.callEvent(fmt.Sprintf(`"join",%q`, r.room))
		}
		if err == nil {
			ready()
			s.emitMessages(ctx, c, r)
		}
		if c != nil {
			if ctx.Err() == nil {
				s.ledger.drops.Add(1)
				s.ledger.addComplaint("%s %s (%s) lost its connection: %v, %v", time.Now().Format(time.TimeOnly), r.name, r.kind, c.err, err)
			}
			c.closeClient(false)
		} else if ctx.Err() == nil {
			s.ledger.addComplaint("%s (%s) can't connect: %v", r.name, r.kind, err)
		}
		r.sequence.forgetSenders()
		sleepFor(ctx, time.Second)
	}
}

// emitMessages emits the messages of a resident until its connection closes.
func (s *soak) emitMessages(ctx context.Context, c *client, r *resident) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-time.After(jitter(emitInterval)):
		}
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-s.gate.awaitOpen():
		}
		number := r.sent.Add(1)
		text := fmt.Sprintf(`"msg",%q,%q,%d`, r.room, r.name, number)
		var err error
		switch number % 10 {
		case 3:
			err = c.emitBinary(text, makeAttachment(number, rand.IntN(4000)))
		case 6:
			err = s.checkCall(c, fmt.Sprintf(`"call",%q,%d`, r.name, number))
			if err == nil {
				err = c.emitEvent(text + `,"é – 🚀"`)
			}
		default:
			err = c.emitEvent(text)
		}
		if err != nil {
			return
		}
	}
}

// checkCall emits an event that the server acknowledges with its arguments. A request that is
// canceled is not a late acknowledgement: the run or the connection ends.
func (s *soak) checkCall(c *client, args string) error {
	got, err := c.callEvent(args)
	if err != nil {
		if c.isOpen() && !errors.Is(err, context.Canceled) {
			s.ledger.lateAcks.Add(1)
			s.ledger.addComplaint("%s: call %s: %v", c.kind, args, err)
		}
		return err
	}
	s.ledger.acks.Add(1)
	text, _ := json.Marshal(got)
	if want := "[" + args[len(`"call",`):] + "]"; string(text) != want {
		s.ledger.corrupted.Add(1)
		s.ledger.addComplaint("%s: acknowledged with %s, want %s", c.kind, text, want)
	}
	return nil
}

// isOpen returns whether the connection is open.
func (c *client) isOpen() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// compareResidents reports residents that lack the last messages of their room. sent and got
// hold the numbers of the official clients.
func (s *soak) compareResidents(official *officialClients) {
	sent := official.listSent()
	for _, r := range s.residents {
		sent[r.room] = append(sent[r.room], sentNumber{r.name, r.sent.Load()})
	}
	for _, r := range s.residents {
		for _, want := range sent[r.room] {
			got, known := r.sequence.lastNumber(want.sender)
			if known && got < want.number {
				s.ledger.lost.Add(want.number - got)
				s.ledger.addComplaint("%s has message %d of %s, of %d", r.name, got, want.sender, want.number)
			}
		}
	}
	for _, c := range official.listClients() {
		for _, want := range sent[c.Room] {
			got, known := c.Last[want.sender]
			if known && got < want.number {
				s.ledger.lost.Add(want.number - got)
				s.ledger.addComplaint("%s has message %d of %s, of %d", c.Name, got, want.sender, want.number)
			}
		}
	}
}

// sentNumber is the number of the last message of a sender.
type sentNumber struct {
	sender string
	number int64
}

// jitter returns a random duration with the given mean.
func jitter(mean time.Duration) time.Duration { return mean/2 + rand.N(mean) }

// sleepFor waits until the time is over or ctx is done.
func sleepFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
