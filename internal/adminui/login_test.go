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

func TestCheckRefusesPlainPasswords(t *testing.T) {
	err := (&Settings{Username: "ada", PasswordHash: "hunter2"}).Check()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
