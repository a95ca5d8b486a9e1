package socketio

import (
	"fmt"
	"io"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

// targetFlags adds the flags that name sockets.
func targetFlags(cmd *cobra.Command) {
	cmd.Flags().StringArray("in", nil, "Room whose sockets are meant, or a socket's id; may be repeated (default all sockets)")
	cmd.Flags().StringArray("except", nil, "Room whose sockets are left out; may be repeated")
}

func (c *call) target() api.Target {
	return api.Target{In: c.strings("in"), Except: c.strings("except")}
}

// memberCommand makes join or leave.
func memberCommand(operation, short string) *cobra.Command {
	long := "\n" + short + `: those of the rooms of --in, on all nodes of the cluster.
Without --in, all sockets of the namespace are meant.
`
	cmd := command(operation+" <room>...", short, long, cobra.MinimumNArgs(1), func(c *call, args []string) error {
		return c.change(operation, api.Membership{Target: c.target(), Rooms: args})
	})
	targetFlags(cmd)
	return cmd
}

func disconnectCommand() *cobra.Command {
	const long = `
Disconnects the sockets of the rooms of --in from the namespace, on all nodes of
the cluster. Without --in, all sockets of the namespace are meant.
`
	cmd := command("disconnect", "Disconnects sockets", long, cobra.NoArgs, func(c *call, _ []string) error {
		return c.change("disconnect", api.Disconnect{Target: c.target(), Close: c.isSet("close")})
	})
	targetFlags(cmd)
	cmd.Flags().Bool("close", false, "Close the whole connections, with their sockets in other namespaces")
	return cmd
}

// change does something to sockets.
func (c *call) change(operation string, body any) error {
	var counted api.SocketsReply
	return c.post(operation, body, &counted, func(w io.Writer) {
		fmt.Fprintf(w, "done to %s of this process\n", count(counted.Sockets, "socket"))
	})
}
