package report

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// peerNames are the names of the peers on the page, in the order of columns.
var peerNames = []struct{ key, name string }{
	{"caddy", "Caddy"},
	{"base", "Caddy before"},
	{"node", "Node.js"},
	{"centrifuge", "Centrifuge"},
	{"raw", "raw writes"},
}

// head is the begin of the page, rules follow its summary.
//
//go:embed head.md
var head string

//go:embed rules.md
var rules string

// section is the part of the page for a scenario.
type section struct {
	scenario, title, text string
	unit                  string // one operation
}

var sections = []section{
	{"ack", "Event with acknowledgement", "50 clients. Each sends an event with 32 bytes when the last one is acknowledged.", "event"},
	{"join-leave", "Join and leave", "50 clients in 10 rooms. Each sends an event that joins its room or leaves it when the last one is acknowledged.", "join or leave"},
	{"fan-out", "Fan-out", "One client broadcasts an event to a room, with a payload of 100 bytes where no other size is named. The next broadcast is sent when all members have one of the broadcasts that are in flight. A rate is of deliveries.", "delivery"},
	{"rate", "Latency at a fixed rate", "Broadcasts of 100 bytes at a rate, to one room, or to many small ones in turn. Latency is from the broadcast's send to its delivery.", "delivery"},
	{"mixed", "Clients of several versions", "Fan-out to 500 clients of Engine.IO 4 and 500 of Engine.IO 3, in one room.", "delivery"},
	{"tls", "Fan-out over TLS", "The generator decrypts on the same cores, so CPU times are better to compare than rates.", "delivery"},
	{"streams", "Fan-out over HTTP/2 and HTTP/3", "WebSockets on streams of HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220), beside WebSockets that upgrade HTTP/1.1, all over TLS, with 8 broadcasts in flight. Each socket has a connection of its own, like one page of a browser, or 50 sockets share one, like a proxy's. Node.js's Socket.IO has no such WebSockets, and Centrifuge has none on HTTP/3. The generator has Go's client of HTTP/2 and quic-go, which need more CPU than the server: compare CPU times. With one socket a connection, each delivery over HTTP/3 needs a packet, its encryption, a system call and an acknowledgement by the client, mostly in quic-go: with 400 connections, in turns on a busy machine, a bare quic-go server with the same bytes took 15.7 µs [13.2..21.8] for a delivery, Caddy 19.6 [10.5..32.2].", "delivery"},
	{"polling", "Long-polling", "500 clients that only poll. A connect is four requests.", "connect or delivery"},
	{"connect", "Connects and closes", "A connect is the handshake, the namespace, and a join by an event. In a reconnect, 2,000 clients lose their connections and open new ones at the same moment. Over TLS, no session is resumed, and the generator makes its half of the handshakes on the same cores.", "connect or close"},
	{"idle", "Memory of idle WebSockets", "Resident memory of the process, less its memory after 200 clients have come and gone, divided by the connections. Each connection is in one room. It is read one second after the last connect.", ""},
	{"idle-tls", "Memory of idle WebSockets over TLS", "", ""},
	{"heartbeat", "Heartbeats", "A heartbeat is the ping of the server and the pong of the client, here every 3 s for each connection. Each connection has had at least one when memory is read.", "heartbeat"},
	{"outside", "Emits from outside", "An HTTP client emits an event with 100 bytes: one request for each, one request for a batch of up to 1,000, or one stream of lines. One emit is one event to the whole room. The time ends when all members have got all events. With 4 connections, four requests are made at the same time. Node.js has a POST route that calls `io.to(room).emit`, and no batches and streams.", "emit"},
	{"redis", "Emits from outside, through Redis", "Two nodes: one gets the requests, the other one has the 1,000 clients. CPU is of both nodes. The Redis emitter is `@socket.io/redis-emitter` in a program of Node.js, which publishes without a request to a node.", "emit"},
}

