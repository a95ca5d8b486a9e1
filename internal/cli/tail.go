package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

const tailDescription = `
Shows the events of clients, and joins, leaves, connects, connect errors and
disconnects as they happen, on all nodes of the cluster, of all namespaces unless
--namespace names one. Values are cut, and secrets redacted, unless --raw is given.
With --json each line is a JSON object.
The command ends with Ctrl-C. If it is too slow for the events, the server ends it.
`

// tailFilters are the flags that select records, and their help.
var tailFilters = []struct{ name, help string }{
	{"room", "Show joins and leaves of this room, and the events and disconnects of its sockets"},
	{"socket", "Show only the socket with this id"},
	{"user", "Show only sockets of the user with this id"},
	{"event", "Show only events with this name; a star stands for any text"},
}

func newTailCommand() *cobra.Command {
	cmd := newCommand("tail", "Shows events, joins, leaves, connects and disconnects as they happen", tailDescription, cobra.NoArgs, runTail)
	for _, filter := range tailFilters {
		cmd.Flags().String(filter.name, "", filter.help)
	}
	cmd.Flags().Bool("raw", false, "Show values as they are, with secrets")
	return cmd
}

// runTail writes the records of a tail until it ends.
func runTail(c *invocation, _ []string) error {
	q := c.scopeQuery()
	for _, filter := range tailFilters {
		if c.flagIsGiven(filter.name) {
			q.Set(filter.name, c.flagText(filter.name))
		}
	}
	if c.flagIsSet("raw") {
		q.Set("raw", "true")
	}
	body, err := c.openStream("tail", q)
	if err != nil {
		return err
	}
	defer body.Close()
	return c.copyTail(body)
}

// openStream makes a GET request whose reply is a stream.
func (c *invocation) openStream(operation string, q url.Values) (io.ReadCloser, error) {
	resp, err := c.openRequest(http.MethodGet, operation, q, nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// copyTail writes the lines of a tail, and returns an error with the reason of its end.
func (c *invocation) copyTail(body io.Reader) error {
	out := c.cmd.OutOrStdout()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 2<<20)
	for lines.Scan() {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue // it shows that the connection lives
		}
		var r api.TailRecord
		if json.Unmarshal(line, &r) != nil {
			return errUnexpectedReply
		}
		text := formatRecord(&r)
		if c.flagIsSet("json") {
			text = escapeUnprintable(string(line))
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
		if r.Kind == "end" {
			return errors.New(quoteUnprintable(r.Reason))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the records: %w", err)
	}
	return errors.New("the server closed the connection")
}

// formatRecord returns a record as one line of text.
func formatRecord(r *api.TailRecord) string {
	_, clock, _ := strings.Cut(strings.TrimSuffix(r.Time, "Z"), "T")
	fields := []string{quoteUnprintable(clock), quoteUnprintable(fmt.Sprintf("%-13s", r.Kind))}
	for _, field := range []struct{ name, value string }{
		{"", r.Namespace}, {"", r.Socket}, {"user ", r.User}, {"room ", r.Room}, {"", r.Address}, {"", r.Event},
	} {
		if field.value != "" {
			fields = append(fields, field.name+quoteUnprintable(field.value))
		}
	}
	if len(r.Args) > 0 {
		fields = append(fields, escapeUnprintable(string(r.Args)))
	}
	if r.Reason != "" {
		fields = append(fields, "("+quoteUnprintable(r.Reason)+")")
	}
	if r.Node != "" {
		fields = append(fields, "@"+quoteUnprintable(r.Node))
	}
	return strings.Join(fields, " ")
}

// escapeUnprintable returns JSON with the characters that do not print as \uXXXX: they must not
// control the terminal. Invalid UTF-8 becomes \ufffd.
func escapeUnprintable(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r) && r != unicode.ReplacementChar:
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, "\\u%04x\\u%04x", high, low)
		default:
			fmt.Fprintf(&out, "\\u%04x", r)
		}
	}
	return out.String()
}
