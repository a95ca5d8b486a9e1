package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddy-socketio/caddy-socketio/handlers"
	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

const emitLong = `
Emits an event to the sockets of the rooms of --to, or to all sockets of the
namespace. An argument that is valid JSON is sent as that JSON, anything else as
a string, unless it begins like a JSON object or list; {"$binary":"BASE64"} is
sent as binary.

With --stdin, or - in place of the event, emits are read from standard input, as
the admin API has them: one JSON object a line, such as

  {"to":["lobby"],"event":"news","args":["hello"]}

Each is emitted as it is read, for as long as the input lasts. A line that can't
be emitted does not stop the others, and makes the command fail at the end.

With --id an emit that may have been done already can be repeated: one with the same
id and content is done once a minute.

With --ack the command waits for the clients' acknowledgements, writes them one a
line, and fails when not all came in time.
`

// emitFlags are those that say what to emit, which lines of standard input say
// themselves.
var emitFlags = []string{"to", "except", "volatile", "local", "compress", "ack", "id"}

func emitCommand() *cobra.Command {
	cmd := command("emit <event> [<argument>...]", "Emits an event", emitLong, cobra.ArbitraryArgs, runEmit)
	cmd.Example = `  $ caddy socketio emit news '{"title":"hello"}' --namespace /chat --to lobby
  $ tail -f emits.ndjson | caddy socketio emit -`
	flags := cmd.Flags()
	flags.StringArray("to", nil, "Room to emit to; may be repeated")
	flags.StringArray("except", nil, "Room whose sockets are left out; may be repeated")
	flags.Bool("volatile", false, "Let clients miss the event that can't take it at the moment")
	flags.Bool("local", false, "Keep the event on this node of the cluster")
	flags.Bool("compress", true, "Compress the event where compression is on")
	flags.String("id", "", "Emit once a minute, however often it is repeated with the id")
	flags.Duration("ack", 0, "Wait so long for the clients' acknowledgements")
	flags.Bool("stdin", false, "Read emits from standard input, one JSON object a line")
	return cmd
}

func runEmit(c *call, args []string) error {
	switch {
	case c.isSet("stdin") && len(args) == 0, len(args) == 1 && args[0] == "-":
		return emitInput(c)
	case c.isSet("stdin"):
		return errors.New("expected no arguments with --stdin")
	case len(args) == 0:
		return errors.New("expected the name of an event")
	}
	e, err := newEmit(c, args[0], args[1:])
	if err != nil {
		return err
	}
	var d api.EmitReply
	if err := c.post("emit", e, &d, func(w io.Writer) { showDelivered(w, &d) }); err != nil {
		return err
	}
	if d.Complete != nil && !*d.Complete {
		return fmt.Errorf("not all clients acknowledged within %s", c.flag("ack"))
	}
	return nil
}

// newEmit is what the flags and arguments say.
func newEmit(c *call, event string, args []string) (*api.Emit, error) {
	e := &api.Emit{
		Event: event, To: c.strings("to"), Except: c.strings("except"),
		Volatile: c.isSet("volatile"), Local: c.isSet("local"),
	}
	if !c.isSet("compress") {
		e.Compress = new(false)
	}
	if c.cmd.Flags().Changed("ack") {
		e.Ack = &api.AckOptions{Timeout: c.flag("ack")}
	}
	if c.cmd.Flags().Changed("id") {
		e.ID = new(c.flag("id"))
	}
	list := make([]json.RawMessage, len(args))
	for i, arg := range args {
		raw, err := handlers.LiteralJSON(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+2, err) // the event is the first
		}
		list[i] = raw
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return e, e.Args.UnmarshalJSON(text)
}

func showDelivered(w io.Writer, d *api.EmitReply) {
	if d.Responses == nil {
		fmt.Fprintf(w, "queued for %s of this process\n", count(d.Delivered, "socket"))
		return
	}
	for _, response := range *d.Responses {
		fmt.Fprintln(w, printable(response.String()))
	}
	fmt.Fprintf(w, "%d of %s acknowledged\n", len(*d.Responses), count(d.Delivered, "client"))
}

// emitInput emits what standard input says.
func emitInput(c *call) error {
	for _, name := range emitFlags {
		if c.cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s does not go with standard input, whose lines say it themselves", name)
		}
	}
	input := &progress{in: c.cmd.InOrStdin()}
	if errs := c.cmd.ErrOrStderr(); isTerminal(errs) {
		input.out = errs
	}
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	var sum api.BatchReply
	err := c.do(http.MethodPost, "emit", c.scope(), header, input, &sum, func(w io.Writer) {
		input.end()
		fmt.Fprintf(w, "%s, queued for %s of this process\n", count(sum.Emits, "emit"), count(sum.Delivered, "socket"))
	})
	input.end()
	if err != nil {
		return err
	}
	return lineError(&sum)
}

// lineError returns the error of the first line that was not emitted, by its number from
// 1, and the number of the other errors.
func lineError(sum *api.BatchReply) error {
	if len(sum.Errors) == 0 {
		return nil
	}
	first, more := sum.Errors[0], len(sum.Errors)-1+sum.MoreErrors
	text := fmt.Sprintf("line %d: %s", first.Index+1, printable(first.Error))
	if more > 0 {
		text += fmt.Sprintf("; and %s more", count(more, "line"))
	}
	return errors.New(text)
}
