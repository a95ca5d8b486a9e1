package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/api"
)

// sampleTop is a measurement with names that would control a terminal, and names that are
// longer than one.
func sampleTop() *api.Top {
	return &api.Top{
		Time: time.Date(2026, 11, 29, 7, 13, 2, 0, time.UTC), Seconds: 2, Nodes: 2, Complete: true, Sockets: 1204, Deliveries: 16250,
		Namespaces: []hub.NamespaceActivity{{Name: "/chat", Sockets: 1200, Deliveries: 16243}, {Name: "/", Sockets: 4, Deliveries: 7}},
		Rooms: []hub.RoomActivity{
			{Namespace: "/chat", Name: "lobby", Sockets: 1000, Deliveries: 16000},
			{Namespace: "/chat", Name: "\x1b[2J\u009b31m\u202e", Sockets: 3, Deliveries: 9},
			{Namespace: "/chat", Name: "漢字" + strings.Repeat("x", 100)},
			{Namespace: "/", Name: "e\u0301 🐿", Sockets: 1},
		},
		Queues: []hub.ClientQueue{
			{Socket: "kvQBJfMAsQHO_Hl9Y1OO", Namespace: "/chat", Node: "web1#1", User: "ada\n", Address: "192.0.2.7", Transport: "websocket", Messages: 12, Bytes: 48311},
			{Socket: "5d41402a", Namespace: "/chat", Address: "192.0.2.9", Transport: "polling", Messages: 1, Bytes: 80},
		},
	}
}

const plainTop = `07:13:02  2 nodes  1204 sockets  8125 deliveries/s

NAMESPACE  SOCKETS  DELIVERIES/S
/chat         1200          8122
/                4           3.5

ROOM                                                                                                      NAMESPACE  SOCKETS  DELIVERIES/S
lobby                                                                                                     /chat         1000          8000
"\x1b[2J\u009b31m\u202e"                                                                                  /chat            3           4.5
漢字xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx  /chat            0             0
é 🐿                                                                                                       /                1             0

QUEUE OF SOCKET       NAMESPACE  USER     ADDRESS    TRANSPORT  MESSAGES  BYTES
kvQBJfMAsQHO_Hl9Y1OO  /chat      "ada\n"  192.0.2.7  websocket        12  48311
5d41402a              /chat               192.0.2.9  polling           1     80`

const narrowTop = `07:13:02  2 nodes  1204 sockets  8125 d…

NAMESPACE  SOCKETS  DELIVERIES/S
/chat         1200          8122

ROOM     NAMESPA…  SOCKETS  DELIVERIES/S
lobby    /chat        1000          8000
"\x1b[…  /chat           3           4.5
漢字xx…  /chat           0             0
é 🐿      /               1             0

QUE…  NAM…  USER  ADD…  TRA…  MESSAGES …
kvQ…  /ch…  "ad…  192…  web…        12 …`

func TestTopFitsTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		width, height int
		want          string
	}{{0, 0, plainTop}, {40, 13, narrowTop}, {10, 1, "07:13:02 …"}} {
		if got := strings.Join(renderTop(sampleTop(), "", tt.width, tt.height), "\n"); got != strings.ReplaceAll(tt.want, "é", "e\u0301") {
			t.Errorf("%d × %d: got\n%s\nwant\n%s", tt.width, tt.height, got, tt.want)
		}
	}
	for width := 1; width < 200; width += 11 {
		for height := 1; height < 30; height += 3 {
			lines := renderTop(sampleTop(), "out of reach\x1b[2J", width, height)
			if len(lines) > height {
				t.Fatalf("%d × %d: got %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if n := textWidth(line); n > width || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Fatalf("%d × %d: got %q of %d columns", width, height, line, n)
				}
			}
		}
	}
}

