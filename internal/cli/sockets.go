package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

// addTargetFlags adds the flags that select sockets by rooms.
func addTargetFlags(cmd *cobra.Command) {
	cmd.Flags().StringArray("in", nil, "Room whose sockets are selected, or a socket's id; may be repeated (default all sockets)")
	cmd.Flags().StringArray("except", nil, "Room, or id of a socket, that is excluded; may be repeated")
}

func (c *invocation) readTarget() api.Target {
	return api.Target{In: c.flagList("in"), Except: c.flagList("except")}
}

func newJoinCommand() *cobra.Command {
	return newMembershipCommand("join", "Makes sockets join rooms", "joined by")
}

func newLeaveCommand() *cobra.Command {
	return newMembershipCommand("leave", "Makes sockets leave rooms", "left by")
}

func newMembershipCommand(operation, short, outcome string) *cobra.Command {
	long := "\n" + short + `, on all nodes of the cluster: the sockets of the rooms of
--in, or all sockets of the namespace.
`
	cmd := newCommand(operation+" <room>...", short, long, cobra.MinimumNArgs(1), func(c *invocation, args []string) error {
		return c.changeSockets(operation, api.Membership{Target: c.readTarget(), Rooms: args}, outcome)
	})
	cmd.ValidArgsFunction = completeRooms
	addTargetFlags(cmd)
	return cmd
}

func newDisconnectCommand() *cobra.Command {
	const long = `
Disconnects sockets from the namespace, on all nodes of the cluster: the sockets
of the rooms of --in, all sockets but the ones of --except or, with --all, all
sockets of the namespace.
`
	cmd := newCommand("disconnect", "Disconnects sockets", long, cobra.NoArgs, func(c *invocation, _ []string) error {
		switch target := c.flagIsGiven("in") || c.flagIsGiven("except"); {
		case !target && !c.flagIsSet("all"):
			return errors.New("expected the sockets to disconnect: --in ROOM, --except ROOM, or --all for all sockets of the namespace")
		case target && c.flagIsSet("all"):
			return errors.New("--all: unexpected with --in or --except")
		}
		return c.changeSockets("disconnect", api.Disconnect{Target: c.readTarget(), Close: c.flagIsSet("close")}, "disconnected")
	})
	addTargetFlags(cmd)
	cmd.Flags().Bool("all", false, "Disconnect all sockets of the namespace")
	cmd.Flags().Bool("close", false, "Close the connections, which disconnects their sockets in other namespaces too")
	return cmd
}

// changeSockets makes a request that changes sockets, and writes how many.
func (c *invocation) changeSockets(operation string, body any, outcome string) error {
	var reply api.SocketsReply
	return c.postJSON(operation, body, &reply, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s\n", outcome, countSockets(reply.Sockets))
	})
}
