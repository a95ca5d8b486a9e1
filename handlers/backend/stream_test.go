package backend_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-socketio/caddy-socketio/handlers/internal/clienttest"
	"github.com/caddy-socketio/caddy-socketio/handlers/internal/sitetest"
)

// streamer is an application that streams its replies. The test gives it each piece.
type streamer struct {
	t      *testing.T
	pieces chan string   // written and flushed one by one, until "end" or "break"
	gone   chan struct{} // gets a value for each request that was canceled
}

func newStreamer(t *testing.T) *streamer {
	return &streamer{t, make(chan string), make(chan struct{}, 100)}
}

// ServeHTTP streams the replies to events that are named stream, in the type that is
// their first argument. It replies to others at once.
func (a *streamer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type, Event string
		Args        []string
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		return
	}
	if event.Type != "event" || event.Event != "stream" {
		sitetest.Reply(http.StatusOK, `{"ack":["`+event.Event+`"]}`)(w, r)
		return
	}
	w.Header().Set("Content-Type", event.Args[0])
	a.serveStream(w, r.Context())
}

// serveStream writes the pieces until the request is canceled.
func (a *streamer) serveStream(w http.ResponseWriter, ctx context.Context) {
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case piece := <-a.pieces:
			switch piece {
			case "end":
				return
			case "break":
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, piece)
		case <-ctx.Done():
			a.gone <- struct{}{}
			return
		}
	}
}

// serve runs the application, and returns its address.
func (a *streamer) serve() (address string) {
	server := httptest.NewServer(a)
	a.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}

// write makes the application write a piece. The test fails when no request takes it in time.
func (a *streamer) write(piece string) {
	a.t.Helper()
	select {
	case a.pieces <- piece:
	case <-time.After(clienttest.ReadTimeout):
		a.t.Fatalf("no request takes the piece %.100q", piece)
	}
}

// site runs Caddy with the application behind a backend with options.
func (a *streamer) site(options string) *sitetest.Site {
	return sitetest.Serve(a.t, sitetest.BackendDirective(options+"\nreverse_proxy "+a.serve()))
}

// readMetric returns the value of a metric, 0 if it is not there. The metrics are the same for
// all tests of the process.
func readMetric(t *testing.T, s *sitetest.Site, name string) (value int) {
	t.Helper()
	for line := range strings.Lines(s.Metrics()) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			if _, err := fmt.Sscan(text, &value); err != nil {
				t.Fatal(err)
			}
		}
	}
	return value
}

// awaitMetric waits until a metric has a value.
func awaitMetric(t *testing.T, s *sitetest.Site, name string, want int) {
	t.Helper()
	late := time.After(clienttest.ReadTimeout)
	for {
		now := readMetric(t, s, name)
		if now == want {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond): // between two requests
		case <-late:
			t.Fatalf("%s is %d, want %d", name, now, want)
		}
	}
}

const (
	streamsInFlight = `caddy_socketio_backend_streams_in_flight{hub="default"}`
	eventsWaiting   = `caddy_socketio_backend_events_waiting{hub="default"}`
)

// outcomes is the metric of events with an outcome.
func outcomes(outcome string) string {
	return `caddy_socketio_backend_requests_total{hub="default",outcome="` + outcome + `",type="event"}`
}

func TestBackendAppliesStreamAsItArrives(t *testing.T) {
	for _, test := range []struct{ typ, before, after string }{
		{"application/x-ndjson", "", "\n"},
		{"application/jsonl; charset=utf-8", "\n", "\r\n"},
		{"text/event-stream", ": hello\n\nevent: x\ndata: ", "\r\n\r\n"},
	} {
		t.Run(test.typ, func(t *testing.T) {
			a := newStreamer(t)
			s := a.site("")
			c := s.Connect()
			counted := readMetric(t, s, outcomes("ok"))
			c.Send(`42/app,1["stream","` + test.typ + `"]`)
			a.write(test.before + `{"emit":[{"event":"token","args":["a"]}]}` + test.after)
			c.Expect(`42/app,["token","a"]`)
			a.write(test.before + `{"join":["lobby"],"emit":[{"event":"token","args":["b"]},`)
			a.write(`{"event":"token","to":["lobby"],"include_sender":true,"args":["c"]}]}` + test.after)
			c.Expect(`42/app,["token","b"]`)
			c.Expect(`42/app,["token","c"]`)
			c.Send(`42/app,2["next"]`)
			a.write(test.before + `{"ack":["ok"]}` + test.after)
			c.Expect(`43/app,1["ok"]`)
			a.write(test.before + `{"ack":["again"],"data":{"done":true}}` + test.after)
			a.write("end")
			c.Expect(`43/app,2["next"]`)
			awaitMetric(t, s, outcomes("ok"), counted+2)
			awaitMetric(t, s, streamsInFlight, 0)
		})
	}
}

