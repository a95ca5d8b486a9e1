package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

const topDescription = `
Shows the namespaces and rooms with the most deliveries a second or, with --sort
sockets, with the most sockets, and the clients with the longest queues: on all
nodes of the cluster, of all namespaces unless --namespace names one. Deliveries
are counted only while the command runs.

On a terminal the screen is refreshed until q or Ctrl-C is pressed. With --once or
--count, and where the output is not a terminal, the command writes plain tables.
With --json it writes each measurement as a line of JSON.
`

// The values of --sort, and the limits of --interval.
var topOrders = []string{"deliveries", "sockets"}

const (
	minTopInterval = 100 * time.Millisecond
	maxTopInterval = time.Minute
)

func newTopCommand() *cobra.Command {
	cmd := newCommand("top", "Shows the busiest rooms and the longest queues", topDescription, cobra.NoArgs, runTop)
	flags := cmd.Flags()
	flags.String("sort", topOrders[0], "Order of namespaces and rooms: deliveries or sockets")
	flags.Duration("interval", 2*time.Second, "Time between two measurements, from 100ms to 1m")
	flags.Int("limit", 20, "How long each table or list may be, at most 1000; on a terminal as many lines as fit")
	flags.Int("count", 0, "End after so many measurements (default never)")
	flags.Bool("once", false, "End after one measurement")
	flags.Bool("local", false, "Measure only this node")
	return cmd
}

// runTop shows measurements on the terminal, or writes them as text or JSON.
func runTop(c *invocation, _ []string) error {
	q, err := c.topQuery()
	if err != nil {
		return err
	}
	count, _ := c.cmd.Flags().GetInt("count")
	if c.flagIsSet("once") {
		count = 1
	}
	out, isFile := c.cmd.OutOrStdout().(*os.File)
	if count > 0 || c.flagIsSet("json") || !isFile || !isTerminal(out) {
		return c.writeTops(q, count)
	}
	return c.showTop(q, out)
}

// topQuery returns the query of a measurement. The error names a flag with an invalid value.
func (c *invocation) topQuery() (url.Values, error) {
	interval, _ := c.cmd.Flags().GetDuration("interval")
	count, _ := c.cmd.Flags().GetInt("count")
	switch order := c.flagText("sort"); {
	case !slices.Contains(topOrders, order):
		return nil, fmt.Errorf("--sort: unexpected %q, expected %s", order, strings.Join(topOrders, " or "))
	case interval < minTopInterval || interval > maxTopInterval:
		return nil, fmt.Errorf("--interval: unexpected %q, expected a duration from 100ms to 1m", interval)
	case count < 0 || c.flagIsGiven("count") && count == 0:
		return nil, fmt.Errorf("--count: unexpected %d, expected a number from 1 on", count)
	case c.flagIsGiven("count") && c.flagIsSet("once"):
		return nil, errors.New("--count: unexpected with --once")
	}
	q := c.scopeQuery()
	q.Set("sort", c.flagText("sort"))
	q.Set("limit", c.flagText("limit"))
	q.Set("for", interval.String())
	if c.flagIsSet("local") {
		q.Set("local", "true")
	}
	return q, nil
}

// requestTop makes one measurement. It returns the reply and its text. Caddy's client makes a
// connection for each request, and would keep it open.
func (c *invocation) requestTop(q url.Values) (top *api.Top, text []byte, err error) {
	_, text, err = c.sendRequest(http.MethodGet, "top", q, http.Header{"Connection": {"close"}}, nil)
	if err == nil && json.Unmarshal(text, &top) != nil {
		err = errUnexpectedReply
	}
	return top, text, err
}

// writeTops writes count measurements, or measurements without an end if count is 0.
func (c *invocation) writeTops(q url.Values, count int) error {
	out := c.cmd.OutOrStdout()
	for n := 0; count == 0 || n < count; n++ {
		top, text, err := c.requestTop(q)
		if err != nil {
			return err
		}
		if c.flagIsSet("json") {
			_, err = fmt.Fprintln(out, escapeUnprintable(strings.TrimSpace(string(text))))
		} else {
			err = writeTop(out, top, n > 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTop writes a measurement as plain tables. An empty line separates it from another one.
func writeTop(w io.Writer, top *api.Top, separate bool) error {
	lines := renderTop(top, "", 0, 0)
	if separate {
		lines = append([]string{""}, lines...)
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// renderTop returns a measurement as lines of at most width columns, at most height of them. 0
// means any number. A note stands in the first line.
func renderTop(top *api.Top, note string, width, height int) []string {
	lines := []string{cutToWidth(summarizeTop(top, note), width)}
	tables := []topTable{namespaceTable(top), roomTable(top), queueTable(top)}
	tables = slices.DeleteFunc(tables, func(t topTable) bool { return len(t.rows) == 0 })
	if height > 0 {
		tables = fitTables(tables, height-len(lines))
	}
	for _, t := range tables {
		lines = append(lines, "")
		lines = append(lines, t.render(width)...)
	}
	return lines
}

// summarizeTop returns the first line.
func summarizeTop(top *api.Top, note string) string {
	text := fmt.Sprintf("%s  %s  %s  %s deliveries/s", top.Time.UTC().Format(time.TimeOnly),
		formatCount(top.Nodes, "node"), formatCount(top.Sockets, "socket"), formatRate(top.Deliveries, top.Seconds))
	if !top.Complete {
		text += "  incomplete: not all nodes of the cluster replied"
	}
	if note != "" {
		text += "  " + quoteUnprintable(note)
	}
	return text
}

// formatRate returns deliveries a second: with a digit after the point if there are few, and -
// if they were not measured.
func formatRate(deliveries uint64, seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	rate := float64(deliveries) / seconds
	if rate > 0 && rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return strconv.FormatFloat(rate, 'f', 0, 64)
}

// The first words of the heads of tables.
const (
	roomHead  = "ROOM"
	queueHead = "QUEUE OF SOCKET"
)

func namespaceTable(top *api.Top) topTable {
	t := topTable{head: []string{"NAMESPACE", "SOCKETS", "DELIVERIES/S"}, numbers: 2}
	for _, ns := range top.Namespaces {
		t.addRow(ns.Name, strconv.Itoa(ns.Sockets), formatRate(ns.Deliveries, top.Seconds))
	}
	return t
}

func roomTable(top *api.Top) topTable {
	t := topTable{head: []string{roomHead, "NAMESPACE", "SOCKETS", "DELIVERIES/S"}, numbers: 2}
	for _, r := range top.Rooms {
		t.addRow(r.Name, r.Namespace, strconv.Itoa(r.Sockets), formatRate(r.Deliveries, top.Seconds))
	}
	return t
}

func queueTable(top *api.Top) topTable {
	t := topTable{head: []string{queueHead, "NAMESPACE", "USER", "ADDRESS", "TRANSPORT", "MESSAGES", "BYTES"}, numbers: 2}
	for _, q := range top.Queues {
		t.addRow(q.Socket, q.Namespace, q.User, q.Address, q.Transport, strconv.Itoa(q.Messages), strconv.Itoa(q.Bytes))
	}
	return t
}
