package adminui

import (
	"context"
	"fmt"
	"time"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/sio"
	"go.uber.org/zap"
)

const (
	tick          = time.Second
	statsInterval = 2 * time.Second  // as in Node.js
	resyncPause   = 10 * time.Second // between two times that viewers get all sockets after a loss
)

// loop is the state of the goroutine of a [Console].
type loop struct {
	stopObserving func() // nil while nothing is observed
	counters      *hub.EngineStats
	statsAt       time.Time // when the next statistics are sent
	resyncAt      time.Time // before this, viewers do not get all sockets again
	polling       map[*hub.Socket]struct{}
	dataDue       bool // a second has passed: new data of sockets is sent
}

// runLoop sends messages to viewers until no viewer is left and there is no cluster, or the last
// config with an Admin UI is released.
func (c *Console) runLoop() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		a := c.takeAudience()
		c.updateObservation(a)
		if a != nil {
			c.sendAll(a)
		} else if c.queue.takeItems(); c.endLoop() {
			return
		}
		select {
		case <-ticker.C:
			c.queue.resetBudget()
			c.loop.dataDue = true
		case <-c.wake:
		}
	}
}

// updateObservation starts or stops the observation of the hub. Without an audience it stops all.
func (c *Console) updateObservation(a *audience) {
	watched := a != nil && a.isWatched()
	if !watched {
		c.queue.takeChanged()
	}
	switch {
	case watched && c.loop.stopObserving == nil:
		c.loop.stopObserving, c.loop.polling = c.hub.Observe(c.queueObservation), make(map[*hub.Socket]struct{})
	case !watched && c.loop.stopObserving != nil:
		c.loop.stopObserving()
		c.loop.stopObserving, c.loop.polling = nil, nil
	}
	switch {
	case a == nil:
		c.loop.counters = nil
		c.hub.ShareConnections(nil)
	case a.cluster && a.settings.Development:
		c.hub.ShareConnections(c.noteFetched)
	default:
		c.hub.ShareConnections(nil)
	}
}

// sendAll sends viewers everything that waits.
func (c *Console) sendAll(a *audience) {
	now := time.Now()
	if a.cluster && a.settings.Development {
		c.checkRemote(now)
	}
	c.sendStats(a, now)
	if !a.isWatched() {
		return
	}
	for _, viewer := range a.fresh {
		c.sendSockets(viewer)
	}
	items, dropped := c.queue.takeItems()
	for _, i := range items {
		if i.polling != nil && len(c.loop.polling) < maxQueue {
			c.loop.polling[i.polling] = struct{}{}
		}
		c.emitItem(a.remote, i)
	}
	if c.loop.dataDue {
		c.loop.dataDue = false
		c.sendData(a.remote)
	}
	c.sendUpgrades(a)
	if dropped && now.After(c.loop.resyncAt) {
		c.loop.resyncAt = now.Add(resyncPause)
		c.markFresh(a.viewers)
	} else if dropped {
		c.queue.setDropped() // later
	}
}

// emitItem emits a message to the viewers of this node or, with everywhere, of all nodes.
func (c *Console) emitItem(everywhere bool, i item) {
	ns, ok := c.hub.Namespace(Namespace)
	if !ok {
		return
	}
	to := ns.All()
	if !everywhere {
		to = to.Local()
	}
	if _, err := to.Emit(i.event, i.args...); err != nil {
		c.currentLog().Debug("admin_ui: message not sent", zap.String("event", i.event), zap.Error(err))
	}
}

// sendStats sends the statistics of this node every statsInterval, and to a new viewer at
// once.
func (c *Console) sendStats(a *audience, now time.Time) {
	if now.Before(c.loop.statsAt) && len(a.fresh) == 0 {
		return
	}
	c.loop.statsAt = now.Add(statsInterval - tick/2)
	current := c.hub.Stats().Engine
	if c.loop.counters == nil {
		c.loop.counters = &current
	}
	stats := newServerStats(c.hub, c.loop.counters, &current, now)
	c.loop.counters = &current
	c.emitItem(a.cluster, item{event: "server_stats", args: []any{stats}})
}