// Streams arrive over all kinds of HTTP.
func TestBackendStreamsOverAnyTransport(t *testing.T) {
	ndjson := "application/x-ndjson"
	t.Run("h2c", func(t *testing.T) {
		a := newStreamer(t)
		server := httptest.NewUnstartedServer(a)
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		t.Cleanup(server.Close)
		s := sitetest.Serve(t, sitetest.BackendDirective("stream {\ncancel stop\n}\nreverse_proxy h2c://"+server.Listener.Addr().String()))
		c := s.Connect()
		c.Send(`42/app,1["stream","` + ndjson + `"]`)
		a.write(`{"emit":[{"event":"token"}]}` + "\n")
		c.Expect(`42/app,["token"]`)
		c.Send(`42/app,["stop"]`)
		c.Expect(`43/app,1[{"error":"canceled"}]`)
		sitetest.Await(t, a.gone)
	})
	t.Run("gzip", func(t *testing.T) {
		pieces := make(chan string)
		a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				sitetest.Reply(http.StatusNoContent, "")(w, r)
				return
			}
			w.Header().Set("Content-Type", ndjson)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for piece := range pieces {
				_, _ = io.WriteString(z, piece)
				_ = z.Flush()
				_ = http.NewResponseController(w).Flush()
			}
			_ = z.Close()
		})
		s := sitetest.Serve(t, "socketio {\nnamespace /app {\non * {\nbackend {\n"+a.Proxy()+"}\n}\n}\n}")
		c := s.Connect()
		c.Send(`42/app,1["x"]`)
		pieces <- `{"emit":[{"event":"token"}]}` + "\n"
		c.Expect(`42/app,["token"]`)
		pieces <- `{"ack":["ok"]}`
		close(pieces)
		c.Expect(`43/app,1["ok"]`)
	})
	t.Run("respond", func(t *testing.T) {
		s := sitetest.Serve(t, "socketio {\nnamespace /app {\non * {\nbackend {\nheader Content-Type "+ndjson+"\nrespond `{\"emit\":[{\"event\":\"a\"}]}\n{\"emit\":[{\"event\":\"b\"}],\"ack\":[{event.args.0}]}`\n}\n}\n}\n}")
		c := s.Connect()
		c.Call(`42/app,1["x",{"n":1}]`, `42/app,["a"]`)
		c.Expect(`42/app,["b"]`)
		c.Expect(`43/app,1[{"n":1}]`)
	})
	t.Run("unknown encoding", func(t *testing.T) {
		s := sitetest.Serve(t, "socketio {\nnamespace /app {\non * {\nbackend {\nheader Content-Type "+ndjson+"\nheader Content-Encoding br\nrespond x\n}\n}\n}\n}")
		s.Connect().Call(`42/app,1["x"]`, `43/app,1[{"error":"service unavailable"}]`)
		s.ExpectLogged("backend failed", "the stream has the Content-Encoding br: expected none")
	})
}

// A stream ends with an error that names the limit, or the reply that is wrong.
func TestBackendEndsWrongStreams(t *testing.T) {
	line := `{"emit":[{"event":"token"}]}` + "\n"
	pad := strings.Repeat(" ", 900) + "\n"
	for _, test := range []struct {
		name, typ string
		pieces    []string
		logged    string
	}{
		{"long line", "application/x-ndjson", []string{line, strings.Repeat("x", 1001)}, "larger than stream max_line"},
		{"large", "application/x-ndjson", []string{line, strings.Repeat(pad, 12)}, "larger than stream max_size"},
		{"large comments", "text/event-stream", []string{"data: " + line + "\n", strings.Repeat(":"+pad, 12)}, "larger than stream max_size"},
		{"idle", "application/x-ndjson", []string{line}, "sent nothing for longer than stream idle"},
		{"no JSON", "application/x-ndjson", []string{line, "data: {}\n"}, "reply 2 of the stream: the reply is not a JSON object"},
		{"wrong key", "application/x-ndjson", []string{line, `{"join":"x"}` + "\n"}, "reply 2 of the stream: parse the reply: join"},
		{"broken off", "application/x-ndjson", []string{line, `{"join":[]}`, "break"}, "the response broke off"},
		{"ends within an event", "text/event-stream", []string{"data: " + line + "\n", "data: {}\n", "end"}, "the stream ends within an event"},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := "max_line 1KB\nmax_size 10KB"
			if test.name == "idle" {
				options = "idle 500ms"
			}
			a := newStreamer(t)
			s := a.site("stream {\n" + options + "\n}")
			c := s.Connect()
			c.Send(`42/app,1["stream","` + test.typ + `"]`)
			for i, piece := range test.pieces {
				a.write(piece)
				if i == 0 {
					c.Expect(`42/app,["token"]`)
				}
			}
			c.Expect(`43/app,1[{"error":"service unavailable"}]`)
			c.Call(`42/app,2["next"]`, `43/app,2["next"]`)
			s.ExpectLogged("backend failed", `"event":"stream"`, test.logged)
		})
	}
}