func TestTopShowsUnmeasuredAndIncomplete(t *testing.T) {
	top := sampleTop()
	top.Seconds, top.Complete, top.Queues, top.Namespaces = 0, false, nil, nil
	want := "07:13:02  2 nodes  1204 sockets  - deliveries/s  incomplete: not all nodes of the cluster replied  a\n\n" +
		"ROOM   NAMESPACE  SOCKETS  DELIVERIES/S\nlobby  /chat         1000             -"
	if got := strings.Join(renderTop(top, "a", 0, 4), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// serveTop is an admin endpoint that replies to measurements at once, and returns its address.
func serveTop(t *testing.T, reply func(r *http.Request) (status int, body any)) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := reply(r)
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestTopWritesTablesAndJSON(t *testing.T) {
	var queries []string
	address := serveTop(t, func(r *http.Request) (int, any) {
		queries = append(queries, r.URL.RawQuery)
		return 200, sampleTop()
	})
	out, errs, err := runCaddy("socketio", "top", "--address", address, "--once")
	if want := strings.ReplaceAll(plainTop, "é", "e\u0301") + "\n"; err != nil || errs != "" || out != want {
		t.Errorf("got %s%s, %v", out, errs, err)
	}
	out, _, err = runCaddy("socketio", "top", "--address", address, "--json", "--count", "2", "--sort", "sockets", "--interval", "500ms", "--limit", "7", "-n", "/chat", "--local")
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if err != nil || len(lines) != 2 || strings.ContainsFunc(lines[0], func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %q, %v", out, err)
	}
	var top api.Top
	if err := json.Unmarshal([]byte(lines[1]), &top); err != nil || top.Rooms[1].Name != "\x1b[2J\u009b31m\u202e" {
		t.Errorf("got %+v, %v", top, err)
	}
	if want := "for=500ms&limit=7&local=true&namespace=%2Fchat&sort=sockets"; len(queries) != 3 || queries[0] != "for=2s&limit=20&sort=deliveries" || queries[2] != want {
		t.Errorf("got the queries %q", queries)
	}
	if out, _, _ = runCaddy("socketio", "top", "--address", address, "--count", "2"); strings.Count(out, "\n\n07:13:02") != 1 {
		t.Errorf("got\n%s", out)
	}
}

func TestTopRefusesWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--sort members":   `--sort: unexpected "members", expected deliveries or sockets`,
		"--interval 2h":    `--interval: unexpected "2h0m0s", expected a duration from 100ms to 1m`,
		"--interval 1ms":   `--interval: unexpected "1ms", expected a duration from 100ms to 1m`,
		"--count -1":       "--count: unexpected -1, expected a number from 1 on",
		"--count 2 --once": "--count: unexpected with --once",
	} {
		if _, _, err := runCaddy(append([]string{"socketio", "top"}, strings.Fields(args)...)...); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// screenFixture is a screen that is run with channels in place of a terminal.
type screenFixture struct {
	*topScreen
	out     bytes.Buffer
	reports chan topReport
	keys    chan byte
	ended   chan os.Signal
	resized chan os.Signal
}

func newScreenFixture() *screenFixture {
	f := &screenFixture{reports: make(chan topReport), keys: make(chan byte), ended: make(chan os.Signal), resized: make(chan os.Signal)}
	f.topScreen = &topScreen{
		out: &f.out, reports: f.reports, keys: f.keys, ended: f.ended, resized: f.resized,
		size: func() (width, height int) { return 60, 5 },
	}
	return f
}

func TestScreenIsLeftAtEachEnd(t *testing.T) {
	lost := errors.New("connection refused")
	for name, send := range map[string]func(f *screenFixture){
		"key q":          func(f *screenFixture) { f.keys <- 'x'; f.keys <- 'q' },
		"key Ctrl-C":     func(f *screenFixture) { f.keys <- ctrlC },
		"signal":         func(f *screenFixture) { f.ended <- os.Interrupt },
		"after the keys": func(f *screenFixture) { close(f.keys); f.resized <- os.Interrupt; f.ended <- os.Interrupt },
	} {
		f := newScreenFixture()
		go func() {
			f.reports <- topReport{top: sampleTop()}
			f.reports <- topReport{err: lost}
			send(f)
		}()
		if err := f.run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text := f.out.String()
		if !strings.HasPrefix(text, enterScreen+cursorHome) || !strings.HasSuffix(text, leaveScreen) || strings.Count(text, enterScreen) != 1 {
			t.Errorf("%s: got %q", name, text)
		}
		if !strings.Contains(text, "8125 deliveries/s  connect…") {
			t.Errorf("%s: the error is not shown: %q", name, text)
		}
	}
	f := newScreenFixture()
	go func() { f.reports <- topReport{err: lost} }()
	if err := f.run(); err != lost || f.out.Len() > 0 {
		t.Errorf("got %v, %q", err, f.out.String())
	}
}

func TestTopMeasuresAtOnceAndAgainAfterErrors(t *testing.T) {
	requests := 0
	address := serveTop(t, func(r *http.Request) (int, any) {
		if requests++; requests == 2 {
			return http.StatusServiceUnavailable, map[string]string{"error": "busy"}
		}
		top := sampleTop()
		d, err := time.ParseDuration(r.URL.Query().Get("for"))
		if err != nil {
			t.Error(err)
		}
		top.Seconds = d.Seconds()
		return 200, top
	})
	cmd := newTopCommand()
	cmd.Flags().String("address", address, "")
	cmd.Flags().String("config", "", "")
	cmd.Flags().String("adapter", "", "")
	c := &invocation{cmd}
	reports, done := make(chan topReport), make(chan struct{})
	go c.repeatTop(map[string][]string{"for": {"100ms"}}, reports, done)
	var got []string
	for range 3 {
		r := <-reports
		if r.err != nil {
			got = append(got, r.err.Error())
		} else {
			got = append(got, fmt.Sprint(r.top.Seconds))
		}
	}
	close(done)
	if want := "0, HTTP 503: busy, 0.1"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}
