package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// awaitLoad waits until the load runs. It returns false when ctx is done.
func (s *soak) awaitLoad(ctx context.Context) bool {
	select {
	case <-s.gate.awaitOpen():
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// runVisitors runs clients that come and go, one after another, until ctx is done.
func (s *soak) runVisitors(ctx context.Context, number int) {
	for visit := 0; s.awaitLoad(ctx); visit++ {
		s.visitOnce(ctx, fmt.Sprintf("visitor %d.%d", number, visit), kinds[rand.IntN(len(kinds))], 2+rand.IntN(10))
		sleepFor(ctx, jitter(500*time.Millisecond))
	}
}

// visitOnce connects a client, does a number of random things and closes the connection, cleanly
// or not.
func (s *soak) visitOnce(ctx context.Context, name string, k kind, actions int) {
	namespace := "/soak"
	if rand.IntN(10) == 0 {
		namespace = fmt.Sprintf("/glob-%d", rand.IntN(1000))
	}
	sequence := newSequence(name, &s.ledger)
	s.ledger.handshakes.Add(1)
	c, err := openClient(ctx, s.server.address, k, namespace, func(event string, args []json.RawMessage, attachments [][]byte) {
		if event == "msg" {
			sequence.checkMessage(args, attachments)
		}
	})
	if err != nil {
		if namespace == "/soak" || !strings.Contains(err.Error(), "close") { // an outage of the backend closes the connection
			s.countRefused(ctx, name, k, err)
		}
		return
	}
	defer func() { c.closeClient(rand.IntN(3) == 0) }()
	joined := make(map[string]bool)
	for range actions {
		if !s.gate.isOpen() || ctx.Err() != nil {
			return
		}
		if err := s.doSomething(c, name, joined, sequence); err != nil {
			if c.isOpen() && ctx.Err() == nil {
				s.ledger.addComplaint("%s (%s): %v", name, k, err)
			}
			return
		}
		sleepFor(ctx, jitter(300*time.Millisecond))
	}
}

// countRefused counts a visitor that could not connect.
func (s *soak) countRefused(ctx context.Context, name string, k kind, err error) {
	if ctx.Err() != nil {
		return
	}
	s.ledger.refused.Add(1)
	if !errors.Is(err, errRefused) {
		s.ledger.addComplaint("%s %s (%s) can't connect: %v", time.Now().Format(time.TimeOnly), name, k, err)
	}
}

// doSomething does one random thing.
func (s *soak) doSomething(c *client, name string, joined map[string]bool, sequence *sequence) error {
	switch n := rand.IntN(10); {
	case n < 2: // a room of the residents
		room := fmt.Sprintf("room %d", rand.IntN(residentRooms))
		if len(joined) > 0 {
			return s.checkCall(c, fmt.Sprintf(`"call",%q`, name))
		}
		joined[room] = true
		_, err := c.callEvent(fmt.Sprintf(`"join",%q`, room))
		return err
	case n < 3: // leave it
		for room := range joined {
			delete(joined, room)
			_, err := c.callEvent(fmt.Sprintf(`"leave",%q`, room))
			sequence.forgetSenders()
			return err
		}
		return nil
	case n < 5: // rooms of its own
		_, err := c.callEvent(fmt.Sprintf(`"join",%q`, fmt.Sprintf("own %x", rand.Uint64())))
		return err
	case n < 6:
		_, err := c.callEvent(fmt.Sprintf(`"join live",%q`, fmt.Sprintf("live %d", rand.IntN(20))))
		return err
	case n < 7:
		room := fmt.Sprintf("history %d", rand.IntN(50))
		_, err := c.callEvent(fmt.Sprintf(`"keep",%q,%q`, room, strings.Repeat("x", rand.IntN(2000))))
		return err
	case n < 8:
		return s.callBackend(c)
	default:
		return s.checkCall(c, fmt.Sprintf(`"call",%q,%d`, name, n))
	}
}

// callBackend emits an event that the backend handles, or fails to.
func (s *soak) callBackend(c *client) error {
	number := rand.IntN(1 << 30)
	got, err := c.callEvent(fmt.Sprintf(`"work",%d`, number))
	switch text, _ := json.Marshal(got); {
	case err != nil:
		if errors.Is(err, errNoAck) {
			s.ledger.lateAcks.Add(1)
		}
		return err
	case string(text) == fmt.Sprintf("[%d]", number):
		s.ledger.backendReplies.Add(1)
	case strings.Contains(string(text), `"error"`):
		s.ledger.backendErrors.Add(1)
	default:
		s.ledger.corrupted.Add(1)
		return fmt.Errorf("work %d acknowledged with %s", number, text)
	}
	return nil
}

// runStorms lets many clients connect at once, again and again.
func (s *soak) runStorms(ctx context.Context, size int, interval time.Duration) {
	for storm := 0; s.awaitLoad(ctx); storm++ {
		var clients sync.WaitGroup
		for i := range size {
			clients.Go(func() {
				sleepFor(ctx, rand.N(3*time.Second))
				s.visitOnce(ctx, fmt.Sprintf("storm %d.%d", storm, i), kinds[i%len(kinds)], 2)
			})
		}
		clients.Wait()
		sleepFor(ctx, interval)
	}
}

// runSlowReaders connects WebSockets that do not read while they get more than max_queue.
// Some polling clients of the same kind do not poll.
func (s *soak) runSlowReaders(ctx context.Context, number int) {
	for s.awaitLoad(ctx) {
		k := kinds[(number*3+1)%len(kinds)]
		if number%3 == 0 {
			k = kind{3 + number%2, "polling"}
		}
		block := make(chan struct{})
		c, err := openClient(ctx, s.server.address, k, "/soak", func(name string, _ []json.RawMessage, _ [][]byte) {
			if name == "flood" {
				<-block
			}
		})
		if err != nil {
			s.countRefused(ctx, "slow reader", k, err)
			sleepFor(ctx, time.Second)
			continue
		}
		if _, err = c.callEvent(`"join","flood"`); err == nil {
			for range 120 { // until its connection is closed
				if !s.gate.isOpen() || ctx.Err() != nil {
					break
				}
				sleepFor(ctx, 100*time.Millisecond)
			}
		}
		close(block)
		select {
		case <-c.done:
		case <-time.After(2 * time.Second):
		}
		if !c.isOpen() {
			s.ledger.slow.Add(1)
		}
		c.closeClient(true)
	}
}
