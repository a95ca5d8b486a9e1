package hub

import (
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/internal/address"
)

// Of returns the namespace of a name; the slash at its beginning may be left out.
// It makes the namespace when there is none, and then the namespace stays until
// the hub is closed.
func (h *Hub) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	h.mu.Lock()
	ns := h.openNamespaceLocked(name)
	if ns.permanent = true; ns.dynamic {
		ns.dynamic = false
		h.dynamic.Remove(&ns.place)
	}
	h.mu.Unlock()
	ns.updateLink()
	return ns
}

// Namespace returns the namespace of a name, if it exists.
func (h *Hub) Namespace(name string) (*Namespace, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ns, ok := h.namespaces[name]
	return ns, ok
}

// Namespaces returns all namespaces that exist, in the order of their names.
func (h *Hub) Namespaces() []*Namespace {
	h.mu.Lock()
	list := make([]*Namespace, 0, len(h.namespaces))
	for _, ns := range h.namespaces {
		list = append(list, ns)
	}
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *Namespace) int { return strings.Compare(a.name, b.name) })
	return list
}

// WithNamespace calls fn with the namespace of a name, if clients can connect to it. It
// reports whether it did. A namespace that only a glob names is made if it does not
// exist; it exists at least until fn returns.
func (h *Hub) WithNamespace(name string, fn func(*Namespace)) bool {
	h.mu.Lock()
	ns, evicted, connectError := h.addUserLocked(name, address.Key{}, 0)
	h.mu.Unlock()
	h.evictNamespace(evicted)
	if connectError != nil {
		return false
	}
	defer h.removeUser(ns)
	ns.updateLink()
	fn(ns)
	return true
}

// enterNamespace counts a client's socket as a user of a namespace, or returns a connect
// error. It makes a namespace that only a glob names.
func (h *Hub) enterNamespace(c *client, name string) (*Namespace, *ClientError) {
	h.mu.Lock()
	ns, evicted, refusal := h.enterNamespaceLocked(c, name)
	h.mu.Unlock()
	if evicted != nil {
		h.noteAddressLimit(c.route, evicted.maker, limitNamespaces, true)
		h.evictNamespace(evicted)
	}
	if refusal == errAddressNamespaces {
		h.noteAddressLimit(c.route, c.addressKey(), limitNamespaces, false)
	}
	if refusal == nil {
		ns.updateLink()
	}
	return ns, refusal
}

// enterNamespaceLocked is enterNamespace without opening the namespace in the cluster, and
// without the eviction of another one. The caller holds mu.
func (h *Hub) enterNamespaceLocked(c *client, name string) (ns, evicted *Namespace, refusal *ClientError) {
	if rules, _ := h.declared.rulesFor(name); !c.route.servesNamespace(name, rules) {
		return nil, nil, errNamespace
	}
	if ns := h.namespaces[name]; ns != nil && ns.rules.Load().isFull(ns.users) {
		ns.counts.Load().refused.Add(1)
		return nil, nil, &ClientError{Message: "Too many sockets"}
	}
	key := c.addressKey()
	ns, evicted, refusal = h.addUserLocked(name, key, c.route.config().PerAddress.MaxNamespaces)
	if ns != nil && ns.maker != key {
		h.dynamic.Pin(&ns.place) // others use it
	}
	return ns, evicted, refusal
}

var (
	errNamespace = &ClientError{Message: "Invalid namespace"}
	errDynamic   = &ClientError{Message: "Too many namespaces"}
	// errAddressNamespaces is errDynamic because of the client's address.
	errAddressNamespaces = &ClientError{Message: "Too many namespaces"}
)

// addUserLocked counts the caller as a user of a namespace, which exists until removeUser is
// called. A dynamic namespace belongs to the address that makes it, which may have at most
// so many; zero means no limit. The caller holds mu, and evicts another namespace after it
// has released mu.
func (h *Hub) addUserLocked(name string, key address.Key, most int) (ns, evicted *Namespace, refusal *ClientError) {
	ns = h.namespaces[name]
	_, configured := h.declared.rulesFor(name)
	if !configured && (ns == nil || !ns.permanent) {
		return nil, nil, errNamespace
	}
	if ns == nil {
		ns = newNamespace(h, name)
		ns.dynamic = true
	}
	if ns.dynamic && !h.dynamic.Has(&ns.place) { // it is new, or evicted
		var result address.Result
		evicted, _, result = h.dynamic.Add(&ns.place, key, ns, address.Limits{Total: MaxDynamic, PerAddress: most})
		switch ns.maker = key; result {
		case address.AddressFull:
			return nil, nil, errAddressNamespaces
		case address.Full:
			return nil, nil, errDynamic
		}
	}
	h.registerNamespaceLocked(ns)
	ns.users++
	h.users++
	return ns, evicted, nil
}

