package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "socketio",
		Usage:     "<command>",
		Short:     "Emits to the Socket.IO clients of a running Caddy, and tells who they are",
		Long:      commandLong,
		CobraFunc: addCommands,
	})
}

const commandLong = `
Emits to the Socket.IO clients of a running Caddy, changes their rooms, and
tells who they are, through Caddy's admin endpoint.

The endpoint is that of --address, or of the config file of --config, or the
default one. What is done, is done in the namespace / of the hub "default",
unless --namespace and --hub say otherwise.

Answers are written for people or, with --json, as the JSON of the admin API.
`

// addCommands adds the commands to their parent.
func addCommands(parent *cobra.Command) {
	flags := parent.PersistentFlags()
	flags.String("address", "", "Address of the admin endpoint")
	flags.StringP("config", "c", "", "Config file that has the address of the admin endpoint")
	flags.StringP("adapter", "a", "", "Config adapter for the config file")
	flags.String("hub", "", `Name of the hub (default "default")`)
	flags.StringP("namespace", "n", "", `Name of the namespace (default "/")`)
	flags.Bool("json", false, "Write the answer as JSON")
	parent.AddCommand(
		emitCommand(), memberCommand("join", "Makes sockets join rooms"), memberCommand("leave", "Makes sockets leave rooms"),
		disconnectCommand(), namespacesCommand(), roomsCommand(), socketsCommand(), statusCommand(),
	)
	parent.RunE = helpOnly
	parent.ValidArgsFunction = cobra.NoFileCompletions
	completeNoFiles(parent)
	for _, cmd := range parent.Commands() {
		completeNoFiles(cmd)
	}
}

// helpOnly helps who names no command, and fails for who names one that there is
// not, which Cobra would help, too, and call it a success.
func helpOnly(parent *cobra.Command, args []string) error {
	if len(args) == 0 {
		return parent.Help()
	}
	var names []string
	for _, cmd := range parent.Commands() {
		names = append(names, cmd.Name())
	}
	return fmt.Errorf("unknown command %q: expected one of %s", args[0], strings.Join(names, ", "))
}

// completeNoFiles keeps the names of files away from flags that want none.
func completeNoFiles(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "config" || flag.Value.Type() == "bool" {
			return
		}
		if err := cmd.RegisterFlagCompletionFunc(flag.Name, cobra.NoFileCompletions); err != nil {
			panic(err) // a flag of that name has a completion
		}
	})
}

// command makes a command that does not complete its arguments with files.
func command(use, short, long string, args cobra.PositionalArgs, run func(*call, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: args,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkText(cmd, args); err != nil {
				return err
			}
			return run(&call{cmd: cmd}, args)
		},
	}
}

// checkText refuses what is not UTF-8, which making JSON of it would repair.
func checkText(cmd *cobra.Command, args []string) (err error) {
	for i, arg := range args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("argument %d: invalid UTF-8", i+1)
		}
	}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if !utf8.ValidString(flag.Value.String()) {
			err = fmt.Errorf("--%s: invalid UTF-8", flag.Name)
		}
	})
	return err
}

// call is one use of a command.
type call struct{ cmd *cobra.Command }

func (c *call) flag(name string) string { return c.cmd.Flag(name).Value.String() }

func (c *call) isSet(name string) bool { return c.flag(name) == "true" }

// strings returns the values of a flag that may be given several times: nil when it is
// not given, and an empty list when all that is given is an empty value.
func (c *call) strings(name string) []string {
	if !c.cmd.Flags().Changed(name) {
		return nil
	}
	values, err := c.cmd.Flags().GetStringArray(name)
	if err != nil {
		panic(err) // the command has no such flag
	}
	return values
}

// scope is the query that names a namespace.
func (c *call) scope() url.Values {
	q := make(url.Values)
	for _, name := range []string{"hub", "namespace"} {
		if value := c.flag(name); value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// get asks for something, and writes the answer by show.
func (c *call) get(operation string, q url.Values, into any, show func(io.Writer)) error {
	return c.do(http.MethodGet, operation, q, nil, nil, into, show)
}

// post has something done, and writes the answer by show.
func (c *call) post(operation string, body, into any, show func(io.Writer)) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(http.MethodPost, operation, c.scope(), nil, bytes.NewReader(b), into, show)
}

// do makes a request, decodes the answer, and writes it.
func (c *call) do(method, operation string, q url.Values, header http.Header, body io.Reader, into any, show func(io.Writer)) error {
	address, err := caddycmd.DetermineAdminAPIAddress(c.flag("address"), nil, c.flag("config"), c.flag("adapter"))
	if err != nil {
		return err
	}
	uri := "/socketio/" + operation
	if len(q) > 0 {
		uri += "?" + q.Encode()
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, uri, header, body)
	if err != nil {
		return explain(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.Header.Get(api.CompleteHeader) == "false" {
		fmt.Fprintln(c.cmd.ErrOrStderr(), "not all nodes of the cluster answered")
	}
	if c.isSet("json") {
		_, err = c.cmd.OutOrStdout().Write(answer)
		return err
	}
	show(c.cmd.OutOrStdout())
	return nil
}

// explain leaves out of an error what Caddy put around the API's own words. It is
// one line.
func explain(err error) error {
	text := strings.TrimSpace(err.Error())
	if _, answer, ok := strings.Cut(text, "caddy responded with error: HTTP "); ok {
		status, body, _ := strings.Cut(answer, ": ")
		var told struct {
			Error string `json:"error"`
		}
		if json.Unmarshal([]byte(body), &told) == nil && told.Error != "" {
			return fmt.Errorf("HTTP %s: %s", status, printable(told.Error))
		}
	}
	return errors.New(strings.ReplaceAll(text, "\n", " "))
}
