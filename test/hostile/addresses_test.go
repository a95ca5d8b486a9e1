package hostile_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
)

// forwardedFor is the header by which the tests, as a trusted proxy, set a client's address.
const forwardedFor = "X-Forwarded-For"

// attackers counts the attackers of all runs of a test, so that each has an address of its own.
var attackers atomic.Int64

// TestUnjoinedOfOneAddress floods handshakes from one address. Clients of other addresses get
// sessions, and the address has no more than it may have.
func TestUnjoinedOfOneAddress(t *testing.T) {
	sharedProcess.startObserver(t)
	sharedProcess.checkMemoryLimit(t, 150<<20)
	for _, version := range []string{"3", "4"} {
		attacker := fmt.Sprintf("2001:db8:%s:%x::", version, attackers.Add(1))
		var opened, refused, addresses atomic.Int64
		repeatParallel(t, 2_000, func(ctx context.Context) error {
			from := fmt.Sprintf("%s%x", attacker, addresses.Add(1)) // all of one /64
			a, err := sharedProcess.sendRequest(ctx, "GET", "/addressed/?EIO="+version+"&transport=polling", nil, forwardedFor, from)
			switch {
			case err != nil:
				return err
			case a.status == 200:
				opened.Add(1)
			case a.status == 429 && a.header.Get("Retry-After") != "":
				refused.Add(1)
			default:
				return fmt.Errorf("revision %s: got %d %s", version, a.status, a.body)
			}
			return nil
		})
		if opened.Load() < 200 || refused.Load() == 0 {
			t.Errorf("revision %s: %d opened, %d refused", version, opened.Load(), refused.Load())
		}
		for i := range 20 {
			from := fmt.Sprintf("192.0.2.%d", i)
			if a := sharedProcess.mustSendRequest(t, "GET", "/addressed/?EIO="+version+"&transport=polling", "", forwardedFor, from); a.status != 200 {
				t.Errorf("revision %s: a stranger got %d %s", version, a.status, a.body)
			}
		}
	}
}
