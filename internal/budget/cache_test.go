package budget

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

func TestCacheCountsWhileItIsNotEmpty(t *testing.T) {
	p := newTestProcess(0)
	c := p.NewCache(History, 10*megabyte)
	parts := []*Part{c.NewPart(nil), c.NewPart(nil)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 1000 {
				parts[i%2].Add(3000)
				parts[i%2].Add(-3000)
			}
		})
	}
	wg.Wait()
	parts[0].Add(5000)
	if n := p.Usage()["history"]; n != 5000 || p.Used() < 4000 {
		t.Errorf("%d bytes are counted, the process counts %d", n, p.Used())
	}
	parts[0].Add(-5000)
	if p.Used() != 0 || len(p.listAccounts()) != 0 {
		t.Errorf("an empty cache has %d bytes and %d accounts", p.Used(), len(p.listAccounts()))
	}
}

// newTrimmedPart returns a part that releases exactly the bytes that it should.
func newTrimmedPart(c *Cache) (p *Part) {
	p = c.NewPart(func(n int64) { p.Add(int(-n)) })
	return p
}

func TestLargestPartOfCacheIsTrimmed(t *testing.T) {
	p := newTestProcess(80 * megabyte) // an eighth is 10 MB
	c := p.NewCache(Recovery, 100*megabyte)
	small, large := newTrimmedPart(c), newTrimmedPart(c)
	small.Add(2 * megabyte)
	for range 30 {
		large.Add(megabyte)
		large.Trim()
		if n := p.Used(); n > 10*megabyte {
			t.Fatalf("%d bytes are kept", n)
		}
	}
	if small.bytes != 2*megabyte || large.bytes < 6*megabyte {
		t.Errorf("%d and %d bytes are left", small.bytes, large.bytes)
	}
}

func TestFullProcessShrinksCacheAndKeepsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProcess(0)
		part := newTrimmedPart(p.NewCache(Recovery, 100*megabyte))
		part.Add(60 * megabyte)
		dropped := false
		for range 10 {
			p.Open(address.Key{}, noLimit(), func() { dropped = true }).Add(Data, 4*megabyte)
		}
		p.SetLimit(80 * megabyte)
		time.Sleep(3 * time.Second)
		if p.Full() || dropped || part.bytes == 0 {
			t.Errorf("full: %v, a connection was dropped: %v, %d bytes are kept", p.Full(), dropped, part.bytes)
		}
		for _, a := range p.listAccounts() {
			a.Close()
		}
		part.Add(-int(part.bytes))
	})
}
