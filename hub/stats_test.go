package hub_test

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/hub"
)

func findStats(h *hub.Hub, name string) (found hub.NamespaceStats) {
	all := h.Stats().Namespaces
	i := slices.IndexFunc(all, func(s hub.NamespaceStats) bool { return s.Name == name })
	if i >= 0 {
		found = all[i]
		found.BroadcastSizes, found.BroadcastTimes, found.InboxWaits = hub.Histogram{}, hub.Histogram{}, hub.Histogram{}
	}
	return found
}

// Dynamic namespaces are counted under their glob, also after they are removed.
func TestGlobCountsAllItsNamespaces(t *testing.T) {
	orgs := hub.Config{
		Routes:     []hub.RouteConfig{newRouteConfig("a", "/org-*")},
		Namespaces: []hub.NamespaceConfig{newAckingNamespace("/org-*", "any")},
	}
	s := newSite(t, orgs)
	c := dialClient(t, s.url+"/0/", "4")
	var ids []string
	for i := range 3 {
		ids = append(ids, c.joinNamespace("/org-"+strconv.Itoa(i), ""))
	}
	c.sendPacket(`42/org-1,1["who"]`)
	c.wantPacket(`43/org-1,1["any"]`)
	want := hub.NamespaceStats{Name: "/org-*", Sockets: 3, Rooms: 3, Connected: 3, Events: 1}
	if got := findStats(s.Hub, "/org-*"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n := len(s.Stats().Namespaces); n != 2 { // and "/"
		t.Errorf("%d namespaces are counted: %+v", n, s.Stats().Namespaces)
	}
	s.reloadConfig(orgs)
	var sockets []*hub.Socket
	for i, id := range ids {
		ns, _ := s.Namespace("/org-" + strconv.Itoa(i))
		socket, _ := ns.Socket(id)
		sockets = append(sockets, socket)
	}
	c.conn.Close()
	for _, socket := range sockets {
		receiveWithin(t, socket.Done())
	}
	want = hub.NamespaceStats{Name: "/org-*", Connected: 3, Disconnected: 3, Events: 1}
	if got := findStats(s.Hub, "/org-*"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
