package cli

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

func newSocketCommand() *cobra.Command {
	const long = `
Shows a socket of any node of the cluster: its state, rooms, data, handshake and
queues, the event that it sent last and the rule that matched it. For a socket
that disconnected in the last 10 minutes it shows the reason.

The socket may be in any namespace. With --namespace it is in that one. On
servers of Node.js it is found in the namespace / alone without --namespace.
Secrets of the handshake are hidden.
`
	cmd := newCommand("socket <id>", "Shows a socket, or why it disconnected", long, cobra.ExactArgs(1), func(c *invocation, args []string) error {
		var s api.SocketDetails
		q := c.scopeQuery()
		q.Set("id", args[0])
		if c.flagIsSet("local") {
			q.Set("local", "true")
		}
		return c.showSocket(q, &s)
	})
	cmd.Flags().Bool("local", false, "Show only a socket of this node")
	return cmd
}

// showSocket makes the request, and writes the socket.
func (c *invocation) showSocket(q url.Values, s *api.SocketDetails) error {
	return c.getReply("socket", q, s, func(w io.Writer) { writeSocketDetails(w, s) })
}

// writeSocketDetails writes a socket, one line a value.
func writeSocketDetails(w io.Writer, s *api.SocketDetails) {
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer lines.Flush() // an error of standard output has nowhere to go
	show := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(lines, "%s\t%s\n", name, quoteUnprintable(text))
		}
	}
	show("socket", "%s", s.ID)
	show("namespace", "%s", s.Namespace)
	show("node", "%s", s.Node)
	show("state", "%s", describeState(s))
	if s.Close != nil {
		show("closed", "%s", describeTime(s.Close.Time))
		show("reason", "%s", s.Close.Reason)
		show("cause", "%s", s.Close.Cause)
	}
	show("user", "%s", s.User)
	show("transport", "%s", describeTransport(s))
	show("connected", "%s from %s", s.Handshake.Time, s.Handshake.Address)
	show("url", "%s", s.Handshake.URL)
	if len(s.Rooms) > 0 {
		show("rooms", "%s", strings.Join(quoteAll(s.Rooms), " "))
	}
	if s.Close == nil {
		show("data", "%s", s.Data)
	}
	writeSocketQueues(show, s)
	show("last event", "%s", describeLastEvent(s))
	for _, name := range slices.Sorted(maps.Keys(s.Handshake.Headers)) {
		show("header", "%s: %s", name, s.Handshake.Headers[name])
	}
	show("auth", "%s", s.Handshake.Auth)
}

// writeSocketQueues writes the packets and the memory of the connection, and the lengths of
// the queues.
func writeSocketQueues(show func(name, format string, args ...any), s *api.SocketDetails) {
	if t := s.Traffic; t != nil {
		show("received", "%s, %d bytes", formatCount(int(t.PacketsIn), "packet"), t.BytesIn)
		show("sent", "%s, %d bytes", formatCount(int(t.PacketsOut), "packet"), t.BytesOut)
	}
	if s.Queues == nil {
		return
	}
	show("events", "%d wait for handlers, %d bytes", s.Queues.Events, s.Queues.EventBytes)
	show("messages", "%d wait for the client, %d bytes", s.Queues.Messages, s.Queues.MessageBytes)
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(s.Memory)) {
		kinds = append(kinds, kind+" "+strconv.FormatInt(s.Memory[kind], 10))
	}
	show("memory", "%s", strings.Join(kinds, ", "))
}

func describeState(s *api.SocketDetails) string {
	switch {
	case s.Recovered:
		return s.State + ", recovered"
	case s.Close != nil && s.Close.Recoverable:
		return s.State + ", saved for the client to recover"
	}
	return s.State
}

func describeTransport(s *api.SocketDetails) string {
	if s.Protocol == 0 {
		return s.Transport
	}
	return fmt.Sprintf("%s, protocol %d", s.Transport, s.Protocol)
}

// describeLastEvent returns the last event with its rule.
func describeLastEvent(s *api.SocketDetails) string {
	switch last := s.LastEvent; {
	case last == nil:
		return ""
	case last.Rule == "":
		return fmt.Sprintf("%s at %s, matched by no rule", quoteUnprintable(last.Name), describeTime(last.Time))
	default:
		return fmt.Sprintf("%s at %s, matched by: on %s", quoteUnprintable(last.Name), describeTime(last.Time), last.Rule)
	}
}

func describeTime(t time.Time) string { return t.Local().Format(time.RFC3339) }

// quoteAll quotes the names that have unprintable characters.
func quoteAll(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quoteUnprintable(name)
	}
	return quoted
}
