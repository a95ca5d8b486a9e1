package socketio

import (
	"cmp"
	"slices"
	"sync"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

// runningApps is the apps of the configs in use. A config that fails to start gives way to the
// one before.
var runningApps appList

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

// applyLocked applies the memory limit of the newest app.
func (l *appList) applyLocked() {
	if newest := l.newestLocked(); newest != nil {
		processMemory.SetLog(newest.log)
		processMemory.SetLimit(cmp.Or(newest.MaxMemory, hub.DefaultMemoryLimit()))
	}
}

// newest returns the newest app, nil if there is none.
func (l *appList) newest() *App {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newestLocked()
}

func (l *appList) newestLocked() *App {
	if len(l.apps) == 0 {
		return nil
	}
	return l.apps[len(l.apps)-1]
}
