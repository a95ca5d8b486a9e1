package hub

import (
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/cluster"
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
		h.dynamicNamespaces--
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
	ns, connectError := h.addUserLocked(name)
	h.mu.Unlock()
	if connectError != nil {
		return false
	}
	defer h.removeUser(ns)
	ns.updateLink()
	fn(ns)
	return true
}

// enterNamespace counts a socket as a user of a namespace, or returns a connect error. It
// makes a namespace that only a glob names.
func (h *Hub) enterNamespace(r *Route, name string) (*Namespace, *ClientError) {
	h.mu.Lock()
	ns, refusal := h.enterNamespaceLocked(r, name)
	h.mu.Unlock()
	if refusal == nil {
		ns.updateLink()
	}
	return ns, refusal
}

// enterNamespaceLocked is enterNamespace without opening the namespace in the cluster.
// The caller holds mu.
func (h *Hub) enterNamespaceLocked(r *Route, name string) (*Namespace, *ClientError) {
	if rules, _ := h.declared.rulesFor(name); !r.servesNamespace(name, rules) {
		return nil, errNamespace
	}
	if ns := h.namespaces[name]; ns != nil && ns.rules.Load().isFull(ns.users) {
		ns.counts.Load().refused.Add(1)
		return nil, &ClientError{Message: "Too many sockets"}
	}
	return h.addUserLocked(name)
}

var errNamespace = &ClientError{Message: "Invalid namespace"}

// addUserLocked counts the caller as a user of a namespace, which exists until
// removeUser is called. The caller holds mu.
func (h *Hub) addUserLocked(name string) (*Namespace, *ClientError) {
	ns := h.namespaces[name]
	_, configured := h.declared.rulesFor(name)
	if !configured && (ns == nil || !ns.permanent) {
		return nil, errNamespace
	}
	if ns == nil {
		if h.dynamicNamespaces >= MaxDynamic {
			return nil, &ClientError{Message: "Too many namespaces"}
		}
		h.dynamicNamespaces++
		ns = h.openNamespaceLocked(name)
		ns.dynamic = true
	}
	ns.users++
	h.users++
	return ns, nil
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
	if ns.dynamic {
		h.dynamicNamespaces--
	}
	h.mu.Unlock()
	ns.updateLink()
}

// allowsSocket reports whether a socket may stay: the config or a Go program has its
// namespace, and its route serves the namespace.
func (h *Hub) allowsSocket(s *Socket) bool {
	return h.isDeclared(s.ns) && s.client.route.servesNamespace(s.ns.name, s.ns.rules.Load())
}

// isDeclared reports whether the config or a Go program has the namespace.
func (h *Hub) isDeclared(ns *Namespace) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
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
	h.configureNamespaceLocked(ns)
	h.namespaces[name] = ns
	return ns
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
		c = new(counts)
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
