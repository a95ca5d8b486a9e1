package address_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

func TestBucketsRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b address.Buckets
		key, other := address.KeyOf("192.0.2.1"), address.KeyOf("192.0.2.2")
		for i := range 3 {
			if wait := b.Take(key, time.Second, 3*time.Second); wait != 0 {
				t.Fatalf("token %d: wait %s", i, wait)
			}
		}
		if wait := b.Take(key, time.Second, 3*time.Second); wait != time.Second {
			t.Errorf("wait %s", wait)
		}
		if wait := b.Take(other, time.Second, 3*time.Second); wait != 0 {
			t.Errorf("another address waits %s", wait)
		}
		time.Sleep(time.Second)
		if wait := b.Take(key, time.Second, 3*time.Second); wait != 0 {
			t.Errorf("wait %s", wait)
		}
		if used := b.Used(key); used != 3*time.Second {
			t.Errorf("used %s", used)
		}
		if used := b.Spend(key, 10*time.Second, 5*time.Second); used != 5*time.Second {
			t.Errorf("used %s", used)
		}
		if !b.Mark(key) || b.Mark(key) {
			t.Error("a bucket is marked once")
		}
		time.Sleep(5 * time.Second)
		if used := b.Used(key); used != 0 {
			t.Errorf("used %s", used)
		}
	})
}

func TestBucketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b address.Buckets
		for i := range 150_000 {
			b.Take(address.KeyOf(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)), time.Hour, time.Hour)
		}
		if n := b.Len(); n != 100_000 {
			t.Errorf("%d buckets", n)
		}
		time.Sleep(2 * time.Hour)
		b.Take(address.KeyOf("192.0.2.1"), time.Second, time.Second)
		if n := b.Len(); n != 1 {
			t.Errorf("%d buckets after they are full", n)
		}
	})
}
