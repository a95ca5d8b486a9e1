package redisadapter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/redistest"
)

// TestShardedInRedisCluster has the channels of rooms at all servers of a cluster.
func TestShardedInRedisCluster(t *testing.T) {
	all := redistest.StartCluster(t)
	addresses := func(r *setup) { r.Addresses = []string{all[1].Address(), all[2].Address()} }
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprint("room", i))
	}
	var nodes []*roomNode
	for range 3 { // each at a random server
		nodes = append(nodes, openRoomNode(t, startNode(t, all[0], addresses, inMode(Dynamic)), "/chat", names...))
	}
	for _, n := range nodes {
		n.WaitNodes(3)
	}
	nodes[0].setRooms(true, "late")
	waitSubscribers(t, findSlotOwner(t, all, "socket.io#/chat#late#"), "socket.io#/chat#late#", 1)
	nodes[1].Emit("late", "late")
	nodes[0].NextEmit()
	for i := range 20 {
		for _, room := range names {
			nodes[0].Emit(fmt.Sprint(i), room)
		}
	}
	for _, n := range nodes[1:] {
		next := make(map[string]int) // in order for each room
		for range 20 * len(names) {
			op := n.NextEmit()
			arg, _ := op.Data.Index(1)
			if room := op.In[0]; arg.Text() != fmt.Sprint(next[room]) {
				t.Fatalf("%s: %s, want %d", room, arg.Text(), next[room])
			}
			next[op.In[0]]++
		}
	}
	if replies, err := nodes[0].Request(cluster.FetchSockets{}); err != nil || len(replies) != 2 {
		t.Errorf("%d replies, %v", len(replies), err)
	}
	if dropped := connectionOf(nodes[0].Node).describeState().Dropped; dropped > 0 {
		t.Errorf("%d dropped", dropped)
	}
}

