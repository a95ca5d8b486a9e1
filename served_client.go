package socketio

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddy-socketio/caddy-socketio/hub"
	"github.com/caddy-socketio/caddy-socketio/internal/browserclient"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/encode"
)

// noClient is the value of serve_client that serves no files.
const noClient = "off"

// setDefaultClient sets ServeClient to the newest client, or to version 2 if the route
// serves the protocol of that version only.
func (h *Handler) setDefaultClient() {
	if h.ServeClient != "" {
		return
	}
	if h.ServeClient = "4"; !slices.Contains(h.Protocols, browserclient.Find("4").Protocol) {
		h.ServeClient = "2"
	}
}

// checkServeClient returns an error for an unknown version, and for one whose protocol the
// route does not serve.
func (h *Handler) checkServeClient() error {
	if h.ServeClient == "" || h.ServeClient == noClient {
		return nil
	}
	c := browserclient.Find(h.ServeClient)
	if c == nil {
		return fmt.Errorf("serve_client: unexpected %q: expected 4, 3, 2 or off", h.ServeClient)
	}
	if len(h.Protocols) > 0 && !slices.Contains(h.Protocols, c.Protocol) {
		return fmt.Errorf("serve_client: version %s speaks protocol %d, which protocols does not list", h.ServeClient, c.Protocol)
	}
	return nil
}

// isClientFile reports whether rest, the path after the handler's own, is the file of a
// client. With serve_client off, such requests go to the next handler.
func (h *Handler) isClientFile(rest string) bool {
	if h.ServeClient == noClient {
		return browserclient.IsFile(rest)
	}
	return browserclient.Find(h.ServeClient).Has(rest)
}

// serveClientFile serves a file of the client, before the engine reads the query. Every
// page may load it as a script. Accepted origins get CORS headers, which a module needs.
func (h *Handler) serveClientFile(w http.ResponseWriter, r *http.Request, name string) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return caddyhttp.Error(http.StatusMethodNotAllowed, errors.New("serve the client: expected GET or HEAD"))
	}
	h.hub.CheckOrigin(h.route, &hub.HTTPRequest{W: w, R: r, Address: clientAddress(r)})
	acceptsGzip := slices.Contains(encode.AcceptedEncodings(r, []string{"gzip"}), "gzip")
	return browserclient.Find(h.ServeClient).ServeFile(w, r, name, acceptsGzip)
}
