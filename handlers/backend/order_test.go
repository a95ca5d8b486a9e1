package backend_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// hanging is an application whose answers to the event hang wait, until they are let
// go. It tells of each that waits, and of each that is given up.
type hanging struct {
	waits, gone, release chan struct{}
}

func newHanging(t *testing.T) (*sitetest.App, *hanging) {
	h := &hanging{make(chan struct{}, 100), make(chan struct{}, 100), make(chan struct{})}
	a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Event string }
		_ = json.NewDecoder(r.Body).Decode(&event)
		if event.Event == "hang" {
			h.waits <- struct{}{}
			select {
			case <-h.release:
			case <-r.Context().Done():
				h.gone <- struct{}{}
				return
			}
		}
		sitetest.Reply(http.StatusOK, `{"ack":["done"]}`)(w, r)
	})
	return a, h
}

func TestBackendKeepsOrderOfEachSocket(t *testing.T) {
	const events = 1000
	a, hang := newHanging(t)
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	slow, c := s.Connect(), s.Connect()
	slow.Send(`42/app,1["hang"]`)
	slow.Send(`42/app,2["behind"]`)
	<-hang.waits
	for n := range events {
		c.Send(fmt.Sprintf(`42/app,%d["n",%d]`, n, n))
	}
	for n := range events {
		c.Expect(fmt.Sprintf(`43/app,%d["done"]`, n))
	}
	for n, r := range a.Requests(`"event":"n"`) {
		if want := fmt.Sprintf(`"args":[%d],`, n); !strings.Contains(r.Body, want) {
			t.Fatalf("request %d: got %s, want %s", n, r.Body, want)
		}
	}
	if seen := a.Requests("behind"); len(seen) > 0 {
		t.Error("an event overtook the one before it")
	}
	close(hang.release)
	slow.Expect(`43/app,1["done"]`)
	slow.Expect(`43/app,2["done"]`)
}

func TestBackendAppliesRepliesInOrderOfRequests(t *testing.T) {
	const senders, events = 8, 50
	var count atomic.Int64
	a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
		sitetest.Reply(http.StatusOK, fmt.Sprintf(`{"emit":[{"event":"count","args":[%d],"to":["counts"]}]}`, count.Add(1)))(w, r)
	})
	s := sitetest.Serve(t, "socketio {\nnamespace /app {\non watch {\njoin counts\nack\n}\non * {\nbackend "+a.Address+" {\nconcurrency 1\n}\n}\n}\n}")
	watcher := s.Connect()
	watcher.Call(`42/app,1["watch"]`, `43/app,1[]`)
	for range senders {
		c := s.Connect()
		for range events {
			c.Send(`42/app,["n"]`)
		}
	}
	for n := range senders * events {
		watcher.Expect(fmt.Sprintf(`42/app,["count",%d]`, n+1))
	}
}

func TestBackendLimitsConcurrencyAndQueue(t *testing.T) {
	a, hang := newHanging(t)
	s := sitetest.Serve(t, sitetest.BackendDirective("concurrency 1\nqueue 1\n"+a.Proxy()))
	first, second, third := s.Connect(), s.Connect(), s.Connect()
	first.Send(`42/app,1["hang"]`)
	<-hang.waits
	// Of two more one waits, and one is told at once that it can't.
	told := make(chan clienttest.Client, 2)
	for _, c := range []clienttest.Client{second, third} {
		c.Send(`42/app,1["more"]`)
		go func() {
			if text, err := c.Next(); err == nil && text == `43/app,1[{"error":"service unavailable"}]` {
				told <- c
			} else if err != nil || text != `43/app,1["done"]` {
				t.Errorf("got %s, %v", text, err)
				told <- c
			}
			told <- clienttest.Client{}
		}()
	}
	if refused := <-told; refused.Conn == nil {
		t.Error("both wait")
	}
	for _, line := range []string{`caddy_socketio_backend_requests_in_flight{hub="default"} 1`, `caddy_socketio_backend_events_waiting{hub="default"} 1`} {
		if !strings.Contains(s.Metrics(), line+"\n") {
			t.Errorf("the metrics do not have %s", line)
		}
	}
	s.ExpectLogged("backend failed", "too many events wait", `"event":"more"`)
	if len(a.Requests(`"more"`)) > 0 {
		t.Error("more was asked than may be at a time")
	}
	close(hang.release)
	first.Expect(`43/app,1["done"]`)
	<-told // the one that was told
	<-told // the one that waited
	if n := len(a.Requests(`"more"`)); n != 1 {
		t.Errorf("%d of two were asked about", n)
	}
	first.Call(`42/app,2["x"]`, `43/app,2["done"]`)
	for _, line := range []string{
		`backend_requests_in_flight{hub="default"} 0`, `backend_events_waiting{hub="default"} 0`,
		`backend_requests_total{hub="default",outcome="outage",type="event"} `,
		`backend_request_duration_seconds_count{hub="default",type="event"} `,
	} {
		if !strings.Contains(s.Metrics(), "caddy_socketio_"+line) {
			t.Errorf("the metrics do not have %s", line)
		}
	}
}

