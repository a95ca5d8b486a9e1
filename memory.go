package socketio

import (
	"cmp"
	"slices"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/descriptors"
)

// minMaxMemory is the smallest max_memory, in bytes. Caddy itself needs about as much.
const minMaxMemory = 32 << 20

// processMemory counts the memory of the clients of all hubs. It outlives configs.
var processMemory = hub.NewMemory(0)

// memoryLimits applies the limit of the newest config in use. A config that fails to start
// gives way to the one before.
var memoryLimits appList

// appList is the apps of the configs in use, the newest last.
type appList struct {
	mu   sync.Mutex // guards apps
	apps []*App
}

func (l *appList) addApp(a *App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apps = append(l.apps, a)
	l.applyLocked()
}

func (l *appList) removeApp(a *App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.apps = slices.DeleteFunc(l.apps, func(other *App) bool { return other == a })
	l.applyLocked()
}

func (l *appList) applyLocked() {
	if len(l.apps) == 0 {
		return
	}
	newest := l.apps[len(l.apps)-1]
	processMemory.SetLog(newest.log)
	processMemory.SetLimit(cmp.Or(newest.MaxMemory, hub.DefaultMemoryLimit()))
}

// notReady returns why this process should get no new clients at the moment, none if it
// should.
func notReady() (reasons []string) {
	if processMemory.Full() {
		reasons = append(reasons, "memory")
	}
	if descriptors.AreLow(descriptors.HandshakeReserve) {
		reasons = append(reasons, "descriptors")
	}
	if drainer.Refuses() {
		reasons = append(reasons, "draining")
	}
	if shutdownContext.Err() != nil {
		reasons = append(reasons, "shutdown")
	}
	return reasons
}
