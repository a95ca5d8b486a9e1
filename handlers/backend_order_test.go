package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// hanging is an application whose answers to the event hang wait, until they are let
// go. It tells of each that waits, and of each that is given up.
type hanging struct {
	waits, gone, release chan struct{}
}

func newHanging(t *testing.T) (*app, *hanging) {
	h := &hanging{make(chan struct{}, 100), make(chan struct{}, 100), make(chan struct{})}
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
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
		says(http.StatusOK, `{"ack":["done"]}`)(w, r)
	})
	return a, h
}

func TestBackendOrder(t *testing.T) {
	const events = 1000
	a, hang := newHanging(t)
	s := serve(t, socketio(a.proxy()))
	slow, c := s.enter(), s.enter()
	slow.send(`42/app,1["hang"]`)
	slow.send(`42/app,2["behind"]`)
	<-hang.waits
	for n := range events {
		c.send(fmt.Sprintf(`42/app,%d["n",%d]`, n, n))
	}
	for n := range events {
		c.expect(fmt.Sprintf(`43/app,%d["done"]`, n))
	}
	for n, r := range a.requests(`"event":"n"`) {
		if want := fmt.Sprintf(`"args":[%d],`, n); !strings.Contains(r.body, want) {
			t.Fatalf("request %d: got %s, want %s", n, r.body, want)
		}
	}
	if seen := a.requests("behind"); len(seen) > 0 {
		t.Error("an event overtook the one before it")
	}
	close(hang.release)
	slow.expect(`43/app,1["done"]`)
	slow.expect(`43/app,2["done"]`)
}

func TestBackendConcurrency(t *testing.T) {
	a, hang := newHanging(t)
	s := serve(t, socketio("concurrency 1\nqueue 1\n"+a.proxy()))
	first, second, third := s.enter(), s.enter(), s.enter()
	first.send(`42/app,1["hang"]`)
	<-hang.waits
	// Of two more one waits, and one is told at once that it can't.
	told := make(chan client, 2)
	for _, c := range []client{second, third} {
		c.send(`42/app,1["more"]`)
		go func() {
			if text, err := c.next(); err == nil && text == `43/app,1[{"error":"service unavailable"}]` {
				told <- c
			} else if err != nil || text != `43/app,1["done"]` {
				t.Errorf("got %s, %v", text, err)
				told <- c
			}
			told <- client{}
		}()
	}
	if refused := <-told; refused.Conn == nil {
		t.Error("both wait")
	}
	for _, line := range []string{`caddy_socketio_backend_requests_in_flight{hub="default"} 1`, `caddy_socketio_backend_events_waiting{hub="default"} 1`} {
		if !strings.Contains(s.metrics(), line+"\n") {
			t.Errorf("the metrics do not have %s", line)
		}
	}
	s.logged("backend failed", "too many events wait", `"event":"more"`)
	if len(a.requests(`"more"`)) > 0 {
		t.Error("more was asked than may be at a time")
	}
	close(hang.release)
	first.expect(`43/app,1["done"]`)
	<-told // the one that was told
	<-told // the one that waited
	if n := len(a.requests(`"more"`)); n != 1 {
		t.Errorf("%d of two were asked about", n)
	}
	first.call(`42/app,2["x"]`, `43/app,2["done"]`)
	for _, line := range []string{
		`backend_requests_in_flight{hub="default"} 0`, `backend_events_waiting{hub="default"} 0`,
		`backend_requests_total{hub="default",outcome="outage",type="event"} `,
		`backend_request_duration_seconds_count{hub="default",type="event"} `,
	} {
		if !strings.Contains(s.metrics(), "caddy_socketio_"+line) {
			t.Errorf("the metrics do not have %s", line)
		}
	}
}

// What one block waits for holds up no other.
func TestBackendsAreApart(t *testing.T) {
	a, hang := newHanging(t)
	block := func(event, path string) string {
		return "on " + event + " {\nbackend {\nconcurrency 1\nqueue 1\nrewrite " + path + "\n" + a.proxy() + "}\n}\n"
	}
	s := serve(t, "socketio {\nnamespace /app {\n"+block("hang", "/slow")+block("*", "/quick")+"}\n}")
	slow, c := s.enter(), s.enter()
	slow.send(`42/app,1["hang"]`)
	await(t, hang.waits)
	c.call(`42/app,1["x"]`, `43/app,1["done"]`)
	close(hang.release)
	slow.expect(`43/app,1["done"]`)
}

