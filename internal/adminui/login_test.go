package adminui

import (
	"strings"
	"testing"
	"time"
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

func TestAddressWaitsLongerAfterEachWrongPassword(t *testing.T) {
	var f failures
	now := time.Now()
	for range freeFailures - 1 {
		if _, wait := f.countFailure("192.0.2.1", now); wait != 0 {
			t.Fatalf("the address has to wait %s", wait)
		}
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if _, wait := f.countFailure("192.0.2.1", now); wait != want {
			t.Errorf("got a wait of %s, want %s", wait, want)
		}
		if got := f.remainingWait("::ffff:192.0.2.1", now); got != want {
			t.Errorf("got a wait of %s, want %s", got, want)
		}
	}
	for range 40 {
		f.countFailure("192.0.2.1", now)
	}
	if got := f.remainingWait("192.0.2.1", now); got != maxWait {
		t.Errorf("got a wait of %s, want %s", got, maxWait)
	}
	if f.remainingWait("192.0.2.2", now) != 0 {
		t.Error("another address has to wait")
	}
	f.forgiveAddress("192.0.2.1")
	if f.remainingWait("192.0.2.1", now) != 0 {
		t.Error("the address has to wait after it logged in")
	}
}

func TestAddressesOfFailuresAreBounded(t *testing.T) {
	var f failures
	now := time.Now()
	for i := range maxAddresses + 10 {
		f.countFailure(string(rune('a'+i%26))+time.Duration(i).String(), now.Add(time.Duration(i)))
	}
	if len(f.addresses) > maxAddresses {
		t.Errorf("%d addresses are kept, the limit is %d", len(f.addresses), maxAddresses)
	}
}

func TestAddressKeyIsOneClient(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1":             "192.0.2.1",
		"192.0.2.1:80":          "192.0.2.1",
		"::ffff:192.0.2.1":      "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:443": "2001:db8:1:2::/64",
		"@":                     "@",
	} {
		if got := addressKey(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestCheckRefusesPlainPasswords(t *testing.T) {
	err := (&Settings{Username: "ada", PasswordHash: "hunter2"}).Check()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
