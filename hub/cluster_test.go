package hub_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// countingCluster is a cluster that counts the open adapters of each namespace.
type countingCluster struct {
	cluster.Cluster
	onOpen func(namespace string)

	mu   sync.Mutex
	open map[string]int
}

func (l *countingCluster) Open(namespace string, _ cluster.Node) (cluster.Adapter, error) {
	if l.onOpen != nil {
		l.onOpen(namespace)
	}
	l.countOpen(namespace, 1)
	return &countedAdapter{cluster: l, namespace: namespace}, nil
}

func (l *countingCluster) countOpen(namespace string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[string]int)
	}
	l.open[namespace] += n
}

type countedAdapter struct {
	cluster.Adapter
	cluster   *countingCluster
	namespace string
}

func (l *countedAdapter) Publish(cluster.Operation) error { return nil }

func (l *countedAdapter) Request(_ context.Context, _ cluster.Request, each func(cluster.Reply)) error {
	each(cluster.Rooms{"a"})
	each(cluster.Rooms{"b"})
	return nil
}

func (l *countedAdapter) Close() error {
	l.cluster.countOpen(l.namespace, -1)
	return nil
}

// A cluster may call the hub when a namespace is opened.
func TestClusterMayCallHubWhenOpening(t *testing.T) {
	h, _ := newHub(t)
	done := make(chan struct{})
	c := &countingCluster{onOpen: func(string) { h.Namespaces() }}
	go func() {
		defer close(done)
		h.Configure(hub.Config{Cluster: c, Routes: []hub.RouteConfig{newRouteConfig("a", "/org-*")}, Namespaces: []hub.NamespaceConfig{newAckingNamespace("/chat", ""), newAckingNamespace("/org-*", "")}})
		h.Of("/go")
	}()
	receiveWithin(t, done)
	h.WithNamespace("/org-1", func(*hub.Namespace) {})
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, want := range map[string]int{"/": 1, "/chat": 1, "/go": 1, "/org-1": 0} {
		if n, opened := c.open[name]; n != want || !opened {
			t.Errorf("%s: %d are open", name, n)
		}
	}
}

// A namespace that is removed while a new cluster opens it leaves no adapter open.
func TestNamespaceRemovedWhileOpeningIsClosed(t *testing.T) {
	config := hub.Config{Routes: []hub.RouteConfig{newRouteConfig("a", "/org-*")}, Namespaces: []hub.NamespaceConfig{newAckingNamespace("/org-*", "")}}
	for range 8 { // namespaces are opened in any order
		s := newSite(t, config)
		client, id := joinNamespace(t, s.url+"/0/", "/org-1", "")
		ns, _ := s.Namespace("/org-1")
		socket, _ := ns.Socket(id)
		var once sync.Once
		c := &countingCluster{onOpen: func(namespace string) {
			once.Do(func() {
				client.conn.Close()
				receiveWithin(t, socket.Done())
				for _, ok := s.Namespace("/org-1"); ok; _, ok = s.Namespace("/org-1") {
				}
			})
		}}
		with := config
		with.Cluster = c
		s.reloadConfig(with)
		s.WithNamespace("/org-2", func(*hub.Namespace) {})
		s.Close()
		c.mu.Lock()
		for name, n := range c.open {
			if n != 0 {
				t.Errorf("%s: %d are open", name, n)
			}
		}
		c.mu.Unlock()
	}
}

// Drain returns when the disconnect events of the sockets were handled.
func TestDrainWaitsForHandlers(t *testing.T) {
	h, url := newHub(t)
	handled := false
	began, release := make(chan struct{}), make(chan struct{})
	h.Of("/").On("disconnect", hub.HandlerFunc(func(context.Context, *hub.Event) error {
		close(began)
		<-release
		handled = true
		return nil
	}))
	c, _ := joinNamespace(t, url, "/", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		h.Drain(ctx)
	}()
	c.wantClosed()
	receiveWithin(t, began)
	close(release)
	receiveWithin(t, done)
	if !handled {
		t.Error("Drain did not wait")
	}
}

// The function that gets the replies may panic. The test fails if a goroutine is left.
func TestRequestSurvivesPanicOfCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{Cluster: &countingCluster{}})
		defer h.Close()
		defer func() {
			if recover() != "asker" {
				t.Error("the panic was lost")
			}
		}()
		_ = h.Of("/").Request(t.Context(), cluster.AllRooms{}, func(cluster.Reply) { panic("asker") })
	})
}

// A cluster that panics does not stop the namespace.
func TestEmitWorksAfterPanicOfCluster(t *testing.T) {
	h := hub.New(hub.Options{Cluster: &countingCluster{onOpen: func(namespace string) {
		if namespace == "/chat" {
			panic("open")
		}
	}}})
	defer h.Close()
	func() {
		defer func() { _ = recover() }()
		h.Of("/chat")
	}()
	again := make(chan error, 1)
	go func() {
		_, err := h.Of("/chat").Emit("news")
		again <- err
	}()
	if err := receiveWithin(t, again); err != nil {
		t.Error(err)
	}
}