// sendUpgrades sends the new transport of sockets that were polling.
func (c *Console) sendUpgrades(a *audience) {
	for s := range c.loop.polling {
		select {
		case <-s.Done():
			delete(c.loop.polling, s)
			continue
		default:
		}
		if transport := s.Status().Transport; transport != "polling" {
			delete(c.loop.polling, s)
			update := map[string]any{"id": s.ID(), "nsp": s.Namespace().Name(), "transport": transport}
			c.emitItem(a.remote, item{event: "socket_updated", args: []any{update}})
		}
	}
}

const (
	fetchTimeout = 3 * time.Second // for the sockets of all nodes
	// maxSockets and maxSocketBytes bound the message with all sockets: half of the
	// default max_queue. So many sockets have minSocketSize bytes each.
	maxSockets     = 2000
	maxSocketBytes = 1_000_000
	minSocketSize  = 512
)

// sendSockets sends a viewer the sockets of all nodes, up to maxSockets.
func (c *Console) sendSockets(viewer *hub.Socket) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	var messages []socketMessage
	complete := true
	for i, ns := range c.hub.Namespaces() {
		if complete = complete && i < maxNamespaces; !complete {
			break
		}
		left := maxSockets - len(messages)
		found, err := ns.All().FetchPage(ctx, "", left+1)
		if err != nil { // some nodes did not reply in time
			c.currentLog().Debug("admin_ui: fetching sockets failed", zap.String("namespace", ns.Name()), zap.Error(err))
		}
		complete = len(found) <= left
		for _, s := range found[:min(len(found), left)] {
			messages = append(messages, newSocketMessage(s, ns.Name()))
			if local, ok := ns.Socket(s.ID); ok && local.Status().Transport == "polling" {
				c.loop.polling[local] = struct{}{}
			}
		}
	}
	list, count := encodeSockets(messages)
	if !complete || count < len(messages) {
		c.currentLog().Warn("admin_ui: a viewer does not get all sockets", zap.Int("sockets", count))
	}
	if err := viewer.Emit("all_sockets", sio.Data{JSON: list}); err != nil {
		c.currentLog().Debug("admin_ui: message not sent", zap.String("event", "all_sockets"), zap.Error(err))
	}
}

// sendData sends the new data of sockets. Data that is too much for a second is sent later.
func (c *Console) sendData(everywhere bool) {
	full := false
	for s := range c.queue.takeChanged() {
		select {
		case <-s.Done():
			continue
		default:
		}
		data := s.Data()
		if size := data.Size(); size > maxSocketSize {
			data = sio.Data{JSON: fmt.Appendf(nil, `{"(too large)":"%d bytes"}`, size)}
		}
		if full = full || !c.queue.admitChange(data.Size()+len(s.ID())); full {
			c.queue.addChanged(s)
			continue
		}
		update := map[string]any{"id": s.ID(), "nsp": s.Namespace().Name(), "data": data}
		c.emitItem(everywhere, item{event: "socket_updated", args: []any{update}})
	}
}

// viewersCheck is a room that does not exist. A request for viewers that excepts it is a
// check of checkRemote, which must not make other nodes check, too.
const viewersCheck = "caddy-socketio: admin_ui"

// checkRemote fetches the viewers of other nodes, when it is time to.
func (c *Console) checkRemote(now time.Time) {
	c.mu.Lock()
	due := !c.checkRemoteAt.IsZero() && now.After(c.checkRemoteAt)
	c.mu.Unlock()
	ns, ok := c.hub.Namespace(Namespace)
	if !due || !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	viewers, err := ns.Except(viewersCheck).FetchSockets(ctx)
	remote := err != nil // a node that did not reply may have viewers
	for _, s := range viewers {
		if _, own := ns.Socket(s.ID); !own {
			remote = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && !remote:
		c.remoteUntil, c.checkRemoteAt = time.Time{}, time.Time{}
	case err == nil:
		c.remoteUntil, c.checkRemoteAt = now.Add(remoteTime), now.Add(remoteInterval)
	default: // as before, until it expires
		c.checkRemoteAt = now.Add(remoteInterval)
	}
}