// A stream that drips, and one that sends as fast as it can for ever, are bounded.
func TestBackendBoundsEndlessStreams(t *testing.T) {
	for _, test := range []struct {
		name, options, logged string
		pause                 time.Duration
	}{
		{"drip", "stream {\nmax_time 1s\n}", "longer than stream max_time", 20 * time.Millisecond},
		{"flood", "", "larger than stream max_size", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ended := make(chan struct{})
			a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/x-ndjson")
				piece := " "
				if test.pause == 0 {
					piece = strings.Repeat(strings.Repeat(" ", 63)+"\n", 1024)
				}
				for {
					if _, err := io.WriteString(w, piece); err != nil {
						break
					}
					if err := http.NewResponseController(w).Flush(); err != nil {
						break
					}
					select {
					case <-time.After(test.pause):
					case <-r.Context().Done():
					}
				}
				close(ended)
			})
			s := sitetest.Serve(t, "socketio {\nnamespace /app {\non * {\nbackend {\n"+test.options+"\n"+a.Proxy()+"}\n}\n}\n}")
			s.Connect().Call(`42/app,1["x"]`, `43/app,1[{"error":"service unavailable"}]`)
			sitetest.Await(t, ended)
			s.ExpectLogged("backend failed", test.logged)
		})
	}
}

// An event that a client sends to begin a stream, and a line of the stream.
const (
	streamEvent = `42/app,1["stream","application/x-ndjson"]`
	tokenLine   = `{"emit":[{"event":"token"}]}` + "\n"
)

func TestEventCancelsStream(t *testing.T) {
	for _, moment := range []string{"before the first byte", "in the stream"} {
		t.Run(moment, func(t *testing.T) {
			a := newStreamer(t)
			waits := make(chan struct{}, 1)
			app := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
				if moment == "in the stream" || strings.Contains(r.Header.Get("X-Event"), "stop") {
					a.ServeHTTP(w, r)
					return
				}
				waits <- struct{}{}
				<-r.Context().Done()
				a.gone <- struct{}{}
			})
			s := sitetest.Serve(t, "socketio {\nnamespace /app {\non stream {\nbackend {\nstream {\ncancel stop \"halt *\"\n}\n"+app.Proxy()+"}\nack never\n}\non stop {\nack stopped\n}\n}\n}")
			c := s.Connect()
			counted := readMetric(t, s, outcomes("canceled"))
			for _, event := range []string{"stop", "halt now"} {
				c.Send(streamEvent)
				if moment == "in the stream" {
					a.write(tokenLine)
					c.Expect(`42/app,["token"]`)
				} else {
					sitetest.Await(t, waits)
				}
				c.Send(`42/app,2["` + event + `"]`)
				c.Expect(`43/app,1[{"error":"canceled"}]`)
				if event == "stop" {
					c.Expect(`43/app,2["stopped"]`)
				}
				sitetest.Await(t, a.gone)
			}
			awaitMetric(t, s, outcomes("canceled"), counted+2)
		})
	}
}

func TestEndOfSocketCancelsStream(t *testing.T) {
	for name, end := range map[string]func(a *streamer, c clienttest.Client){
		"connection closes":   func(_ *streamer, c clienttest.Client) { _ = c.Close() },
		"socket disconnects":  func(_ *streamer, c clienttest.Client) { c.Send("41/app,") },
		"backend disconnects": func(a *streamer, _ clienttest.Client) { a.write(`{"disconnect":true}` + "\n") },
		"backend refuses": func(a *streamer, c clienttest.Client) {
			a.write(`{"error":{"message":"no"}}` + "\n")
			c.Expect(`43/app,1[{"error":"no"}]`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newStreamer(t)
			c := a.site("").Connect()
			c.Send(streamEvent)
			a.write(tokenLine)
			c.Expect(`42/app,["token"]`)
			end(a, c)
			sitetest.Await(t, a.gone)
		})
	}
}

