// Package cli has the command `caddy socketio`, a client of the admin API. It reads flags and
// arguments, makes one HTTP request to Caddy's admin endpoint, and writes the reply as text
// or as JSON. It knows nothing of hubs and sockets of its own process.
package cli

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Command returns the command socketio with its subcommands.
func Command() caddycmd.Command {
	return caddycmd.Command{
		Name:      "socketio",
		Usage:     "<command>",
		Short:     "Emits to the Socket.IO clients of a running Caddy, and lists them",
		Long:      description,
		CobraFunc: addCommands,
	}
}

const description = `
Emits to the Socket.IO clients of a running Caddy, changes their rooms,
disconnects and lists them, and drains the node, through Caddy's admin endpoint.

The address of the admin endpoint is that of --address, or of the config file
of --config, or Caddy's default. Commands act on the namespace / of the hub
"default", unless --namespace and --hub name others.

The output is text or, with --json, the JSON of the admin API.
`

// addCommands adds the subcommands and the flags that they share.
func addCommands(parent *cobra.Command) {
	flags := parent.PersistentFlags()
	flags.String("address", "", "Address of the admin endpoint")
	flags.StringP("config", "c", "", "Config file with the address of the admin endpoint")
	flags.StringP("adapter", "a", "", "Config adapter for the config file")
	flags.String("hub", "", `Name of the hub (default "default")`)
	flags.StringP("namespace", "n", "", `Name of the namespace (default "/")`)
	flags.Bool("json", false, "Write the reply as JSON")
	parent.AddCommand(
		newEmitCommand(), newJoinCommand(), newLeaveCommand(), newDisconnectCommand(),
		newNamespacesCommand(), newRoomsCommand(), newSocketCommand(), newSocketsCommand(), newStatusCommand(),
		newDrainCommand(), newTailCommand(), newTopCommand(),
	)
	parent.RunE = showHelp
	parent.ValidArgsFunction = cobra.NoFileCompletions
	parent.SetFlagErrorFunc(describeFlagError)
	addFlagCompletion(parent)
	for _, cmd := range parent.Commands() {
		addFlagCompletion(cmd)
	}
}

// showHelp writes the help if no subcommand is named. An unknown subcommand is an error:
// Cobra would write the help and exit with status 0.
func showHelp(parent *cobra.Command, args []string) error {
	if len(args) == 0 {
		return parent.Help()
	}
	var names []string
	for _, cmd := range parent.Commands() {
		names = append(names, cmd.Name())
	}
	return fmt.Errorf("unknown command %q: expected one of %s", args[0], strings.Join(names, ", "))
}

// describeFlagError returns the error for a flag with an invalid value, without the error of
// the Go function that parsed it.
func describeFlagError(_ *cobra.Command, err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	expected, flag := "another value", invalid.GetFlag()
	switch flag.Value.Type() {
	case "int":
		expected = "a number"
	case "bool":
		expected = "true or false"
	case "duration":
		expected = "a duration like 500ms or 5s"
	}
	return fmt.Errorf("--%s: unexpected %q, expected %s", flag.Name, invalid.GetValue(), expected)
}

// newCommand returns a subcommand that runs a function. Its arguments are not completed with
// file names.
func newCommand(use, short, long string, args cobra.PositionalArgs, run func(*invocation, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: args,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkUTF8(cmd, args); err != nil {
				return err
			}
			return run(&invocation{cmd: cmd}, args)
		},
	}
}

// checkUTF8 returns an error if an argument or flag is not valid UTF-8. Encoding it as JSON
// would replace the invalid bytes.
func checkUTF8(cmd *cobra.Command, args []string) (err error) {
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
