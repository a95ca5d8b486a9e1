package roster_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/roster"
)

// world is a cluster in virtual time, and the truth about it.
type world struct {
	t         testing.TB
	random    *rand.Rand
	now       time.Time
	machines  []*machine
	inFlight  []packet
	nextID    int
	loss      float64 // probability that a message is lost
	announced map[string][]bool
	trace     []string
	// lossy is true if a message was lost: then two nodes may have led.
	lossy   bool
	stopped bool // a node stopped
	// forgotten is true if no node may know all announcements, for instance since one of
	// two leaders stopped.
	forgotten bool
}

// machine is a place for one node at a time.
type machine struct {
	world     *world
	index     int
	node      *roster.Roster // nil while it is down
	id        string
	group     int // machines of one group reach each other
	started   time.Time
	heir      bool
	offline   bool // the adapter knows that it has no connection
	members   map[[2]string]string
	sizes     map[string]int
	observers map[string]map[string]bool // by room: the keys that a client knows
}

// packet is a message on its way.
type packet struct {
	at       time.Time
	from, to *machine
	fromID   string
	payload  []byte
}

const grace = 5 * time.Second

var roomNames = []string{"a", "b", "unwatched"}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_000_000, 0),
		announced: make(map[string][]bool),
	}
	for i := range 2 + w.random.IntN(3) {
		w.machines = append(w.machines, &machine{world: w, index: i})
	}
	return w
}

func (w *world) logf(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%8.3f ", w.now.Sub(time.Unix(1_000_000, 0)).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(w.trace, "\n"))
}

// start starts a node without members.
func (m *machine) start() {
	w := m.world
	w.nextID++
	m.id, m.started = fmt.Sprintf("n%d", w.nextID), w.now
	m.heir = false
	m.members, m.sizes = make(map[[2]string]string), make(map[string]int)
	m.observers = make(map[string]map[string]bool)
	id := m.id
	m.node = roster.New(roster.Options{
		ID:       id,
		Send:     func(payload []byte) { w.send(m, id, payload) },
		Announce: m.observe,
		AnnounceRoom: func(room string, occupied bool) {
			w.logf("%s announces %s occupied=%v", id, room, occupied)
			w.announced[room] = append(w.announced[room], occupied)
		},
		Grace:     func(string) time.Duration { return grace },
		IsWatched: func(room string) bool { return room != "unwatched" },
	})
	m.node.Open(w.now, true)
	for _, room := range roomNames {
		m.observers[room] = make(map[string]bool) // a client that is there from the start
	}
	w.logf("start %s", id)
}

// stop stops a node. The nodes that know the announcements of a leader are its heirs.
// Without a leader and an heir the announcements are forgotten.
func (m *machine) stop() {
	w := m.world
	if m.node.Leads() {
		for _, other := range w.machines {
			other.heir = other != m && other.group == m.group && !other.offline && !m.offline && !w.lossy &&
				w.now.Sub(other.started) > 5*time.Second
		}
	}
	m.node = nil
	w.stopped = true
	if !slices.ContainsFunc(w.machines, func(m *machine) bool { return m.node != nil && (m.heir || m.node.Leads()) }) {
		w.logf("announcements are forgotten")
		clear(w.announced)
		w.forgotten = w.forgotten || slices.ContainsFunc(w.machines, func(m *machine) bool { return m.node != nil })
	}
}

// observe applies an announcement to the list of the room's clients on this node.
func (m *machine) observe(a roster.Announcement) {
	known := m.observers[a.Room]
	m.world.logf("%s sees %s %s left=%v", m.id, a.Room, a.Member.Key, a.Left)
	if known[a.Member.Key] == !a.Left {
		m.world.fail("%s: %s of %s: client is told twice, left=%v", m.id, a.Member.Key, a.Room, a.Left)
	}
	if a.Left {
		delete(known, a.Member.Key)
	} else {
		known[a.Member.Key] = true
	}
}

