package socketio

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-socketio/caddy-socketio/internal/api"
	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	const long = "\nTells the version, and how the hubs and their cluster are.\n"
	return command("status", "Tells how the hubs are", long, cobra.NoArgs, func(c *call, _ []string) error {
		var s api.Status
		return c.get("", nil, &s, func(w io.Writer) { showStatus(w, &s) })
	})
}

func showStatus(w io.Writer, s *api.Status) {
	fmt.Fprintf(w, "version %s\n\n", s.Version)
	rows := make([][]any, len(s.Hubs))
	for i, h := range s.Hubs {
		sockets, rooms := 0, 0
		for _, ns := range h.Namespaces {
			sockets, rooms = sockets+ns.Sockets, rooms+ns.Rooms
		}
		rows[i] = []any{h.Name, h.Connections, len(h.Namespaces), sockets, rooms, clusterText(&h)}
	}
	table(w, "HUB CONNECTIONS NAMESPACES SOCKETS ROOMS CLUSTER", rows)
}

func clusterText(h *api.HubStatus) string {
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

func namespacesCommand() *cobra.Command {
	const long = "\nLists the namespaces that exist, with their sockets and rooms on this node.\n"
	return command("namespaces", "Lists namespaces", long, cobra.NoArgs, func(c *call, _ []string) error {
		var list []api.NamespaceStatus
		q := c.scope()
		q.Del("namespace")
		return c.get("namespaces", q, &list, func(w io.Writer) {
			rows := make([][]any, len(list))
			for i, ns := range list {
				rows[i] = []any{ns.Name, ns.Sockets, ns.Rooms}
			}
			table(w, "NAMESPACE SOCKETS ROOMS", rows)
		})
	})
}

// pageFlags adds the flags that say which part of a list is wanted.
func pageFlags(cmd *cobra.Command, item string) {
	cmd.Flags().Int("limit", 1000, "How many "+item+"s to list")
	cmd.Flags().String("after", "", "List what comes after this "+item)
}

// page is the query of a part of a list.
func (c *call) page() url.Values {
	q := c.scope()
	q.Set("limit", c.flag("limit"))
	if after := c.flag("after"); after != "" {
		q.Set("after", after)
	}
	return q
}

// more says how to go on when a page is full.
func (c *call) more(n int, last func() string) {
	if limit, _ := c.cmd.Flags().GetInt("limit"); n > 0 && n >= limit {
		fmt.Fprintf(c.cmd.ErrOrStderr(), "there may be more: --after %s\n", printable(last()))
	}
}

func roomsCommand() *cobra.Command {
	const long = `
Lists the rooms that have sockets on this node, those of the sockets' own ids
included, in the order of their names.
`
	cmd := command("rooms", "Lists rooms", long, cobra.NoArgs, func(c *call, _ []string) error {
		var list []api.Room
		q := c.page()
		if prefix := c.flag("prefix"); prefix != "" {
			q.Set("prefix", prefix)
		}
		return c.get("rooms", q, &list, func(w io.Writer) {
			rows := make([][]any, len(list))
			for i, room := range list {
				rows[i] = []any{room.Name, room.Sockets}
			}
			table(w, "ROOM SOCKETS", rows)
			c.more(len(list), func() string { return list[len(list)-1].Name })
		})
	})
	pageFlags(cmd, "room")
	cmd.Flags().String("prefix", "", "List rooms whose names begin so")
	return cmd
}

func socketsCommand() *cobra.Command {
	const long = `
Lists the sockets of all nodes of the cluster, in the order of their ids: those
of the rooms of --in, or all of the namespace.
`
	cmd := command("sockets", "Lists sockets", long, cobra.NoArgs, func(c *call, _ []string) error {
		var list []api.Socket
		q := c.page()
		q["in"], q["except"] = c.strings("in"), c.strings("except")
		if q["in"] != nil && len(q["in"]) == 0 {
			q.Set("in", "") // the empty list
		}
		if c.isSet("local") {
			q.Set("local", "true")
		}
		return c.get("sockets", q, &list, func(w io.Writer) {
			showSockets(w, list)
			c.more(len(list), func() string { return list[len(list)-1].ID })
		})
	})
	pageFlags(cmd, "socket")
	targetFlags(cmd)
	cmd.Flags().Bool("local", false, "List the sockets of this node only")
	return cmd
}

func showSockets(w io.Writer, list []api.Socket) {
	rows := make([][]any, len(list))
	for i, s := range list {
		names := slices.DeleteFunc(s.Rooms, func(room string) bool { return room == s.ID })
		for i := range names {
			names[i] = printable(names[i])
		}
		rows[i] = []any{s.ID, s.Handshake.Address, s.Handshake.Time, short(strings.Join(names, " ")), short(string(s.Data))}
	}
	table(w, "SOCKET ADDRESS SINCE ROOMS DATA", rows)
}
