package hub

import (
	"slices"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/budget"
	"github.com/caddy-socketio/caddy-socketio/internal/id"
	"github.com/caddy-socketio/caddy-socketio/internal/roster"
	"github.com/caddy-socketio/caddy-socketio/internal/table"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

// tracker reports the sockets of this node, as far as the config needs it, to the roster
// of a namespace. It exchanges the messages of the roster with other nodes, announces
// members to the sockets of this node, and passes events of rooms on to rules.
//
// It follows the index of rooms: after each change of a socket's rooms it compares its
// own state with the index. So the order in which changes arrive does not matter.
type tracker struct {
	// Static after construction.
	ns         *Namespace
	events     roomEvents
	absentPart *budget.Part // of the absent members of the hub

	mu     sync.Mutex // guards the following; goes before Log.order
	config *tracking
	link   *link
	roster *roster.Roster
	// members has the values of each socket in a room of which it is a member, and sockets the
	// sockets of each member: the last one joined or changed its data last.
	members table.Table[socketRoom, *memberValues]
	sockets table.Table[memberKey, []*Socket]
	latest  table.Table[*Socket, *memberValues] // the last ones of each socket that has any
	timer   *time.Timer
	timerAt time.Time // when timer calls tick; zero if it does not
	outbox  []nodeMessage
	changes []roomChange
	closed  bool
	sending bool       // a goroutine empties outbox and changes
	sent    *sync.Cond // signaled when sending becomes false
	// Bytes that the process is charged for, see [roster.Roster.Memory].
	absentBytes, otherBytes int
}

// nodeMessage is a message to other nodes.
type nodeMessage struct {
	link    *link
	payload []byte
}

// newTracker returns the tracker of a namespace.
func newTracker(ns *Namespace, config *tracking, link *link) *tracker {
	t := &tracker{ns: ns, config: config, link: link}
	t.absentPart = ns.hub.absentCache.NewPart(t.removeAbsent)
	t.events.ns = ns
	t.sent = sync.NewCond(&t.mu)
	t.roster = roster.New(roster.Options{
		ID: id.New(),
		Send: func(payload []byte) {
			t.outbox = append(t.outbox, nodeMessage{t.link, payload})
		},
		Announce: t.announceMember,
		AnnounceRoom: func(room string, occupied bool) {
			t.changes = append(t.changes, roomChange{room, occupied})
		},
		Grace:     t.graceOf,
		IsWatched: func(room string) bool { return t.config.isWatched(room) },
	})
	return t
}

// updateTracker gives the namespace a tracker if its config needs one, and opens it in the
// cluster that the namespace is in. A namespace that was removed from the hub has none.
func (ns *Namespace) updateTracker() {
	ns.trackerMu.Lock()
	defer ns.trackerMu.Unlock()
	config, link := ns.trackingInUse(), ns.link.Load()
	switch t := ns.tracker.Load(); {
	case config == nil && t != nil:
		ns.tracker.Store(nil)
		t.close()
	case config == nil:
	case t == nil:
		t = newTracker(ns, config, link)
		t.update(func(now time.Time) {
			// From here on, changes of rooms are reported, and messages of other nodes arrive. The
			// first ones reply to Open: without them this node may lead beside another one.
			ns.tracker.Store(t)
			t.roster.Open(now, link.cluster != cluster.Alone)
		})
		t.rescan(new(tracking))
	default:
		t.configure(config, link)
	}
}

// trackingInUse returns the namespace's tracking, nil without one.
func (ns *Namespace) trackingInUse() *tracking {
	h := ns.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.namespaces[ns.name] != ns || h.ctx.Err() != nil {
		return nil
	}
	if r := ns.rules.Load(); r != nil {
		return r.tracking
	}
	return nil
}

// configure applies a config and a link, unless they are in use already.
func (t *tracker) configure(config *tracking, link *link) {
	t.mu.Lock()
	oldConfig, oldLink := t.config, t.link
	t.mu.Unlock()
	if oldLink != link {
		t.update(t.roster.Close)
		t.update(func(now time.Time) {
			t.link = link
			t.roster.Open(now, link.cluster != cluster.Alone)
		})
	}
	if oldConfig == config {
		return
	}
	t.update(func(now time.Time) {
		t.config = config
		t.dropUntracked(now)
		t.roster.AnnounceRooms(now)
	})
	t.rescan(oldConfig)
}

// close says to other nodes that this one leaves. It returns when the message is
// published.
func (t *tracker) close() {
	t.update(t.roster.Close)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		t.releaseMemory()
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	for t.sending {
		t.sent.Wait()
	}
}

// update calls change with the lock held, and then sends and announces the results. Absent
// members beyond their memory leave.
func (t *tracker) update(change func(now time.Time)) {
	if t.apply(change) {
		t.absentPart.Trim()
	}
}

// apply is update without a limit of absent members. It reports whether they take more memory
// than before.
func (t *tracker) apply(change func(now time.Time)) (grown bool) {
	t.mu.Lock()
	if !t.closed {
		change(time.Now())
		t.roster.Flush()
		grown = t.chargeRoster()
		t.setTimerLocked()
	}
	t.mu.Unlock()
	t.sendPending()
	return grown
}

// setTimerLocked sets the timer to the time at which the roster has something to do. The
// caller holds mu.
func (t *tracker) setTimerLocked() {
	next := t.roster.Next()
	switch {
	case next.Equal(t.timerAt):
		return
	case next.IsZero():
		t.timer.Stop()
	case t.timer == nil:
		t.timer = t.ns.hub.afterFunc(time.Until(next), "roster", t.tick)
	default:
		t.timer.Reset(time.Until(next))
	}
	t.timerAt = next
}

// tick does the things of the roster whose time has come.
func (t *tracker) tick() {
	t.mu.Lock()
	link := t.link
	t.mu.Unlock()
	connected := readState(link.cluster, t.ns.log()).Connected
	t.update(func(now time.Time) {
		t.timerAt = time.Time{}
		t.roster.Tick(now, connected)
	})
}

// sendPending publishes the messages and then passes the events of rooms on, both in
// order, unless another goroutine is doing that. No lock is held meanwhile.
func (t *tracker) sendPending() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sending {
		return
	}
	t.sending = true
	for len(t.outbox)+len(t.changes) > 0 {
		messages, changes := t.outbox, t.changes
		t.outbox, t.changes = nil, nil
		t.mu.Unlock()
		for _, m := range messages {
			t.ns.publishNodeMessage(m.link, rosterEvent, m.payload)
		}
		for _, c := range changes {
			t.events.addChange(c)
		}
		t.mu.Lock()
	}
	t.sending = false
	t.sent.Broadcast()
}

