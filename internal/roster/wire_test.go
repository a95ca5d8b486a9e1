package roster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/roster"
)

// newQuietRoster returns an open roster whose messages go nowhere.
func newQuietRoster(id string, send func([]byte)) *roster.Roster {
	r := roster.New(roster.Options{
		ID: id, Send: send,
		Announce:     func(roster.Announcement) {},
		AnnounceRoom: func(string, bool) {},
		Grace:        func(string) time.Duration { return 0 },
		IsWatched:    func(string) bool { return true },
	})
	r.Open(start, true)
	return r
}

var start = time.Unix(1_000_000, 0)

func TestMalformedMessagesAreCountedAndIgnored(t *testing.T) {
	t.Parallel()
	begin := `{"v":1,"from":"x","type":"chunk","to":"me","snapshot":1,"entries":[`
	for _, test := range []struct {
		name, message string
		malformed     uint64
	}{
		{"no JSON", `{`, 1},
		{"no message", `{}`, 1},
		{"another version", `{"v":2,"from":[],"type":7}`, 0},
		{"a list", `[1]`, 1},
		{"no sender", `{"v":1,"type":"beat"}`, 1},
		{"a long sender", `{"v":1,"from":"` + strings.Repeat("x", 100) + `","type":"beat"}`, 1},
		{"an unknown type", `{"v":1,"from":"x","type":"hug"}`, 1},
		{"a negative number", `{"v":1,"from":"x","type":"beat","seq":-1}`, 1},
		{"a large number", `{"v":1,"from":"x","type":"beat","seq":9007199254740993}`, 1},
		{"a negative place", `{"v":1,"from":"x","type":"want","at":-1}`, 1},
		{"an unknown kind", begin + `{"t":"z","r":"a"}]}`, 1},
		{"a member of no room", begin + `{"t":"m","k":"a","d":{}}]}`, 1},
		{"a member without a key", begin + `{"t":"m","r":"a","d":{}}]}`, 1},
		{"a long key", begin + `{"t":"m","r":"a","k":"` + strings.Repeat("k", 257) + `","d":{}}]}`, 1},
		{"a control character", begin + `{"t":"m","r":"a","k":"a\nb","d":{}}]}`, 1},
		{"data that is no object", begin + `{"t":"m","r":"a","k":"a","d":[]}]}`, 1},
		{"large data", begin + `{"t":"m","r":"a","k":"a","d":{"a":"` + strings.Repeat("d", 5000) + `"}}]}`, 1},
		{"a long room", begin + `{"t":"s","r":"` + strings.Repeat("r", 513) + `","n":1}]}`, 1},
		{"a size with a key", begin + `{"t":"s","r":"a","k":"a","n":1}]}`, 1},
		{"a large message", begin + strings.Repeat(" ", 300<<10) + `]}`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newQuietRoster("me", func([]byte) {})
			r.Receive(start, []byte(test.message))
			if r.Malformed() != test.malformed || r.MemberCount("a") > 0 || r.Size("a") > 0 {
				t.Errorf("%d malformed, %d members, size %d", r.Malformed(), r.MemberCount("a"), r.Size("a"))
			}
		})
	}
}

// A program that invents nodes does not fill the memory.
func TestNodesAreLimited(t *testing.T) {
	t.Parallel()
	r := newQuietRoster("me", func([]byte) {})
	for i := range 3000 {
		r.Receive(start, fmt.Appendf(nil, `{"v":1,"from":"n%d","type":"beat"}`, i))
	}
	if n := r.Nodes(); n != 1025 || r.Malformed() != 1976 {
		t.Errorf("%d nodes, %d malformed", n, r.Malformed())
	}
}

// A room with 100,000 members reaches another node in messages of bounded size, and a
// join of one more is one small message.
func TestLargeRoomTravelsInParts(t *testing.T) {
	t.Parallel()
	const members = 100_000
	var sent [2][][]byte
	largest := 0
	rosters := make([]*roster.Roster, 2)
	for i := range rosters {
		rosters[i] = newQuietRoster(fmt.Sprint("n", i), func(payload []byte) {
			sent[i] = append(sent[i], payload)
			largest = max(largest, len(payload))
		})
	}
	for i := range members {
		rosters[0].SetMember(start, "lobby", fmt.Sprintf("key-%06d", i), &roster.Data{JSON: []byte(`{"name":"A name of some length"}`)}, false)
	}
	rosters[0].Flush()
	exchange := func() {
		for len(sent[0])+len(sent[1]) > 0 {
			for i := range sent {
				messages := sent[i]
				sent[i] = nil
				for _, m := range messages {
					rosters[1-i].Receive(start, m)
				}
			}
		}
	}
	sent[0], sent[1] = nil, nil // the deltas are lost
	rosters[0].Tick(start.Add(3*time.Second), true)
	exchange()
	if n := rosters[1].MemberCount("lobby"); n != members {
		t.Errorf("%d members", n)
	}
	if largest > 128<<10 {
		t.Errorf("a message has %d bytes", largest)
	}
	rosters[0].SetMember(start, "lobby", "one-more", &roster.Data{JSON: []byte(`{}`)}, false)
	rosters[0].Flush()
	if len(sent[0]) != 1 || len(sent[0][0]) > 256 {
		t.Errorf("a join is %d messages", len(sent[0]))
	}
	exchange()
	page := rosters[1].Members("lobby", "key-050000", 1000, 1<<20)
	if len(page) != 1000 || page[0].Key != "key-050001" || page[999].Key != "key-051000" {
		t.Errorf("page of %d members begins with %v", len(page), page[0])
	}
	if page := rosters[1].Members("lobby", "", 1000, 1000); len(page) > 30 {
		t.Errorf("%d members in 1000 bytes", len(page))
	}
	for i := range members {
		rosters[0].RemoveMember(start, "lobby", fmt.Sprintf("key-%06d", i))
	}
	rosters[0].Flush()
	exchange()
	if page := rosters[1].Members("lobby", "", 1000, 1<<20); len(page) != 1 || page[0].Key != "one-more" {
		t.Errorf("%d members are left", len(page))
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"v":1,"from":"x","type":"hello"}`), []byte(`{"v":1,"from":"x","type":"chunk","to":"me","snapshot":1,"entries":[{"t":"m","r":"a","k":"a","d":{},"n":1}]}`))
	f.Add([]byte(`{"v":1,"from":"x","type":"chunk","to":"me","snapshot":1,"next":3}`), []byte(`{"v":1,"from":"x","type":"delta","seq":1,"entries":[{"t":"a","r":"a","n":1}]}`))
	f.Fuzz(func(_ *testing.T, one, two []byte) {
		r := newQuietRoster("me", func([]byte) {})
		r.SetMember(start, "a", "k", &roster.Data{JSON: []byte(`{}`)}, false)
		r.Receive(start, []byte(`{"v":1,"from":"x","type":"beat"}`))
		r.Receive(start, one)
		r.Receive(start.Add(time.Second), two)
		r.Tick(start.Add(3*time.Second), true)
		r.Tick(start.Add(time.Minute), true)
	})
}
