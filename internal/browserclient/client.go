// Package browserclient has the official Socket.IO clients for browsers, and serves their
// files as the Socket.IO server for Node.js does. It knows HTTP and nothing of Caddy, and
// decides neither about paths nor about CORS.
package browserclient

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// dist has the published files of each version, compressed, and their license. See
// update.sh.
//
//go:embed dist
var dist embed.FS

// Client is an official client.
type Client struct {
	// Major is the major version: the name of the client's directory in dist.
	Major string
	// Version is the whole version, as npm has it.
	Version string
	// Protocol is the revision of Engine.IO that the client speaks.
	Protocol int
}

var clients = []*Client{
	{Major: "2", Version: "2.5.0", Protocol: 3},
	{Major: "3", Version: "3.1.3", Protocol: 4},
	{Major: "4", Version: "4.8.4", Protocol: 4},
}

// Find returns the client of a major version, like "4", or nil if there is none.
func Find(major string) *Client {
	if i := slices.IndexFunc(clients, func(c *Client) bool { return c.Major == major }); i >= 0 {
		return clients[i]
	}
	return nil
}

// Has reports whether the client has a file with this name, like "socket.io.js".
func (c *Client) Has(name string) bool {
	if !strings.HasPrefix(name, "socket.io.") {
		return false // most requests
	}
	_, err := fs.Stat(dist, c.distPath(name))
	return err == nil
}

// IsFile reports whether a client of any version has a file with this name.
func IsFile(name string) bool {
	return slices.ContainsFunc(clients, func(c *Client) bool { return c.Has(name) })
}

func (c *Client) distPath(name string) string { return "dist/" + c.Major + "/" + name + ".gz" }

// etag returns the ETag of all files, as of the server for Node.js.
func (c *Client) etag() string { return fmt.Sprintf("%q", c.Version) }

// contentType returns the media type of a file.
func contentType(name string) string {
	if strings.HasSuffix(name, ".map") {
		return "application/json; charset=utf-8"
	}
	return "application/javascript; charset=utf-8"
}