// graceOf returns how long a member of a room may be absent.
func (t *tracker) graceOf(room string) time.Duration {
	if p := t.config.presenceOf(room); p != nil {
		return p.Grace
	}
	return 0
}

// announceMember emits the join or the leave of a member to the sockets of this node,
// without its own. The lock is held: an emit to this node queues only.
func (t *tracker) announceMember(a roster.Announcement) {
	p := t.config.presenceOf(a.Room)
	if p == nil || t.ns.index.Size(a.Room) == 0 {
		return
	}
	event := p.Join
	if a.Left {
		event = p.Leave
	}
	if event == "" {
		return
	}
	data, err := eventData(event, []any{Member{a.Member.Key, a.Member.Data}, a.Room})
	if err == nil {
		emit := cluster.Emit{Target: rooms.Target{In: []string{a.Room}, Except: t.socketIDs(a.Room, a.Member.Key)}, Data: data}
		_, err = t.ns.doWithin(cluster.ThisNode, emit)
	}
	if err != nil {
		t.ns.log().Error("announcing a member failed", zap.String("namespace", t.ns.name), zap.String("room", RoomForLog(t.ns, a.Room)), zap.Error(err))
	}
}

// handleRosterMessage handles a message of the roster of another node.
func (ns *Namespace) handleRosterMessage(payload sio.Data) {
	t := ns.tracker.Load()
	if t == nil {
		return
	}
	t.update(func(now time.Time) {
		before := t.roster.Malformed()
		t.roster.Receive(now, []byte(payload.Text()))
		ns.hub.stats.malformed.Add(t.roster.Malformed() - before)
	})
}

// readMembers calls fn with members of a room, see [Namespace.Members]. No member is
// announced before fn returns. It queues messages to clients, and does nothing else.
func (ns *Namespace) readMembers(room, after string, limit int, fn func(page []Member, total int) error) error {
	t := ns.tracker.Load()
	if t == nil {
		return errNoPresence
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.config.presenceOf(room) == nil {
		return errNoPresence
	}
	found := t.roster.Members(room, after, min(limit, MaxMembers), maxMembersBytes)
	page := make([]Member, len(found))
	for i, m := range found {
		page[i] = Member{m.Key, m.Data}
	}
	return fn(page, t.roster.MemberCount(room))
}

// socketIDs returns the ids of the sockets of a member of a room on this node.
func (t *tracker) socketIDs(room, key string) (ids []string) {
	list, _ := t.sockets.Value(memberKey{room, key})
	for _, s := range list {
		ids = append(ids, s.id)
	}
	return ids
}

// dropUntracked drops the rooms that the config has no more presence or use for. The
// caller holds mu.
func (t *tracker) dropUntracked(now time.Time) {
	for place, values := range t.members.All() {
		if t.config.presenceOf(place.room) == nil {
			t.setValues(place, nil)
			t.setSockets(memberKey{place.room, values.key}, nil)
			t.roster.RemoveMember(now, place.room, values.key)
		}
	}
	for _, room := range t.roster.OwnSizes() {
		if counted := room == "" && t.config.sizes || room != "" && t.config.isCounted(room); !counted {
			t.roster.SetSize(now, room, 0)
		}
	}
}

// rescan compares all sockets with the index: the config tracks other rooms than the one
// before. The members of rooms that had no presence are not announced here. A socket may
// join a room meanwhile, and is announced here, or by its join.
func (t *tracker) rescan(before *tracking) {
	const batch = 256 // sockets, with the lock held
	for list := range slices.Chunk(t.ns.index.Select(nil, everySocket), batch) {
		t.update(func(now time.Time) {
			for _, s := range list {
				t.compareRooms(now, s, t.ns.index.RoomsOf(s), before)
			}
		})
	}
}
