package api

import (
	"net/url"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/glob"
	"github.com/caddy-socketio/caddy-socketio/rooms"
	"github.com/caddy-socketio/caddy-socketio/sio"
)

// scope names a hub and a namespace. It stands in the body or in the query.
type scope struct {
	// Hub is the name of a hub. Default: the default hub of the API.
	Hub string `json:"hub,omitempty"`
	// Namespace is the name of a namespace. Default: "/".
	Namespace string `json:"namespace,omitempty"`
}

// fillFromQuery sets the fields that are absent in the body from the query.
func (s *scope) fillFromQuery(q url.Values) {
	if s.Hub == "" {
		s.Hub = q.Get("hub")
	}
	if s.Namespace == "" {
		s.Namespace = q.Get("namespace")
	}
}

// findHub returns the hub of a name. It is an error if the name is not allowed or no such
// hub exists.
func (a *API) findHub(name string) (*hub.Hub, error) {
	if name == "" {
		name = a.findDefaultHub()
	}
	if a.OnlyHub != "" && name != a.OnlyHub {
		return nil, notAllowed("hub: %q is not allowed here", name)
	}
	for h := range a.Hubs {
		if h.Name() == name {
			return h, nil
		}
	}
	return nil, notFound("hub: there is no hub %q", name)
}

func (a *API) findDefaultHub() string {
	if a.OnlyHub != "" {
		return a.OnlyHub
	}
	return a.DefaultHub
}

// withNamespace calls fn with the namespace of a scope.
func (a *API) withNamespace(s scope, fn func(*hub.Namespace) error) error {
	h, err := a.findHub(s.Hub)
	if err != nil {
		return err
	}
	name := s.Namespace
	if name == "" {
		name = "/"
	}
	if len(name) > sio.DefaultLimits.MaxNamespace {
		return badRequest("namespace: longer than %d bytes", sio.DefaultLimits.MaxNamespace)
	}
	if !a.allowsNamespace(name) {
		return notAllowed("namespace: %q is not allowed here", name)
	}
	if !h.WithNamespace(name, func(ns *hub.Namespace) { err = fn(ns) }) {
		return notFound("namespace: there is no namespace %q in hub %q", name, h.Name())
	}
	return err
}

// allowsNamespace reports whether requests may name a namespace.
func (a *API) allowsNamespace(namespace string) bool {
	if a.OnlyNamespaces == nil {
		return true
	}
	return glob.NewSegmentsList(a.OnlyNamespaces).Match(namespace)
}

// parseTarget returns the target for lists of rooms. Without a list it is the whole
// namespace, with an empty list no socket. Errors name the field, which is in or to.
func parseTarget(field string, in, except []string) (rooms.Target, error) {
	if err := hub.CheckRooms(in); err != nil {
		return rooms.Target{}, badRequest("%s: %v", field, err)
	}
	if err := hub.CheckRooms(except); err != nil {
		return rooms.Target{}, badRequest("except: %v", err)
	}
	t := rooms.Target{Except: except}
	if in != nil {
		t = t.AddRooms(in...)
	}
	return t, nil
}
