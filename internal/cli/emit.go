package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/handlers/placeholder"
	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

const emitDescription = `
Emits an event to the sockets of the rooms of --to, or to all sockets of the
namespace. An argument that is valid JSON is sent as JSON, any other as a
string. One that begins like a JSON object or list but is not valid is an error.
{"$binary":"BASE64"} is sent as binary.

With --stdin, or - in place of the event, events are read from standard input,
in the format of the admin API: one JSON object a line, such as

  {"to":["lobby"],"event":"news","args":["hello"]}

Each line is emitted as soon as it is read, until the input ends. An invalid
line does not stop the others. The command then fails at the end, and names the
first invalid line.

With --id the command can be repeated safely: a node emits the same content with
the same id once a minute.

With --ack the command waits for acknowledgements, and writes one a line. It
fails if clients did not acknowledge in time.
`

// emitFlags are the flags that do not go with standard input, where each line has them.
var emitFlags = []string{"to", "except", "volatile", "local", "compress", "ack", "id"}

func newEmitCommand() *cobra.Command {
	cmd := newCommand("emit <event> [<argument>...]", "Emits an event", emitDescription, cobra.ArbitraryArgs, runEmit)
	cmd.Example = `  $ caddy socketio emit news '{"title":"hello"}' --namespace /chat --to lobby
  $ tail -f emits.ndjson | caddy socketio emit -`
	flags := cmd.Flags()
	flags.StringArray("to", nil, "Room to emit to, or a socket's id; may be repeated (default all sockets)")
	flags.StringArray("except", nil, "Room, or id of a socket, that is excluded; may be repeated")
	flags.Bool("volatile", false, "Drop the event for clients that are not ready to receive it")
	flags.Bool("local", false, "Emit to the sockets of this node only")
	flags.Bool("compress", true, "Compress the event, if compression is on")
	flags.String("id", "", "Id of the request, to repeat it safely: emitted once a minute")
	flags.Duration("ack", 0, "Wait this long for acknowledgements, at most 5m")
	flags.Bool("stdin", false, "Read events from standard input, one JSON object a line")
	return cmd
}

// runEmit emits one event, or the lines of standard input.
func runEmit(c *invocation, args []string) error {
	switch {
	case c.flagIsSet("stdin") && len(args) == 0, len(args) == 1 && args[0] == "-":
		return emitLines(c)
	case c.flagIsSet("stdin"):
		return errors.New("expected no arguments with --stdin")
	case len(args) == 0:
		return errors.New("expected the name of an event")
	}
	body, err := newEmitBody(c, args[0], args[1:])
	if err != nil {
		return err
	}
	var reply api.EmitReply
	if err := c.postJSON("emit", body, &reply, func(w io.Writer) { writeEmitReply(w, &reply) }); err != nil {
		return err
	}
	if reply.Complete != nil && !*reply.Complete {
		return fmt.Errorf("not all clients acknowledged within %s", c.flagText("ack"))
	}
	return nil
}

// newEmitBody returns the request body for the flags and arguments.
func newEmitBody(c *invocation, event string, args []string) (*api.Emit, error) {
	body := &api.Emit{
		Event: event, To: c.flagList("to"), Except: c.flagList("except"),
		Volatile: c.flagIsSet("volatile"), Local: c.flagIsSet("local"),
	}
	if !c.flagIsSet("compress") {
		body.Compress = new(false)
	}
	if c.flagIsGiven("ack") {
		body.Ack = &api.AckOptions{Timeout: c.flagText("ack")}
	}
	if c.flagIsGiven("id") {
		body.ID = new(c.flagText("id"))
	}
	list := make([]json.RawMessage, len(args))
	for i, arg := range args {
		raw, err := placeholder.LiteralJSON(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+2, err) // the event is argument 1
		}
		list[i] = raw
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return body, body.Args.UnmarshalJSON(text)
}

func writeEmitReply(w io.Writer, reply *api.EmitReply) {
	if reply.Responses == nil {
		fmt.Fprintf(w, "queued for %s\n", countSockets(reply.Delivered))
		return
	}
	for _, response := range *reply.Responses {
		fmt.Fprintln(w, quoteUnprintable(response.String()))
	}
	fmt.Fprintf(w, "%d of %s acknowledged\n", len(*reply.Responses), formatCount(reply.Delivered, "client"))
}

// emitLines streams standard input to the admin API, and writes the number of emits.
func emitLines(c *invocation) error {
	for _, name := range emitFlags {
		if c.flagIsGiven(name) {
			return fmt.Errorf("--%s: not supported with standard input; set it in the JSON of each line", name)
		}
	}
	input := &progressReader{in: c.cmd.InOrStdin()}
	if errs := c.cmd.ErrOrStderr(); isTerminal(errs) {
		input.terminal = errs
	}
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	var reply api.BatchReply
	err := c.roundTrip(http.MethodPost, "emit", c.scopeQuery(), header, input, &reply, func(w io.Writer) {
		input.clearProgress()
		fmt.Fprintf(w, "%s, queued for %s\n", formatCount(reply.Emits, "emit"), countSockets(reply.Delivered))
	})
	input.clearProgress()
	if err != nil {
		return err
	}
	return linesError(&reply)
}

// linesError returns the first error of a stream, with its line number from 1, and the number
// of the other errors. It returns nil if all lines were emitted.
func linesError(reply *api.BatchReply) error {
	if len(reply.Errors) == 0 {
		return nil
	}
	first, more := reply.Errors[0], len(reply.Errors)-1+reply.MoreErrors
	text := fmt.Sprintf("line %d: %s", first.Index+1, quoteUnprintable(first.Error))
	if more > 0 {
		text += fmt.Sprintf("; and %s more", formatCount(more, "line"))
	}
	return errors.New(text)
}
