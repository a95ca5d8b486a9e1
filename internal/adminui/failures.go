package adminui

import (
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures  = 5                // wrong passwords of an address before it has to wait
	firstWait     = time.Second      // after one more; doubled by each further one
	maxWait       = 5 * time.Minute  // at most
	failureMemory = 15 * time.Minute // after which an address is as good as new
	maxAddresses  = 10_000           // beyond it the oldest address is dropped
)

// failures counts wrong passwords by address: an IPv4 address, or the first 64 bits of an
// IPv6 address. The zero value is ready to use.
type failures struct {
	mu        sync.Mutex // guards the following; a leaf
	addresses map[string]*failedLogins
}

// failedLogins are the wrong passwords of one address.
type failedLogins struct {
	count int
	last  time.Time
}

// remainingWait returns how long an address has to wait until its next password is checked.
func (f *failures) remainingWait(address string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.addresses[addressKey(address)]
	if a == nil {
		return 0
	}
	return max(0, a.last.Add(a.nextDelay()).Sub(now))
}

// nextDelay returns how long the address has to wait after its last wrong password.
func (a *failedLogins) nextDelay() time.Duration {
	if a.count < freeFailures {
		return 0
	}
	return min(maxWait, firstWait<<min(a.count-freeFailures, 20))
}

// countFailure counts a wrong password. It returns the number of the address's, and how long the
// address has to wait from now on.
func (f *failures) countFailure(address string, now time.Time) (n int, wait time.Duration) {
	key := addressKey(address)
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.addresses[key]
	if a == nil || now.Sub(a.last) > failureMemory {
		a = new(failedLogins)
		f.addLocked(key, a, now)
	}
	a.count++
	a.last = now
	return a.count, a.nextDelay()
}

// addLocked adds an address. Before that it drops the addresses that are as good as new if
// there are too many, or else the one that failed the longest time ago.
func (f *failures) addLocked(key string, a *failedLogins, now time.Time) {
	if f.addresses == nil {
		f.addresses = make(map[string]*failedLogins)
	}
	if len(f.addresses) >= maxAddresses {
		oldest := ""
		for k, other := range f.addresses {
			if now.Sub(other.last) > failureMemory {
				delete(f.addresses, k)
			} else if oldest == "" || other.last.Before(f.addresses[oldest].last) {
				oldest = k
			}
		}
		if len(f.addresses) >= maxAddresses {
			delete(f.addresses, oldest)
		}
	}
	f.addresses[key] = a
}

// forgiveAddress drops the failures of an address that logged in.
func (f *failures) forgiveAddress(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.addresses, addressKey(address))
}

// addressKey returns the part of an address that one client has for itself.
func addressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		pair, err := netip.ParseAddrPort(address)
		if err != nil {
			return address
		}
		ip = pair.Addr()
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, _ := ip.WithZone("").Prefix(64)
	return prefix.String()
}
