package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/freeport"
)

// backendSite has the rule "ask" of a backend that fails, and "consult" of one that does not.
// Replies to both emit "told" to everyone.
func backendSite(failing, well string) string {
	return `socketio {
	namespace / {
		on connect {
			join lobby
		}
		on say {
			in lobby emit said {event.args.0}
			ack {event.args.0}
		}
		on ask {
			backend ` + failing + ` {
				timeout 2s
			}
		}
		on consult {
			backend ` + well + `
		}
	}
}`
}

// app is a backend in this process.
type app struct {
	address string
	server  *http.Server
	fault   atomic.Pointer[http.HandlerFunc] // replies instead of the app, unless nil
	written atomic.Int64                     // bytes of faulty replies
}

// startApp starts a backend on a free port, until the end of the test.
func startApp(t *testing.T) *app {
	a := &app{address: freeport.Address()}
	a.listen(t)
	t.Cleanup(func() { a.server.Close() })
	return a
}

// listen starts the backend at its address.
func (a *app) listen(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	a.server = &http.Server{Handler: a, ReadHeaderTimeout: maxWait}
	go func() { _ = a.server.Serve(l) }() // ends with Close
}

// ServeHTTP replies to an event with an acknowledgement and an emit, or with the fault.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if fault := a.fault.Load(); fault != nil {
		(*fault)(w, r)
		return
	}
	var event struct{ Args []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil || len(event.Args) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"ack":[%s],"emit":[{"event":"told","args":[%s],"to":["lobby"],"include_sender":true}]}`, event.Args[0], event.Args[0])
}

// writeForever writes text again and again until the connection breaks, with pauses.
func (a *app) writeForever(w io.Writer, text string, pause time.Duration) {
	for {
		n, err := io.WriteString(w, text)
		a.written.Add(int64(n))
		if err != nil {
			return
		}
		if f, ok := w.(http.Flusher); ok && pause > 0 {
			f.Flush()
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

// hijackAndWrite writes raw bytes to the connection of a request: start, and then text forever.
func (a *app) hijackAndWrite(w http.ResponseWriter, start, text string, pause time.Duration) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, start)
	a.writeForever(conn, text, pause)
}

// backendFault is a way in which a backend fails.
type backendFault struct {
	name  string
	reply func(a *app, w http.ResponseWriter, r *http.Request)
	most  int64 // bytes of replies that Caddy reads and the kernel buffers, for all requests
}

// kernelBuffers is more than the kernel buffers of one connection on loopback.
const kernelBuffers = 8 << 20

var backendFaults = []backendFault{
	{"killed", nil, 0},
	{"frozen", func(_ *app, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0},
	{"dripping headers", func(a *app, w http.ResponseWriter, _ *http.Request) {
		a.hijackAndWrite(w, "HTTP/1.1 200 OK\r\nX-Drip: ", "x", 20*time.Millisecond)
	}, 1 << 20},
	{"dripping body", func(a *app, w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ack":["`)
		a.writeForever(w, "x", 20*time.Millisecond)
	}, 1 << 20},
	{"endless headers", func(a *app, w http.ResponseWriter, _ *http.Request) {
		a.hijackAndWrite(w, "HTTP/1.1 200 OK\r\n", "X-Header: "+strings.Repeat("x", 32<<10)+"\r\n", 0)
	}, 11<<20 + kernelBuffers},
	{"one gigabyte", func(a *app, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(1<<30))
		_, _ = io.WriteString(w, `{"ack":["`)
		a.writeForever(w, strings.Repeat("x", 64<<10), 0)
	}, 1<<20 + kernelBuffers},
	{"one gigabyte in a line", func(a *app, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, `{"ack":["`)
		a.writeForever(w, strings.Repeat("x", 64<<10), 0)
	}, 1<<20 + kernelBuffers},
	{"broken off", func(_ *app, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"ack":["no"]`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, 0},
}

// TestBackendFaults lets a backend fail in one way after another. The events that it should
// handle fail for their senders. All other events are handled as without a fault, also
// by another backend, and every client stays connected.
func TestBackendFaults(t *testing.T) {
	failing, well := startApp(t), startApp(t)
	p := startCaddy(t, setup{site: backendSite(failing.address, well.address)})
	var clients []*client
	for _, kind := range clientKinds {
		clients = append(clients, p.connectClient(t, kind))
	}
	b := &backendClients{process: p, clients: clients}
	b.askAll(t)
	memory := p.readMemory(t)
	for _, fault := range backendFaults {
		t.Run(strings.ReplaceAll(fault.name, " ", "_"), func(t *testing.T) {
			failing.beginFault(fault.reply)
			b.failAll(t)
			failing.endFault(t)
			b.askAll(t) // the backend is used again at once
			if most := fault.most * int64(len(clients)); failing.written.Load() > most {
				t.Errorf("%d bytes of replies are read, want at most %d", failing.written.Load(), most)
			}
		})
	}
	// Caddy reads 10 MiB of headers for each client, which take much more with the race detector.
	if grown := p.readMemory(t) - memory; grown > 400<<20 {
		t.Errorf("memory has grown by %d MB", grown>>20)
	}
	b.compareClients(t)
}

// beginFault makes the backend reply with a fault. nil kills it.
func (a *app) beginFault(reply func(*app, http.ResponseWriter, *http.Request)) {
	if a.written.Store(0); reply == nil {
		a.server.Close()
		return
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reply(a, w, r) })
	a.fault.Store(&handler)
}

// endFault ends the fault, and starts the backend again if it was killed.
func (a *app) endFault(t *testing.T) {
	t.Helper()
	if a.fault.Swap(nil) == nil {
		a.listen(t)
	}
}

// backendClients are the clients of backendSite, with the numbers that they have sent.
type backendClients struct {
	process    *process
	clients    []*client
	told, said int // numbers sent
	outages    int // events that failed
}

// askAll makes every client emit events to both backends, one after another.
func (b *backendClients) askAll(t *testing.T) {
	t.Helper()
	for _, c := range b.clients {
		for _, name := range []string{"ask", "consult"} {
			c.mustEmit(t, fmt.Sprintf("[%d]", b.told), name, b.told)
			b.told++
		}
	}
}

// failAll makes every client emit an event to the failing backend, at the same time. Meanwhile
// another client emits events to the other backend and to the room.
func (b *backendClients) failAll(t *testing.T) {
	t.Helper()
	p := b.process
	other := p.connectClient(t, clientOptions{name: "other"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asks sync.WaitGroup
	for _, c := range b.clients {
		b.outages++
		asks.Go(func() {
			if got, err := c.emitWithAck("ask", "lost"); err != nil || got != `[{"error":"service unavailable"}]` {
				t.Errorf("%s: ack of ask: %s %v", c.name, got, err)
			}
		})
	}
	go func() {
		defer cancel()
		asks.Wait()
	}()
	for {
		other.mustEmit(t, fmt.Sprintf("[%d]", b.told), "consult", b.told)
		b.told++
		other.mustEmit(t, fmt.Sprintf("[%d]", b.said), "say", b.said)
		b.said++
		select {
		case <-ctx.Done():
			asks.Wait()
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// compareClients compares what all clients received with what was sent.
func (b *backendClients) compareClients(t *testing.T) {
	t.Helper()
	wantEventsNamed(t, "told", numberedEvents("told", 0, b.told-1), b.clients...)
	wantEventsNamed(t, "said", numberedEvents("said", 0, b.said-1), b.clients...)
	wantLife(t, []string{"connect"}, b.clients...)
	if got := int(b.process.readMetric(t, "caddy_socketio_backend_requests_total", `outcome="outage"`)); got != b.outages {
		t.Errorf("%d outages are counted, want %d", got, b.outages)
	}
}
