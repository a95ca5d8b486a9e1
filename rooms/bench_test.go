package rooms_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/rooms"
)

// socket stands for the members of a server's index: pointers.
type socket struct{ id string }

const large = 333_333 // members in three rooms each: a million memberships

// fillIndex returns an index of members that are in a room of their own, in one of a
// thousand, and in the lobby.
func fillIndex(members int) (*rooms.Index[*socket], []*socket) {
	x := rooms.NewIndex[*socket](rooms.Options{MaxRooms: 100})
	sockets := make([]*socket, members)
	for i := range sockets {
		sockets[i] = &socket{"id" + strconv.Itoa(i)}
		x.Add(sockets[i], sockets[i].id, "room"+strconv.Itoa(i%1000), "lobby")
	}
	return x, sockets
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, members := range []int{1000, large} {
		b.Run(strconv.Itoa(members), func(b *testing.B) {
			x, sockets := fillIndex(members)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s := sockets[i*7919%len(sockets)]
				_ = x.Join(s, "chess")
				x.Leave(s, "chess")
			}
		})
	}
}

func BenchmarkLeaveJoinLobby(b *testing.B) {
	x, sockets := fillIndex(large)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := sockets[i*7919%len(sockets)]
		x.Leave(s, "lobby")
		_ = x.Join(s, "lobby")
	}
}

func BenchmarkAddRemove(b *testing.B) {
	x, _ := fillIndex(large)
	s := &socket{"new"}
	b.ReportAllocs()
	for b.Loop() {
		x.Add(s, s.id, "room1", "lobby")
		x.Remove(s)
	}
}

func BenchmarkSelect(b *testing.B) {
	x, sockets := fillIndex(large)
	for _, s := range sockets[:30_000] {
		x.Add(s, "union")
	}
	for i, s := range sockets[:20_000] {
		x.Add(s, "union of "+strconv.Itoa(i/10_000))
		x.Add(sockets[(i*7919+5000)%len(sockets)], "union of 2")
		if i == 10_000 {
			x.Add(s, "pair")
		}
	}
	for _, bm := range []struct {
		name   string
		target rooms.Target
	}{
		{"own room", rooms.Target{In: []string{"id5"}}},
		{"room of 333", rooms.Target{In: []string{"room5"}}},
		{"room of 333 but one", rooms.Target{In: []string{"room5"}, Except: []string{"id5"}}},
		{"union of 2 of 333", rooms.Target{In: []string{"room5", "room6"}}},
		{"union of 3 of 10000", rooms.Target{In: []string{"union of 0", "union of 1", "union of 2"}}},
		{"room of 333333", rooms.Target{In: []string{"lobby"}}},
		{"room of 333333 but one", rooms.Target{In: []string{"lobby"}, Except: []string{"id5"}}},
		{"all but 30000", rooms.Target{Except: []string{"union"}}},
		{"room of 1 but 333333", rooms.Target{In: []string{"pair"}, Except: []string{"lobby"}}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			dst := x.Select(nil, bm.target)
			b.ReportAllocs()
			for b.Loop() {
				dst = x.Select(dst[:0], bm.target)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(1, len(dst))), "ns/member")
		})
	}
}

func BenchmarkPage(b *testing.B) {
	x, _ := fillIndex(large)
	b.ReportAllocs()
	for b.Loop() {
		x.Page("id", "id2", 100)
	}
}

// BenchmarkMemory measures the bytes of a member of three rooms, without its names.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		x := rooms.NewIndex[*socket](rooms.Options{})
		sockets := make([]*socket, 100_000)
		for i := range sockets {
			sockets[i] = &socket{"id" + strconv.Itoa(i)}
		}
		before := heapInUse()
		for i, s := range sockets {
			x.Add(s, s.id, "room"+strconv.Itoa(i%1000), "lobby")
		}
		b.ReportMetric(float64(heapInUse()-before)/float64(len(sockets)), "B/member")
		runtime.KeepAlive(x)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
