package budget

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
)

const megabyte = 1 << 20

// newTestProcess returns a process whose heap is only its accounts.
func newTestProcess(limit int64) *Process {
	p := NewProcess(limit)
	p.heap = func() int64 { return 0 }
	return p
}

func noLimit() *atomic.Int64 { return new(atomic.Int64) }

func limitOf(n int64) *atomic.Int64 {
	limit := noLimit()
	limit.Store(n)
	return limit
}

func TestProcessCountsAccountsWithinAStep(t *testing.T) {
	p := newTestProcess(0)
	a := p.Open(address.Key{}, noLimit(), nil)
	for range 1000 {
		a.Add(Inbound, 100)
	}
	if off := a.Used() - p.Used(); off < 0 || off >= reportStep {
		t.Errorf("the process counts %d bytes, the account %d", p.Used(), a.Used())
	}
	a.Close()
	if p.Used() != 0 {
		t.Errorf("%d bytes are left", p.Used())
	}
	a.Add(Data, 1<<20) // by a handler that outlives the connection
	if p.Used() != 0 {
		t.Errorf("a closed account is charged with %d bytes", p.Used())
	}
}

func TestConcurrentChargesAddUp(t *testing.T) {
	p := newTestProcess(0)
	a := p.Open(address.Key{}, noLimit(), nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				a.Add(Queue, i*7)
				a.Release(Queue, i*7)
			}
			a.Add(Rooms, 5000)
		})
	}
	wg.Wait()
	if a.Used() != 40_000 || p.Used() < 40_000-reportStep || p.Used() > 40_000+reportStep {
		t.Errorf("account %d, process %d, want 40000", a.Used(), p.Used())
	}
	a.Close()
	if p.Used() != 0 {
		t.Errorf("%d bytes are left", p.Used())
	}
}

func TestChargeBeyondTheLimitIsRefused(t *testing.T) {
	a := newTestProcess(0).Open(address.Key{}, limitOf(1000), nil)
	if !a.Charge(Auth, 900) || a.Charge(Data, 101) || !a.Charge(Data, 100) {
		t.Error("the limit is not exact")
	}
	if kinds := a.Kinds(); kinds[Auth] != 900 || kinds[Data] != 100 {
		t.Errorf("got %v", kinds)
	}
}

func TestAwaitRoomWaitsForEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestProcess(0).Open(address.Key{}, limitOf(1000), nil)
		a.Add(Inbound, 600)
		got := make(chan bool, 1)
		go func() { got <- a.AwaitRoom(Reading, 500, nil) }()
		synctest.Wait()
		a.Release(Inbound, 50)
		synctest.Wait()
		if len(got) > 0 {
			t.Fatal("it does not wait for room")
		}
		a.Release(Inbound, 50)
		if !<-got {
			t.Error("it gets no room after events were handled")
		}
		a.Release(Inbound, 500)
		a.Add(Data, 400)
		if a.AwaitRoom(Reading, 500, nil) {
			t.Error("it exceeds the limit")
		}
	})
}

func TestLargestAccountsAreSlowedThenDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(100 * megabyte)
		var small []*Account
		for range 90 {
			a := p.Open(address.Key{}, noLimit(), func() { t.Error("a small account is dropped") })
			a.Add(Data, megabyte/2)
			small = append(small, a)
		}
		large := p.Open(address.Key{}, noLimit(), nil)
		large.drop = large.Close
		medium := p.Open(address.Key{}, noLimit(), func() { t.Error("more than necessary is dropped") })
		medium.Add(Queue, 10*megabyte)
		if p.Full() {
			t.Fatal("it is full before the limit")
		}
		large.Add(Queue, 45*megabyte)
		if !p.Full() {
			t.Fatal("it is not full at the limit")
		}
		time.Sleep(shedInterval / 2)
		reads := make(chan struct{})
		go func() {
			large.AwaitReading(nil)
			close(reads)
		}()
		synctest.Wait()
		select {
		case <-reads:
			t.Error("the largest account is read")
		default:
		}
		for _, a := range small {
			a.AwaitReading(nil)
		}
		<-reads
		time.Sleep(2 * shedInterval)
		if p.Full() || p.Used() > 90*megabyte {
			t.Errorf("full %t, used %d after the largest was dropped", p.Full(), p.Used())
		}
		if slowed, dropped := p.Shed(); slowed != 1 || dropped != 1 {
			t.Errorf("slowed %d, dropped %d, want 1 and 1", slowed, dropped)
		}
		medium.Close()
		for _, a := range small {
			a.Close()
		}
		if p.Used() != 0 {
			t.Errorf("%d bytes are left", p.Used())
		}
	})
}

func TestAddressWithManyConnectionsIsShedBeforeALargerOneOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(64 * megabyte)
		many, one, stranger := address.KeyOf("192.0.2.1"), address.KeyOf("192.0.2.2"), address.KeyOf("192.0.2.3")
		good := p.Open(one, noLimit(), func() { t.Error("the connection of another address is dropped") })
		good.Add(Data, 200<<10)
		var accounts []*Account
		for range 460 {
			a := p.Open(many, noLimit(), nil)
			a.drop = a.Close
			a.Add(Auth, 150<<10)
			accounts = append(accounts, a)
		}
		synctest.Wait()
		if !p.Full() {
			t.Fatal("it is not full")
		}
		if !p.Refuses(many) || p.Refuses(one) || p.Refuses(stranger) {
			t.Errorf("refused: largest %t, small %t, new %t", p.Refuses(many), p.Refuses(one), p.Refuses(stranger))
		}
		if good.IsSlowed() || !accounts[0].IsSlowed() {
			t.Error("the wrong accounts are slowed")
		}
		time.Sleep(2 * slowTime)
		if _, dropped := p.Shed(); p.Full() || p.Used() > 58*megabyte || dropped > 80 {
			t.Errorf("full %t, used %d, dropped %d", p.Full(), p.Used(), dropped)
		}
	})
}

func TestLargeConnectionCostsItsAddressOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(100 * megabyte)
		proxy := address.KeyOf("192.0.2.1")
		for range 100 {
			p.Open(proxy, noLimit(), func() { t.Error("a neighbour is dropped") }).Add(Data, megabyte/2)
		}
		hog := p.Open(proxy, noLimit(), nil)
		hog.drop = func() { time.AfterFunc(5*slowTime, hog.Close) } // a handler keeps its memory
		hog.Add(Queue, 60*megabyte)
		time.Sleep(10 * slowTime)
		if p.Full() || p.Used() != 50*megabyte {
			t.Errorf("full %t, used %d", p.Full(), p.Used())
		}
	})
}

func TestMemoryWithoutAccountsDropsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(100 * megabyte)
		key := address.KeyOf("192.0.2.1")
		p.Open(key, noLimit(), func() { t.Error("a connection is dropped") }).Add(Data, 10*megabyte)
		p.Shared().Add(95 * megabyte)
		time.Sleep(5 * slowTime)
		if !p.Refuses(key) || !p.Refuses(address.KeyOf("192.0.2.2")) {
			t.Error("a connection is accepted, though closing others does not help")
		}
		p.Shared().Add(-95 * megabyte)
		time.Sleep(2 * slowTime)
		if p.Full() {
			t.Error("it stays full")
		}
	})
}

func TestAllAreRefusedFarAboveTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(100 * megabyte)
		a := p.Open(address.KeyOf("192.0.2.1"), noLimit(), nil)
		a.drop = func() { time.AfterFunc(slowTime, a.Close) }
		a.Add(Queue, 115*megabyte)
		if !p.Refuses(address.KeyOf("192.0.2.2")) {
			t.Error("a new address is accepted")
		}
		time.Sleep(3 * slowTime)
		if p.Refuses(address.KeyOf("192.0.2.2")) {
			t.Error("it stays full")
		}
	})
}

func TestHeapAloneRefusesConnectionsAndDropsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewProcess(100 * megabyte)
		heap := int64(150 * megabyte)
		p.heap = func() int64 { return atomic.LoadInt64(&heap) }
		a := p.Open(address.Key{}, noLimit(), func() { t.Error("a connection is dropped") })
		a.Add(Data, 50*megabyte)
		time.Sleep(watchInterval + time.Millisecond)
		if !p.Full() {
			t.Error("it is not full with such a heap")
		}
		a.Close()
		time.Sleep(3 * watchInterval)
		if !p.Full() {
			t.Error("it is not full without accounts")
		}
		atomic.StoreInt64(&heap, 50*megabyte)
		time.Sleep(watchInterval)
		if p.Full() {
			t.Error("it stays full")
		}
	})
}

func TestStacksOfGoroutinesAreWatched(t *testing.T) {
	before := measureMemory()
	release := make(chan struct{})
	var started, ended sync.WaitGroup
	for range 2000 {
		started.Add(1)
		ended.Go(func() {
			spawn.GrowStack[spawn.Stack4K]()
			started.Done()
			<-release
		})
	}
	started.Wait()
	if grown := measureMemory() - before; grown < 8<<20 {
		t.Errorf("it grows by %d bytes for 2000 stacks", grown)
	}
	close(release)
	ended.Wait()
}

func TestReloadedLimitAppliesToOpenAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(0)
		a := p.Open(address.Key{}, noLimit(), nil)
		a.drop = a.Close
		a.Add(Data, 50*megabyte)
		p.SetLimit(40 * megabyte)
		if !p.Full() {
			t.Error("it is not full beyond the new limit")
		}
		time.Sleep(2 * slowTime)
		if p.Used() != 0 || p.Full() {
			t.Errorf("used %d, full %t", p.Used(), p.Full())
		}
	})
}

func TestAvailableMemoryIsTheSmallestLimit(t *testing.T) {
	write := func(root, name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const none = 1<<63 - 1
	for name, test := range map[string]struct {
		files map[string]string
		goLim int64
		want  int64
	}{
		"nothing known": {nil, none, 0},
		"GOMEMLIMIT":    {nil, 5000, 5000},
		"machine":       {map[string]string{"proc/meminfo": "MemTotal:  4 kB\n"}, none, 4096},
		"container": {map[string]string{
			"proc/meminfo": "MemTotal:  4 kB\n", "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "2000\n",
		}, none, 2000},
		"outer group of version 2": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "3000\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
		}, none, 3000},
		"version 1": {map[string]string{
			"proc/self/cgroup": "4:cpu,memory:/x\n3:pids:/y\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
		}, none, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range test.files {
				write(root, file, text)
			}
			if got := availableMemory(test.goLim, root); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// BenchmarkAccountOfAnEvent measures all that an event with an acknowledgement charges and
// releases: the event is charged while it is handled, and nothing waits for the client.
func BenchmarkAccountOfAnEvent(b *testing.B) {
	p := newTestProcess(1 << 30)
	a := p.Open(address.Key{}, limitOf(megabyte), nil)
	a.Add(Session, 8<<10)
	done := make(chan struct{})
	b.ReportAllocs()
	for b.Loop() {
		a.AwaitReading(done)
		if !a.AwaitRoom(Inbound, 500, done) {
			b.Fatal("no room")
		}
		a.Add(Inbound, 0)
		a.Release(Attachments, 0)
		a.Release(Inbound, 500)
	}
}