// send puts a message on its way to all machines of the group.
func (w *world) send(from *machine, id string, payload []byte) {
	if len(payload) > 128<<10 {
		w.fail("message of %d bytes", len(payload))
	}
	if from.offline {
		w.lossy = true
		return
	}
	for _, to := range w.machines {
		if to == from {
			continue
		}
		if to.group != from.group || to.offline || w.random.Float64() < w.loss {
			w.lossy = w.lossy || to.node != nil
			continue
		}
		at := w.now.Add(time.Duration(1+w.random.IntN(200)) * time.Millisecond)
		for _, p := range w.inFlight { // messages of a node do not overtake each other
			if p.from == from && p.to == to && p.at.After(at) {
				at = p.at
			}
		}
		w.inFlight = append(w.inFlight, packet{at, from, to, id, payload})
	}
}

// run advances the time.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for {
		next := end
		for _, p := range w.inFlight {
			if p.at.Before(next) {
				next = p.at
			}
		}
		for _, m := range w.machines {
			if m.node != nil {
				if at := m.node.Next(); !at.IsZero() && at.Before(next) {
					next = at
				}
			}
		}
		if next.After(w.now) {
			w.now = next
		}
		worked := w.deliver()
		for _, m := range w.machines {
			if m.node == nil {
				continue
			}
			if at := m.node.Next(); !at.IsZero() && !at.After(w.now) {
				m.node.Tick(w.now, !m.offline)
				m.check()
				worked = true
			}
		}
		if !worked && !w.now.Before(end) {
			return
		}
	}
}

// deliver delivers the messages that have arrived.
func (w *world) deliver() (delivered bool) {
	for i := 0; i < len(w.inFlight); i++ {
		p := w.inFlight[i]
		if p.at.After(w.now) {
			continue
		}
		w.inFlight = slices.Delete(w.inFlight, i, i+1)
		i--
		delivered = true
		if p.to.node != nil && p.to.id != p.fromID {
			p.to.node.Receive(w.now, p.payload)
			p.to.check()
		}
	}
	return delivered
}

// check compares the list of a node with the one that its clients know.
func (m *machine) check() {
	for _, room := range roomNames {
		if m.node.MemberCount(room) != len(m.observers[room]) {
			m.world.fail("%s: %s has %d members, clients know %d", m.id, room, m.node.MemberCount(room), len(m.observers[room]))
		}
	}
}

// step does one random thing.
func (w *world) step(kills, partitions bool) {
	m := w.machines[w.random.IntN(len(w.machines))]
	if m.node == nil {
		if w.random.IntN(3) == 0 {
			m.start()
		}
		return
	}
	room := roomNames[w.random.IntN(len(roomNames))]
	key := string(rune('k' + w.random.IntN(5)))
	switch n := w.random.IntN(100); {
	case n < 40:
		data := fmt.Sprintf(`{"n":%d}`, w.random.IntN(3))
		w.logf("%s sets %s %s %s", m.id, room, key, data)
		m.members[[2]string{room, key}] = data
		m.node.SetMember(w.now, room, key, &roster.Data{JSON: []byte(data)}, false)
	case n < 65:
		w.logf("%s removes %s %s", m.id, room, key)
		delete(m.members, [2]string{room, key})
		m.node.RemoveMember(w.now, room, key)
	case n < 90:
		size := max(0, w.random.IntN(4)-1)
		w.logf("%s sizes %s %d", m.id, room, size)
		m.sizes[room] = size
		m.node.SetSize(w.now, room, size)
	case n < 93 && kills:
		w.logf("kill %s", m.id)
		m.stop()
		return
	case n < 95:
		w.logf("close %s", m.id)
		m.node.Close(w.now)
		m.stop()
		return
	case n < 97 && partitions:
		m.group = w.random.IntN(2)
		w.logf("%s is in group %d", m.id, m.group)
	case n < 98 && partitions:
		m.offline = !m.offline
		w.logf("%s offline=%v", m.id, m.offline)
	case n < 99 && partitions:
		w.loss = float64(w.random.IntN(2)) * 0.2
		w.logf("loss %v", w.loss)
	}
	m.node.Flush()
	m.check()
	if err := roster.CheckMemory(m.node); err != nil {
		w.fail("%s: %v", m.id, err)
	}
}