// TestShardedFollowsMovedSlots moves the slots of the main channel and of a room to another
// server.
func TestShardedFollowsMovedSlots(t *testing.T) {
	all := redistest.StartCluster(t)
	a, b := openRoomNode(t, startNode(t, all[0], inMode(Dynamic)), "/chat", "room"), openRoomNode(t, startNode(t, all[0], inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	for _, channel := range []string{"socket.io#/chat#", "socket.io#/chat#room#"} {
		for range 2 {
			waitSubscribers(t, findSlotOwner(t, all, channel), channel, 2)
			to := migrateSlot(t, all, channel)
			redistest.Eventually(t, "the channel moves", func() bool { return countByPublishing(to, channel) == 2 })
			waitEmitsReachIn(t, a, b, channel)
			waitEmitsReachIn(t, b, a, channel)
			waitServersAgree(t, all)
		}
	}
	a.WaitNodes(2)
}

// TestShardedFollowsMovedSlotsUnderLoad migrates the slots of the main channel and of a room
// several times, as resharding does, while messages pass. Messages arrive in order and at most
// once, and all of them at the end.
func TestShardedFollowsMovedSlotsUnderLoad(t *testing.T) {
	all := redistest.StartCluster(t)
	a, b := openRoomNode(t, startNode(t, all[0], inMode(Dynamic)), "/chat", "room"), openRoomNode(t, startNode(t, all[1], inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	channels := []string{"socket.io#/chat#", "socket.io#/chat#room#"}
	for _, channel := range channels {
		waitSubscribers(t, findSlotOwner(t, all, channel), channel, 2)
	}
	moves, sent := make(chan struct{}), make(chan int)
	go func() {
		load := time.NewTicker(time.Millisecond) // that a cluster can pass on
		defer load.Stop()
		n := 0
		for done := false; !done; {
			select {
			case <-moves:
				done = true // after a last round
			case <-load.C:
			}
			for range 10 {
				a.Emit(fmt.Sprint(n), "room")
				a.Emit(fmt.Sprint(n))
				n++
			}
		}
		sent <- n
	}()
	last, got := [2]int{-1, -1}, 0
	check := func(op cluster.Emit) {
		arg, _ := op.Data.Index(1)
		n, _ := strconv.Atoi(arg.Text())
		if n <= last[len(op.In)] {
			t.Fatalf("%d after %d", n, last[len(op.In)])
		}
		last[len(op.In)] = n
		got++
	}
	for i := range 6 {
		channel := channels[i%2]
		migrateSlot(t, all, channel)
		redistest.Eventually(t, "the channel has moved", func() bool {
			for len(b.Applied) > 0 {
				check(b.NextEmit())
			}
			return countByPublishing(findSlotOwner(t, all, channel), channel) == 2
		})
		waitServersAgree(t, all)
	}
	close(moves)
	n := <-sent
	for last != [2]int{n - 1, n - 1} {
		check(b.NextEmit())
	}
	a.WaitNodes(2)
	t.Logf("%d of %d messages arrived, %d were counted as dropped", got, 2*n, connectionOf(a.Node).describeState().Dropped)
}

// TestShardedIgnoresReplicas has replicas, which accept subscriptions that not all nodes count.
func TestShardedIgnoresReplicas(t *testing.T) {
	all := redistest.StartCluster(t)
	channel := "socket.io#/chat#"
	master := findSlotOwner(t, all, channel)
	replica := startReplica(t, all, master)
	var nodes []*roomNode
	for range 8 {
		nodes = append(nodes, openRoomNode(t, startNode(t, replica, inMode(Dynamic)), "/chat"))
	}
	nodes[0].WaitNodes(8)
	waitSubscribers(t, master, channel, 8)
	nodes[0].Emit("x")
	for _, n := range nodes[1:] {
		n.NextEmit()
	}
}

// TestShardedSurvivesFailover stops the server of a channel; its replica takes over.
func TestShardedSurvivesFailover(t *testing.T) {
	all := redistest.StartCluster(t)
	channel := "socket.io#/chat#room#"
	master := findSlotOwner(t, all, channel)
	replica := startReplica(t, all, master)
	var rest []*redistest.Server
	for _, s := range append(all, replica) {
		if s != master {
			rest = append(rest, s)
		}
	}
	addresses := func(r *setup) {
		for _, s := range rest[1:] {
			r.Addresses = append(r.Addresses, s.Address())
		}
	}
	a, b := openRoomNode(t, startNode(t, rest[0], addresses, inMode(Dynamic)), "/chat", "room"), openRoomNode(t, startNode(t, rest[0], addresses, inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	waitSubscribers(t, master, channel, 2)
	waitEmitsReachIn(t, a, b, channel)
	redistest.ExpectFailure(rest)
	master.Stop()
	redistest.Eventually(t, "the replica takes over", func() bool { return replica.Info("role") == "master" })
	waitSubscribers(t, replica, channel, 2)
	a.WaitNodes(2)
	waitEmitsReachIn(t, a, b, channel)
	waitEmitsReachIn(t, b, a, "socket.io#/chat#")
}

// startReplica starts a replica of a server of a cluster.
func startReplica(t *testing.T, all []*redistest.Server, master *redistest.Server) *redistest.Server {
	t.Helper()
	_, id := master.CommandText("CLUSTER", "MYID")
	master.Command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
	replica := redistest.StartClusterMember(t)
	replica.MeetMember(master)
	redistest.Eventually(t, "the replica replicates", func() bool { return replica.Command("CLUSTER", "REPLICATE", id) == "+OK" })
	// A server that does not know it when its master ends does not elect it.
	redistest.Eventually(t, "the replica is known", func() bool {
		for _, s := range slices.Concat(all, []*redistest.Server{replica}) {
			if _, nodes := s.CommandText("CLUSTER", "NODES"); !strings.Contains(nodes, "slave") || s.Info("cluster_known_nodes") != "4" {
				return false
			}
		}
		return replica.Info("master_link_status") == "up"
	})
	return replica
}

// waitEmitsReachIn is waitEmitsReach for one channel.
func waitEmitsReachIn(t *testing.T, a, b *roomNode, channel string) {
	t.Helper()
	room := adapterOf(a.Adapter).namespace.names.roomOf(channel)
	redistest.Eventually(t, "the emit arrives", func() bool {
		if channel == "socket.io#/chat#" {
			a.Emit("x")
		} else {
			a.Emit("x", room)
		}
		return len(b.Applied) > 0
	})
	for len(b.Applied) > 0 {
		b.NextOperation()
	}
}

// computeSlot returns CRC16 XMODEM of a name without braces, as the specification of Redis
// Cluster defines slots.
func computeSlot(name string) uint16 {
	var crc uint16
	for _, c := range []byte(name) {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}

// findSlotOwner returns the server that has the slot of a channel.
func findSlotOwner(t *testing.T, all []*redistest.Server, channel string) (found *redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "a server has the slot", func() bool { // while it moves, there may be none
		for _, s := range all {
			if !strings.Contains(s.Command("SPUBLISH", channel, `{"type":2}`), "MOVED") {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

// migrateSlot moves the slot of a channel to another server, which it returns, by the steps of
// redis-cli. Without the first step, the new server does not win against the old one's later
// messages, and the servers may disagree for good.
func migrateSlot(t *testing.T, all []*redistest.Server, channel string) (to *redistest.Server) {
	t.Helper()
	from, slot := findSlotOwner(t, all, channel), fmt.Sprint(computeSlot(channel))
	to = all[0]
	if to == from {
		to = all[1]
	}
	_, source := from.CommandText("CLUSTER", "MYID")
	_, id := to.CommandText("CLUSTER", "MYID")
	if got := to.Command("CLUSTER", "SETSLOT", slot, "IMPORTING", source) + from.Command("CLUSTER", "SETSLOT", slot, "MIGRATING", id); got != "+OK+OK" {
		t.Fatal(got)
	}
	assignSlot(t, all, slot, to)
	return to
}

// waitServersAgree waits until all servers report the same owners of slots. A server that lags
// behind when the next move begins may undo it later.
func waitServersAgree(t *testing.T, all []*redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "the servers agree", func() bool {
		var first string
		for i, s := range all {
			_, nodes := s.CommandText("CLUSTER", "NODES")
			var claims []string // id, epoch and slots of each
			for line := range strings.Lines(nodes) {
				if fields := strings.Fields(line); len(fields) >= 8 {
					claims = append(claims, fmt.Sprint(fields[0], fields[6], fields[8:]))
				}
			}
			slices.Sort(claims)
			switch said := strings.Join(claims, ";"); {
			case i == 0:
				first = said
			case said != first:
				return false
			}
		}
		return true
	})
}

// assignSlot moves an empty slot to a server.
func assignSlot(t *testing.T, all []*redistest.Server, slot string, to *redistest.Server) {
	t.Helper()
	_, id := to.CommandText("CLUSTER", "MYID")
	for _, s := range append([]*redistest.Server{to}, all...) {
		if got := s.Command("CLUSTER", "SETSLOT", slot, "NODE", id); got != "+OK" {
			t.Fatal(got)
		}
	}
}
