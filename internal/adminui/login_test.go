package adminui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

func TestSessionEndsWithTimeAndPassword(t *testing.T) {
	s, now := newSessions(), time.Now()
	user := &Settings{Username: "ada", PasswordHash: "$2a$04$one"}
	id := s.issueID(user, now)
	if !s.checkID(id, user, now.Add(sessionTime-time.Minute)) {
		t.Error("the session is refused before its end")
	}
	for name, accepted := range map[string]bool{
		"expired":             s.checkID(id, user, now.Add(sessionTime)),
		"of another password": s.checkID(id, &Settings{Username: "ada", PasswordHash: "$2a$04$two"}, now),
		"of another user":     s.checkID(id, &Settings{Username: "eve", PasswordHash: "$2a$04$one"}, now),
		"of another process":  newSessions().checkID(id, user, now),
		"changed":             s.checkID("f"+id[1:], user, now),
		"short":               s.checkID(id[:32], user, now),
		"not hex":             s.checkID(strings.Repeat("z", len(id)), user, now),
		"empty":               s.checkID("", user, now),
	} {
		if accepted {
			t.Errorf("a session id that is %s is accepted", name)
		}
	}
}

func TestCheckRefusesPlainPasswords(t *testing.T) {
	err := (&Settings{Username: "ada", PasswordHash: "hunter2"}).Check()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

// One address keeps many passwords waiting: an address without any gets a place all the same,
// and waits for few of the others.
func TestWaitingLoginsAreFairBetweenAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := passwordChecks
		defer func() { passwordChecks = busy }()
		passwordChecks = make(chan struct{}, 1)
		passwordChecks <- struct{}{}
		var c Console
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 200)
		wait := func(key address.Key) { go func() { results <- c.beginCheck(ctx, key) }() }
		for range 20 {
			wait(address.KeyOf("192.0.2.1"))
		}
		synctest.Wait()
		if n := len(results); n != 16 || c.waitingLogins.Len() != 4 {
			t.Errorf("%d passwords of an address were refused, and %d wait", n, c.waitingLogins.Len())
		}
		for i := range 15 {
			for range 4 {
				wait(address.KeyOf(fmt.Sprintf("192.0.2.%d", 10+i)))
			}
		}
		synctest.Wait()
		admin := make(chan error, 1)
		go func() { admin <- c.beginCheck(t.Context(), address.KeyOf("198.51.100.1")) }()
		synctest.Wait()
		if n := len(results); n != 17 || c.waitingLogins.Len() != 64 {
			t.Errorf("%d passwords were refused, and %d wait", n, c.waitingLogins.Len())
		}
		for range 17 {
			if err := <-results; !errors.Is(err, errTooManyLogins) {
				t.Errorf("got %v", err)
			}
		}
		cancel() // the clients leave
		synctest.Wait()
		for range 63 {
			if err := <-results; !errors.Is(err, errPassword) {
				t.Errorf("a client that left: got %v, want a failed attempt", err)
			}
		}
		c.endCheck()
		if err := <-admin; err != nil {
			t.Error(err)
		}
	})
}