// All clients come back at once, as after a restart: no more of them are asked about
// at a time than may be.
func TestBackendMeetsBursts(t *testing.T) {
	const clients, limit = 100, 5
	var now, most atomic.Int64
	a := newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		w.WriteHeader(http.StatusNoContent)
		now.Add(-1)
	})
	s := serve(t, socketio(fmt.Sprint("concurrency ", limit, "\n", a.proxy())))
	all := make([]client, clients)
	for i := range all {
		all[i] = s.dial()
	}
	for _, c := range all {
		c.send("40/app,")
	}
	for _, c := range all {
		c.expect(`40/app,{"sid":"*`)
	}
	if n := most.Load(); n > limit {
		t.Errorf("%d were asked about at a time", n)
	}
	if n := len(a.requests(`"connect"`)); n != clients {
		t.Errorf("asked %d times about %d clients", n, clients)
	}
}

func TestBackendWaitsInTime(t *testing.T) {
	a, hang := newHanging(t)
	s := serve(t, socketio("concurrency 1\ntimeout 2s\n"+a.proxy()))
	first, second := s.enter(), s.enter()
	first.send(`42/app,1["hang"]`)
	<-hang.waits
	second.call(`42/app,1["waits"]`, `43/app,1[*`) // too late, or just in time
	first.expect(`43/app,1[{"error":"service unavailable"}]`)
	<-hang.gone
	second.call(`42/app,2["x"]`, `43/app,2["done"]`)
}

func TestBackendCancels(t *testing.T) {
	a, hang := newHanging(t)
	s := serve(t, socketio("timeout 1h\n"+a.proxy()))
	c := s.enter()
	c.send(`42/app,1["hang"]`)
	c.send(`42/app,2["behind"]`)
	await(t, hang.waits)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, hang.gone)
	if seen := a.requests("behind"); len(seen) > 0 {
		t.Error("an event behind it was asked about")
	}

	// Nor does a client that goes away while it connects keep anybody busy.
	ends := make(chan string, 100)
	a.answer(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Type string }
		_ = json.NewDecoder(r.Body).Decode(&event)
		if event.Type == "connect" {
			ends <- "waits"
			<-r.Context().Done()
		}
		ends <- event.Type
	})
	d := s.dial()
	d.send("40/app,")
	for await(t, ends) != "waits" {
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for await(t, ends) != "connect" {
	}
}

func TestBackendHearsOfDisconnects(t *testing.T) {
	a, _ := newHanging(t)
	s := serve(t, socketio(a.proxy()))
	for _, test := range []struct {
		name   string
		leave  func(client)
		reason string
	}{
		{"hangs up", func(c client) { _ = c.Close() }, "transport close"},
		{"says so", func(c client) { c.send("41/app,") }, "client namespace disconnect"},
		{"breaks the protocol", func(c client) { c.send("4nonsense") }, "forced close"},
	} {
		events, release := make(chan string, 10), make(chan struct{})
		a.answer(func(w http.ResponseWriter, r *http.Request) {
			var event struct {
				Type, Reason string
				Socket       struct{ Rooms []string }
			}
			_ = json.NewDecoder(r.Body).Decode(&event)
			if event.Type == "connect" {
				says(http.StatusOK, `{"join":["room"]}`)(w, r)
				return
			}
			events <- fmt.Sprint(event.Type, ", ", event.Reason, ", ", len(event.Socket.Rooms))
			select { // it is not given up, though the client has gone
			case <-release:
			case <-r.Context().Done():
				t.Errorf("%s: the request was given up", event.Type)
			}
		})
		test.leave(s.enter())
		for _, want := range []string{"disconnecting, " + test.reason + ", 2", "disconnect, " + test.reason + ", 0"} {
			if got := <-events; got != want {
				t.Errorf("%s: got %s, want %s", test.name, got, want)
			}
			release <- struct{}{}
		}
	}
}

func TestBackendAfterReload(t *testing.T) {
	a, hang := newHanging(t)
	s := serve(t, socketio(a.proxy()))
	c := s.enter()
	c.send(`42/app,1["hang"]`)
	<-hang.waits
	s.load(socketio("respond `{\"ack\":[\"new\"]}`"))
	close(hang.release)
	c.expect(`43/app,1["done"]`)
	c.call(`42/app,2["x"]`, `43/app,2["new"]`)
}
