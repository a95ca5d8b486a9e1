package roster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/roster"
)

func TestAbsentMembersThatTakeTooMuchLeaveAtOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	var left []string
	r := roster.New(roster.Options{
		ID: "a", Send: func([]byte) {}, AnnounceRoom: func(string, bool) {},
		Announce: func(a roster.Announcement) {
			if a.Left {
				left = append(left, a.Member.Key)
			}
		},
		Grace: func(string) time.Duration { return time.Hour }, IsWatched: func(string) bool { return false },
	})
	r.Open(now, false)
	data := &roster.Data{JSON: make([]byte, 1000)}
	for i := range 100 {
		now = now.Add(time.Second)
		key := fmt.Sprintf("%03d", i)
		r.SetMember(now, "room", key, data, true)
		r.RemoveMember(now, "room", key)
	}
	r.SetMember(now, "room", "000", data, true) // it returned
	before, _ := r.Memory()
	r.RemoveAbsent(now, before/2)
	after, _ := r.Memory()
	if after > before/2 || len(left) < 40 || len(left) > 60 || left[0] != "001" || r.MemberCount("room") != 100-len(left) {
		t.Errorf("%d of %d bytes are left, %d of 100 members left, first %q", after, before, len(left), left)
	}
	if err := roster.CheckMemory(r); err != nil {
		t.Error(err)
	}
	r.RemoveAbsent(now, after)
	r.RemoveMember(now, "room", "000")
	r.RemoveAbsent(now, after)
	if absent, other := r.Memory(); absent != 0 || other != 0 || len(left) != 100 || r.MemberCount("room") != 0 {
		t.Errorf("%d and %d bytes remain, %d members left", absent, other, len(left))
	}
}