// WritePage writes the page, and its plots into the folder "images" beside it.
func WritePage(file string, run *Run) error {
	t := NewTable(run.Results)
	var b strings.Builder
	b.WriteString(head)
	writeSummary(&b, t)
	b.WriteString("\n" + rules)
	writeMachine(&b, run)
	for _, s := range sections {
		writeSection(&b, t, s, run.Results)
	}
	images := filepath.Join(filepath.Dir(file), "images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		return err
	}
	for name, plot := range map[string]string{"fan-out-cost.svg": plotCost(t, run.Results), "memory.svg": plotMemory(t, run.Results)} {
		if plot == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(images, name), []byte(plot), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func writeMachine(b *strings.Builder, run *Run) {
	m := run.Machine
	rounds, noisy := make(map[int]bool), 0
	for _, r := range run.Results {
		rounds[r.Round] = true
		if r.Noisy {
			noisy++
		}
	}
	fmt.Fprintf(b, "\n## Machine\n\n%s, %d cores, %s of memory, Linux %s, Go %s, Node.js %s. Measured %s, in %s.\n",
		m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.Node, formatDate(run.Date), countRounds(len(rounds)))
	for _, note := range run.Notes {
		fmt.Fprintf(b, "%s\n", groupDigits(note))
	}
	if noisy > 0 {
		fmt.Fprintf(b, "Other processes disturbed %d of %d measurements, also when repeated; they count only where there is no other one.\n", noisy, len(run.Results))
	}
}

// headline is a row of the summary.
type headline struct{ title, scenario, name, value string }

// rateHeadlines are values of which more is better.
var rateHeadlines = []headline{
	{"event with ack", "ack", "50 clients", "rate"},
	{"join or leave with ack", "join-leave", "50 clients", "rate"},
	{"deliveries, 1,000 sockets, 1 broadcast in flight", "fan-out", "1000 sockets, 1 in flight", "rate"},
	{"deliveries, 1,000 sockets, 8 in flight", "fan-out", "1000 sockets, 8 in flight", "rate"},
	{"deliveries, 10,000 sockets, 8 in flight", "fan-out", "10000 sockets, 8 in flight", "rate"},
	{"deliveries over TLS, 1,000 sockets, 8 in flight", "tls", "1000 sockets, 8 in flight", "rate"},
	{"connects", "connect", "5000 connects", "rate"},
	{"emits by HTTP requests to a room of 1,000", "outside", "single, room of 1000", "rate"},
}

// costHeadlines are values of which less is better.
var costHeadlines = []headline{
	{"event with ack, CPU µs", "ack", "50 clients", "cpu"},
	{"delivery, 1,000 sockets, 8 in flight, CPU µs", "fan-out", "1000 sockets, 8 in flight", "cpu"},
	{"the same over TLS", "tls", "1000 sockets, 8 in flight", "cpu"},
	{"the same over HTTP/2, 50 sockets on a connection", "streams", "1000 sockets, HTTP/2, 50 on a connection", "cpu"},
	{"the same over HTTP/3", "streams", "1000 sockets, HTTP/3, 50 on a connection", "cpu"},
	{"delivery to a polling client, CPU µs", "polling", "500 clients, 10 a second", "cpu"},
	{"heartbeat, CPU µs", "heartbeat", "5000 connections", "cpu"},
	{"idle WebSocket, memory in bytes", "idle", "10000 connections", "idle"},
	{"the same after a garbage collection", "idle", "10000 connections", "collected"},
	{"idle WebSocket over TLS, memory in bytes", "idle-tls", "3000 connections", "idle"},
	{"the same after a garbage collection", "idle-tls", "3000 connections", "collected"},
}

func writeSummary(b *strings.Builder, t *Table) {
	b.WriteString("\n## In short\n\nCaddy's value, and the number of times that it is of another server's: **2.00** of Node.js is\n" +
		"twice Node.js's value.\n")
	writeHeadlines(b, t, "A second; more is better", rateHeadlines)
	writeHeadlines(b, t, "For each; less is better", costHeadlines)
}

func writeHeadlines(b *strings.Builder, t *Table, title string, headlines []headline) {
	var rows [][]string
	for _, h := range headlines {
		own := t.Spread(h.scenario, h.name, "caddy", h.value)
		if own.Rounds == 0 {
			continue
		}
		row := []string{h.title, formatSpread(own)}
		for _, peer := range peerNames[1:] {
			row = append(row, formatRatio(t.Ratio(h.scenario, h.name, h.value, "caddy", peer.key)))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return
	}
	header := []string{title, "Caddy"}
	for _, peer := range peerNames[1:] {
		header = append(header, "of "+peer.name)
	}
	b.WriteByte('\n')
	writeTable(b, header, rows)
}

// measure is a table of a section.
type measure struct {
	value, title string
	divisor      float64
	detail       bool // folded if it is long
}

var measures = []measure{
	{"rate", "A second", 1, false},
	{"cpu", "CPU µs for each", 1, false},
	{"p50", "Latency, median, ms", 1, true},
	{"p99", "Latency, 99th percentile, ms", 1, true},
	{"idle", "KB for each connection", 1000, false},
	{"collected", "KB for each connection, after a garbage collection", 1000, false},
	{"kernel", "KB of the kernel's memory for both ends of each connection", 1000, false},
}

// maxDetailRows is the longest table of details that is not folded.
const maxDetailRows = 4

func writeSection(b *strings.Builder, t *Table, s section, results []Result) {
	names := caseNames(results, s.scenario)
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n", s.title)
	if s.text != "" {
		fmt.Fprintf(b, "\n%s\n", s.text)
	}
	switch s.scenario {
	case "fan-out":
		b.WriteString("\n![CPU time of one delivery against the members of the room](images/fan-out-cost.svg)\n")
	case "idle":
		b.WriteString("\n![Resident memory against connections](images/memory.svg)\n")
	}
	for _, m := range measures {
		title := m.title
		if m.value == "cpu" {
			title += " " + s.unit
		}
		if rows := collectRows(t, s.scenario, names, m); len(rows) > 0 {
			writeMeasure(b, title, m.detail && len(rows) > maxDetailRows, rows)
		}
	}
}

// collectRows returns a row for each case that has the measure.
func collectRows(t *Table, scenario string, names []string, m measure) [][]string {
	var rows [][]string
	for _, name := range names {
		row, empty := []string{groupDigits(name)}, true
		for _, peer := range peerNames {
			spread := t.Spread(scenario, name, peer.key, m.value)
			empty = empty && spread.Rounds == 0
			row = append(row, formatSpread(spread.divideBy(m.divisor)))
		}
		if !empty {
			rows = append(rows, row)
		}
	}
	return rows
}

// writeMeasure writes a table with a column for each peer, folded if asked.
func writeMeasure(b *strings.Builder, title string, folded bool, rows [][]string) {
	header := []string{title}
	for _, peer := range peerNames {
		header = append(header, peer.name)
	}
	if folded {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n", title)
	}
	b.WriteByte('\n')
	writeTable(b, header, rows)
	if folded {
		b.WriteString("\n</details>\n")
	}
}

// caseNames returns the cases of a scenario in their order.
func caseNames(results []Result, scenario string) []string {
	var names []string
	for _, r := range results {
		if r.Scenario == scenario && !slices.Contains(names, r.Case) {
			names = append(names, r.Case)
		}
	}
	return names
}

// writeTable writes a table of Markdown, without columns that are empty.
func writeTable(b *strings.Builder, header []string, rows [][]string) {
	used := make([]bool, len(header))
	for i := range header {
		used[i] = i == 0 || slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" })
	}
	writeRow := func(cells []string) {
		b.WriteByte('|')
		for i, cell := range cells {
			if used[i] {
				fmt.Fprintf(b, " %s |", cell)
			}
		}
		b.WriteByte('\n')
	}
	writeRow(header)
	writeRow(slices.Repeat([]string{"---"}, len(header)))
	for _, row := range rows {
		writeRow(row)
	}
}

func countRounds(n int) string {
	if n == 1 {
		return "one round"
	}
	return fmt.Sprintf("%d rounds", n)
}

// formatDate returns "on" a day, or "from" a day to another one.
func formatDate(date string) string {
	if strings.Contains(date, " to ") {
		return "from " + date
	}
	return "on " + date
}
