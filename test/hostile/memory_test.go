package hostile_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	maxMemory = goMemory / 10 * 6 // the default that the limit of Go's runtime makes
	large     = 900_000           // bytes of a large message

	// attackTime is how long an attack may take to fill the memory: many seconds with the race
	// detector on a busy machine. No heartbeat closes a client meanwhile.
	attackTime = 4 * time.Minute
)

// memoryAttacks make clients keep memory of one kind, each as much as it may, and together
// a fifth more than the process may, at least: near the limit, the heap decides.
var memoryAttacks = []struct {
	kind    string // of the metric
	clients int
	drive   func(a *memoryAttack, w *wireConn)
}{
	{"inbound", 16, func(_ *memoryAttack, w *wireConn) {
		for i := range w.joinGlobs(8) {
			w.writeTexts(fmt.Sprintf(`42/glob-%d,["wait"]`, i))
			w.writeTexts(fmt.Sprintf(`42/glob-%d,["wait","%s"]`, i, strings.Repeat("i", large)))
		}
	}},
	{"attachments", 10, func(_ *memoryAttack, w *wireConn) {
		w.joinGlobs(1)
		w.writeTexts(`4510-/glob-0,["wait"` + placeholders(10) + `]`)
		for range 9 {
			w.writeRaw(maskFrame(fin|opBinary, make([]byte, large)))
		}
	}},
	{"auth", 70, func(_ *memoryAttack, w *wireConn) {
		w.writeTexts(`40/glob-0,{"token":"` + strings.Repeat("t", large) + `"}`)
	}},
	{"data", 18, func(_ *memoryAttack, w *wireConn) {
		for i := range w.joinGlobs(16) {
			w.writeTexts(fmt.Sprintf(`42/glob-%d,["set","%s"]`, i, strings.Repeat("d", large/4)))
		}
	}},
	{"rooms", 12, func(a *memoryAttack, w *wireConn) {
		client := a.joined.Add(1)
		for i := range w.joinGlobs(10) {
			names := make([]string, 900)
			for j := range names {
				names[j] = fmt.Sprintf(`"%d-%d-%s"`, client, j, strings.Repeat("r", 480))
			}
			w.writeTexts(fmt.Sprintf(`42/glob-%d,["join",[%s]]`, i, strings.Join(names, ",")))
		}
	}},
	{"queue", 24, func(_ *memoryAttack, w *wireConn) {
		w.joinGlobs(1)
		for range 8 { // the first few fill buffers of the kernel
			w.writeTexts(`42/glob-0,1["echo","` + strings.Repeat("q", large) + `"]`)
		}
	}},
	{"backend", 16, func(a *memoryAttack, w *wireConn) {
		for i := range w.joinGlobs(7) {
			w.writeTexts(fmt.Sprintf(`42/glob-%d,1["reply"]`, i))
		}
		for {
			m, err := w.readMessage()
			if err != nil {
				return
			}
			if strings.HasPrefix(m, "43/glob-") {
				a.failed.Add(1)
			}
		}
	}},
	{"acks", 26, func(a *memoryAttack, w *wireConn) {
		w.writeTexts("40/glob-acks,")
		a.emitWithAck()
		for {
			m, err := w.readMessage()
			if err != nil {
				return
			}
			if m, ok := strings.CutPrefix(m, "42/glob-acks,"); ok {
				id, _, _ := strings.Cut(m, "[")
				w.writeTexts("43/glob-acks," + id + `["` + strings.Repeat("a", large) + `"]`)
			}
		}
	}},
}

// joinGlobs connects to n namespaces, and returns n, or 0 if the connection closes.
func (w *wireConn) joinGlobs(n int) int {
	for i := range n {
		w.writeTexts(fmt.Sprintf("40/glob-%d,", i))
		if got := w.readNext(); !strings.HasPrefix(got, "40/glob-") {
			return 0
		}
	}
	return n
}

