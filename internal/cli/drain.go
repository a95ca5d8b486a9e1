package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const drainDescription = `
Closes the connections of this node at a steady rate, so that their clients
reconnect one by one, to other nodes of the cluster for instance. New
connections are refused with status 503 meanwhile, and afterwards: until the
process exits, or until drain --cancel. Readiness is false as long.
The command shows the progress, and ends when the connections are closed. Ctrl-C
cancels the drain, another Ctrl-C ends the command alone. With --json it writes the state as JSON, one line a second.
`

func newDrainCommand() *cobra.Command {
	cmd := newCommand("drain", "Closes the connections at a steady rate, and refuses new ones", drainDescription, cobra.NoArgs,
		func(c *invocation, _ []string) error {
			if c.flagIsSet("cancel") {
				if c.flagIsGiven("over") {
					return errors.New("--over: unexpected with --cancel")
				}
				return c.cancelDrain()
			}
			return runDrain(c)
		})
	cmd.Flags().Duration("over", 30*time.Second, "Time until the last connection is closed, at most 1h")
	cmd.Flags().Bool("cancel", false, "Cancel the drain: accept new connections again")
	return cmd
}

// drainInterval is the time between two looks at the progress of a drain.
const drainInterval = time.Second

// runDrain starts a drain, and shows its progress until it is finished or the user cancels
// it.
func runDrain(c *invocation) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(interrupted, stop) // a second Ctrl-C ends the command, also while a request hangs
	body, err := json.Marshal(api.Drain{Over: c.flagText("over")})
	if err != nil {
		return err
	}
	status, err := c.requestDrain(http.MethodPost, bytes.NewReader(body))
	if err != nil {
		return err
	}
	progress := &drainProgress{invocation: c}
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for status.State == "draining" {
		progress.show(status)
		select {
		case <-ticker.C:
		case <-interrupted.Done():
			progress.clear()
			return errors.Join(c.cancelDrain(), errors.New("interrupted"))
		}
		if status, err = c.requestDrain(http.MethodGet, nil); err != nil {
			progress.clear()
			return err
		}
	}
	progress.clear()
	if status.State != "drained" {
		return errors.New("the drain was cancelled")
	}
	c.writeDrain(status, "drained %s; new connections are refused until the process exits, or drain --cancel\n",
		formatCount(status.Total, "connection"))
	return nil
}

// cancelDrain cancels the drain of the node.
func (c *invocation) cancelDrain() error {
	status, err := c.requestDrain(http.MethodDelete, nil)
	if err != nil {
		return err
	}
	c.writeDrain(status, "cancelled; %s left, new ones are accepted\n", formatCount(status.Connections, "connection"))
	return nil
}

// writeDrain writes the state of a drain: as JSON, or as text.
func (c *invocation) writeDrain(status api.DrainReply, format string, args ...any) {
	out := c.cmd.OutOrStdout()
	if c.flagIsSet("json") {
		_ = json.NewEncoder(out).Encode(status) // an error of standard output has nowhere to go
		return
	}
	fmt.Fprintf(out, format, args...)
}

// requestDrain makes a request of the operation drain. Caddy's client makes a connection for
// each request, and would keep it open.
func (c *invocation) requestDrain(method string, body io.Reader) (status api.DrainReply, err error) {
	_, text, err := c.sendRequest(method, "drain", c.scopeQuery(), http.Header{"Connection": {"close"}}, body)
	if err == nil && json.Unmarshal(text, &status) != nil {
		err = errUnexpectedReply
	}
	return status, err
}

// drainProgress shows the progress of a drain: as lines of JSON, or as one line on a
// terminal.
type drainProgress struct {
	*invocation
	shown bool
}

func (p *drainProgress) show(status api.DrainReply) {
	errs := p.cmd.ErrOrStderr()
	switch {
	case p.flagIsSet("json"):
		p.writeDrain(status, "")
	case isTerminal(errs):
		text := fmt.Sprintf("%s left of %d, %s to go", formatCount(status.Connections, "connection"), status.Total, formatSeconds(status.Left))
		fmt.Fprint(errs, "\r"+clearLine+cutToWidth(text, progressWidth(errs)))
		p.shown = true
	}
}

func (p *drainProgress) clear() {
	if p.shown {
		fmt.Fprint(p.cmd.ErrOrStderr(), "\r"+clearLine)
	}
	p.shown = false
}

// progressWidth returns how long a progress line may be on a terminal: a line that wraps could
// not be cleared, nor could one that the terminal lengthens by ^C. 0 means that the terminal
// does not say its width.
func progressWidth(terminal io.Writer) int {
	width, _, err := term.GetSize(int(terminal.(*os.File).Fd()))
	if err != nil || width == 0 {
		return 0
	}
	return max(width-len("^C")-1, 1)
}

// formatSeconds returns a duration of the API in whole seconds.
func formatSeconds(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return quoteUnprintable(text)
	}
	return (time.Duration(d.Seconds()) * time.Second).String()
}