// checkView compares the view of a node with the truth.
func (w *world) checkView(m *machine) {
	for _, room := range roomNames {
		truth, size := make(map[string][]string), 0
		for _, other := range w.machines {
			if other.node == nil {
				continue
			}
			size += other.sizes[room]
			for name, data := range other.members {
				if name[0] == room {
					truth[name[1]] = append(truth[name[1]], data)
				}
			}
		}
		if got := m.node.Size(room); got != size {
			w.fail("%s: size of %s is %d, want %d", m.id, room, got, size)
		}
		page := m.node.Members(room, "", 100, 1<<20)
		var keys []string
		for _, member := range page {
			keys = append(keys, member.Key)
			if !slices.Contains(truth[member.Key], string(member.Data)) {
				w.fail("%s: %s in %s has data %s, want one of %q", m.id, member.Key, room, member.Data, truth[member.Key])
			}
		}
		if want := slices.Sorted(maps.Keys(truth)); !slices.Equal(keys, want) {
			w.fail("%s: %s has %q, want %q", m.id, room, keys, want)
		}
	}
}

// checkQuiescent checks that all nodes agree, that one leads, and that the last
// announcement of each room is right.
func (w *world) checkQuiescent(exact bool) {
	leaders, alive := 0, 0
	var first *machine
	for _, m := range w.machines {
		if m.node == nil {
			continue
		}
		alive++
		w.checkView(m)
		if m.node.Leads() {
			leaders++
		}
		if first == nil {
			first = m
		}
		for _, room := range roomNames {
			if a, b := fmt.Sprintf("%q", first.node.Members(room, "", 100, 1<<20)), fmt.Sprintf("%q", m.node.Members(room, "", 100, 1<<20)); a != b {
				w.fail("%s has %s, %s has %s", first.id, a, m.id, b)
			}
		}
		if m.node.Malformed() > 0 {
			w.fail("%s: %d malformed messages", m.id, m.node.Malformed())
		}
	}
	if alive > 0 && leaders != 1 {
		w.fail("%d nodes lead", leaders)
	}
	if w.forgotten {
		return
	}
	for room, all := range w.announced {
		if room == "unwatched" {
			w.fail("an unwatched room was announced")
		}
		if alive > 0 && all[len(all)-1] != (first.node.Size(room) > 0) {
			w.fail("%s: the last announcement is %v, %d sockets are in it", room, all[len(all)-1], first.node.Size(room))
		}
		for i := range all {
			if exact && all[i] != (i%2 == 0) {
				w.fail("%s: announcement %d is %v", room, i, all[i])
			}
		}
	}
	for _, room := range roomNames[:2] {
		if alive > 0 && first.node.Size(room) > 0 && len(w.announced[room]) == 0 {
			w.fail("%s was not announced", room)
		}
	}
}

// runProgram runs a random program, and then checks everything.
func runProgram(t testing.TB, seed uint64, kills, partitions bool) {
	w := newWorld(t, seed)
	for range 3 {
		for range 30 {
			w.step(kills, partitions)
			if w.random.IntN(3) > 0 {
				w.run(time.Duration(w.random.IntN(4)*w.random.IntN(1500)) * time.Millisecond)
			}
		}
		w.loss = 0
		for _, m := range w.machines {
			m.group, m.offline = 0, false
		}
		w.logf("quiescence")
		w.run(time.Minute)
		w.forgotten = w.forgotten || w.lossy && w.stopped
		w.lossy, w.stopped = false, false
		w.checkQuiescent(!partitions)
	}
}

func TestViewsEqualTheTruth(t *testing.T) {
	t.Parallel()
	programs := uint64(300)
	if raceEnabled {
		programs = 15
	}
	for _, mode := range []struct {
		name              string
		kills, partitions bool
	}{{"close", false, false}, {"kill", true, false}, {"partition", true, true}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			for seed := range programs {
				runProgram(t, seed, mode.kills, mode.partitions)
			}
		})
	}
}