// A backend whose requests wait does not block another.
func TestBackendsHaveSeparateQueues(t *testing.T) {
	a, hang := newHanging(t)
	block := func(event, path string) string {
		return "on " + event + " {\nbackend {\nconcurrency 1\nqueue 1\nrewrite " + path + "\n" + a.Proxy() + "}\n}\n"
	}
	s := sitetest.Serve(t, "socketio {\nnamespace /app {\n"+block("hang", "/slow")+block("*", "/quick")+"}\n}")
	slow, c := s.Connect(), s.Connect()
	slow.Send(`42/app,1["hang"]`)
	sitetest.Await(t, hang.waits)
	c.Call(`42/app,1["x"]`, `43/app,1["done"]`)
	close(hang.release)
	slow.Expect(`43/app,1["done"]`)
}

// All clients come back at once, as after a restart: no more of them are asked about
// at a time than may be.
func TestBackendLimitsConcurrencyInBursts(t *testing.T) {
	const clients, limit = 100, 5
	var now, most atomic.Int64
	a := sitetest.NewApp(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		w.WriteHeader(http.StatusNoContent)
		now.Add(-1)
	})
	s := sitetest.Serve(t, sitetest.BackendDirective(fmt.Sprint("concurrency ", limit, "\n", a.Proxy())))
	all := make([]clienttest.Client, clients)
	for i := range all {
		all[i] = s.Dial()
	}
	for _, c := range all {
		c.Send("40/app,")
	}
	for _, c := range all {
		c.Expect(`40/app,{"sid":"*`)
	}
	if n := most.Load(); n > limit {
		t.Errorf("%d were asked about at a time", n)
	}
	if n := len(a.Requests(`"connect"`)); n != clients {
		t.Errorf("asked %d times about %d clients", n, clients)
	}
}

func TestBackendTimeoutCountsWaiting(t *testing.T) {
	a, hang := newHanging(t)
	s := sitetest.Serve(t, sitetest.BackendDirective("concurrency 1\ntimeout 2s\n"+a.Proxy()))
	first, second := s.Connect(), s.Connect()
	first.Send(`42/app,1["hang"]`)
	<-hang.waits
	second.Call(`42/app,1["waits"]`, `43/app,1[*`) // too late, or just in time
	first.Expect(`43/app,1[{"error":"service unavailable"}]`)
	<-hang.gone
	second.Call(`42/app,2["x"]`, `43/app,2["done"]`)
}

func TestBackendCancelsRequestsOfClosedConnections(t *testing.T) {
	a, hang := newHanging(t)
	s := sitetest.Serve(t, sitetest.BackendDirective("timeout 1h\n"+a.Proxy()))
	c := s.Connect()
	c.Send(`42/app,1["hang"]`)
	c.Send(`42/app,2["behind"]`)
	sitetest.Await(t, hang.waits)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	sitetest.Await(t, hang.gone)
	if seen := a.Requests("behind"); len(seen) > 0 {
		t.Error("an event behind it was asked about")
	}
}

func TestBackendGetsDisconnectEvents(t *testing.T) {
	a, _ := newHanging(t)
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	for _, test := range []struct {
		name   string
		leave  func(clienttest.Client)
		reason string
	}{
		{"hangs up", func(c clienttest.Client) { _ = c.Close() }, "transport close"},
		{"says so", func(c clienttest.Client) { c.Send("41/app,") }, "client namespace disconnect"},
		{"breaks the protocol", func(c clienttest.Client) { c.Send("4nonsense") }, "forced close"},
	} {
		events, release := make(chan string, 10), make(chan struct{})
		a.SetReply(func(w http.ResponseWriter, r *http.Request) {
			var event struct {
				Type, Reason string
				Socket       struct{ Rooms []string }
			}
			_ = json.NewDecoder(r.Body).Decode(&event)
			if event.Type == "connect" {
				sitetest.Reply(http.StatusOK, `{"join":["room"]}`)(w, r)
				return
			}
			events <- fmt.Sprint(event.Type, ", ", event.Reason, ", ", len(event.Socket.Rooms))
			select { // it is not given up, though the client has gone
			case <-release:
			case <-r.Context().Done():
				t.Errorf("%s: the request was given up", event.Type)
			}
		})
		test.leave(s.Connect())
		for _, want := range []string{"disconnecting, " + test.reason + ", 2", "disconnect, " + test.reason + ", 0"} {
			if got := <-events; got != want {
				t.Errorf("%s: got %s, want %s", test.name, got, want)
			}
			release <- struct{}{}
		}
	}
}

func TestBackendContinuesAfterReload(t *testing.T) {
	a, hang := newHanging(t)
	s := sitetest.Serve(t, sitetest.BackendDirective(a.Proxy()))
	c := s.Connect()
	c.Send(`42/app,1["hang"]`)
	<-hang.waits
	s.Load(sitetest.BackendDirective("respond `{\"ack\":[\"new\"]}`"))
	close(hang.release)
	c.Expect(`43/app,1["done"]`)
	c.Call(`42/app,2["x"]`, `43/app,2["new"]`)
}