// placeholders returns the placeholders of attachments, as arguments of an event.
func placeholders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"_placeholder":true,"num":%d}`, i)
	}
	return b.String()
}

// memoryAttack is one of the attacks, and its effects.
type memoryAttack struct {
	*testing.T
	p       *process
	kind    string
	clients int
	ctx     context.Context

	joined atomic.Int64
	// failed counts the events of backend whose reply had no room: they make room without a drop.
	failed atomic.Int64
	// Owned by watch.
	used, kept, resident int // peaks in bytes; kept is of the kind
	notReady             int // replies of the readiness check
	refused              int // handshakes
}

// emitWithAck emits three events when all clients are in the room, and waits for a client
// that does not reply.
func (a *memoryAttack) emitWithAck() {
	if a.joined.Add(1) != int64(a.clients) {
		return
	}
	silent := a.p.openSession(a, "/socket.io/")
	silent.writeTexts("40/glob-acks,")
	silent.wantLike("40/glob-acks,")
	for range 3 {
		go func() {
			body := strings.NewReader(`{"namespace":"/glob-acks","event":"rate","ack":{"timeout":"5s"}}`)
			r, err := http.NewRequestWithContext(a.ctx, "POST", "http://"+a.p.admin+"/socketio/emit", body)
			if err != nil {
				return
			}
			r.Header.Set("Content-Type", "application/json")
			if resp, err := http.DefaultClient.Do(r); err == nil {
				resp.Body.Close()
			}
		}()
	}
}

// watch measures until the context ends, and tries to connect while the process is not ready.
func (a *memoryAttack) watch() {
	for ; a.ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		now := a.p.scrapeMetrics(a.T)
		a.used = max(a.used, int(now.sumSeries("caddy_socketio_memory_used_bytes", "")))
		a.kept = max(a.kept, int(now.sumSeries("caddy_socketio_memory_bytes", `"`+a.kind+`"`)))
		a.resident = max(a.resident, a.p.readMemory(a.T))
		if ready, reasons := a.p.checkReady(a.T); ready {
			continue
		} else if reasons != `{"ready":false,"reasons":["memory"]}` {
			a.Errorf("readiness: %s", reasons)
		}
		a.notReady++
		reply, err := a.p.sendRequest(a.ctx, "GET", "/socket.io/?EIO=4&transport=polling", nil)
		if err != nil || reply.status != http.StatusServiceUnavailable {
			continue // it has become ready
		}
		if wait, _ := strconv.Atoi(reply.header.Get("Retry-After")); wait < 5 || wait > 15 {
			a.Errorf("Retry-After is %q", reply.header.Get("Retry-After"))
		}
		a.refused++
	}
}

// checkReady returns the reply to the readiness check.
func (p *process) checkReady(t testing.TB) (ready bool, body string) {
	t.Helper()
	resp, err := http.Get("http://" + p.admin + "/socketio/health/ready")
	if err != nil {
		t.Error(err)
		return false, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode == http.StatusOK, strings.TrimSpace(string(b))
}

// serveMemorySite runs a Caddy whose clients can keep memory of each kind. Its backend
// replies when a channel is closed.
func serveMemorySite(t *testing.T, release *atomic.Pointer[chan struct{}]) *process {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"event":"reply"`) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.Repeat(" ", 950_000))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-*release.Load():
		}
	}))
	t.Cleanup(backend.Close)
	const rules = `
		on set {
			set value {event.args.0}
		}
		on join {
			join {event.args.0}
		}
		on echo {
			ack {event.args.*}
		}
		on wait reply {
			backend {
				timeout 1m
				reverse_proxy %s
			}
		}
`
	return launchProcess(t, `socketio {
	path /socket.io/
	max_memory_per_connection 8MiB
	max_queue 4MB
	ping_interval 10m
	namespace / {
		join lobby
		on tick {
			emit tick {event.args.0} {
				to lobby
			}
		}
	}
	namespace /glob-* {`+fmt.Sprintf(rules, backend.Listener.Addr())+`}
}`, "GOMEMLIMIT="+strconv.Itoa(goMemory))
}

// TestMemoryOfTheProcess drives each kind of memory beyond the limit of the process. New
// connections are refused meanwhile, the attackers are dropped, and the members of a room
// receive every event.
func TestMemoryOfTheProcess(t *testing.T) {
	var release atomic.Pointer[chan struct{}]
	p := serveMemorySite(t, &release)
	p.startObserver(t)
	idle := p.readMetric(t, "caddy_socketio_memory_used_bytes", "")
	if limit := p.readMetric(t, "caddy_socketio_memory_limit_bytes", ""); limit != maxMemory {
		t.Errorf("the limit is %.0f bytes, want %d", limit, maxMemory)
	}
	refused := 0
	for _, attack := range memoryAttacks {
		t.Run(attack.kind, func(t *testing.T) {
			switch attack.kind {
			case "inbound", "attachments", "backend": // few, large messages
			default:
				if len(buildFlags) > 0 {
					t.Skip("it takes too long with the race detector")
				}
			}
			ended := make(chan struct{})
			release.Store(&ended)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a := &memoryAttack{T: t, p: p, kind: attack.kind, clients: attack.clients, ctx: ctx}
			dropped := p.readMetric(t, "caddy_socketio_memory_shed_total", "dropped")
			conns := make([]*wireConn, attack.clients)
			for i := range conns {
				conns[i] = p.openSession(t, "/socket.io/")
				_ = conns[i].Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			var running sync.WaitGroup
			for _, w := range conns {
				running.Go(func() { attack.drive(a, w) })
			}
			watched := make(chan struct{})
			defer func() { cancel(); <-watched }()
			go func() {
				defer close(watched)
				a.watch()
			}()
			p.awaitMetricWithin(t, attackTime, "caddy_socketio_memory_shed_total", "dropped", func(n float64) bool {
				return n > dropped || a.failed.Load() > 0
			})
			p.awaitMetricAtMost(t, "caddy_socketio_memory_full", "", 0)
			cancel()
			close(ended)
			<-watched
			for _, w := range conns {
				w.Close()
			}
			running.Wait()
			t.Logf("peak %d MB counted, %d MB of its kind, %d MB resident; %.0f dropped, %d times not ready, %d refused",
				a.used>>20, a.kept>>20, a.resident>>20,
				p.readMetric(t, "caddy_socketio_memory_shed_total", "dropped")-dropped, a.notReady, a.refused)
			if a.used > maxMemory*5/4 {
				t.Errorf("%d bytes are counted", a.used)
			}
			if a.resident > 3*goMemory && len(buildFlags) == 0 { // the race detector needs more
				t.Errorf("%d bytes are resident", a.resident)
			}
			if a.kept < maxMemory/4 {
				t.Errorf("%d bytes of this kind were kept", a.kept)
			}
			refused += a.refused
			p.awaitMetricAtMost(t, "caddy_socketio_memory_used_bytes", "", idle+10_000)
			p.awaitMetricAtMost(t, "caddy_socketio_memory_full", "", 0)
		})
	}
	if refused == 0 {
		t.Error("no connection was refused")
	}
}
