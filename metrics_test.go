package socketio

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// scrapedHub is the hub of these tests. No other test of the process has it.
const scrapedHub = "scraped"

// scrapedSite is a site with a hub of its own.
const scrapedSite = `socketio {
	hub scraped
	ping_timeout 99s
	namespace /chat {
		on connect {
			join lobby
		}
		on message {
			in lobby emit news {event.args.0}
			ack
		}
	}
	namespace /org-* {
		on connect {
			join lobby
		}
	}
	namespace /delivered {
		history kept
		on direct {
			emit news
		}
		on enter {
			join kept {
				history
			}
		}
	}
}`

// scrapeHub returns the values of the hub's series, by their names and labels, without the
// ones of durations that differ from run to run.
func (s *caddyServer) scrapeHub() map[string]float64 {
	s.t.Helper()
	status, text := s.doRequest(http.MethodGet, "http://"+s.admin+"/metrics", "")
	if status != http.StatusOK {
		s.t.Fatal(status, text)
	}
	values := make(map[string]float64)
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		name, labels, _ := strings.Cut(series, "{")
		name, own := strings.CutPrefix(name, "caddy_socketio_")
		if !own || !strings.Contains(labels, `hub="`+scrapedHub+`"`) {
			continue
		}
		if isTime := strings.Contains(name, "_seconds_") && !strings.HasSuffix(name, "_count"); isTime {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.t.Fatal(line)
		}
		key := name + "{" + strings.ReplaceAll(strings.ReplaceAll(labels, `hub="scraped"`, ""), ",,", ",")
		values[strings.ReplaceAll(strings.Trim(key, ","), "{,", "{")] = number
	}
	return values
}

// scrapeIdle is scrapeHub after the last reply was written.
func (s *caddyServer) scrapeIdle() map[string]float64 {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		values := s.scrapeHub()
		if values["queue_bytes_max{"] == 0 {
			return values
		}
		if time.Now().After(deadline) {
			s.t.Fatal("a queue stays full")
		}
	}
}

// changesBetween returns the series that differ, with their differences.
func changesBetween(before, after map[string]float64) map[string]float64 {
	changes := make(map[string]float64)
	for series, value := range after {
		if difference := value - before[series]; difference != 0 {
			changes[series] = difference
		}
	}
	return changes
}

// wantBuckets adds the buckets of a histogram with one value.
func wantBuckets(want map[string]float64, name, labels string, value float64, bounds ...float64) {
	for _, bound := range bounds {
		if value <= bound {
			want[fmt.Sprintf(`%s_bucket{%sle="%s"`, name, labels, strconv.FormatFloat(bound, 'g', -1, 64))]++
		}
	}
	want[fmt.Sprintf(`%s_bucket{%sle="+Inf"`, name, labels)]++
	want[name+"_count{"+strings.TrimSuffix(labels, ",")]++
	want[name+"_sum{"+strings.TrimSuffix(labels, ",")] += value
}

