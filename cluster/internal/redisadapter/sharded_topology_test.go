package redisadapter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/cluster/internal/redistest"
)

// TestShardedRedisCluster has the channels of rooms all over a cluster.
func TestShardedRedisCluster(t *testing.T) {
	all := redistest.StartCluster(t)
	addresses := func(r *setup) { r.Addresses = []string{all[1].Address(), all[2].Address()} }
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprint("room", i))
	}
	var nodes []*roomy
	for range 3 { // each at home where chance says
		nodes = append(nodes, enter(t, startNode(t, all[0], addresses, inMode(Dynamic)), "/chat", names...))
	}
	for _, n := range nodes {
		n.WaitNodes(3)
	}
	nodes[0].set(true, "late")
	subscribers(t, owner(t, all, "socket.io#/chat#late#"), "socket.io#/chat#late#", 1)
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
	if answers, err := nodes[0].Request(cluster.FetchSockets{}); err != nil || len(answers) != 2 {
		t.Errorf("%d answers, %v", len(answers), err)
	}
	if dropped := connectionOf(nodes[0].Node).describeState().Dropped; dropped > 0 {
		t.Errorf("%d dropped", dropped)
	}
}

// TestShardedSlotMoves moves the slots of the main channel and of a room to
// another server.
func TestShardedSlotMoves(t *testing.T) {
	all := redistest.StartCluster(t)
	a, b := enter(t, startNode(t, all[0], inMode(Dynamic)), "/chat", "room"), enter(t, startNode(t, all[0], inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	for _, channel := range []string{"socket.io#/chat#", "socket.io#/chat#room#"} {
		for range 2 {
			from := owner(t, all, channel)
			to := all[0]
			if to == from {
				to = all[1]
			}
			subscribers(t, from, channel, 2)
			move(t, all, fmt.Sprint(clusterSlot(channel)), to)
			redistest.Eventually(t, "the channel moves", func() bool { return numsub(to, channel) == 2 })
			hearsIn(t, a, b, channel)
			hearsIn(t, b, a, channel)
		}
	}
	a.WaitNodes(2)
}

// TestShardedSlotsMoveUnderLoad migrates the slots of the main channel and of a room
// to and fro, as a cluster that is resharded does, while messages pass: what arrives
// is in order and there once, and in the end all does.
func TestShardedSlotsMoveUnderLoad(t *testing.T) {
	all := redistest.StartCluster(t)
	a, b := enter(t, startNode(t, all[0], inMode(Dynamic)), "/chat", "room"), enter(t, startNode(t, all[1], inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	channels := []string{"socket.io#/chat#", "socket.io#/chat#room#"}
	for _, channel := range channels {
		subscribers(t, owner(t, all, channel), channel, 2)
	}
	moves, sent := make(chan struct{}), make(chan int)
	go func() {
		load := time.NewTicker(time.Millisecond) // which a cluster passes on with ease
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
	hear := func(op cluster.Emit) {
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
		migrate(t, all, channel)
		redistest.Eventually(t, "the channel has moved", func() bool {
			for len(b.Applied) > 0 {
				hear(b.NextEmit())
			}
			return numsub(owner(t, all, channel), channel) == 2
		})
		agree(t, all)
	}
	close(moves)
	n := <-sent
	for last != [2]int{n - 1, n - 1} {
		hear(b.NextEmit())
	}
	a.WaitNodes(2)
	t.Logf("%d of %d messages arrived, %d were counted as dropped", got, 2*n, connectionOf(a.Node).describeState().Dropped)
}

// TestShardedIgnoresReplicas has replicas, which let subscribe and are not counted
// by everybody.
func TestShardedIgnoresReplicas(t *testing.T) {
	all := redistest.StartCluster(t)
	channel := "socket.io#/chat#"
	master := owner(t, all, channel)
	replica := replicate(t, all, master)
	var nodes []*roomy
	for range 8 {
		nodes = append(nodes, enter(t, startNode(t, replica, inMode(Dynamic)), "/chat"))
	}
	nodes[0].WaitNodes(8)
	subscribers(t, master, channel, 8)
	nodes[0].Emit("x")
	for _, n := range nodes[1:] {
		n.NextEmit()
	}
}

// TestShardedFailover has the server of a channel end, and its replica take over.
func TestShardedFailover(t *testing.T) {
	all := redistest.StartCluster(t)
	channel := "socket.io#/chat#room#"
	master := owner(t, all, channel)
	replica := replicate(t, all, master)
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
	a, b := enter(t, startNode(t, rest[0], addresses, inMode(Dynamic)), "/chat", "room"), enter(t, startNode(t, rest[0], addresses, inMode(Dynamic)), "/chat", "room")
	a.WaitNodes(2)
	subscribers(t, master, channel, 2)
	hearsIn(t, a, b, channel)
	master.Stop()
	redistest.Eventually(t, "the replica takes over", func() bool { return replica.Info("role") == "master" })
	subscribers(t, replica, channel, 2)
	a.WaitNodes(2)
	hearsIn(t, a, b, channel)
	hearsIn(t, b, a, "socket.io#/chat#")
}

// replicate starts a replica of a server of a cluster.
func replicate(t *testing.T, all []*redistest.Server, master *redistest.Server) *redistest.Server {
	t.Helper()
	_, id := master.CommandText("CLUSTER", "MYID")
	master.Command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
	replica := redistest.StartClusterMember(t)
	replica.MeetMember(master)
	redistest.Eventually(t, "the replica replicates", func() bool { return replica.Command("CLUSTER", "REPLICATE", id) == "+OK" })
	// Who does not know it yet when its master ends does not elect it.
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

// hearsIn is hears by one channel.
func hearsIn(t *testing.T, a, b *roomy, channel string) {
	t.Helper()
	room := adapterOf(a.Adapter).namespace.names.roomOf(channel)
	redistest.Eventually(t, "the other node hears", func() bool {
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

// clusterSlot is CRC16 XMODEM of a name without braces, as the Redis Cluster
// specification has it.
func clusterSlot(name string) uint16 {
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

// owner returns the server that has a channel's slot.
func owner(t *testing.T, all []*redistest.Server, channel string) (found *redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "somebody has the slot", func() bool { // while it moves, nobody may
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

// migrate moves the slot of a channel to another server, by the steps that
// redis-cli takes.
func migrate(t *testing.T, all []*redistest.Server, channel string) {
	t.Helper()
	from, slot := owner(t, all, channel), fmt.Sprint(clusterSlot(channel))
	to := all[0]
	if to == from {
		to = all[1]
	}
	_, source := from.CommandText("CLUSTER", "MYID")
	_, id := to.CommandText("CLUSTER", "MYID")
	if got := to.Command("CLUSTER", "SETSLOT", slot, "IMPORTING", source) + from.Command("CLUSTER", "SETSLOT", slot, "MIGRATING", id); got != "+OK+OK" {
		t.Fatal(got)
	}
	move(t, all, slot, to)
}

// agree waits until all servers say the same of who has which slots. If one of them is
// still to hear of a move when the next begins, it may undo it later.
func agree(t *testing.T, all []*redistest.Server) {
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

// move moves an empty slot to a server.
func move(t *testing.T, all []*redistest.Server, slot string, to *redistest.Server) {
	t.Helper()
	_, id := to.CommandText("CLUSTER", "MYID")
	for _, s := range append([]*redistest.Server{to}, all...) {
		if got := s.Command("CLUSTER", "SETSLOT", slot, "NODE", id); got != "+OK" {
			t.Fatal(got)
		}
	}
}
