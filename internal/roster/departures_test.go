package roster

import (
	"fmt"
	"testing"
	"time"
)

// newAlone returns the view of a node without a cluster, whose members may be absent for
// an hour, and counts the members that leave.
func newAlone(now time.Time, left *int) *Roster {
	r := New(Options{
		ID: "a", Send: func([]byte) {}, AnnounceRoom: func(string, bool) {},
		Announce: func(a Announcement) {
			if a.Left {
				*left++
			}
		},
		Grace: func(string) time.Duration { return time.Hour }, IsWatched: func(string) bool { return false },
	})
	r.Open(now, false)
	return r
}

func TestReturningMemberHasOneDeparture(t *testing.T) {
	now, left := time.Unix(1000, 0), 0
	r := newAlone(now, &left)
	for range 1000 {
		now = now.Add(time.Second)
		r.SetMember(now, "room", "key", &Data{JSON: []byte("{}")}, false)
		r.RemoveMember(now, "room", "key")
	}
	if n := len(r.departures); n != 1 {
		t.Errorf("%d departures wait, want 1", n)
	}
	r.Tick(now.Add(time.Hour-time.Second), true)
	if left != 0 || r.MemberCount("room") != 1 {
		t.Errorf("the member left %d times before its grace period ended", left)
	}
	r.Tick(now.Add(time.Hour), true)
	if left != 1 || r.MemberCount("room") != 0 || !r.Next().IsZero() {
		t.Errorf("the member left %d times after its grace period, want 1", left)
	}
}

func TestAbsentMembersAreLimited(t *testing.T) {
	now, left := time.Unix(1000, 0), 0
	r := newAlone(now, &left)
	for i := range maxDepartures + 10 {
		key := fmt.Sprint(i)
		r.SetMember(now, "room", key, &Data{JSON: []byte("{}")}, false)
		r.RemoveMember(now, "room", key)
	}
	if left != 10 || r.MemberCount("room") != maxDepartures {
		t.Errorf("%d members left, and %d are absent: want 10 and %d", left, r.MemberCount("room"), maxDepartures)
	}
	r.Tick(now.Add(time.Hour), true)
	if left != maxDepartures+10 || r.rooms.Len() != 0 {
		t.Errorf("%d members left, want all", left)
	}
}
