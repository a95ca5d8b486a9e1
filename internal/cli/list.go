package cli

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

func newStatusCommand() *cobra.Command {
	const long = "\nShows the version, the hubs of this node, and the state of their cluster.\n"
	return newCommand("status", "Shows version, hubs and cluster state", long, cobra.NoArgs, func(c *invocation, _ []string) error {
		var s api.Status
		return c.getReply("", nil, &s, func(w io.Writer) { writeStatus(w, &s) })
	})
}

func writeStatus(w io.Writer, s *api.Status) {
	fmt.Fprintf(w, "version %s\n\n", s.Version)
	rows := make([][]any, len(s.Hubs))
	for i, h := range s.Hubs {
		sockets, rooms := 0, 0
		for _, ns := range h.Namespaces {
			sockets, rooms = sockets+ns.Sockets, rooms+ns.Rooms
		}
		rows[i] = []any{h.Name, h.Connections, len(h.Namespaces), sockets, rooms, describeCluster(&h)}
	}
	writeTable(w, "HUB CONNECTIONS NAMESPACES SOCKETS ROOMS CLUSTER", rows)
}

func describeCluster(h *api.HubStatus) string {
	text := h.Cluster.Adapter
	if !h.Cluster.Connected {
		text += ", not connected"
	}
	if h.Cluster.Error != "" {
		text += ": " + h.Cluster.Error
	}
	if h.Cluster.Dropped > 0 {
		text += fmt.Sprintf(", %d dropped", h.Cluster.Dropped)
	}
	return text
}

func newNamespacesCommand() *cobra.Command {
	const long = "\nLists the namespaces of the hub, with their sockets and rooms on this node.\n"
	return newCommand("namespaces", "Lists namespaces", long, cobra.NoArgs, func(c *invocation, _ []string) error {
		var list []api.NamespaceStatus
		q := c.scopeQuery()
		q.Del("namespace")
		return c.getReply("namespaces", q, &list, func(w io.Writer) {
			rows := make([][]any, len(list))
			for i, ns := range list {
				rows[i] = []any{ns.Name, ns.Sockets, ns.Rooms}
			}
			writeTable(w, "NAMESPACE SOCKETS ROOMS", rows)
		})
	})
}

// addPageFlags adds the flags that select a page of a list.
func addPageFlags(cmd *cobra.Command, item string) {
	cmd.Flags().Int("limit", 1000, "How many "+item+"s to list at most")
	cmd.Flags().String("after", "", "List "+item+"s after this one")
}

// pageQuery returns the query for a page of a list.
func (c *invocation) pageQuery() url.Values {
	q := c.scopeQuery()
	q.Set("limit", c.flagText("limit"))
	if after := c.flagText("after"); after != "" {
		q.Set("after", after)
	}
	return q
}

// hintNextPage writes the flag for the next page, if this one is full.
func (c *invocation) hintNextPage(n int, last func() string) {
	if limit, _ := c.cmd.Flags().GetInt("limit"); n > 0 && n >= limit {
		fmt.Fprintf(c.cmd.ErrOrStderr(), "there may be more: --after %s\n", quoteUnprintable(last()))
	}
}

func newRoomsCommand() *cobra.Command {
	const long = `
Lists the rooms with sockets on this node, sorted by name. With --own the list
includes the room of each socket's own id.
`
	cmd := newCommand("rooms", "Lists rooms", long, cobra.NoArgs, func(c *invocation, _ []string) error {
		var list []api.Room
		q := c.pageQuery()
		if prefix := c.flagText("prefix"); prefix != "" {
			q.Set("prefix", prefix)
		}
		if c.flagIsSet("own") {
			q.Set("own", "true")
		}
		return c.getReply("rooms", q, &list, func(w io.Writer) {
			rows := make([][]any, len(list))
			for i, room := range list {
				rows[i] = []any{room.Name, room.Sockets}
			}
			writeTable(w, "ROOM SOCKETS", rows)
			c.hintNextPage(len(list), func() string { return list[len(list)-1].Name })
		})
	})
	addPageFlags(cmd, "room")
	cmd.Flags().String("prefix", "", "List only rooms whose names begin with this")
	cmd.Flags().Bool("own", false, "List the rooms of sockets' own ids too")
	return cmd
}

func newSocketsCommand() *cobra.Command {
	const long = `
Lists sockets of all nodes of the cluster, sorted by id: the sockets of the
rooms of --in, or all sockets of the namespace.
`
	cmd := newCommand("sockets", "Lists sockets", long, cobra.NoArgs, func(c *invocation, _ []string) error {
		var list []api.Socket
		q := c.pageQuery()
		q["in"], q["except"] = c.flagList("in"), c.flagList("except")
		if q["in"] != nil && len(q["in"]) == 0 {
			q.Set("in", "") // the empty list
		}
		if c.flagIsSet("local") {
			q.Set("local", "true")
		}
		return c.getReply("sockets", q, &list, func(w io.Writer) {
			writeSockets(w, list)
			c.hintNextPage(len(list), func() string { return list[len(list)-1].ID })
		})
	})
	addPageFlags(cmd, "socket")
	addTargetFlags(cmd)
	cmd.Flags().Bool("local", false, "List only sockets of this node")
	return cmd
}

func writeSockets(w io.Writer, list []api.Socket) {
	rows := make([][]any, len(list))
	for i, s := range list {
		names := slices.DeleteFunc(s.Rooms, func(room string) bool { return room == s.ID })
		for i := range names {
			names[i] = quoteUnprintable(names[i])
		}
		rows[i] = []any{s.ID, s.Handshake.Address, s.Handshake.Time, truncateText(strings.Join(names, " ")), truncateText(string(s.Data))}
	}
	writeTable(w, "SOCKET ADDRESS SINCE ROOMS DATA", rows)
}
