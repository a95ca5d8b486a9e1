package hub_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
)

// linking is a cluster that counts the open adapters of each namespace.
type linking struct {
	cluster.Cluster
	opening func(namespace string)

	mu   sync.Mutex
	open map[string]int
}

func (l *linking) Open(namespace string, _ cluster.Node) (cluster.Adapter, error) {
	if l.opening != nil {
		l.opening(namespace)
	}
	l.count(namespace, 1)
	return &linked{cluster: l, namespace: namespace}, nil
}

func (l *linking) count(namespace string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[string]int)
	}
	l.open[namespace] += n
}

type linked struct {
	cluster.Adapter
	cluster   *linking
	namespace string
}

func (l *linked) Publish(cluster.Operation) error { return nil }

func (l *linked) Request(_ context.Context, _ cluster.Request, each func(cluster.Reply)) error {
	each(cluster.Rooms{"a"})
	each(cluster.Rooms{"b"})
	return nil
}

func (l *linked) Close() error {
	l.cluster.count(l.namespace, -1)
	return nil
}

// A cluster may call the hub when a namespace is opened.
func TestOpenLooksAtHub(t *testing.T) {
	h, _ := newHub(t)
	done := make(chan struct{})
	c := &linking{opening: func(string) { h.Namespaces() }}
	go func() {
		defer close(done)
		h.Configure(hub.Config{Cluster: c, Routes: []hub.RouteConfig{route("a", "/org-*")}, Namespaces: []hub.NamespaceConfig{answering("/chat", ""), answering("/org-*", "")}})
		h.Of("/go")
	}()
	await(t, done)
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
func TestNamespaceEndsWhileLinked(t *testing.T) {
	config := hub.Config{Routes: []hub.RouteConfig{route("a", "/org-*")}, Namespaces: []hub.NamespaceConfig{answering("/org-*", "")}}
	for range 8 { // namespaces are linked in no order
		s := newSite(t, config)
		client, id := join(t, s.url+"/0/", "/org-1", "")
		ns, _ := s.Namespace("/org-1")
		socket, _ := ns.Socket(id)
		var once sync.Once
		c := &linking{opening: func(namespace string) {
			once.Do(func() {
				client.conn.Close()
				await(t, socket.Done())
				for _, ok := s.Namespace("/org-1"); ok; _, ok = s.Namespace("/org-1") {
				}
			})
		}}
		with := config
		with.Cluster = c
		s.reload(with)
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
	c, _ := join(t, url, "/", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		h.Drain(ctx)
	}()
	c.wantClosed()
	await(t, began)
	close(release)
	await(t, done)
	if !handled {
		t.Error("Drain did not wait")
	}
}

// The function that gets the replies may panic. The bubble fails if a goroutine is left.
func TestAskerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{Cluster: &linking{}})
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
func TestOpenPanics(t *testing.T) {
	h := hub.New(hub.Options{Cluster: &linking{opening: func(namespace string) {
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
	if err := await(t, again); err != nil {
		t.Error(err)
	}
}