// evictNamespace disconnects the sockets of a namespace that has lost its place to one of
// another address, unless it is nil. It returns before that is done.
func (h *Hub) evictNamespace(ns *Namespace) {
	if ns == nil {
		return
	}
	h.spawn("evict namespace", func() {
		ns.recoveryLog.Remove(func(*cluster.LostSocket) bool { return true })
		ns.forEachSocket(everySocket, func(s *Socket) bool {
			s.Disconnect(false)
			return true
		})
		h.removeIfUnused(ns)
	})
}

// removeUser undoes addUserLocked.
func (h *Hub) removeUser(ns *Namespace) {
	h.mu.Lock()
	ns.users--
	if h.users--; h.users == 0 {
		for _, idle := range h.idleWaiters {
			close(idle)
		}
		h.idleWaiters = nil
	}
	h.mu.Unlock()
	h.removeIfUnused(ns)
}

// removeIfUnused removes a namespace that no config declares and no socket uses, unless
// it has lost sockets.
func (h *Hub) removeIfUnused(ns *Namespace) {
	h.mu.Lock()
	named := ns.permanent
	if h.declared != nil && !named {
		_, named = h.declared.exact[ns.name]
	}
	if named || ns.users > 0 || h.namespaces[ns.name] != ns || ns.recoveryLog.Len() > 0 {
		h.mu.Unlock()
		return
	}
	delete(h.namespaces, ns.name)
	ns.updateSchedulesLocked(nil)
	ns.configureHistory(nil)
	h.dynamic.Remove(&ns.place)
	h.mu.Unlock()
	ns.updateLink()
	ns.recoveryLog.Close()
}

// allowsSocket reports whether a socket may stay: the config or a Go program has its
// namespace, and its route serves the namespace.
func (h *Hub) allowsSocket(s *Socket) bool {
	return h.isDeclared(s.ns) && s.client.route.servesNamespace(s.ns.name, s.ns.rules.Load())
}

// isDeclared reports whether the config or a Go program has the namespace, and it is not
// evicted.
func (h *Hub) isDeclared(ns *Namespace) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ns.dynamic && !h.dynamic.Has(&ns.place) {
		return false
	}
	_, configured := h.declared.rulesFor(ns.name)
	return configured || ns.permanent
}

// openNamespaceLocked returns the namespace of a name, and makes it if necessary. The
// caller holds mu. It opens the namespace in the cluster after releasing mu.
func (h *Hub) openNamespaceLocked(name string) *Namespace {
	if ns := h.namespaces[name]; ns != nil {
		return ns
	}
	ns := newNamespace(h, name)
	h.registerNamespaceLocked(ns)
	return ns
}

// registerNamespaceLocked makes a namespace one of the hub's, with its rules, unless it is
// one. The caller holds mu.
func (h *Hub) registerNamespaceLocked(ns *Namespace) {
	if h.namespaces[ns.name] != ns {
		h.configureNamespaceLocked(ns)
		ns.observeRoomsLocked()
		h.namespaces[ns.name] = ns
	}
}

// configureNamespaceLocked gives a namespace its rules and counters of the config. All
// namespaces of a glob share counters: clients choose their names. The caller holds mu.
func (h *Hub) configureNamespaceLocked(ns *Namespace) {
	r, configured := h.declared.rulesFor(ns.name)
	ns.rules.Store(r)
	ns.updateSchedulesLocked(r)
	ns.configureHistory(r)
	name := ns.name
	if configured {
		name = r.name
	} else if ns.dynamic {
		return // its sockets are being disconnected, and are counted as before
	}
	c := h.counts[name]
	if c == nil {
		c = newCounts()
		h.counts[name] = c
	}
	ns.counts.Store(c)
}

// clusterFor returns the hub's cluster, or [cluster.Alone] if ns was removed from the hub.
func (h *Hub) clusterFor(ns *Namespace) cluster.Cluster {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.namespaces[ns.name] != ns {
		return cluster.Alone
	}
	return h.cluster
}