// A stream waits for a client that receives slower than the backend sends.
func TestBackendStreamWaitsForSlowClient(t *testing.T) {
	const lines = 200
	token := strings.Repeat("x", 10_000)
	sent := make(chan int, lines)
	a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for n := range lines {
			if _, err := fmt.Fprintf(w, "data: {\"emit\":[{\"event\":\"token\",\"args\":[%d,%q]}]}\n\n", n, token); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			sent <- n
		}
		_, _ = io.WriteString(w, "data: {\"ack\":[\"ok\"]}\n\n")
	})
	s := sitetest.Serve(t, "socketio {\nmax_queue 64KB\nnamespace /app {\non * {\nbackend {\n"+a.Proxy()+"}\n}\n}\n}")
	// A client that polls gets nothing between its polls.
	get := func(query, body string) string {
		t.Helper()
		var response *http.Response
		var err error
		if url := "http://" + s.Address + "/socket.io/?EIO=4&transport=polling" + query; body == "" {
			response, err = http.Get(url)
		} else {
			response, err = http.Post(url, "text/plain", strings.NewReader(body))
		}
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("status %d: %s, %v", response.StatusCode, text, err)
		}
		return string(text)
	}
	sid := "&sid=" + strings.Split(get("", ""), `"`)[3]
	get(sid, "40/app,")
	if got := get(sid, ""); !strings.HasPrefix(got, `40/app,`) {
		t.Fatal(got)
	}
	get(sid, `42/app,1["x"]`)
	for sitetest.Await(t, sent) < 8 { // more than the queue may hold
	}
	want := 0
	for {
		for packet := range strings.SplitSeq(get(sid, ""), "\x1e") {
			switch {
			case strings.HasPrefix(packet, fmt.Sprintf(`42/app,["token",%d,`, want)):
				want++
			case packet == `43/app,1["ok"]` && want == lines:
				return
			case packet != "2":
				t.Fatalf("got %.60s, want token %d", packet, want)
			}
		}
		if want < lines {
			get(sid, "3")
		}
	}
}

func TestBackendRefusesToStreamOnConnect(t *testing.T) {
	a := sitetest.NewApp(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, "{}\n")
	})
	s := sitetest.Serve(t, sitetest.BackendDirective("on_outage deny\n"+a.Proxy()))
	s.Dial().Call("40/app,", `44/app,{"message":"service unavailable"}`)
	s.ExpectLogged("backend failed", `"event":"connect"`, "the reply to connect is a stream: expected one reply")
}

// The timeout of a request bounds streams for the last events of a socket.
func TestBackendBoundsStreamsOfDisconnects(t *testing.T) {
	gone := make(chan struct{}, 2)
	a := sitetest.NewApp(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, `{"emit":[{"event":"bye","broadcast":true}]}`+"\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	s := sitetest.Serve(t, "socketio {\nnamespace /app {\non disconnecting {\nbackend {\ntimeout 300ms\n"+a.Proxy()+"}\n}\n}\n}")
	c, other := s.Connect(), s.Connect()
	c.Send("41/app,")
	other.Expect(`42/app,["bye"]`)
	sitetest.Await(t, gone)
}

// A stream holds its place among the concurrent requests, and survives a reload.
func TestBackendStreamHoldsItsSlot(t *testing.T) {
	a := newStreamer(t)
	directive := sitetest.BackendDirective("concurrency 1\nreverse_proxy " + a.serve())
	s := sitetest.Serve(t, directive)
	c, other := s.Connect(), s.Connect()
	c.Send(`42/app,1["stream","application/x-ndjson"]`)
	a.write(`{"emit":[{"event":"token"}]}` + "\n")
	c.Expect(`42/app,["token"]`)
	other.Send(`42/app,2["waits"]`)
	awaitMetric(t, s, eventsWaiting, 1)
	if n := readMetric(t, s, streamsInFlight); n != 1 {
		t.Errorf("%d streams are in flight", n)
	}
	s.Load(strings.Replace(directive, "concurrency 1", "concurrency 2", 1))
	a.write(`{"emit":[{"event":"token"}]}` + "\n")
	c.Expect(`42/app,["token"]`)
	a.write("end")
	other.Expect(`43/app,2["waits"]`)
}
