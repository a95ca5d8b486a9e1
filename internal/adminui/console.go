package adminui

import (
	"slices"
	"sync"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
	"github.com/caddy-socketio/caddy-socketio/internal/spawn"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"go.uber.org/zap"
)

// Console serves the viewers of one hub. Its methods are safe for concurrent use.
type Console struct {
	// Static after construction.
	hub      *hub.Hub
	sessions *sessions
	queue    queue
	wake     chan struct{} // has room for one; never closed

	waitingLogins  address.Bound[*waitingLogin] // passwords that wait for a processor
	loggedFailures address.Buckets              // addresses whose last failed login is in the log

	loop loop // owned by runLoop

	mu       sync.Mutex  // guards the following; not held while the hub is called
	settings []*Settings // of the configs in use, the newest last
	viewers  []*hub.Socket
	fresh    []*hub.Socket // viewers that have not got all sockets yet
	running  bool
	// remoteUntil is until when another node is taken to have viewers, and checkRemoteAt
	// when it is checked next; both are zero while none is known to have any.
	remoteUntil, checkRemoteAt time.Time
}

// New returns the console of a hub.
func New(h *hub.Hub) *Console {
	return &Console{hub: h, sessions: newSessions(), wake: make(chan struct{}, 1)}
}

// Use applies the settings of a config. The last ones that are not released apply.
func (c *Console) Use(s *Settings) (release func()) {
	c.changeSettings(func(all []*Settings) []*Settings { return append(all, s) })
	return func() {
		c.changeSettings(func(all []*Settings) []*Settings {
			if i := slices.Index(all, s); i >= 0 {
				return slices.Delete(all, i, i+1)
			}
			return all
		})
	}
}

// changeSettings changes the list of settings, and starts the console if necessary.
func (c *Console) changeSettings(change func([]*Settings) []*Settings) {
	c.mu.Lock()
	c.settings = change(c.settings)
	if s := c.currentLocked(); s != nil && s.Development {
		c.checkRemoteAt = time.Now() // viewers may be connected to other nodes already
	}
	c.mu.Unlock()
	c.startLoop()
}

// currentLocked returns the settings that apply, nil without any.
func (c *Console) currentLocked() *Settings {
	if len(c.settings) == 0 {
		return nil
	}
	return c.settings[len(c.settings)-1]
}

// currentSettings returns the settings that apply, nil without any.
func (c *Console) currentSettings() *Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.currentLocked()
}

// currentLog returns the logger of the settings that apply.
func (c *Console) currentLog() *zap.Logger {
	if s := c.currentSettings(); s != nil && s.Log != nil {
		return s.Log
	}
	return zap.NewNop()
}

// addViewer registers a socket of the namespace. It gets all sockets in development mode.
func (c *Console) addViewer(s *hub.Socket) {
	c.mu.Lock()
	c.viewers = append(c.viewers, s)
	c.fresh = append(c.fresh, s)
	c.mu.Unlock()
	c.startLoop()
}

// startLoop wakes the goroutine of the console, and starts it if it has ended.
func (c *Console) startLoop() {
	isCluster := c.hub.Cluster() != nil
	c.mu.Lock()
	starting := !c.running && c.isNeededLocked(isCluster)
	c.running = c.running || starting
	c.mu.Unlock()
	if starting {
		spawn.Go(c.currentLog(), "admin ui", c.runLoop, c.resetLoop) // ends when no viewer is left, or with the last config
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// isNeededLocked reports whether the goroutine has something to do. The caller holds mu.
func (c *Console) isNeededLocked(isCluster bool) bool {
	return c.currentLocked() != nil && (len(c.viewers) > 0 || isCluster)
}

// resetLoop notes that the goroutine has panicked. The next viewer starts it again.
func (c *Console) resetLoop() {
	c.hub.ShareConnections(nil)
	if c.loop.stopObserving != nil {
		c.loop.stopObserving()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loop, c.running = loop{}, false
}

const (
	remoteTime     = 30 * time.Second // how long another node is taken to have viewers
	remoteInterval = 10 * time.Second // between two checks of that
	firstCheck     = 2 * time.Second  // after another node fetched the viewers
)

// noteFetched is called when another node fetches sockets. One that fetches all viewers has a
// new viewer itself.
func (c *Console) noteFetched(namespace string, target rooms.Target) {
	if namespace != Namespace || slices.Contains(target.Except, viewersCheck) {
		return
	}
	c.mu.Lock()
	now := time.Now()
	c.remoteUntil, c.checkRemoteAt = now.Add(remoteTime), now.Add(firstCheck)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// audience holds the recipients of messages at a moment.
type audience struct {
	settings *Settings
	viewers  []*hub.Socket // of this node
	fresh    []*hub.Socket
	remote   bool // other nodes have viewers
	cluster  bool
}

// isWatched reports whether a viewer gets the sockets of this node.
func (a *audience) isWatched() bool {
	return a.settings.Development && (len(a.viewers) > 0 || a.remote)
}

// takeAudience returns the audience, and takes the fresh viewers. It returns nil when the
// goroutine has nothing to do.
func (c *Console) takeAudience() *audience {
	isCluster := c.hub.Cluster() != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := func(s *hub.Socket) bool {
		select {
		case <-s.Done():
			return true
		default:
			return false
		}
	}
	c.viewers = slices.DeleteFunc(c.viewers, gone)
	if !c.isNeededLocked(isCluster) {
		return nil
	}
	a := &audience{settings: c.currentLocked(), viewers: slices.Clone(c.viewers), cluster: isCluster}
	a.fresh = slices.DeleteFunc(c.fresh, gone)
	c.fresh = nil
	a.remote = isCluster && time.Now().Before(c.remoteUntil)
	return a
}

// endLoop notes that the goroutine ends, unless it has something to do again.
func (c *Console) endLoop() bool {
	isCluster := c.hub.Cluster() != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isNeededLocked(isCluster) {
		return false
	}
	c.running, c.fresh = false, nil
	c.remoteUntil, c.checkRemoteAt = time.Time{}, time.Time{}
	return true
}

// markFresh makes viewers get all sockets again.
func (c *Console) markFresh(viewers []*hub.Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range viewers {
		if !slices.Contains(c.fresh, s) {
			c.fresh = append(c.fresh, s)
		}
	}
}
