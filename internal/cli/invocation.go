package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// apiPath is the path of the admin API on the admin endpoint.
const apiPath = "/socketio/"

// invocation is one run of a subcommand, with its flags.
type invocation struct{ cmd *cobra.Command }

func (c *invocation) flagText(name string) string { return c.cmd.Flag(name).Value.String() }

func (c *invocation) flagIsSet(name string) bool { return c.flagText(name) == "true" }

func (c *invocation) flagIsGiven(name string) bool { return c.cmd.Flags().Changed(name) }

// flagList returns the values of a repeatable flag: nil if it is not given, and the empty
// list if its only value is empty.
func (c *invocation) flagList(name string) []string {
	if !c.flagIsGiven(name) {
		return nil
	}
	values, err := c.cmd.Flags().GetStringArray(name)
	if err != nil {
		panic(err) // the command does not have the flag
	}
	return values
}

// scopeQuery returns the query that names the hub and the namespace.
func (c *invocation) scopeQuery() url.Values {
	q := make(url.Values)
	for _, name := range []string{"hub", "namespace"} {
		if value := c.flagText(name); value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// getReply makes a GET request, decodes the reply, and writes it: as JSON, or by show.
func (c *invocation) getReply(operation string, q url.Values, reply any, show func(io.Writer)) error {
	return c.roundTrip(http.MethodGet, operation, q, nil, nil, reply, show)
}

// postJSON makes a POST request with a body of JSON, decodes the reply, and writes it: as
// JSON, or by show.
func (c *invocation) postJSON(operation string, body, reply any, show func(io.Writer)) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.roundTrip(http.MethodPost, operation, c.scopeQuery(), nil, bytes.NewReader(b), reply, show)
}

var errUnexpectedReply = errors.New("read the reply: expected the JSON of the admin API: is this the admin endpoint of a Caddy of the same version?")

func (c *invocation) roundTrip(method, operation string, q url.Values, header http.Header, body io.Reader, reply any, show func(io.Writer)) error {
	resp, text, err := c.sendRequest(method, operation, q, header, body)
	if err != nil {
		return err
	}
	if json.Unmarshal(text, reply) != nil {
		return errUnexpectedReply
	}
	if resp.Header.Get(api.CompleteHeader) == "false" {
		fmt.Fprintln(c.cmd.ErrOrStderr(), "incomplete: not all nodes of the cluster replied")
	}
	if c.flagIsSet("json") {
		_, err = c.cmd.OutOrStdout().Write(text)
		return err
	}
	show(c.cmd.OutOrStdout())
	return nil
}

// sendRequest makes a request of the admin API, and returns the response and its body.
func (c *invocation) sendRequest(method, operation string, q url.Values, header http.Header, body io.Reader) (*http.Response, []byte, error) {
	resp, err := c.openRequest(method, operation, q, header, body)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read the reply: %w", err)
	}
	return resp, text, nil
}

// openRequest makes a request of the admin API. The caller closes the body of the response.
func (c *invocation) openRequest(method, operation string, q url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(c.flagText("address"), nil, c.flagText("config"), c.flagText("adapter"))
	if err != nil {
		return nil, err
	}
	uri := apiPath + operation
	if len(q) > 0 {
		uri += "?" + q.Encode()
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, uri, header, body)
	if err != nil {
		return nil, shortenError(err)
	}
	return resp, nil
}

// shortenError returns an error of Caddy's admin client in one line. An error of the admin
// API is reduced to its status and message.
func shortenError(err error) error {
	text := strings.TrimSpace(err.Error())
	if _, response, ok := strings.Cut(text, "caddy responded with error: HTTP "); ok {
		status, body, _ := strings.Cut(response, ": ")
		var decoded struct {
			Error string `json:"error"`
		}
		if json.Unmarshal([]byte(body), &decoded) == nil && decoded.Error != "" {
			return fmt.Errorf("HTTP %s: %s", status, quoteUnprintable(decoded.Error))
		}
	}
	return errors.New(quoteUnprintable(strings.ReplaceAll(text, "\n", " ")))
}
