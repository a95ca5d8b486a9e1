package budget

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// reportStep is how many bytes an account may differ from its part in the process's
	// count: small events do not touch the count that all connections share.
	reportStep = 1 << 10
	// closedReport is the value of Account.reported after the close.
	closedReport = math.MinInt64
)

// Account is the memory that is kept because of one connection. It is safe for concurrent
// use.
type Account struct {
	// Static after construction.
	process *Process
	owner   *owner
	limit   *atomic.Int64 // 0 for none
	drop    func()

	droppedAt time.Time // owned by the goroutine that sheds

	used     atomic.Int64            // of this connection alone
	shared   atomic.Int64            // also charged to other accounts, and once to the process
	reported atomic.Int64            // the part of used that the process's count has
	kinds    [KindCount]atomic.Int64 // used and shared together
	holders  atomic.Int32            // that may still release
	// room is closed when memory is released. It is nil while no goroutine waits.
	room atomic.Pointer[chan struct{}]
}

// Charge adds n bytes of a kind, unless the account would exceed its limit. It reports
// whether it did.
func (a *Account) Charge(kind Kind, n int) bool {
	if !a.Fits(n) {
		return false
	}
	a.Add(kind, n)
	return true
}

// Fits reports whether n bytes more are within the account's limit.
func (a *Account) Fits(n int) bool {
	limit := a.limit.Load()
	return limit <= 0 || a.Used()+int64(n) <= limit
}

// Add adds n bytes of a kind, whatever the limit. A negative n releases bytes.
func (a *Account) Add(kind Kind, n int) {
	if n == 0 {
		return
	}
	if n > 0 {
		a.kinds[kind].Add(int64(n))
		a.used.Add(int64(n))
		a.report()
		return
	}
	a.used.Add(int64(n)) // before the kind: AwaitRoom relies on it
	a.kinds[kind].Add(int64(n))
	a.report()
	a.signalRoom()
}

// Release subtracts n bytes of a kind.
func (a *Account) Release(kind Kind, n int) { a.Add(kind, -n) }

// AddShared adds n bytes of a kind that other accounts share: [Process.Shared] counts them
// once. A negative n releases bytes.
func (a *Account) AddShared(kind Kind, n int) {
	a.kinds[kind].Add(int64(n))
	a.shared.Add(int64(n))
	if n < 0 {
		a.signalRoom()
	}
}

// Shared returns the process's counter for bytes that accounts share.
func (a *Account) Shared() *Shared { return &a.process.shared }

// report brings the account's part in the process's count up to date, if it is off by a
// step.
func (a *Account) report() {
	for {
		reported := a.reported.Load()
		if reported == closedReport {
			return
		}
		used := a.used.Load()
		if d := used - reported; d < reportStep && d > -reportStep {
			return
		}
		// Another charge may have found the old report right meanwhile: look again.
		if a.reported.CompareAndSwap(reported, used) {
			a.owner.used.Add(used - reported)
			a.process.add(used - reported)
		}
	}
}

// signalRoom wakes the goroutines that wait for room.
func (a *Account) signalRoom() {
	if a.room.Load() == nil {
		return
	}
	if room := a.room.Swap(nil); room != nil {
		close(*room)
	}
}

// AwaitRoom charges n bytes of a kind. While the account has no room, it waits for events to
// be handled. It reports false if none are left, so that waiting is of no use, or if done is
// closed.
func (a *Account) AwaitRoom(kind Kind, n int, done <-chan struct{}) bool {
	for !a.Charge(kind, n) {
		room := a.roomChannel()
		handling := a.kinds[Inbound].Load() > 0
		if a.Fits(n) { // released before the channel was there
			continue
		}
		if !handling {
			return false
		}
		select {
		case <-room:
		case <-done:
			return false
		}
	}
	return true
}

// roomChannel returns the channel that the next release closes.
func (a *Account) roomChannel() <-chan struct{} {
	for {
		if room := a.room.Load(); room != nil {
			return *room
		}
		room := make(chan struct{})
		if a.room.CompareAndSwap(nil, &room) {
			return room
		}
	}
}

// AwaitReading waits while the process slows the connection, until done is closed.
func (a *Account) AwaitReading(done <-chan struct{}) {
	if !a.IsSlowed() {
		return
	}
	a.process.counts.slowed.Add(1)
	for {
		round := a.process.nextRound()
		if !a.IsSlowed() { // the last round may have ended before the channel was there
			return
		}
		select {
		case <-round:
		case <-done:
			return
		}
	}
}

// IsSlowed reports whether the process is above its limit, and the account above the share of
// its address.
func (a *Account) IsSlowed() bool {
	return a.process.over.Load() && a.Used() > min(a.owner.share.Load(), a.process.even.Load())
}

// IsProcessFull reports whether the process is at its limit, see [Process.Full].
func (a *Account) IsProcessFull() bool { return a.process.Full() }

// Used returns the bytes of the account.
func (a *Account) Used() int64 { return a.used.Load() + a.shared.Load() }

// Kinds returns the bytes of each kind.
func (a *Account) Kinds() (bytes [KindCount]int64) {
	for k := range a.kinds {
		bytes[k] = a.kinds[k].Load()
	}
	return bytes
}

// Retain adds a holder. The account is closed when each holder has called [Account.Close].
func (a *Account) Retain() { a.holders.Add(1) }

// Close ends one holder's use of the account. The last one's call returns the rest of the
// account to the process.
func (a *Account) Close() {
	if a.holders.Add(-1) > 0 {
		return
	}
	if reported := a.reported.Swap(closedReport); reported != closedReport {
		a.owner.used.Add(-reported)
		a.process.removeAccount(a)
		a.process.add(-reported)
	}
}