// TestScrapeEqualsTheScenario compares a scrape exactly: two clients connect, one event is
// broadcast to both, one client ends.
func TestScrapeEqualsTheScenario(t *testing.T) {
	s := startCaddy(t, false, scrapedSite)
	before := s.scrapeHub()
	a, b := s.connectPolling("/chat"), s.connectPolling("/chat")
	packet := `42/chat,0["message","hello"]`
	a.postPacket(packet)
	const replies = "42/chat,[\"news\",\"hello\"]\x1e43/chat,0[]"
	separators := 1 // between packets of one reply to a poll
	if got := a.pollPackets(); got != replies {
		if separators = 0; got+"\x1e"+a.pollPackets() != replies {
			t.Fatalf("got %q", got)
		}
	}
	if got := b.pollPackets(); got != `42/chat,["news","hello"]` {
		t.Fatalf("got %q", got)
	}
	b.postPacket("1")
	s.awaitSeries(`sockets_disconnected_total{namespace="/chat"`, before, 1)

	after := s.scrapeIdle()
	open := len(`0{"sid":"` + strings.Repeat("x", 20) + `","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	connected := len(`40/chat,{"sid":"` + a.id + `"}`)
	news := len(`42/chat,["news","hello"]`)
	want := map[string]float64{
		`connections{transport="polling"`:                    1,
		`handshakes_total{`:                                  2,
		`connections_closed_total{reason="transport close"`:  1,
		`packets_total{direction="in"`:                       4,
		`bytes_total{direction="in"`:                         float64(2*len("40/chat,") + len(packet) + len("1")),
		`packets_total{direction="out"`:                      7,
		`bytes_total{direction="out"`:                        float64(2*open + 2*connected + 2*news + len(`43/chat,0[]`) + separators),
		`sockets{namespace="/chat"`:                          1,
		`rooms{namespace="/chat"`:                            2,
		`sockets_connected_total{namespace="/chat"`:          2,
		`sockets_disconnected_total{namespace="/chat"`:       1,
		`events_total{namespace="/chat"`:                     1,
		`delivered_total{namespace="/chat"`:                  2,
		`inbox_wait_seconds_count{namespace="/chat"`:         1,
		`broadcast_duration_seconds_count{namespace="/chat"`: 1,
		`handler_duration_seconds_count{handler="join"`:      2,
		`handler_duration_seconds_count{handler="emit"`:      1,
		`handler_duration_seconds_count{handler="ack"`:       1,
	}
	wantBuckets(want, "broadcast_sockets", `namespace="/chat",`, 2, 0, 1, 2, 5, 10, 50, 100, 500, 1000, 5000, 10000, 50000, 100000)
	wantBuckets(want, "queue_bytes", ``, 0, 0, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)
	delete(want, "queue_bytes_sum{")
	got := changesBetween(before, after)
	for _, series := range slices.Sorted(maps.Keys(got)) {
		if got[series] != want[series] {
			t.Errorf("%s changed by %v, want %v", series, got[series], want[series])
		}
	}
	for series := range want {
		if got[series] == 0 {
			t.Errorf("%s did not change", series)
		}
	}
}

// TestDeliveredCountsEveryEvent compares the deliveries of two scrapes: every event that the
// client gets counts once, whichever way it comes.
func TestDeliveredCountsEveryEvent(t *testing.T) {
	s := startCaddy(t, false, scrapedSite)
	before := s.scrapeHub()
	c := s.connectPolling("/delivered")
	emit := func(body, reply string) {
		t.Helper()
		s.checkResponse(200, reply, "POST", "http://"+s.admin+"/socketio/emit?namespace=/delivered&hub=scraped", body, "Content-Type", "application/json")
	}
	c.postPacket(`42/delivered,["direct"]`)
	emit(`{"event":"all"}`, `{"delivered":1}`)
	emit(`{"event":"one","to":["`+c.id+`"]}`, `{"delivered":1}`)
	emit(`{"event":"question","ack":{"timeout":"1ms"}}`, `{"delivered":1,"responses":[],"complete":false}`)
	emit(`{"event":"history","to":["kept"]}`, `{"delivered":0}`)
	c.postPacket(`42/delivered,["enter"]`)
	got := ""
	for events := 0; events < 5; events = strings.Count(got, "42/delivered,") {
		got += c.pollPackets() + "\x1e"
	}
	for _, event := range []string{`["news"]`, `["all"]`, `["one"]`, `0["question"]`, `["history"]`} {
		if strings.Count(got, event) != 1 {
			t.Errorf("%s is not in %q once", event, got)
		}
	}
	s.awaitSeries(`delivered_total{namespace="/delivered"`, before, 5)
}

// awaitSeries waits until a series has changed by a number.
func (s *caddyServer) awaitSeries(series string, before map[string]float64, change float64) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); s.scrapeHub()[series]-before[series] != change; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s is %v, it was %v", series, s.scrapeHub()[series], before[series])
		}
	}
}

// Counters continue over reloads, also over ones that fail, and a scrape meanwhile has every
// series once.
func TestMetricsSurviveReloads(t *testing.T) {
	s := startCaddy(t, false, scrapedSite)
	c := s.connectPolling("/chat")
	c.postPacket(`42/chat,["message","hello"]`)
	if got := c.pollPackets(); got != `42/chat,["news","hello"]` { // no reply is left in its queue
		t.Fatal(got)
	}
	before := s.scrapeIdle()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				response, err := http.Get("http://" + s.admin + "/metrics")
				if err == nil {
					response.Body.Close()
					if response.StatusCode != http.StatusOK {
						t.Errorf("a scrape during a reload got status %d", response.StatusCode)
					}
				}
			}
		}
	}()
	// The app of HTTP has started when the second one fails, as its address is in use.
	failing := fmt.Sprintf(`{"admin":{"listen":%q},"apps":{"http":{"servers":{"a":{"listen":[%q],"routes":[{"handle":[{"handler":"socketio","hub":"scraped"}]}]}}},"tls":{"certificates":{"load_files":[{"certificate":"/missing","key":"/missing"}]}}}}`,
		s.admin, strings.TrimPrefix(s.site, "http://"))
	for i := range 20 {
		if i%2 == 0 {
			s.loadSite(scrapedSite + fmt.Sprintf("\nheader X-Reload %d", i))
			continue
		}
		if err := caddy.Load([]byte(failing), true); err == nil {
			t.Fatal("the config was loaded")
		}
	}
	close(stop)
	<-stopped
	after := s.scrapeHub()
	if len(after) != len(before) {
		t.Errorf("%d series, before %d", len(after), len(before))
	}
	// The client does not poll meanwhile: nothing changes.
	if changed := changesBetween(before, after); len(changed) > 0 {
		t.Errorf("changed: %v", changed)
	}
	c.postPacket(`42/chat,["message","again"]`)
	s.awaitSeries(`events_total{namespace="/chat"`, before, 1)
}

// Clients choose names of namespaces, rooms and events. None of them becomes a label.
func TestLabelsAreBounded(t *testing.T) {
	s := startCaddy(t, false, scrapedSite)
	s.connectPolling("/org-0").postPacket(`42/org-0,["first"]`)
	before := s.scrapeHub()
	for i := range 50 {
		namespace := fmt.Sprintf("/org-%d", i+1)
		s.connectPolling(namespace).postPacket(fmt.Sprintf(`42%s,["event %d"]`, namespace, i))
	}
	s.awaitSeries(`events_total{namespace="/org-*"`, before, 50)
	if after := s.scrapeHub(); len(after) != len(before) {
		t.Errorf("%d series, before %d", len(after), len(before))
	}
}
