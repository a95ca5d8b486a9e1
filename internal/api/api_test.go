package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/cluster"
	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/tail"
	"go.uber.org/zap"
)

// fakeCluster is a cluster that records published operations, and replies by onRequest.
type fakeCluster struct {
	mu        sync.Mutex // guards ops
	ops       []publication
	onRequest func(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error
	down      bool
}

type publication struct {
	namespace string
	op        cluster.Operation
}

// fakeAdapter is the adapter of one namespace.
type fakeAdapter struct {
	*fakeCluster
	namespace string
}

func (n *fakeCluster) Open(namespace string, _ cluster.Node) (cluster.Adapter, error) {
	return fakeAdapter{n, namespace}, nil
}

func (n *fakeCluster) State() cluster.State {
	return cluster.State{Adapter: "test", Connected: !n.down, Dropped: 3}
}
func (n *fakeCluster) Close() error { return nil }

func (n *fakeCluster) listPublished() []publication {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ops)
}

// listEmits returns the published emits: their namespaces, and their names with
// arguments.
func (n *fakeCluster) listEmits() (listEmits []string) {
	for _, p := range n.listPublished() {
		if e, ok := p.op.(cluster.Emit); ok {
			listEmits = append(listEmits, p.namespace+" "+e.Data.String())
		}
	}
	return listEmits
}

func (l fakeAdapter) Publish(op cluster.Operation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, publication{l.namespace, op})
	return nil
}

func (l fakeAdapter) Request(ctx context.Context, q cluster.Request, each func(cluster.Reply)) error {
	if l.onRequest == nil {
		return nil
	}
	return l.onRequest(ctx, q, each)
}

func (fakeAdapter) Nodes(context.Context) (int, error) { return 1, nil }
func (fakeAdapter) Close() error                       { return nil }

// fixture is an API of a hub with the namespaces /, /chat and /org-*.
type fixture struct {
	testing.TB
	*fakeCluster
	hub     *hub.Hub
	drainer *hub.Drainer
	tails   *tail.Server
	api     *API
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{TB: t, fakeCluster: new(fakeCluster)}
	hubs := func(yield func(*hub.Hub) bool) { yield(f.hub) }
	f.drainer = hub.NewDrainer(hubs, zap.NewNop)
	f.hub = hub.New(hub.Options{Name: "default", Drainer: f.drainer})
	t.Cleanup(f.hub.Close)
	f.hub.Configure(hub.Config{
		Cluster:    f.fakeCluster,
		Namespaces: []hub.NamespaceConfig{{Name: "/chat"}, {Name: "/org-*"}},
	})
	f.tails = tail.New(f.hub, zap.NewNop())
	f.api = &API{
		Hubs: hubs, Drainer: f.drainer, Tails: func(*hub.Hub) *tail.Server { return f.tails },
		DefaultHub: "default", Version: "v1.2.3",
	}
	return f
}

// ServeHTTP serves the API under /socketio/, and Socket.IO clients elsewhere.
func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, ok := strings.CutPrefix(r.URL.Path, "/socketio/")
	if !ok {
		f.hub.ServeHTTP(w, r)
		return
	}
	if err := f.api.Serve(w, r, operation); err != nil {
		WriteError(w, err)
	}
}

// response is the response to an HTTP request.
type response struct {
	status int
	header http.Header
	body   string
}

func (f *fixture) sendRequest(method, path, contentType string, body io.Reader) response {
	f.Helper()
	r := httptest.NewRequest(method, "/socketio/"+path, body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		f.Errorf("%s %s: content type %q", method, path, got)
	}
	return response{w.Code, w.Header(), strings.TrimSuffix(w.Body.String(), "\n")}
}

func (f *fixture) postJSON(path, body string) response {
	f.Helper()
	return f.sendRequest(http.MethodPost, path, "application/json", strings.NewReader(body))
}

func (f *fixture) postLines(body io.Reader) response {
	f.Helper()
	return f.sendRequest(http.MethodPost, "emit", "application/x-ndjson", body)
}

func (f *fixture) getReply(path string) response {
	f.Helper()
	return f.sendRequest(http.MethodGet, path, "", nil)
}

// awaitReply repeats a request until its reply has the body. A client gets the disconnect
// packet before its socket has left its rooms.
func (f *fixture) awaitReply(path, body string) {
	f.Helper()
	for deadline := time.Now().Add(10 * time.Second); f.getReply(path).body != body; runtime.Gosched() {
		if time.Now().After(deadline) {
			f.checkResponse(f.getReply(path), 200, body)
			return
		}
	}
}

// checkResponse compares a response with the expected body, or with a part of its error.
func (f *fixture) checkResponse(got response, status int, body string) {
	f.Helper()
	if got.status != status {
		f.Fatalf("status %d, want %d: %s", got.status, status, got.body)
	}
	if status >= 400 {
		var decoded struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal([]byte(got.body), &decoded); err != nil || !strings.Contains(decoded.Error, body) {
			f.Fatalf("got %s, want an error with %q", got.body, body)
		}
		return
	}
	if got.body != body {
		f.Fatalf("got  %s\nwant %s", got.body, body)
	}
}

func TestUnknownOperationsAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		method, path string
		status       int
		error, allow string
	}{
		{"GET", "emit", 405, "method GET is not allowed: expected POST", "POST"},
		{"OPTIONS", "emit", 405, "OPTIONS", "POST"},
		{"DELETE", "rooms", 405, "expected GET", "GET, HEAD"},
		{"POST", "", 405, "expected GET", "GET, HEAD"},
		{"POST", "emits", 404, `there is no operation "emits"`, ""},
		{"GET", "status", 404, `there is no operation "status"`, ""},
		{"GET", "rooms/", 404, `"rooms/"`, ""},
		{"GET", "../emit", 404, "operation", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			f := &fixture{TB: t, fakeCluster: f.fakeCluster, hub: f.hub, api: f.api}
			got := f.sendRequest(c.method, c.path, "", nil)
			f.checkResponse(got, c.status, c.error)
			if got.header.Get("Allow") != c.allow {
				t.Errorf("Allow %q, want %q", got.header.Get("Allow"), c.allow)
			}
		})
	}
}

func TestRestrictionsAreEnforced(t *testing.T) {
	f := newFixture(t)
	f.api.OnlyHub, f.api.OnlyOperations = "default", []string{"emit", "disconnect", "namespaces", StatusOperation}
	f.api.OnlyNamespaces = []string{"/org-*", "/a[b"}
	for _, c := range []struct {
		path, body, error string
		status            int
	}{
		{"join", `{"rooms":["a"]}`, "join is not allowed here", 403},
		{"emit", `{"event":"x"}`, `namespace: "/" is not allowed here`, 403},
		{"emit?namespace=/org-1", `{"event":"x","namespace":"/chat"}`, `namespace: "/chat" is not allowed here`, 403},
		{"emit", `{"event":"x","namespace":"/org-1/2"}`, "not allowed", 403},
		{"emit", `{"event":"x","namespace":"/a[b"}`, "there is no namespace", 404},
		{"emit", `{"event":"x","hub":"other"}`, `hub: "other" is not allowed here`, 403},
		{"disconnect", `{"namespace":"/org-1","close":true}`, "close: ", 403},
	} {
		f.checkResponse(f.postJSON(c.path, c.body), c.status, c.error)
	}
	if ops := f.listPublished(); len(ops) > 0 {
		t.Errorf("published %v", ops)
	}
	f.checkResponse(f.postJSON("emit", `[{"event":"x"},{"event":"y","namespace":"/org-1"}]`), 200,
		`{"emits":1,"delivered":0,"errors":[{"index":0,"error":"namespace: \"/\" is not allowed here"}]}`)
	f.checkResponse(f.getReply("namespaces"), 200, `[]`)
	f.checkResponse(f.getReply("sockets"), 403, "sockets is not allowed here")
	if got := f.listEmits(); !slices.Equal(got, []string{`/org-1 ["y"]`}) {
		t.Errorf("emitted %v", got)
	}
}

func TestOnlyHub(t *testing.T) {
	f := newFixture(t)
	f.api.OnlyHub = "games"
	f.checkResponse(f.getReply("rooms"), 404, `hub: there is no hub "games"`)
	f.checkResponse(f.getReply(""), 200, `{"version":"v1.2.3","hubs":[],"totals":{"connections":0,"sockets":0,"rooms":0}}`)
}

func TestStatusNamesAdapter(t *testing.T) {
	f := newFixture(t)
	f.checkResponse(f.getReply(""), 200, `{"version":"v1.2.3","hubs":[{"name":"default","connections":0,"namespaces":[`+
		`{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":0,"rooms":0}],`+
		`"cluster":{"adapter":"test","connected":true,"dropped":3,"malformed":0}}],"totals":{"connections":0,"sockets":0,"rooms":0}}`)
	f.hub.Configure(hub.Config{})
	f.checkResponse(f.getReply(""), 200, `{"version":"v1.2.3","hubs":[{"name":"default","connections":0,"namespaces":[`+
		`{"name":"/","sockets":0,"rooms":0},{"name":"/chat","sockets":0,"rooms":0}],`+
		`"cluster":{"adapter":"memory","connected":true,"dropped":0,"malformed":0}}],"totals":{"connections":0,"sockets":0,"rooms":0}}`)
}

func TestOtherErrorsAreInternal(t *testing.T) {
	w := httptest.NewRecorder()
	WriteError(w, errors.New("disk on fire"))
	if w.Code != 500 || w.Body.String() != "{\"error\":\"disk on fire\"}\n" {
		t.Error(w.Code, w.Body)
	}
}
